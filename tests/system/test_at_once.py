"""Two ingest runs, two sessionize runs and a maintain at once: they wait for each other, and the tables are right."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import deltalake
import pytest

from offbeat import steps
from offbeat.config import Config
from tests.system.offbeat_process import LIMIT_S, ROOT
from tests.system.steps_and_die import RUN_DATE

pytestmark = [pytest.mark.system, pytest.mark.spark]
VERBS = ("ingest", "ingest", "sessionize", "sessionize", "maintain")


def write_log(folder: Path, day: int) -> None:
    (folder / "log").mkdir(exist_ok=True)
    rows = "".join(f"u{i % 5},2026-01-0{day}T00:{i:02}:00Z,e{i % 3}\n" for i in range(60))
    (folder / "log" / f"{day}.csv").write_text("who,when,what\n" + rows)


def config(folder: Path) -> Path:
    columns = {"entity": "who", "time": "when", "event": "what"}
    conf = {
        "name": "many",
        "lake": str(folder / "lake"),
        "source": {"path": str(folder / "log"), "columns": columns},
    }
    (folder / "c.yaml").write_text(json.dumps(conf))
    return folder / "c.yaml"


def rows_of(folder: Path, table: str) -> list[dict]:
    return deltalake.DeltaTable(str(folder / "lake" / table)).to_pyarrow_table().to_pylist()


def assert_right(folder: Path, days: int) -> None:
    """The log as it was written: each entity has a session a day, with an event every five minutes."""
    events = rows_of(folder, "events")
    assert len(events) == len({row["event_id"] for row in events}) == 60 * days
    sessions = rows_of(folder, "sessions")
    assert sorted((row["entity"], row["start"].day, row["n_events"]) for row in sessions) == sorted(
        (f"u{i}", day, 12) for i in range(5) for day in range(1, days + 1)
    )
    assert {event for row in sessions for event in row["event_ids"]} == {row["event_id"] for row in events}


@pytest.mark.slow
def test_in_sessions_of_their_own(spark, tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(logging.getLogger("offbeat"), "propagate", True)
    conf = Config.load(config(tmp_path))

    def run(verb: str) -> dict:
        context = steps.Context(conf, run_date=RUN_DATE)
        context.spark = spark.newSession()
        return getattr(steps, verb)(context)

    write_log(tmp_path, 1)
    for verb in ("ingest", "sessionize"):
        run(verb)
    write_log(tmp_path, 2)
    with ThreadPoolExecutor(len(VERBS)) as pool:
        found = list(pool.map(run, VERBS))
    assert found[0]["events"] + found[1]["events"] == 60
    assert "another run does ingest; waiting for it" in caplog.text
    run("sessionize")  # both may have looked before the events were there
    assert_right(tmp_path, 2)
    before = [rows_of(tmp_path, name) for name in ("events", "sessions")]
    assert [
        run(verb)["sessions_new" if verb == "sessionize" else "events"] for verb in ("ingest", "sessionize")
    ] == [0, 0]
    assert [rows_of(tmp_path, name) for name in ("events", "sessions")] == before


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_in_processes_of_their_own(tmp_path):
    path = config(tmp_path)
    env = os.environ | {"OFFBEAT_CORES": "1", "OFFBEAT_DRIVER_MEMORY": "700m"}

    def run(verb: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "offbeat", verb, "--config", path]
        return subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=3 * LIMIT_S, check=False
        )

    for day in (1, 2, 3):
        write_log(tmp_path, day)
        verbs = VERBS if day > 1 else ("ingest", "ingest")
        with ThreadPoolExecutor(len(verbs)) as pool:
            done = list(pool.map(run, verbs))
        assert [one.returncode for one in done] == [0] * len(verbs), [one.stderr for one in done]
        assert any("waiting for it" in one.stderr for one in done)
        assert run("sessionize").returncode == 0
        assert_right(tmp_path, day)
