"""The report's rule on sessions written by hand, and on a log without faults, where it must give the truth."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import functions as F

from offbeat.packs.tvm.minutes import build_minutes_viewed, compare_to_truth, session_minutes
from offbeat.packs.tvm.story import minutes_story
from offbeat.tables.contract import MINUTES_VIEWED
from tests.packs.tvm.reading import read_events, sessions_of

pytestmark = pytest.mark.spark

UTC = dt.timezone.utc
NOON = dt.datetime(2025, 3, 3, 12, tzinfo=UTC)
WHERE = {"partner": "p", "title": "t", "platform": "web"}


def session(session_id: str, *steps: tuple[float, str], start=NOON, covariates=WHERE, ids=None):
    """A row of sessions from (minute, event) pairs."""
    times = [start + dt.timedelta(minutes=minute) for minute, _ in steps]
    events = [event for _, event in steps]
    ids = ids or [f"{session_id}-{place}" for place in range(len(steps))]
    ends = (times[0], times[-1]) if times else (None, None)
    return (session_id, f"device {session_id}", *ends, events, times, ids, covariates)


def truth_row(key: str, ids: list[str], minutes: float, *, start=NOON, where=WHERE, fault=(None, None)):
    place = (where["partner"], where["title"], where["platform"])
    return (key, ids, start, *place, *fault, minutes)


TRUTH_COLUMNS = (
    "session_key string, event_ids array<string>, start timestamp, partner string, title string, platform string, "
    "fault_kind string, fault_event_id string, minutes_true double"
)


# Events of a session, each with the minute at which it comes, and the minutes that the report makes of them.
BY_HAND = {
    "": 0,
    "0 content_play": 0,
    "0 content_play 7 heartbeat": 7,  # nothing after the last event
    "0 app_launch 1 heartbeat 2 content_end": 0,
    "0 content_play 3 pause 8 resume 9 content_end 12 app_close": 4,
    "0 content_play 3 pause 4 seek_start 5 seek_end 6 resume 8 content_stop": 5,
    "0 content_play 2 seek_start 3 buffer_start 4 buffer_end 5 seek_end 9 pause": 6,
    "0 content_play 2 buffer_start 5 app_launch 6 content_play 8 session_end": 4,
    "0 content_play 4 ad_pod_start_2 6 ad_pod_end 7 content_play 9 content_end": 6,
    "0 content_play 4 volume_change 5 impression 6 pause": 6,
    "0 content_play 4 seek_start 9 content_end": 4,  # its end was lost
    "0 content_play 4 buffer_start 6 content_play 9 content_end": 7,
    "0 content_play 9 resume 10 content_end": 10,  # a lost pause
    "0 buffer_end 1 seek_end 2 resume 5 pause": 3,
}


def test_report_counts_by_its_rule(as_sessions):
    sessions = []
    for number, text in enumerate(BY_HAND):
        words = text.split()
        steps = zip(map(float, words[::2]), words[1::2], strict=True)
        sessions.append(session(f"s{number}", *steps))
    got = {
        row["session_id"]: row["minutes_reported"] for row in session_minutes(as_sessions(sessions)).collect()
    }
    assert got == {f"s{number}": pytest.approx(minutes) for number, minutes in enumerate(BY_HAND.values())}


def test_a_log_without_times_or_columns_has_no_minutes(as_sessions):
    rows = [("s", "d", None, None, ["content_play", "pause"], [None, None], ["1", "2"], {})]
    (row,) = session_minutes(as_sessions(rows)).collect()
    assert row.asDict() == {
        "session_id": "s",
        "day": None,
        "partner": "unknown",
        "title": "unknown",
        "platform": "unknown",
        "minutes_reported": 0.0,
    }


def test_minutes_viewed_parts_the_flagged_sessions(spark, as_sessions):
    late = dt.datetime(2025, 3, 3, 23, 59, tzinfo=UTC)
    other = WHERE | {"platform": "tv"}
    sessions = as_sessions(
        [
            session("a", (0, "content_play"), (10, "pause")),
            session("b", (0, "content_play"), (4, "pause")),
            session("c", (0, "content_play"), (6, "pause"), start=late),  # the day of its start
            session("d", (0, "content_play"), (2, "pause"), covariates=other),
        ]
    )
    flagged = spark.createDataFrame([("b",), ("b",), ("nobody",)], "session_id string")
    got = build_minutes_viewed(sessions, flagged)
    assert got.schema.simpleString() == MINUTES_VIEWED.schema.simpleString()
    rows = {(str(row["day"]), row["platform"]): row for row in got.collect()}
    assert {key: tuple(row)[4:] for key, row in rows.items()} == {
        ("2025-03-03", "web"): (20.0, 4.0, 16.0, None, None),
        ("2025-03-03", "tv"): (2.0, 0.0, 2.0, None, None),
    }


def test_truth_stands_beside_the_report(spark, as_sessions):
    sessions = as_sessions(
        [
            session("a", (0, "content_play"), (10, "pause"), ids=["1", "2"]),
            session("b", (0, "content_play"), (4, "pause"), ids=["3", "4"]),
        ]
    )
    truth = spark.createDataFrame(
        [
            truth_row("A", ["2", "1"], 9.0),
            truth_row("B", ["3", "4", "5"], 5.0),
            truth_row("C", ["6"], 3.0),  # none of its events came
            truth_row("D", ["7"], 1.0, where=WHERE | {"title": "unseen"}),
        ],
        TRUTH_COLUMNS,
    )
    flagged = spark.createDataFrame([("b",)], "session_id string")
    got = build_minutes_viewed(sessions, flagged, truth)
    rows = {row["title"]: tuple(row)[4:] for row in got.collect()}
    assert rows == {"t": (14.0, 4.0, 10.0, 17.0, 9.0), "unseen": (0.0, 0.0, 0.0, 1.0, 0.0)}
    (total,) = compare_to_truth(got).collect()
    assert total["partner"] == "p"
    assert total["error_reported"] == pytest.approx(14 / 18 - 1)
    assert total["error_unflagged"] == pytest.approx(10 / 9 - 1)
    assert total["misplaced_reported"] == pytest.approx((3 + 1) / 18)
    assert total["misplaced_unflagged"] == pytest.approx(1 / 9)
    lines = minutes_story(got)
    assert lines[0] == "Total Minutes Viewed: 14 reported, of them 4 (28.6%) rest on flagged sessions."
    assert "off by -22.22%" in lines[1]
    assert lines[-1].split()[0] == "p"


def test_story_without_truth_and_without_minutes(spark, as_sessions):
    flagged = spark.createDataFrame([("a",)], "session_id string")
    viewed = build_minutes_viewed(as_sessions([session("a", (0, "content_play"), (10, "pause"))]), flagged)
    assert minutes_story(viewed) == [
        "Total Minutes Viewed: 10 reported, of them 10 (100.0%) rest on flagged sessions.",
        "Hit most:",
        "  p                      10 min  100.0% on flagged sessions",
    ]
    assert minutes_story(viewed.where("false")) == ["Total Minutes Viewed: nothing was viewed."]


def test_without_faults_the_report_is_the_truth(spark, as_sessions, clean_log):
    sessions = as_sessions(sessions_of(read_events(clean_log)))
    truth = spark.read.parquet(str(clean_log / "truth"))
    nobody = spark.createDataFrame([], "session_id string")
    viewed = build_minutes_viewed(sessions, nobody, truth).cache()
    for row in compare_to_truth(viewed).collect():
        assert abs(row["error_reported"]) < 1e-5
        assert row["misplaced_reported"] < 1e-4
    worst = viewed.agg(F.max(F.abs(F.col("minutes_reported") - F.col("minutes_true")))).first()
    assert worst[0] < 0.01
    viewed.unpersist()


def test_faults_falsify_the_report_and_nothing_else_does(spark, as_sessions, log):
    sessions = as_sessions(sessions_of(read_events(log)))
    truth = spark.read.parquet(str(log / "truth"))
    nobody = spark.createDataFrame([], "session_id string")
    (total,) = compare_to_truth(build_minutes_viewed(sessions, nobody, truth), by=()).collect()
    assert total["misplaced_reported"] > 0.005
    ids = truth.where("fault_kind IS NOT NULL").select(F.explode("event_ids").alias("id"))
    faulty = sessions.select("session_id", F.explode("event_ids").alias("id")).join(ids, "id")
    (rest,) = compare_to_truth(build_minutes_viewed(sessions, faulty, truth), by=()).collect()
    assert abs(rest["error_unflagged"]) < 1e-5
    assert rest["misplaced_unflagged"] < 1e-4
