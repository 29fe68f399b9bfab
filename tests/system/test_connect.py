"""The main job over Spark Connect gives the tables that it gives with a session of its own, row by row."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import deltalake
import pytest

from tests.system.connect_server import ConnectServer
from tests.system.offbeat_process import ROOT, offbeat

pytestmark = [pytest.mark.system, pytest.mark.timeout(1700)]

# What names a run, or the folder that it works in.
OF_A_RUN = {"run_id", "ingest_batch", "source_file", "source", "measured_at", "seconds"}
TABLES = (
    "events",
    "quarantine",
    "sessions",
    "session_scores",
    "event_scores",
    "anomalies",
    "predictions",
    "evaluations",
    "drift",
    "truth",
    "minutes_viewed",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ConnectServer(tmp_path_factory.mktemp("connect")) as started:
        yield started


def arguments(folder: Path, *settings: str, log: Path) -> list[str]:
    given = [f"generate.path={log}", f"source.path={log}/events", *settings]
    sets = [part for setting in given for part in ("--set", setting)]
    return ["--config", "conf/tvm.yaml", "--lake", str(folder), "--run-date", "2027-01-01", *sets, "--json"]


def rows(lake: Path, name: str) -> list[str]:
    table = deltalake.DeltaTable(str(lake / name)).to_pyarrow_table()
    kept = [column for column in table.column_names if column not in OF_A_RUN]
    return sorted(repr(row) for row in table.select(kept).to_pylist())


def assert_same_tables(here: Path, there: Path) -> None:
    for name in TABLES:
        assert rows(there, name) == rows(here, name), name
    assert rows(here, "anomalies")


def one_way(
    lake: str, folder: Path, log: Path, *settings: str, remote: str | None = None
) -> subprocess.Popen:
    env = os.environ | {"OFFBEAT_CORES": "2", "OFFBEAT_DRIVER_MEMORY": "1g"}
    env |= {"SPARK_REMOTE": remote} if remote else {}
    command = [sys.executable, "-m", "tests.system.steps_one_way", lake, folder, log, *settings]
    return subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_steps_on_a_catalog_over_connect_give_the_tables_of_a_folder(server, tmp_path):
    """In a folder with a SparkContext, and in a schema without one; the two run side by side."""
    here, there = tmp_path / "here", tmp_path / "volume"
    settings = (
        "generate.rows=3000",
        "model.detector=ngram2",
        "evaluate.detectors=[new_event]",
        "score.alert_budget=0.1",
    )
    log, same_log = tmp_path / "log", tmp_path / "log-again"
    ways = {
        "context": one_way(str(here), here, log, *settings),
        "connect": one_way("spark_catalog.offbeat", there, same_log, *settings, remote=server.remote),
    }
    for kind, way in ways.items():
        said, errors = way.communicate(timeout=850)
        assert way.returncode == 0, errors[-5000:]
        assert said.splitlines()[-1] == kind
    assert_same_tables(here, server.folder / "warehouse" / "offbeat.db")
    versions = {path.parent.name for path in (there / "models" / "tvm").glob("*/manifest.json")}
    assert versions == {path.parent.name for path in (here / "models" / "tvm").glob("*/manifest.json")}
    assert (there / "pages" / "tvm").is_dir()


@pytest.mark.slow
def test_the_main_job_with_an_lstm_gives_the_same_tables_both_ways(server, tmp_path, monkeypatch):
    settings = ("generate.rows=20000", "model.settings.epochs=4")
    here = offbeat("run", *arguments(tmp_path / "here", *settings, log=tmp_path / "log"), limit_s=800)
    assert here.returncode == 0, here.stderr
    monkeypatch.setenv("SPARK_REMOTE", server.remote)
    there = offbeat("run", *arguments(tmp_path / "there", *settings, log=tmp_path / "log"), limit_s=800)
    assert there.returncode == 0, there.stderr
    assert_same_tables(tmp_path / "here", tmp_path / "there")
