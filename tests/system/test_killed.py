"""The driver is killed anywhere on the way from files to anomalies and started again, or it runs as a stream.

In the end the tables are those of a run that nobody disturbed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import deltalake
import pytest

from offbeat import steps
from offbeat.config import Config
from tests.system.offbeat_process import ROOT, with_plain_plans
from tests.system.steps_and_die import RUN_DATE, add_next_file, go_with_next_file

pytestmark = [pytest.mark.system, pytest.mark.spark]

LIMIT_S = 400
OF_A_RUN = {
    "ingest_batch",
    "run_id",
    "source_file",
    "source",
}  # names of this run, or of the folder it works in
WHOLE = {
    "events": "event_id",
    "quarantine": "row_hash",
    "sessions": "session_id",
    "session_scores": "session_id",
    "event_scores": "session_id",
    "anomalies": "session_id",
}
# Moments on the way that leave most half done; each but the last is in the way of the first file.
MOMENTS = (
    "ingested:1:after",  # planned, nothing published
    "events:1:after",  # published, not done
    "sessions:2:after",  # all sessions, and nothing says what they rest on
    "promote:1:before",  # a model that is no champion
    "anomalies:1:after",  # anomalies without scores
    "sessions:1:after",  # merged, and the checkpoint does not know
)


def a_log(folder: Path) -> Path:
    """A config, its first file and the next one: sessions of a, b, c, d in order, some of them disturbed."""
    rng = random.Random(4)  # noqa: S311 - a test's log, not a secret
    rows: list[list[str]] = [[], []]
    for session in range(160):
        names = ["open", "look", "look", "pay", "close"]
        if session % 9 == 5:
            names[1:4] = rng.sample(["pay", "look", "odd"], 3)
        for i, name in enumerate(names):
            minute = session * 5 + i
            # The next file has half of a session that the first one has begun, and events that come late.
            late = session >= 120 or (session % 40 == 39 and i > 2)
            stamp = f"2026-01-{1 + minute // 1440:02}T{minute // 60 % 24:02}:{minute % 60:02}:00Z"
            rows[late].append(f"u{session % 4},{stamp},{name}")
    rows[0] += ["u1,soon,look", rows[0][3]]
    rows[1] += [",2026-01-01,look", rows[0][5], "u2,soon,look"]
    folder.mkdir()
    (folder / "log").mkdir()
    for place, part in ((folder / "log" / "first.csv", rows[0]), (folder / "next.csv", rows[1])):
        place.write_text("who,when,what\n" + "\n".join(part) + "\n")
    conf = {
        "name": "killed",
        "lake": str(folder / "lake"),
        "source": {
            "path": str(folder / "log"),
            "columns": {"entity": "who", "time": "when", "event": "what"},
        },
        "sessions": {"gap": "10 minutes"},
        "model": {"detector": "ngram2"},
        "score": {"alert_budget": 0.05},
    }
    (folder / "c.yaml").write_text(json.dumps(conf))
    return folder


def go(folder: Path, point: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.system.steps_and_die", folder / "c.yaml", point]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=with_plain_plans(),
        timeout=LIMIT_S,
        capture_output=True,
        text=True,
        check=False,
    )


def finish(folder: Path) -> str:
    done = go(folder, "never")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def tables(folder: Path) -> dict[str, list[dict]]:
    """Rows of all tables without what names the run, in order."""
    found = {}
    for name, key in WHOLE.items():
        rows = deltalake.DeltaTable(str(folder / "lake" / name)).to_pyarrow_table().to_pylist()
        plain = [{k: v for k, v in row.items() if k not in OF_A_RUN} for row in rows]
        found[name] = sorted(plain, key=lambda row: (row[key], row.get("position") or 0, str(row.get("raw"))))
    ledger = deltalake.DeltaTable(str(folder / "lake" / "ingested")).to_pyarrow_table().to_pylist()
    counts = ("state", "rows_in", "events", "duplicates", "quarantined")
    found["ingested"] = sorted((Path(r["source_file"]).name, *(r[k] for k in counts)) for r in ledger)
    return found


def assert_equal(folder: Path, wanted: dict[str, list[dict]]) -> None:
    got = tables(folder)
    for name, rows in wanted.items():
        assert got[name] == rows, name


@pytest.fixture(scope="module")
def undisturbed(spark, tmp_path_factory):
    """Tables of a run that nobody disturbed; and a copy of its lake from when the first file had trained a model."""
    folder = a_log(tmp_path_factory.mktemp("killed") / "undisturbed")
    context = steps.Context(Config.load(folder / "c.yaml"), run_date=RUN_DATE)
    context.spark = spark
    for step in (steps.ingest, steps.sessionize, steps.train):
        step(context)
    trained = folder.with_name("trained")
    shutil.copytree(folder, trained)
    steps.score(context)
    add_next_file(folder / "c.yaml")
    for step in (steps.ingest, steps.sessionize, steps.score):
        step(context)
    wanted = tables(folder)
    assert [len(wanted[name]) for name in ("events", "quarantine", "sessions")] == [800, 3, 160]
    assert 0 < len(wanted["anomalies"]) < 40
    assert wanted["ingested"] == [("first.csv", "done", 596, 594, 1, 1), ("next.csv", "done", 209, 206, 1, 2)]
    return wanted, trained


@pytest.fixture(scope="module")
def way(undisturbed, tmp_path_factory):
    """The points that a process passes on its way, and its seconds."""
    folder = a_log(tmp_path_factory.mktemp("killed") / "way")
    began = time.monotonic()
    points = finish(folder).split()
    seconds = time.monotonic() - began
    assert_equal(folder, undisturbed[0])
    return points, seconds


class Streaming:
    """`offbeat stream` in a process group of its own, by `with`; its lines as they come."""

    def __init__(self, config: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "offbeat", "stream", "--config", config, *arguments]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=with_plain_plans(),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.said = ""

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def line_with(self, words: str) -> str:
        """The next line that has the words; pytest's timeout ends a wait in vain."""
        for line in self.process.stderr:
            self.said += line
            if words in line:
                return line
        raise AssertionError(self.said)

    def stop(self) -> int:
        os.killpg(self.process.pid, signal.SIGTERM)  # as `timeout` and Ctrl-C do: the whole group
        self.line_with("stream: stopped")
        return self.process.wait(LIMIT_S)


def test_a_stream_leaves_the_tables_of_a_batch(undisturbed, tmp_path):
    wanted, trained = undisturbed
    folder = a_log(tmp_path / "it")
    shutil.copytree(trained / "lake", folder / "lake")
    options = ("--run-date", RUN_DATE.isoformat(), "--set", "stream.every=0.2")
    with Streaming(folder / "c.yaml", *options) as stream:
        assert "rows in 0, " in stream.line_with("round 1")
        add_next_file(folder / "c.yaml")
        told = stream.line_with("round 2")
        assert "rows in 209, events 206, duplicates 1, quarantined 2, sessions " in told
        assert float(told.rpartition("lag ")[2].removesuffix(" s\n")) > 0
        assert stream.stop() == 0
    assert_equal(folder, wanted)


@pytest.mark.timeout(len(MOMENTS) * LIMIT_S)
def test_six_kills_on_one_way(undisturbed, tmp_path):
    wanted, _ = undisturbed
    folder = a_log(tmp_path / "lake")
    for point in MOMENTS:
        died = go(folder, point)
        assert died.returncode == -signal.SIGKILL, f"{point}: {died.stderr}"
    finish(folder)
    assert_equal(folder, wanted)


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("quarter", range(4), ids=[f"quarter_{number}" for number in (1, 2, 3, 4)])
def test_killed_at_every_point_between_two_commits(spark, undisturbed, way, tmp_path, quarter):
    """At each point that an undisturbed run passes, on a lake of its own: as many kills as there are points."""
    points, _ = way
    assert len(points) >= 50
    for number, point in enumerate(points):
        if number % 4 != quarter:
            continue
        folder = a_log(tmp_path / str(number))
        died = go(folder, point)
        assert died.returncode == -signal.SIGKILL, f"{point}: {died.stderr}"
        go_with_next_file(folder / "c.yaml", spark)  # in a warm session: what was left is on the disk
        assert_equal(folder, undisturbed[0])
        shutil.rmtree(folder)
        print(f"{number}: killed at {point}, the tables are equal", flush=True)


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_fifty_kills_at_random_moments(spark, undisturbed, way, tmp_path):
    """Five on each of several ways; the shortest life is that of a process that is killed while Spark starts."""
    _, whole_s = way
    rng = random.Random(0)  # noqa: S311
    kills = 0
    while kills < 50:
        folder = a_log(tmp_path / str(kills))
        for _ in range(5):
            kills += go(folder, f"second:{rng.uniform(0.1, 1) * whole_s:.2f}").returncode == -signal.SIGKILL
        go_with_next_file(folder / "c.yaml", spark)  # in a warm session: what was left is on the disk
        assert_equal(folder, undisturbed[0])
        print(f"{kills} kills: the tables are equal", flush=True)
