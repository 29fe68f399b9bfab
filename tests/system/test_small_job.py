"""The whole way with an LSTM on a log of 3,000 events: what `make compat` runs with each version of Spark and Delta."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys

import deltalake
import pytest

from tests.system.offbeat_process import ROOT

pytestmark = [pytest.mark.system, pytest.mark.slow]

FOLLOWS_NOTHING = ("events", "sessions", "session_scores", "anomalies")


def go(folder):
    settings = {
        "generate.path": folder / "log",
        "source.path": folder / "log" / "events",
        "generate.rows": 3000,
        "model.settings.epochs": 1,
        "score.alert_budget": 0.1,
    }
    sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "offbeat", "run", "--config", "conf/tvm.yaml", "--lake", folder / "lake"]
    env = os.environ | {"OFFBEAT_CORES": "2", "OFFBEAT_DRIVER_MEMORY": "1g"}
    done = subprocess.run(
        [*command, "--run-date", "2027-01-01", *sets, "--json"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.timeout(1700)
def test_a_small_log_goes_the_whole_way_and_a_second_run_changes_nothing(tmp_path):
    def delta(name):
        return deltalake.DeltaTable(str(tmp_path / "lake" / name))

    found = go(tmp_path)
    assert found["score"]["sessions"] == found["sessionize"]["sessions_new"] > 50
    scores = delta("session_scores").to_pyarrow_table()
    assert scores.num_rows == found["score"]["sessions"]
    assert scores["score"].null_count == 0
    runs = delta("runs").to_pyarrow_table().to_pylist()
    assert dict(runs[0]["libraries"])["pyspark"] == importlib.metadata.version("pyspark")
    before = {name: delta(name).version() for name in FOLLOWS_NOTHING}
    again = go(tmp_path)
    assert (again["ingest"]["rows_in"], again["score"]["sessions"]) == (0, 0)
    assert {name: delta(name).version() for name in FOLLOWS_NOTHING} == before
