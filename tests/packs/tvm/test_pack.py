"""The pack as the steps call it: log and truth once, minutes without and with the truth."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.detectors import create
from offbeat.errors import UsageError
from offbeat.packs import PACKS, pack_of
from offbeat.packs.tvm.rules import RULES
from offbeat.packs.tvm.tables import CARD_CHECKS, RULE_CHECKS
from offbeat.tables import Lake
from offbeat.tables.contract import ANOMALIES, MINUTES_VIEWED, SESSIONS, TRUTH
from offbeat.training.artifact import save_artifact
from offbeat.training.calibration import calibrate
from offbeat.training.registry import Registry
from offbeat.training.run import load_training_data
from tests.packs.tvm.reading import read_events, read_truth, sessions_of

CONFIG = {
    "name": "t",
    "pack": "tvm",
    "lake": "./lake",
    "source": [
        {"format": "parquet", "path": "log/events", "columns": {"entity": "device_id", "time": "event_time"}}
    ],
}


def config(**changes) -> Config:
    return Config.model_validate(CONFIG | changes)


def test_every_pack_that_is_there_has_what_steps_call():
    for name in PACKS:
        pack = pack_of(config(pack=name))
        assert all(
            callable(getattr(pack, part)) for part in ("generate", "after_score", "labels", "after_evaluate")
        )


@pytest.mark.parametrize("name", [None, "top10"])
def test_a_pack_that_is_not_there_is_a_usage_error(name):
    if name in PACKS:
        pytest.skip("it is there by now")
    with pytest.raises(UsageError, match="known here: tvm"):
        pack_of(config(pack=name))


def train(lake, conf) -> str:
    """A model that needs no network, on the lake's sessions; gives its version."""
    data = load_training_data(lake, conf)
    detector = create("ngram2")
    history = detector.fit(data.train, data.validation, vocabulary=data.vocabulary)
    return save_artifact(
        Registry(lake, conf.name).folder,
        detector=detector,
        vocabulary=data.vocabulary,
        calibration=calibrate(detector, data.validation, budget=0.01, mixed=True),
        history=history,
        train=data.train,
        record={"split": data.rule.to_json()},
    )


def flag(lake, sessions, version):
    """Anomalies of a model that flags `sessions`."""
    empty = {"float": F.lit(0.0), "string": F.lit("x")}
    made = {
        column.name: empty.get(column.type, F.lit(None)).cast(column.type)
        for column in ANOMALIES.columns
        if column.name not in sessions.columns
    }
    made |= {name: F.array() for name in ("positions", "actual")}
    rows = sessions.withColumns(made).withColumn("model_version", F.lit(version))
    columns = [F.col(column.name).cast(column.type) for column in ANOMALIES.columns]
    lake.append(ANOMALIES, rows.select(*columns))


@pytest.mark.spark
def test_log_truth_and_minutes(spark, as_sessions, tmp_path):
    lake, conf = Lake(spark, f"{tmp_path}/lake"), config(generate={"path": f"{tmp_path}/log", "rows": 6_000})
    pack = pack_of(conf)
    assert pack.labels(lake) is None
    assert pack.after_evaluate(lake, conf, "m1") == {}
    counts = pack.generate(lake, conf)
    assert counts["written"]
    assert lake.read(TRUTH).count() == counts["sessions"]
    version = lake.version(TRUTH)
    assert not pack.generate(lake, conf)["written"]
    assert lake.version(TRUTH) == version

    truth = read_truth(tmp_path / "log")
    faulty = set(truth.loc[truth["fault_kind"].notna(), "entity"])
    sessions = as_sessions(sessions_of(read_events(tmp_path / "log")))
    filled = {
        "n_events": F.size("events"),
        "role": F.lit("both"),
        "continues": F.lit(False),
        "state": F.lit("closed"),
    }
    sessions = sessions.withColumns(filled | {"label": F.lit(None).cast("int")})
    lake.append(SESSIONS, sessions.select(*SESSIONS.column_names))
    version = train(lake, conf)
    flag(lake, lake.read(SESSIONS).where(F.col("entity").isin(*faulty)), version)

    pack.after_score(lake, conf, version)
    minutes = lake.read(MINUTES_VIEWED)
    assert minutes.where("minutes_true IS NOT NULL").count() == 0  # only evaluation reads the truth
    check_what_the_truth_says_of_the_model(pack, lake, conf, version)
    assert pack.after_score(lake, conf, version) == {}  # and what it has written stays where nothing is new
    total = lake.read(MINUTES_VIEWED).groupBy().sum().first()
    assert total["sum(minutes_true)"] == pytest.approx(truth["minutes_true"].sum())
    assert total["sum(minutes_flagged)"] > 0
    assert total["sum(minutes_unflagged)"] == pytest.approx(total["sum(minutes_true_unflagged)"], rel=1e-4)
    days = {row["day"] for row in minutes.select("day").distinct().collect()}
    assert min(days) == dt.date(2025, 3, 3)
    assert {row["faulty"] for row in pack.labels(lake).collect()} == {0, 1}


def check_what_the_truth_says_of_the_model(pack, lake, conf, version):
    summary = pack.after_evaluate(lake, conf, version)
    assert summary["rules_checked"] == len(RULES) + 1
    assert summary["card_kind_right"] == 0.0  # cards of kind x
    checks = {row["fault_kind"]: row for row in lake.read(CARD_CHECKS).collect()}
    assert checks["all"]["faults"] == checks["all"]["detected"] > 0
    assert {row["model_version"] for row in lake.read(RULE_CHECKS).collect()} == {version}
    Registry(lake, conf.name).promote(version, reason="test")
    said = "\n".join(pack.story(lake, conf))
    assert "kind right 0.0%" in said
    assert f"Of {len(RULES) + 1} rules of the player, broken on purpose, {version} notices" in said


@pytest.mark.spark
def test_another_log_brings_another_truth(spark, tmp_path):
    lake = Lake(spark, f"{tmp_path}/lake")
    generate = {"path": f"{tmp_path}/log", "rows": 1_500}
    pack_of(config()).generate(lake, config(generate=generate))
    first = {row["session_key"] for row in lake.read(TRUTH).collect()}
    pack_of(config()).generate(lake, config(generate=generate | {"seed": 1, "settings": {"days": 3}}))
    assert first.isdisjoint(row["session_key"] for row in lake.read(TRUTH).collect())


@pytest.mark.spark
def test_wrong_requests_are_usage_errors(spark, tmp_path):
    lake = Lake(spark, f"{tmp_path}/lake")
    with pytest.raises(UsageError, match=r"generate\.path"):
        pack_of(config()).generate(lake, config())
    wrong = config(generate={"path": f"{tmp_path}/log", "settings": {"dais": 3}})
    with pytest.raises(UsageError, match="did you mean days"):
        pack_of(wrong).generate(lake, wrong)
    assert not (tmp_path / "log").exists()
