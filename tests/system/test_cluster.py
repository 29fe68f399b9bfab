"""On a real cluster: code reaches the executors in dist/offbeat.zip, and the cluster leaves nothing behind."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.system.cluster import StandaloneCluster

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]  # a busy machine is slow to start a cluster


def test_executors_import_offbeat_from_the_zip_and_write_delta(cluster, offbeat_zip, tmp_path):
    script = Path(__file__).with_name("where_code_runs.py")

    done = cluster.submit(script, str(tmp_path / "table"), py_files=offbeat_zip)

    assert done.returncode == 0, done.stderr[-4000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["rows"] == 80
    assert said["master"] == cluster.url
    assert "offbeat.zip" in said["driver_code"]
    assert all("offbeat.zip" in code for code in said["executor_code"])
    assert len(said["executors"]) == 2


def test_a_job_that_fails_gives_its_exit_status(cluster, offbeat_zip, tmp_path):
    script = tmp_path / "fails.py"
    script.write_text("raise SystemExit(3)\n")

    assert cluster.submit(script, py_files=offbeat_zip).returncode == 3


def test_a_failure_inside_leaves_no_process(tmp_path):
    def fail_inside(cluster):
        with cluster:
            raise ValueError("inside")

    cluster = StandaloneCluster(tmp_path / "cluster", workers=1)
    with pytest.raises(ValueError, match="inside"):
        fail_inside(cluster)

    assert len(cluster.processes) == 2
    for process in cluster.processes:
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)


def test_a_cluster_that_can_not_start_says_why_and_leaves_no_process(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.system.cluster.START_LIMIT_S", 0)
    cluster = StandaloneCluster(tmp_path / "cluster")

    with pytest.raises(RuntimeError, match="no cluster"), cluster:
        pass

    with pytest.raises(ProcessLookupError):
        os.killpg(cluster.processes[0].pid, 0)
