"""A small lake by hand, for queries: five sessions of two days, two models, one made again and one gone."""

from __future__ import annotations

import datetime as dt

from offbeat.tables import TABLES, Lake

UTC = dt.timezone.utc


def at(day: int, hour: int = 12, minute: int = 0) -> dt.datetime:
    """An instant of January 2026; day 0 is the last of December."""
    return dt.datetime(2026, 1, 1, hour, minute, tzinfo=UTC) + dt.timedelta(days=day - 1)


def make_asked_lake(spark, folder) -> Lake:
    """Write the lake; what the queries find in it stands in the test, written by hand."""
    lake = Lake(spark, str(folder))
    for name, rows in (
        ("events", _events()),
        ("sessions", [*_sessions(), _session("gone", "eve", 2, {"platform": "tv"}, "z1")]),
        ("session_scores", _scores()),
        ("anomalies", [*_anomalies(), _anomaly("gone", "m1", "eve", 2, 9.5, ["z1"], [0])]),
        ("runs", _runs()),
        ("minutes_viewed", _minutes()),
    ):
        lake.append(TABLES[name], spark.createDataFrame(rows, TABLES[name].schema))
    _late_events(lake)
    return lake


def _late_events(lake: Lake) -> None:
    """s1 gets an event more, s4 closes, the session `gone` goes and takes its anomaly along."""
    changed = [
        _session("s1", "ann", 1, {"platform": "tv", "app_version": "1.0"}, "a1", "a2", "a3"),
        _session("s4", "dan", 2, {"platform": "phone", "app_version": "2.0"}, "d1"),
    ]
    sessions = TABLES["sessions"]
    rows = lake.spark.createDataFrame(changed, sessions.schema)
    ids = lake.spark.createDataFrame([("s1",), ("s4",), ("gone",)], "session_id string")
    lake.replace(sessions, rows, ids, within={})
    lake.delete(TABLES["anomalies"], "session_id = 'gone'")


def _session(session_id, entity, day, covariates, *ids, state="closed"):
    times = [at(day, 12, minute) for minute in range(len(ids))]
    events = [f"event {event_id}" for event_id in ids]
    return (
        session_id,
        entity,
        times[0],
        times[-1],
        len(ids),
        events,
        times,
        list(ids),
        covariates,
        None,
        "both",
        False,
        state,
    )


def _sessions():
    tv, phone = ({"platform": "tv", "app_version": "1.0"}, {"platform": "phone", "app_version": "2.0"})
    return [
        _session("s1", "ann", 1, tv, "a1", "a2"),
        _session("s2", "bob", 2, tv, "b1", "b2"),
        _session("s3", "cat", 2, phone, "c1", "c2", "c3"),
        _session("s4", "dan", 2, phone, "d1", state="open"),
        _session("s5", "fay", 2, None, "f1", "f2"),
    ]


def _score(session_id, model, score, verdict, day):
    return (session_id, model, score, 50.0, verdict, 5.0, 0.0, f"score-{model}", at(day))


def _scores():
    """s5 has no verdict of m1, s9 is no session, s2 is flagged and has no anomaly of m1."""
    first = [("s1", 6.0, "anomalous"), ("s2", 5.5, "anomalous"), ("s3", 8.0, "unknown_event")]
    first += [("s4", 1.0, "open"), ("s9", 0.5, "normal")]
    second = [("s1", 2.0, "normal"), ("s2", 7.0, "anomalous"), ("s3", 9.0, "anomalous")]
    second += [("s4", 1.0, "open"), ("s5", 1.5, "normal")]
    return [_score(who, "m1", *rest, 3) for who, *rest in first] + [
        _score(who, "m2", *rest, 4) for who, *rest in second
    ]


def _anomaly(session_id, model, entity, day, score, ids, positions, *, muted=False):
    times = [at(day, 12, minute) for minute in range(len(ids))]
    events = [f"event {event_id}" for event_id in ids]
    return (
        *(session_id, model, entity, times[0], times[-1], score, 99.0, "anomalous", 5.0, "inserted"),
        *(positions, events, times, [], events, [f"leave {events[positions[0]]} out"], ids),
        *({"platform": "tv"}, "look at the client", muted, f"score-{model}"),
    )


def _anomalies():
    return [
        _anomaly("s1", "m1", "ann", 1, 6.0, ["a1", "a2"], [1]),
        _anomaly("s3", "m1", "cat", 2, 8.0, ["c1", "c2", "c3"], [1]),
        _anomaly("s3", "m2", "cat", 2, 9.0, ["c1", "c2", "c3"], [1]),
        _anomaly("s2", "m2", "bob", 2, 7.0, ["b1", "b2"], [0], muted=True),
    ]


def _run(step, model, day, outcome="done"):
    return {
        "run_id": f"{step}-{model}-{day}",
        "step": step,
        "config_name": "t",
        "config_hash": "h",
        "run_date": at(day),
        "started_at": at(day),
        "seconds": 1.0,
        "outcome": outcome,
        "error": None,
        "model_version": model,
        "versions_read": {},
        "versions_written": {},
        "counts": {},
        "libraries": {},
    }


def _runs():
    """m2 came after m1, then somebody went back to m1; m3 failed."""
    found = [_run("score", "m1", 3), _run("score", "m2", 4), _run("score", "m1", 6)]
    return [*found, _run("train", "m3", 7), _run("score", "m3", 8, "failed")]


def _minutes():
    day = dt.date(2026, 1, 2)
    rows = [("orbit", "tv", 100.0, 25.0), ("orbit", "phone", 100.0, 0.0), ("nova", "tv", 50.0, 0.0)]
    return [
        (day, partner, "title", platform, all_of_it, flagged, all_of_it - flagged, None, None)
        for partner, platform, all_of_it, flagged in rows
    ]


def _events():
    """Three days of four events, then ten: more than twice the usual."""
    known = [(f"x{day}{n}", "who", at(day, n)) for day in (-1, 0, 1) for n in range(3)]
    known += [("a1", "ann", at(1)), ("x-1", "who", at(-1, 5)), ("x0", "who", at(0, 5))]
    known += [(f"c{n + 1}", "cat", at(2, 12, n)) for n in range(3)] + [
        (f"y{n}", "who", at(2, n)) for n in range(7)
    ]
    return [
        (event_id, entity, moment, None, f"event {event_id}", None, None, "both", "a.csv", "b1")
        for event_id, entity, moment in known
    ]
