"""A step that finds all as it was tells what it told before, and only then."""

from __future__ import annotations

import datetime as dt
import os

import pytest

from offbeat.config import Config
from offbeat.recording import recorded, told_before
from offbeat.tables.contract import RUNS, SESSIONS, TABLES
from offbeat.tables.lake import Lake
from offbeat.tables.watching import FEEDBACK

pytestmark = pytest.mark.spark
NOW = dt.datetime(2026, 7, 31, tzinfo=dt.timezone.utc)
FIGURES = {"judged_sessions": 7, "f1": 0.25, "earns_its_cost": "The network doesn’t."}


def test_nothing_new_is_told_until_a_table_a_model_or_the_config_changes(spark, tmp_path):
    conf = Config(name="t", lake=str(tmp_path / "lake"), source=[{"path": "x.csv"}])
    lake, models = Lake(spark, conf.lake), tmp_path / "lake" / "models"
    lake.ensure(SESSIONS)
    (models / "t" / "v1").mkdir(parents=True)
    (models / "t" / "v1" / "weights.npz").write_bytes(b"1")

    def judge(_run_id: str) -> dict:
        lake.read(SESSIONS)
        lake.read(RUNS) if lake.exists(RUNS) else None  # grows with every run, and says nothing new
        return dict(FIGURES)

    def told(conf: Config = conf) -> dict | None:
        return told_before(lake, conf, "evaluate", tables=TABLES, inputs=(FEEDBACK,), models=models)

    assert told() is None
    recorded(lake, conf, "evaluate", judge, run_date=NOW)
    recorded(lake, conf, "score", lambda _: {}, run_date=NOW)
    again = told()
    assert again is not None
    assert {name: again[name] for name in FIGURES} == FIGURES
    assert again["nothing_new_since"].startswith("20")

    recorded(lake, conf, "evaluate", lambda _: told() or {}, run_date=NOW)
    assert told() == again  # of the run that did the work, not of the one that found nothing new

    assert told(conf.model_copy(update={"name": "other"})) is None
    assert told(Config(name="t", lake=conf.lake, source=[{"path": "x.csv"}], score={"top_k": 3})) is None
    touched = (models / "t" / "v1" / "weights.npz").stat().st_mtime
    os.utime(models / "t" / "v1" / "weights.npz", (touched + 3600, touched + 3600))
    assert told() is None
    os.utime(models / "t" / "v1" / "weights.npz", (touched, touched))
    assert told() is not None
    lake.set_property(SESSIONS, "offbeat.test", "a new version")
    assert told() is None
    recorded(lake, conf, "evaluate", judge, run_date=NOW)
    assert told() is not None
    lake.ensure(FEEDBACK)  # which the last run would have read, had it been there
    assert told() is None
