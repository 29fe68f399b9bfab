"""The model on the executors says what it says on the driver, however the sessions are partitioned."""

import datetime as dt
import os

import numpy as np
import pytest
from pyspark.sql import functions as F

from offbeat.detectors import create
from offbeat.detectors.base import Sequences
from offbeat.detectors.encoding import encode_sessions
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.scoring import carrier as carriers
from offbeat.scoring.judge import Rules, judge_sessions
from offbeat.tables.contract import SESSIONS
from offbeat.training.artifact import load_artifact, load_artifact_bytes, pack_artifact, save_artifact
from offbeat.training.calibration import calibrate

pytestmark = pytest.mark.spark
START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
RULES = Rules(top_k=3, min_events=2, unknown_limit=0.5, event_detail="flagged")
CYCLE = ["open", "play", "beat", "pause", "resume", "beat", "stop", "close"]


def log_of(n, *, seed):
    """Sessions that repeat one cycle of events; now and then a beat more."""
    rng = np.random.default_rng(seed)
    return [CYCLE[:2] + ["beat"] * int(rng.integers(1, 4)) + CYCLE[3:] for _ in range(n)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small LSTM that knows the cycle; gives its folder."""
    log = log_of(400, seed=1)
    vocabulary = Vocabulary.fit({name: sum(s.count(name) for s in log) for name in set(CYCLE)})
    ids = [vocabulary.encode(session).tolist() for session in log]
    train, validation = Sequences.from_lists(ids[:300]), Sequences.from_lists(ids[300:])
    detector = create("lstm")
    history = detector.fit(
        train, validation, vocabulary=vocabulary, seed=0, settings={"units": 16, "layers": 1, "epochs": 400}
    )
    folder = tmp_path_factory.mktemp("models")
    version = save_artifact(
        folder,
        detector=detector,
        vocabulary=vocabulary,
        calibration=calibrate(detector, validation, budget=0.02, seed=0),
        history=history,
        train=train,
        record={"split": {}},
    )
    return folder / version


def sessions(spark, logs, *, state="closed"):
    rows = []
    for number, events in enumerate(logs):
        times = [START + dt.timedelta(minutes=number, seconds=at) for at in range(len(events))]
        ids = [f"{number}-{at}" for at in range(len(events))]
        session = (f"s{number:04}", f"e{number}", times[0], times[-1], len(events), events, times, ids)
        rows.append((*session, {"p": "tv"}, None, "both", False, state))
    return spark.createDataFrame(rows, SESSIONS.schema)


ODD = {
    "wrong_order": ["open", "play", "beat", "resume", "pause", "beat", "stop", "close"],
    "missing": ["open", "play", "beat", "resume", "beat", "stop", "close"],
    "new_event": ["open", "play", "beat", "pause", "crash", "resume", "beat", "stop", "close"],
}


@pytest.fixture(scope="module")
def judged(spark, model):
    frame = sessions(spark, [*log_of(100, seed=2), *ODD.values()]).repartition(3)
    carrier = carriers.carry(spark, "v", pack_artifact(model))
    return frame, {row["session_id"]: row for row in judge_sessions(frame, carrier, RULES).collect()}


@pytest.mark.parametrize("partitions", [1, 7, 64])
def test_scores_are_those_of_the_driver_at_any_partitioning(spark, model, judged, partitions):
    frame, _ = judged
    artifact = load_artifact(model)
    rows = frame.orderBy("session_id").toArrow()
    expected = dict(
        zip(
            rows["session_id"].to_pylist(),
            artifact.detector.score(encode_sessions(rows, artifact.vocabulary)),
            strict=True,
        )
    )
    carrier = carriers.carry(spark, "v", pack_artifact(model))
    found = judge_sessions(frame.repartition(partitions, "entity"), carrier, RULES).select(
        "session_id", "score"
    )
    got = {row["session_id"]: row["score"] for row in found.collect()}
    assert got.keys() == expected.keys()
    assert max(abs(got[key] - expected[key]) for key in got) <= 1e-5


def test_the_model_is_loaded_once_per_worker(spark, model, tmp_path):
    marks = tmp_path / "loads"

    def counting(data):
        with marks.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return load_artifact_bytes(data)

    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "5")
    try:
        carrier = carriers.carry(spark, "counted", pack_artifact(model), loader=counting)
        frame = sessions(spark, log_of(200, seed=3)).repartition(20)
        assert judge_sessions(frame, carrier, RULES).count() == 200
    finally:
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "10000")
    loads = marks.read_text().split()
    assert 1 <= len(loads) == len(set(loads))
    assert len(loads) <= spark.sparkContext.defaultParallelism


def test_odd_sessions_are_flagged_and_their_kind_is_named(judged):
    _, rows = judged
    for number, (kind, events) in enumerate(ODD.items(), start=100):
        row = rows[f"s{number:04}"]
        assert row["verdict"] == "anomalous", kind
        assert row["kind"] == kind
        assert row["events"] == events
        assert len(row["event_ids"]) == len(row["times"]) == len(events)
        assert row["positions"][0] in (3, 4)
        assert row["percentile"] == 100.0
        assert [detail["event"] for detail in row["detail"]] == [*events, "<end>"]
        assert row["action"]


def test_the_nearest_normal_sequence_is_one_edit_away(judged):
    _, rows = judged
    assert rows["s0101"]["nearest"] == ["open", "play", "beat", "pause", "resume", "beat", "stop", "close"]
    assert rows["s0101"]["edits"] == ["put pause in at 3"]


def test_normal_sessions_carry_no_detail(judged):
    _, rows = judged
    normal = [row for row in rows.values() if row["verdict"] == "normal"]
    assert len(normal) >= 95
    for row in normal:
        assert row["detail"] is row["events"] is row["kind"] is None
        assert np.isfinite(row["score"])


def test_short_open_and_unknown_sessions_have_verdicts_and_scores_of_their_own(spark, model):
    carrier = carriers.carry(spark, "v", pack_artifact(model))
    frame = sessions(spark, [["open"], ["x", "y", "z", "open"]]).unionByName(
        sessions(spark, [CYCLE[:3]], state="open").withColumn("session_id", F.lit("open"))
    )
    rows = {row["session_id"]: row for row in judge_sessions(frame, carrier, RULES).collect()}
    assert {key: row["verdict"] for key, row in rows.items()} == {
        "s0000": "short",
        "s0001": "unknown_event",
        "open": "open",
    }
    assert all(np.isfinite(row["score"]) for row in rows.values())
    assert rows["s0001"]["unknown_share"] == 0.75


def test_detail_of_all_sessions_when_asked(spark, model):
    carrier = carriers.carry(spark, "v", pack_artifact(model))
    rules = Rules(top_k=2, min_events=2, unknown_limit=0.5, event_detail="all")
    rows = judge_sessions(sessions(spark, log_of(5, seed=4)), carrier, rules).collect()
    for row in rows:
        assert row["events"] is None
        assert all(len(detail["expected"]) == 2 for detail in row["detail"])
        assert np.isclose(max(detail["surprise"] for detail in row["detail"]), row["score"], atol=1e-5)
