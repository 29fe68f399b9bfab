"""`offbeat stream`: ingest, sessionize and score what comes, round by round, until it is asked to stop.

A round is what `ingest`, `sessionize` and `score` do, with the same ledger and checkpoints: batch and stream can take
turns on a lake, and a stream that was killed goes on where it was.
"""

from __future__ import annotations

import datetime as dt
import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType
from typing import Any

log = logging.getLogger(__name__)

Summary = dict[str, Any]
Steps = dict[str, Callable[[], Summary]]
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SHOWN = ("rows_in", "events", "duplicates", "quarantined", "sessions", "flagged")
_TOTALS = ("files_taken", *_SHOWN, "sessions_new", "sessions_changed", "sessions_deleted")


@contextmanager
def until_signalled() -> Iterator[Event]:
    """An event that SIGTERM and SIGINT set, in place of what they do otherwise."""
    stop = Event()

    def ask(number: int, _frame: FrameType | None) -> None:
        log.info("stream: %s: stopping when the step at work is done", signal.Signals(number).name)
        stop.set()

    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(
    *,
    ingest: Callable[[dt.datetime, list[int]], Summary],
    follow: Callable[[], Steps],
    stop: Event,
    every_s: float,
    run_date: dt.datetime | None = None,
    told: Callable[[Summary], None] = lambda _found: None,
) -> Summary:
    """Go round until `stop` is set; a step that has begun is finished.

    Args:
        ingest: takes what is new, nothing where nothing is there yet, for a run date; adds to the list when that had
            come, milliseconds since 1970.
        follow: the steps that can follow now, by name; the first round does them whatever has come.
        every_s: from the beginning of a round to that of the next, at least.
        run_date: what future times are judged against; the clock where not given.
        told: gets the counts of each round.

    Returns:
        rounds, and the sums of the steps' counts.
    """
    totals: Summary = {"rounds": 0} | dict.fromkeys(_TOTALS, 0)
    is_behind, done = True, 0  # a run before this one may have left something undone
    while not stop.is_set():
        began = time.monotonic()
        arrivals: list[int] = []
        found = ingest(run_date or dt.datetime.now(dt.timezone.utc), arrivals)
        steps = follow()
        if is_behind or found.get("rows_in") or len(steps) > done:
            is_behind, done = not _follow(steps, found, stop), len(steps)
            totals["rounds"] += 1
            for name in _TOTALS:
                totals[name] += found.get(name, 0)
            _tell(totals["rounds"], found, arrivals, time.monotonic() - began)
            told(found)
            if steps and "score" not in steps:
                log.warning("stream: not scored: there is no model yet; `offbeat train` makes one")
        stop.wait(max(0.0, every_s - (time.monotonic() - began)))
    log.info("stream: stopped; the same command goes on from here")
    return totals


def _follow(steps: Steps, found: Summary, stop: Event) -> bool:
    """Do the steps that follow, adding their counts; False where a wish to stop came in between."""
    for step in steps.values():
        if stop.is_set():
            return False
        events = found.get("events", 0)
        found |= step()
        found["events"] = events  # of ingest, not of sessionize
    return True


def _tell(number: int, found: Summary, arrivals: list[int], seconds: float) -> None:
    counts = ", ".join(
        f"{name.replace('_', ' ')} {found[name]:,}" for name in _SHOWN if found.get(name) is not None
    )
    lag = f"{time.time() - min(arrivals) / 1000:.1f} s" if arrivals else "none"
    log.info("stream: round %d: %s; %.1f s, lag %s", number, counts or "nothing new", seconds, lag)
