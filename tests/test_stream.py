"""The loop of `offbeat stream`, with steps that only count."""

from __future__ import annotations

import logging
import os
import signal
from threading import Event

import pytest

from offbeat.errors import InputRefused
from offbeat.stream import run, until_signalled


class Steps:
    """What a stream calls; `came` says what each look at the sources gives, and then the stream is stopped."""

    def __init__(self, *came, names=("sessionize", "score")):
        self.came, self.names, self.done, self.stop = list(came), names, [], Event()

    def ingest(self, _run_date, arrivals):
        rows = self.came.pop(0)
        if not self.came:
            self.stop.set()
        if isinstance(rows, Exception):
            raise rows
        self.done.append("ingest")
        arrivals += [1_700_000_000_000] * bool(rows)
        return {"rows_in": rows, "events": rows, "duplicates": 0, "quarantined": 0, "files_taken": 1}

    def follow(self):
        return {name: lambda name=name: self._do(name) for name in self.names}

    def _do(self, name):
        self.done.append(name)
        return {"sessionize": {"events": 99, "sessions_new": 1}, "score": {"sessions": 1, "flagged": 0}}[name]

    def run(self):
        return run(ingest=self.ingest, follow=self.follow, stop=self.stop, every_s=0)


def test_the_first_round_makes_up_for_what_was_left_and_idle_looks_do_nothing(caplog):
    caplog.set_level(logging.INFO, "offbeat.stream")
    steps = Steps(0, 0, 5, 0, 0)
    totals = steps.run()
    assert steps.done == [
        "ingest",
        "sessionize",
        "score",
        "ingest",
        "ingest",
        "sessionize",
        "score",
        "ingest",
        "ingest",
    ]
    assert (totals["rounds"], totals["rows_in"], totals["events"], totals["sessions"]) == (2, 5, 5, 2)
    told = [record.message for record in caplog.records if "round" in record.message]
    assert "round 1: rows in 0" in told[0]
    assert told[0].endswith("lag none")
    assert "round 2: rows in 5, events 5" in told[1]
    assert float(told[1].rpartition("lag ")[2].removesuffix(" s")) > 1e6


def test_a_wish_to_stop_lets_the_step_at_work_finish_and_no_other_begin():
    steps = Steps(5)
    assert steps.run()["rounds"] == 1
    assert steps.done == ["ingest"]


def test_a_source_that_is_refused_ends_the_stream():
    with pytest.raises(InputRefused, match="no column"):
        Steps(InputRefused("source x: no column e"), 3).run()


def test_scoring_begins_when_there_is_a_model(caplog):
    steps = Steps(5, 0, 0, names=["sessionize"])
    do = steps._do
    steps._do = lambda name: (steps.names.append("score") if "score" not in steps.names else None, do(name))[
        1
    ]
    steps.run()
    assert steps.done == ["ingest", "sessionize", "ingest", "sessionize", "score", "ingest"]
    assert "there is no model yet" in caplog.text


def test_signals_set_the_event_and_are_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with until_signalled() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(5)
    assert signal.getsignal(signal.SIGTERM) is before
