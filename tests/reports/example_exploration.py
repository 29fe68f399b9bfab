"""Data of the page of exploration, the same on every call; also with hostile names in it."""

from __future__ import annotations

from datetime import timedelta

from offbeat.reports.data_exploration import (
    Activity,
    Covariate,
    Encoded,
    EventsSeen,
    ExplorationPageData,
    Intake,
    Missing,
    Quantity,
    SessionsSeen,
)
from tests.reports.example import HEAD, HOSTILE, START

EVENTS = ("heartbeat", "content_start", "pause", "resume", "session_end")


def exploration_page_data(events: tuple[str, ...] = EVENTS) -> ExplorationPageData:
    """A full page."""
    frequencies = tuple({"event": event, "events": 5000 - 700 * i} for i, event in enumerate(events))
    seen = EventsSeen(
        rows=24000,
        entities=310,
        distinct=len(events),
        first=START,
        last=START + timedelta(days=9, hours=5),
        step="day",
        volume=tuple({"time": START + timedelta(days=d), "events": 2000 + 100 * d} for d in range(10)),
        hours=tuple(
            {"weekday": day, "hour": hour, "events": 10 * hour + day} for hour in range(24) for day in range(7)
        ),
        frequencies=frequencies,
        missing=(Missing("event_time", 0, 24000), Missing("title", 1200, 24000)),
        covariates=(
            Covariate("platform", 24000, 3, top=(("tv", 14000), ("phone", 8000), (events[0], 2000))),
            Covariate("device", 23000, 90_000, estimated=True),
            Covariate("bitrate", 22000, 400, numbers={
                "low": 120.0, "0.01": 150.0, "0.25": 800.0, "0.5": 1500.0, "0.75": 3200.0, "0.99": 7800.0,
                "high": 9000.0, "mean": 1900.0, "deviation": 1400.0, "numbers": 22000.0,
            }),
        ),
    )  # fmt: skip
    ends = ("<start>", *events, "<end>")
    sessions = SessionsSeen(
        rows=800,
        events=24000,
        states=({"state": "closed", "sessions": 790}, {"state": "open", "sessions": 10}),
        labelled=800,
        abnormal=20,
        quantities=(_quantity("events per session", ""), _quantity("time of a session", "s")),
        lengths=tuple({"low": 10 ** (i / 5), "high": 10 ** ((i + 1) / 5), "n": 40 * i} for i in range(8)),
        gaps=(
            {"low": 0.0, "high": 1e-3, "n": 7},
            *({"low": 10.0**i, "high": 10.0 ** (i + 1), "n": 90} for i in range(4)),
        ),
        gap_classes=(
            {"low": None, "high": 1.0, "n": 200},
            {"low": 1.0, "high": 90.0, "n": 80},
            {"low": 90.0, "high": None, "n": 87},
        ),
        transitions=tuple(
            {"before": before, "after": after, "n": 50 + 3 * i + j}
            for i, before in enumerate(ends[:-1])
            for j, after in enumerate(ends[1:])
        ),
        flows=tuple(
            {"step": step, "before": before, "after": after, "n": 100}
            for step in range(3)
            for before in events[:3]
            for after in events[1:4]
            if step == 0 or before in events[1:4]
        ),
        firsts=({"event": events[0], "sessions": 700}, {"event": events[1], "sessions": 100}),
        lasts=({"event": events[-1], "sessions": 790},),
        at_once=12,
    )  # fmt: skip
    return ExplorationPageData(
        head=HEAD,
        events=seen,
        sessions=sessions,
        activity=Activity(
            310,
            (
                {"low": 1.0, "high": 10.0, "n": 300, "events": 2000},
                {"low": 10.0, "high": 100.0, "n": 10, "events": 22000},
            ),
            ({"entity": events[1], "events": 9000, "sessions": 200, "first": START, "last": START},),
        ),
        intake=Intake(
            24100, 60, 40,
            ({"reason": "bad_time", "rows": 30, "sources": 2}, {"reason": "null_event", "rows": 12, "sources": 1}),
            ({"file": f"log/{events[0]}", "rows_in": 24100, "events": 24000, "duplicates": 60, "quarantined": 40},), 1,
        ),
        encoded=Encoded("gru-1", 9, tuple({**row, "number": 4 + i} for i, row in enumerate(frequencies)), 0.002),
    )  # fmt: skip


def hostile_exploration_data() -> ExplorationPageData:
    """The page of a log whose events are named so as to break out of it."""
    return exploration_page_data(HOSTILE[:5])


def _quantity(name: str, unit: str) -> Quantity:
    bars = tuple({"low": float(i), "high": i + 1.0, "n": 10 * i} for i in range(6))
    return Quantity(
        name, unit, {0.0: 1.0, 0.01: 1.0, 0.25: 8.0, 0.5: 20.0, 0.75: 40.0, 0.99: 90.0, 1.0: 120.0}, 30.0, 3.1, 0.8,
        bars, bars,
    )  # fmt: skip
