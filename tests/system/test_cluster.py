"""On a real cluster: code reaches the executors in dist/offbeat.zip, the steps give the tables of a local run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import deltalake
import pytest

from offbeat import cli
from tests.system.cluster import StandaloneCluster
from tests.system.offbeat_process import ROOT

pytestmark = [
    pytest.mark.system,
    pytest.mark.spark,
    pytest.mark.timeout(1800),
]  # a busy machine is slow to start a cluster

STEPS = ("ingest", "sessionize", "train", "score")
# What a run stamps on its rows: its own id and instant, and the batch that took an event.
STAMPS = {"run_id", "scored_at", "ingest_batch"}
TABLES = ("events", "sessions", "session_scores", "event_scores", "anomalies")


def arguments(log: Path, lake: Path) -> list[str]:
    settings = {
        "source.path": f"{log}/events",
        "generate.path": f"{log}",
        "generate.rows": 3000,
        "model.settings.units": 16,
        "model.settings.epochs": 2,
        "score.alert_budget": 0.1,
    }
    sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    return [
        "--config",
        str(ROOT / "conf" / "tvm.yaml"),
        "--lake",
        str(lake),
        "--run-date",
        "2027-01-01",
        *sets,
    ]


def rows(lake: Path, name: str) -> list[str]:
    table = deltalake.DeltaTable(str(lake / name)).to_pyarrow_table()
    kept = [column for column in table.column_names if column not in STAMPS]
    return sorted(repr(row) for row in table.select(kept).to_pylist())


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


@pytest.mark.slow
def test_steps_on_the_cluster_equal_the_local_run(spark, cluster, offbeat_zip, tmp_path):
    log, there, here = tmp_path / "log", tmp_path / "there", tmp_path / "here"
    assert cli.main(["generate", *arguments(log, tmp_path / "truth")]) == 0
    for step in STEPS:
        done = cluster.submit(ROOT / "jobs" / f"{step}.py", *arguments(log, there), py_files=offbeat_zip)
        assert done.returncode == 0, f"{step}: {done.stderr[-4000:]}"
        assert cli.main([step, *arguments(log, here)]) == 0
    for name in TABLES:
        assert rows(there, name) == rows(here, name), name
    assert rows(there, "anomalies")


def test_a_mistake_comes_back_as_its_exit_status(cluster, offbeat_zip, tmp_path):
    wrong = cluster.submit(
        ROOT / "jobs" / "ingest.py",
        *arguments(tmp_path, tmp_path / "lake"),
        "--set",
        "sesions.gap=1",
        py_files=offbeat_zip,
    )
    assert wrong.returncode == 2
    said = wrong.stdout + wrong.stderr  # spark-submit merges the two of a Python job
    assert "did you mean sessions?" in said


@pytest.mark.slow
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
