"""The step score at scale: nothing twice, one thread a task, an endless session in bounded memory."""

import datetime as dt
import os

import numpy as np
import pytest

from offbeat.config import Config
from offbeat.detectors import create
from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.scoring import carrier as carriers
from offbeat.scoring.judge import Rules, judge_sessions
from offbeat.scoring.run import run
from offbeat.tables.contract import ANOMALIES, EVENT_SCORES, SESSION_SCORES, SESSIONS
from offbeat.tables.lake import Lake
from offbeat.training.artifact import load_artifact, pack_artifact, save_artifact
from offbeat.training.calibration import calibrate
from offbeat.training.registry import Registry

pytestmark = pytest.mark.spark
START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
NAMES = ["open", "play", "pause", "resume", "stop"]
NORMAL = [["open", "play", "stop"], ["open", "play", "pause", "resume", "stop"]]


def save_model(folder, name, settings=None):
    """A model of the normal sessions; gives its version."""
    vocabulary = Vocabulary.fit(dict.fromkeys(NAMES, 10))
    ids = [vocabulary.encode(session).tolist() for session in NORMAL * 30]
    train, validation = Sequences.from_lists(ids[:40]), Sequences.from_lists(ids[40:])
    detector = create(name)
    history = detector.fit(train, validation, vocabulary=vocabulary, seed=0, settings=settings)
    calibration = calibrate(detector, validation, budget=0.01, seed=0)
    return save_artifact(
        folder,
        detector=detector,
        vocabulary=vocabulary,
        calibration=calibration,
        history=history,
        train=train,
        record={"split": {}},
    )


def sessions(spark, logs, *, prefix="s"):
    rows = []
    for number, events in enumerate(logs):
        times = [START + dt.timedelta(hours=number, seconds=at) for at in range(len(events))]
        ids = [f"{prefix}{number}-{at}" for at in range(len(events))]
        session = (f"{prefix}{number}", f"e{number}", times[0], times[-1], len(events), events, times, ids)
        rows.append((*session, None, None, "both", False, "closed"))
    return spark.createDataFrame(rows, SESSIONS.schema)


def test_a_session_is_scored_once_by_a_model_and_only_flagged_ones_in_detail(spark, tmp_path):
    lake = Lake(spark, str(tmp_path / "lake"))
    registry = Registry(lake, "test")
    registry.promote(save_model(registry.folder, "ngram2"), reason="first model")
    conf = Config(name="test", lake=lake.location, source=())

    def score():
        found = run(lake, conf, run_id="r", run_date=START)
        return found["sessions"], found["flagged"]

    lake.append(SESSIONS, sessions(spark, [*NORMAL, *NORMAL, ["open", "stop", "play"]]))
    assert score() == (5, 1)
    detailed = {row["session_id"] for row in lake.read(EVENT_SCORES).select("session_id").collect()}
    assert detailed == {row["session_id"] for row in lake.read(ANOMALIES).collect()} == {"s4"}
    versions = [lake.version(table) for table in (SESSION_SCORES, EVENT_SCORES, ANOMALIES)]
    assert score() == (0, 0)
    assert [lake.version(table) for table in (SESSION_SCORES, EVENT_SCORES, ANOMALIES)] == versions
    lake.append(SESSIONS, sessions(spark, NORMAL[:1], prefix="late"))
    assert score() == (1, 0)
    assert lake.read(SESSION_SCORES).count() == 6


def test_a_task_slot_computes_with_one_thread(spark):
    def threads(batches):
        import pyarrow as pa

        for _ in batches:
            yield pa.RecordBatch.from_pydict({"threads": [os.environ.get("OMP_NUM_THREADS")]})

    rows = spark.range(2).mapInArrow(threads, "threads string").collect()
    assert {row["threads"] for row in rows} == {"1"}


@pytest.mark.slow
def test_a_session_of_a_million_events_from_the_lake_in_bounded_memory(spark, tmp_path):
    """One entity, no gap, never cut: sessionized and scored by workers that stay under 400 MiB."""
    from benchmarks.lakes import hashed_events
    from benchmarks.meter import Meter
    from offbeat.sessions.build import build_sessions

    n = 1_000_000
    conf = Config(
        name="t", lake="x/", source=(), sessions={"gap": None, "max_events": None, "max_duration": None}
    )
    event = f"element_at(array({str(NAMES)[1:-1]}), 1 + ascii(event_id) % 5) AS event"
    others = [
        "0L AS position",
        "CAST(NULL AS int) AS label",
        "CAST(NULL AS map<string,string>) AS covariates",
    ]
    events = hashed_events(spark, n, skewed=False).selectExpr(
        "event_id", "'all' AS entity", "event_time", event, "'both' AS role", *others
    )
    lake = Lake(spark, str(tmp_path / "lake"))
    version = save_model(tmp_path / "models", "lstm", {"units": 8, "layers": 1, "epochs": 3})
    model = load_artifact(tmp_path / "models" / version)
    carrier = carriers.carry(spark, version, pack_artifact(tmp_path / "models" / version))
    with Meter() as meter:
        lake.append(SESSIONS, build_sessions(events, conf.sessions, watermark_us=None, n_events=n))
        rows = (
            judge_sessions(lake.read(SESSIONS), carrier, Rules(5, 2, 0.5, "flagged"))
            .select("score")
            .collect()
        )
    row = lake.read(SESSIONS).select("n_events", "events").collect()[0]
    assert len(rows) == 1
    assert row["n_events"] == n
    ids = model.vocabulary.encode(row["events"])
    whole = Sequences(ids, np.array([0, n]), np.array([True]), np.array([True]))
    assert rows[0]["score"] == pytest.approx(float(model.detector.score(whole)[0]), abs=1e-5)
    assert meter.peak_mib["worker"] <= 400
