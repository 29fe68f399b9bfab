"""The main job over Spark Connect gives the tables that it gives with a session of its own, row by row."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import deltalake
import pytest

from tests.system.connect_server import ConnectServer
from tests.system.offbeat_process import ROOT, with_plain_plans

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


def rows(lake: Path, name: str) -> list[dict]:
    table = deltalake.DeltaTable(str(lake / name)).to_pyarrow_table()
    kept = [column for column in table.column_names if column not in OF_A_RUN]
    return sorted(table.select(kept).to_pylist(), key=without_fractions)


def without_fractions(row: dict) -> str:
    return re.sub(r"\d+\.\d+(e-?\d+)?", "", repr(row))


def fractions(value: object) -> list[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for each in value for number in fractions(each)]
    return [value] if isinstance(value, float) else []


def assert_same_tables(here: Path, there: Path) -> None:
    """All but fractions to the letter; those as near as the sums behind them.

    The model's weights are the same to the bit. Over Connect Arrow batches hold other sessions, and the order in which
    a matrix product or a sum of minutes adds up differs with them: the last bits of float32. A percentile has the
    score's difference times the slope of the curve of quantiles, some hundred a nat.
    """
    for name in TABLES:
        ours, theirs = rows(here, name), rows(there, name)
        assert [without_fractions(row) for row in theirs] == [without_fractions(row) for row in ours], name
        for one, other in zip(ours, theirs, strict=True):
            if "percentile" in one:
                assert other.pop("percentile") == pytest.approx(one.pop("percentile"), abs=1e-3), name
            assert fractions(other) == pytest.approx(fractions(one), rel=2e-6, abs=2e-6), (name, one)
    assert rows(here, "anomalies")


def one_way(
    lake: str, folder: Path, log: Path, *settings: str, remote: str | None = None
) -> subprocess.Popen:
    env = with_plain_plans() | ({"SPARK_REMOTE": remote} if remote else {})
    command = [sys.executable, "-m", "tests.system.steps_one_way", lake, folder, log, *settings]
    return subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_a_lake_is_looked_after_over_connect_as_with_a_context(server, tmp_path):
    """Status, label, promote, forget and maintain on a catalog's lake and on a folder's."""
    settings = ("admin", "generate.rows=3000", "model.detector=ngram2", "score.alert_budget=0.1")
    quick = ("evaluate.detectors=[new_event]", "evaluate.resamples=100")
    lakes = {"here": None, "spark_catalog.admin": server.remote}
    said = []
    for number, (lake, remote) in enumerate(lakes.items()):
        named = lake if remote else str(tmp_path / lake)
        volume, log = tmp_path / (f"volume-{number}" if remote else lake), tmp_path / f"log-{number}"
        way = one_way(named, volume, log, *settings, *quick, remote=remote)
        out, errors = way.communicate(timeout=850)
        assert way.returncode == 0, errors[-5000:]
        said.append(json.loads(out.splitlines()[-2]))
    assert said[0] == said[1]
    assert_same_tables(tmp_path / "here", server.folder / "warehouse" / "admin.db")


def test_the_steps_on_a_catalog_over_connect_give_the_tables_of_a_folder(server, tmp_path):
    """In a folder with a SparkContext, and in a schema without one; the two run side by side."""
    here, there = tmp_path / "here", tmp_path / "volume"
    settings = (
        "generate.rows=20000",
        "model.settings.epochs=2",
        "evaluate.detectors=[new_event]",
        "evaluate.resamples=100",
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
    weights = [
        {path.parent.name: path.read_bytes() for path in (folder / "models" / "tvm").glob("*/weights.npz")}
        for folder in (here, there)
    ]
    assert weights[0] == weights[1] != {}
    assert_same_tables(here, server.folder / "warehouse" / "offbeat.db")
    assert (there / "pages" / "tvm").is_dir()
