"""The steps on a real cluster, by spark-submit, give the tables that a local run gives, row by row."""

from __future__ import annotations

from pathlib import Path

import deltalake
import pytest

from tests.system.offbeat_process import ROOT, offbeat

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]

STEPS = ("ingest", "sessionize", "train", "score")
# What a run stamps on its rows: its own id and instant, and the batch that took an event.
STAMPS = {"run_id", "scored_at", "ingest_batch"}
TABLES = ("events", "sessions", "session_scores", "event_scores", "anomalies")


def arguments(log: Path, lake: Path) -> list[str]:
    settings = {
        "source.path": f"{log}/events",
        "generate.path": f"{log}",
        "generate.rows": 6000,
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


@pytest.mark.slow
def test_steps_on_the_cluster_equal_the_local_run(cluster, offbeat_zip, tmp_path):
    log, there, here = tmp_path / "log", tmp_path / "there", tmp_path / "here"
    made = offbeat("generate", *arguments(log, tmp_path / "truth"))
    assert made.returncode == 0, made.stderr[-2000:]
    for step in STEPS:
        done = cluster.submit(ROOT / "jobs" / f"{step}.py", *arguments(log, there), py_files=offbeat_zip)
        assert done.returncode == 0, f"{step}: {done.stderr[-4000:]}"
        local = offbeat(step, *arguments(log, here))
        assert local.returncode == 0, f"{step}: {local.stderr[-4000:]}"
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
    assert (
        "did you mean sessions?" in wrong.stdout + wrong.stderr
    )  # spark-submit merges the two of a Python job
