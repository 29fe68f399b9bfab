"""The page of exploration: figures from tables, written by hand beside them, and what the page makes of them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from offbeat.reports.charts_seen import flow
from offbeat.reports.data import Head
from offbeat.reports.data_exploration import ExplorationPageData, Missing
from offbeat.reports.exploration import frequency_chart, render_exploration_page
from offbeat.reports.gather_events import gather_events, gather_intake, step_of
from offbeat.reports.gather_gaps import gather_gap_classes
from offbeat.reports.gather_sessions import END, OTHER, START, gather_activity, gather_sessions
from offbeat.tables.contract import EVENTS, INGESTED, QUARANTINE, SESSIONS
from tests.reports.example_exploration import exploration_page_data

AT = datetime(2026, 5, 1, 23, tzinfo=timezone.utc)  # a Friday


def event(number: int, entity: str, name: str, at: datetime | None, covariates: dict | None = None, **more):
    row = {
        "event_id": str(number), "entity": entity, "event_time": at, "position": None, "event": name, "label": None,
        "covariates": covariates, "role": "both", "source_file": "f", "ingest_batch": "b",
    } | more  # fmt: skip
    return tuple(row[column] for column in EVENTS.column_names)


@pytest.fixture(scope="module")
def events(spark):
    rows = [event(i, "a", "x", AT + timedelta(hours=i), {"v": f"{i}.5", "p": "tv"}) for i in range(30)]
    rows += [event(30, "b", "y", AT, {"p": "web", "v": "7"}), event(31, "b", " ", None, {"p": ""}, label=1)]
    rows.append(event(32, "c", "y", AT + timedelta(hours=3)))
    return spark.createDataFrame(rows, EVENTS.schema)


def session(name: str, entity: str, gaps: list[float], events: list[str], **more):
    times = list(np.cumsum([0.0, *gaps]))
    stamps = [AT + timedelta(seconds=float(t)) for t in times]
    row = {
        "session_id": name, "entity": entity, "start": stamps[0], "end": stamps[-1], "n_events": len(events),
        "events": events, "times": stamps, "event_ids": events, "covariates": None, "label": None, "role": "both",
        "continues": False, "state": "closed",
    } | more  # fmt: skip
    return tuple(row[column] for column in SESSIONS.column_names)


@pytest.fixture(scope="module")
def sessions(spark):
    rows = [
        session("1", "a", [1, 0, 100], ["in", "x", "x", "out"], label=0),
        session("2", "a", [1], ["in", "rare"], state="open", label=1),
        session("3", "b", [], ["x"], continues=True),
    ]
    return spark.createDataFrame(rows, SESSIONS.schema)


@pytest.mark.spark
def test_events_in_figures(events):
    seen = gather_events(events)
    assert (seen.rows, seen.entities, seen.distinct) == (33, 3, 3)
    assert (seen.first, seen.last, seen.step) == (AT, AT + timedelta(hours=29), "hour")
    assert [row["events"] for row in seen.volume] == [2, 1, 1, 2, *[1] * 26]
    assert sum(row["events"] for row in seen.hours) == 32
    assert next(r for r in seen.hours if (r["weekday"], r["hour"]) == (4, 23))["events"] == 2
    assert [(row["event"], row["events"]) for row in seen.frequencies] == [("x", 30), ("y", 2), (" ", 1)]
    missing = {one.column: one.missing for one in seen.missing}
    assert missing == {
        "event": 1, "event_time": 1, "position": 33, "label": 32, "source_file": 0, "p": 2, "v": 2,
    }  # fmt: skip
    p, v = seen.covariates
    assert (p.name, p.values, p.distinct, p.top, p.numbers) == ("p", 31, 2, (("tv", 30), ("web", 1)), None)
    assert (v.name, v.values, v.distinct, v.top) == ("v", 31, 31, ())
    assert v.numbers is not None
    assert (v.numbers["low"], v.numbers["0.5"], v.numbers["high"]) == (0.5, 14.5, 29.5)


@pytest.mark.spark
def test_sessions_in_figures(sessions):
    seen = gather_sessions(sessions, ["x", "in", "out"])
    assert (seen.rows, seen.events, seen.labelled, seen.abnormal, seen.at_once) == (3, 7, 2, 1, 1)
    assert seen.states == ({"state": "closed", "sessions": 2}, {"state": "open", "sessions": 1})
    found = {(row["before"], row["after"]): row["n"] for row in seen.transitions}
    assert found == {
        (START, "in"): 2, ("in", "x"): 1, ("x", "x"): 1, ("x", "out"): 1, ("out", END): 1, ("in", OTHER): 1,
        ("x", END): 1,  # the session that continues has no start
    }  # fmt: skip
    assert seen.firsts == ({"event": "in", "sessions": 2},)
    assert seen.lasts == ({"event": "out", "sessions": 1}, {"event": "x", "sessions": 1})
    assert {(r["step"], r["before"], r["after"]): r["n"] for r in seen.flows} == {
        (0, "in", "x"): 1, (0, "in", "rare"): 1, (1, "x", "x"): 1, (2, "x", "out"): 1, (3, "out", END): 1,
    }  # fmt: skip
    assert [bar["n"] for bar in seen.lengths] == [1, 1, 0, 1]  # 1, 2, none of 3, 4
    gaps = [(bar["low"], bar["n"]) for bar in seen.gaps if bar["n"]]
    assert gaps == [(0.0, 1), (pytest.approx(1.0), 2), (pytest.approx(100.0), 1)]
    length, whole = seen.quantities
    assert (length.levels[0.0], length.levels[0.5], length.levels[1.0]) == (1, 2, 4)
    assert length.center == pytest.approx(np.log([2, 3, 5]).mean())
    assert length.deviation == pytest.approx(np.log([2, 3, 5]).std())
    assert whole.levels[1.0] == 101
    assert sum(bar["n"] for bar in length.before) == sum(bar["n"] for bar in whole.after) == 3


@pytest.mark.spark
def test_gaps_as_networks_take_them(sessions):
    # Gaps of 0, 1, 1 and 100 s: of sixteen classes, three are left that differ.
    found = gather_gap_classes(sessions)
    assert [(one["low"], one["high"], one["n"]) for one in found] == [
        (None, 0.0, 1), (0.0, 1.0, 2), (1.0, 100.0, 1), (100.0, None, 0),
    ]  # fmt: skip
    assert gather_gap_classes(sessions.limit(0)) == ()


@pytest.mark.spark
def test_entities_and_what_ingest_refused(spark, events, sessions):
    seen = gather_activity(None, sessions)
    assert seen is not None
    assert (seen.entities, [row["entity"] for row in seen.top]) == (2, ["a", "b"])
    assert (seen.top[0]["events"], seen.top[0]["sessions"], seen.top[0]["first"]) == (6, 2, AT)
    of_events = gather_activity(events, None)
    assert of_events is not None
    assert [(row["entity"], row["events"], row["sessions"]) for row in of_events.top] == [
        ("a", 30, 0), ("b", 2, 0), ("c", 1, 0),
    ]  # fmt: skip
    assert gather_activity(None, None) is None
    refused = [
        ("h1", "f", "raw", None, None, ["bad_time", "null_event"], 3, "s", "b", AT),
        ("h2", "g", "raw", None, None, ["bad_time"], 1, "s", "b", AT),
    ]
    taken = [
        (f"c{i}", f"file{i}", "s", None, None, None, "b", state, 10, 7, 2 * i, 1, AT)
        for i, state in enumerate(("done", "done", "planned"))
    ]
    intake = gather_intake(
        spark.createDataFrame(taken, INGESTED.schema), spark.createDataFrame(refused, QUARANTINE.schema)
    )
    assert intake is not None
    assert (intake.rows_in, intake.duplicates, intake.quarantined, intake.n_files) == (20, 2, 4, 2)
    assert intake.reasons == (
        {"reason": "bad_time", "rows": 4, "sources": 2},
        {"reason": "null_event", "rows": 3, "sources": 1},
    )
    assert gather_intake(None, None) is None


@pytest.mark.spark
def test_a_log_without_times_or_rows(spark, events, sessions):
    seen = gather_events(
        events.selectExpr(*[c for c in events.columns if c != "event_time"], "null AS event_time")
    )
    assert (seen.first, seen.volume, seen.hours) == (None, (), ())
    assert gather_events(events.limit(0)).rows == 0
    assert gather_sessions(sessions.limit(0), []).rows == 0
    timeless = sessions.selectExpr(
        *[c for c in sessions.columns if c not in ("start", "end", "times")],
        "CAST(null AS timestamp) AS start", "CAST(null AS timestamp) AS end",
        "transform(times, t -> CAST(null AS timestamp)) AS times",
    )  # fmt: skip
    found = gather_sessions(timeless, ["x"])
    assert (found.gaps, [one.name for one in found.quantities]) == ((), ["events per session"])
    assert sum(row["n"] for row in found.transitions) == 8


def test_the_step_of_a_line_grows_with_the_time():
    steps = [step_of(AT, AT + timedelta(**span)) for span in (
        {"minutes": 400}, {"minutes": 401}, {"days": 16}, {"days": 17}, {"days": 401}, {"days": 3000}, {"days": 20000},
    )]  # fmt: skip
    assert steps == ["minute", "hour", "hour", "day", "week", "month", "year"]


def test_the_page_shows_what_there_is_and_says_what_there_is_not():
    page = render_exploration_page(exploration_page_data())
    for name in (
        "volume-chart", "hours", "frequency-chart", "covariate-platform", "length-chart", "gap-chart",
        "transition-map", "flow", "first-events", "last-events", "entity-chart", "before-events-per-session",
        "after-time-of-a-session", "before-gaps", "after-gaps",
    ):  # fmt: skip
        assert f'id="{name}"' in page
    for name in (
        "missing-values",
        "quantities",
        "reasons",
        "taken",
        "encoded-events",
        "scaled",
        "entities",
        "gap-classes",
    ):
        assert f'data-name="{name}"' in page
    assert "The 10 busiest (3.23\u00a0%) have 91.7\u00a0% of the events." in page
    assert "about 90,000" in page
    assert "lengths and times of sessions go into the isolation forest and Mahalanobis alone" in page
    bare = render_exploration_page(ExplorationPageData(Head("bare")))
    for said in ("offbeat ingest", "offbeat sessionize", "Neither the table ingested nor quarantine"):
        assert said in bare
    assert "<svg" not in bare.split("<main")[1].split("</main")[0]


def test_events_with_names_of_thousands_of_letters_leave_the_page_small():
    names = tuple(f"{'long ' * 400}{i}" for i in range(14))
    page = render_exploration_page(exploration_page_data(names))
    assert len(page.encode()) < 1_500_000
    assert names[0] not in page
    # What is clipped stays apart: each of the fourteen has a bar of its own.
    chart = frequency_chart(exploration_page_data(names).events)
    bars = [row["y"] for row in chart.spec["data"]["values"]]
    assert len(set(bars)) == 14
    assert max(map(len, bars)) == 160


def test_a_flow_keeps_every_session_and_puts_rare_events_together():
    rows = [
        {"step": 0, "before": "a", "after": "b", "n": 60},
        {"step": 0, "before": "a", "after": "c", "n": 39},
        {"step": 0, "before": "z", "after": "c", "n": 1},
        {"step": 1, "before": "c", "after": "b", "n": 40},
    ]
    chart = flow(rows, order=["a", "b", "c"], rest="other", title="sessions")
    boxes = {(round(box["x"] + 0.045), box["name"]): box for box in chart.spec["layer"][1]["data"]["values"]}
    assert {key: box["n"] for key, box in boxes.items()} == {
        (0, "a"): 99, (0, "other"): 1, (1, "b"): 60, (1, "c"): 40, (2, "b"): 40,
    }  # fmt: skip
    heights = {key: box["y2"] - box["y"] for key, box in boxes.items()}
    assert heights[1, "b"] == pytest.approx(1.5 * heights[1, "c"])
    ways = {
        (point["before"], point["after"], point["n"]) for point in chart.spec["layer"][0]["data"]["values"]
    }
    assert ways == {("a", "b", 60), ("a", "c", 39), ("c", "b", 40), ("other", "c", 1)}
    assert max(box["y2"] for box in boxes.values()) <= 1.0001


def test_missing_shares():
    assert Missing("a", 1, 4).share == 0.25
    assert Missing("a", 0, 0).share is None
