"""The step score on a lake: predictions of open sessions, drift, and what a person's word does."""

from __future__ import annotations

import datetime as dt
import shutil

import numpy as np
import pytest

from offbeat.config import Config
from offbeat.detectors import create
from offbeat.errors import GuardFailed, UsageError
from offbeat.scoring import feedback
from offbeat.scoring.carrier import carry
from offbeat.scoring.run import Scorer, run
from offbeat.scoring.sql import register
from offbeat.tables import Lake
from offbeat.tables.contract import ANOMALIES, EVENT_SCORES, SESSION_SCORES, SESSIONS
from offbeat.tables.watching import DRIFT, FEEDBACK, PREDICTIONS
from offbeat.training.artifact import pack_artifact, save_artifact
from offbeat.training.calibration import calibrate
from offbeat.training.forecast import fit_forecast
from offbeat.training.registry import Registry
from offbeat.training.run import load_training_data, training_sessions

pytestmark = pytest.mark.spark
START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
CONFIG = {
    "name": "t",
    "lake": "./lake",
    "source": [{"path": "x", "label": 0}],
    "model": {"detector": "ngram2", "split": {"by": "entity"}},
}


def conf(**changes) -> Config:
    return Config.model_validate(CONFIG | changes)


def normal(rng) -> list[str]:
    beats = [
        name
        for _ in range(rng.integers(2, 6))
        for name in (["beat"] if rng.random() < 0.7 else ["pause", "resume"])
    ]
    return ["open", "play", *beats, "stop", "close"]


def add(lake, logs, *, first=0, still_open=()):
    rows = []
    for number, events in enumerate([*logs, *still_open], start=first):
        times = [START + dt.timedelta(minutes=number, seconds=at) for at in range(len(events))]
        ids = [f"{number}-{at}" for at in range(len(events))]
        session = (f"s{number:04}", f"e{number}", times[0], times[-1], len(events), events, times, ids)
        state = "closed" if number < first + len(logs) else "open"
        rows.append((*session, {"p": "tv"}, None, "both", False, state))
    lake.append(SESSIONS, lake.spark.createDataFrame(rows, SESSIONS.schema))


def train(lake, config) -> str:
    data = load_training_data(lake, config)
    detector = create("ngram2")
    history = detector.fit(data.train, data.validation, vocabulary=data.vocabulary)
    calibration = calibrate(detector, data.validation, budget=0.01)
    registry = Registry(lake, config.name)
    version = save_artifact(
        registry.folder,
        detector=detector,
        vocabulary=data.vocabulary,
        calibration=calibration,
        history=history,
        train=data.train,
        validation=data.validation,
        forecast=fit_forecast(
            detector,
            data.validation,
            calibration.threshold,
            budget=0.01,
            mixed=False,
            size=len(data.vocabulary),
            seed=0,
        ),
        record={"split": data.rule.to_json()},
    )
    registry.promote(version, reason="test")
    return version


FAULTY = ["open", "play", "beat", "resume", "beat", "stop", "close"]
UNLIKE = ["open", "play", "beat", "beat", "beat", "resume", "beat", "stop", "close"]


@pytest.fixture(scope="module")
def trained(spark, tmp_path_factory):
    """A lake with 400 normal sessions, and the version of the model that knows them."""
    lake, rng = Lake(spark, str(tmp_path_factory.mktemp("trained") / "lake")), np.random.default_rng(0)
    add(lake, [normal(rng) for _ in range(400)])
    return lake, train(lake, conf())


@pytest.fixture
def made(trained, tmp_path):
    """A copy of it."""
    lake, version = trained
    shutil.copytree(lake.location, tmp_path / "lake")
    return Lake(lake.spark, str(tmp_path / "lake")), version


def test_a_log_is_scored_watched_and_talked_about(spark, made, caplog):
    lake, version = made
    add(lake, [FAULTY, FAULTY, UNLIKE], first=900, still_open=[["open", "play"], ["open", "beat", "close"]])

    def score(run_id: str, **changes):
        return run(lake, conf(**changes), run_id=run_id, run_date=START + dt.timedelta(days=1))

    summary = score("r1")
    assert (summary["sessions"], summary["predicted"]) == (405, 2)
    assert summary["drift"] < 0.1
    check_a_query_scores_as_the_step_does(spark, lake, version)
    check_predictions_of_what_still_runs(lake)
    check_drift_of_the_same_log_is_small(lake)
    check_a_false_alarm_mutes_what_is_like_it(lake, version)
    add(lake, [FAULTY, *(["open", "play", *["zap"] * 4, "stop", "close"] for _ in range(60))], first=1000)
    check_beyond_the_limit_nothing_is_scored(lake, score, caplog)
    muted = {row["session_id"] for row in lake.read(ANOMALIES).where("muted").collect()}
    assert muted == {"s0900", "s0901", "s1000"}
    check_a_fault_takes_that_back(lake, version)


def test_two_first_scorings_leave_each_session_once(spark, made):
    """A run that was killed, or one beside it, has written some tables of sessions as they were: all is replaced."""
    lake, version = made
    add(lake, [FAULTY, UNLIKE], first=900, still_open=[["open", "play"]])
    lake.ensure(SESSION_SCORES, EVENT_SCORES, ANOMALIES, PREDICTIONS, DRIFT)
    carrier = carry(spark, version, pack_artifact(Registry(lake, "t").path(version)))
    sessions = lake.read(SESSIONS).where("session_id < 's0100' OR session_id >= 's0900'")
    for run_id, part in (("before", sessions.where("session_id <> 's0901'")), ("after", sessions)):
        scorer = Scorer(lake, conf(), version, carrier, run_id=run_id, scored_at=START)
        scorer.write_whole(part)
    for table, n in ((SESSION_SCORES, 103), (ANOMALIES, 2), (PREDICTIONS, 1)):
        rows = lake.read(table)
        assert (rows.count(), rows.where("run_id = 'after'").count()) == (n, n), table.name
    details = lake.read(EVENT_SCORES)
    assert details.where("run_id <> 'after'").isEmpty()
    assert details.select("session_id", "position").distinct().count() == details.count() > 0


def check_a_query_scores_as_the_step_does(spark, lake, version):
    assert register(spark, lake.location) == version
    both = spark.sql(
        "SELECT s.score, offbeat_score(e.events) AS again, offbeat_score(e.events, e.times) AS timed "
        "FROM session_scores s JOIN sessions e ON e.session_id = s.session_id WHERE e.state = 'closed'"
    ).toPandas()
    assert len(both) == 403
    np.testing.assert_allclose(both["again"].astype(float), both["score"], rtol=1e-5)
    np.testing.assert_allclose(both["timed"].astype(float), both["score"], rtol=1e-5)
    row = spark.sql(
        "SELECT offbeat_score(NULL), offbeat_score(array('open', NULL)), offbeat_score(array())"
    ).first()
    assert row[0] is None
    assert row[1] > 0
    assert row[2] > 0


def check_predictions_of_what_still_runs(lake):
    predicted = {row["session_id"]: row for row in lake.read(PREDICTIONS).collect()}
    assert set(predicted) == {"s0903", "s0904"}
    assert predicted["s0904"]["probability"] > 3 * predicted["s0903"]["probability"]
    assert predicted["s0903"]["n_events"] == 2


def check_drift_of_the_same_log_is_small(lake):
    drift = {row["measure"]: row for row in lake.read(DRIFT).where("run_id = 'r1'").collect()}
    assert set(drift) == {"unknown_share", "length", "event_mix", "score"}
    assert all(row["distance"] < 0.1 and not row["warned"] for row in drift.values())


def check_a_false_alarm_mutes_what_is_like_it(lake, version):
    said = {"champion": version, "run_id": "l", "run_date": START, "note": "a test device"}
    flagged = {row["session_id"]: row["muted"] for row in lake.read(ANOMALIES).collect()}
    assert {"s0900", "s0901", "s0902"} <= set(flagged)
    assert not any(flagged.values())
    with pytest.raises(UsageError, match="label s7: no such session"):
        feedback.label(lake, "s7", "false_alarm", **said)
    done = feedback.label(lake, "s0900", "false_alarm", **said)
    assert (done["muted"], done["no_longer_muted"]) == (2, 0)  # itself and its double; not what is unlike
    assert lake.read(FEEDBACK).collect()[0]["note"] == "a test device"
    assert feedback.figures(lake, version) == {
        "feedback_reviewed": 1,
        "feedback_confirmed": 0,
        "feedback_missed": 0,
    }
    assert feedback.with_feedback(lake, None) is None  # words alone are no labels


def check_a_fault_takes_that_back(lake, version):
    later = START + dt.timedelta(hours=1)
    done = feedback.label(lake, "s0901", "fault", champion=version, run_id="l", run_date=later, note=None)
    assert (done["muted"], done["no_longer_muted"]) == (0, 3)
    learnt = {row["session_id"] for row in training_sessions(lake).select("session_id").collect()}
    assert "s0901" not in learnt
    assert "s0900" in learnt
    rows = [("s0900", 1), ("s0901", None), ("s0902", None)]
    labels = lake.spark.createDataFrame(rows, "session_id string, faulty int")
    known = {row["session_id"]: row["faulty"] for row in feedback.with_feedback(lake, labels).collect()}
    assert known == {"s0900": 1, "s0901": 1, "s0902": None}  # a truth outranks a word


def check_beyond_the_limit_nothing_is_scored(lake, score, caplog):
    with pytest.raises(
        GuardFailed, match=r"drift beyond drift.limit 0.1: unknown share 49.[0-9]+%, 0.00% when"
    ):
        score("r3", drift={"limit": 0.1})
    assert lake.read(SESSION_SCORES).where("run_id = 'r3'").isEmpty()
    assert lake.read(DRIFT).where("run_id = 'r3' AND beyond").count() > 0
    caplog.clear()
    assert score("r4")["sessions"] == 61
    assert "drift: unknown share 49." in caplog.text
