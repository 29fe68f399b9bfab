"""Any log, in any order, cut into any batches: the table after all increments is what one full run makes.

One Spark job costs seconds however few rows it has, so each example is many small logs at once, each with entities of
its own; they share the log's clock. Logs are dense in what decides: ties, gaps just met and just missed, late events
that join, split and open, cut runs, ignored events, events without a time.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offbeat.config import Sessions
from offbeat.sessions.build import build_sessions
from offbeat.sessions.incremental import changes_of
from offbeat.tables.contract import EVENTS, SESSIONS
from tests.sessions.logs import Log, clock_of, event, to_rows

pytestmark = [pytest.mark.spark, pytest.mark.slow]

US = 1e-6
LOGS, STEPS = 60, 4
RULES = {
    "plain": {"gap": 10 * US},
    "cut": {
        "gap": 10 * US,
        "max_events": 3,
        "max_duration": 25 * US,
        "order_by": ["event_time", "seq", "position"],
    },
    "ignore": {"gap": 10 * US, "ignore": ["beat"]},
    "ignore and cut": {"gap": 5 * US, "ignore": ["beat", "stop"], "max_events": 2, "max_duration": 12 * US},
    "no gap": {"gap": None, "max_events": 4, "ignore": ["beat"]},
    "gap of nothing": {"gap": 0, "max_events": 2},
}


def make_log(rng: random.Random, name: str) -> list[tuple[int, dict]]:
    """A small log: the step in which each event comes in, and the event."""
    span, late = rng.choice([20, 60, 200]), rng.choice([0.1, 0.5, 1])
    log = []
    for i in range(rng.randint(1, 16)):
        at = rng.choice([None] * (rng.random() < 0.1) + [rng.randint(-span, span), 10 * rng.randint(-3, 3)])
        row = event(
            f"{name}-{rng.randrange(10**6):06}-{i}",
            f"{name}{rng.choice('aab')}",
            at,
            rng.choice(["play", "play", "stop", "beat"]),
            role=rng.choice(["both"] * 9 + ["train"]),
            position=rng.choice([None, None, 1, 2]),
            label=rng.choice([None, None, 0, 1]),
            covariates=rng.choice(
                [None, {}, {"seq": str(rng.randint(1, 12))}, {"p": None, "q": rng.choice("xy")}]
            ),
        )
        in_order = STEPS // 2 if at is None else min(STEPS - 1, (at + span) * STEPS // (2 * span + 1))
        log.append((rng.randrange(STEPS) if rng.random() < late else in_order, row))
    return log


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES.keys())
# The first example is always seed 0; the others are new ones in every run, and a failure prints its seed.
@settings(max_examples=3, deadline=None, derandomize=False)
@given(seed=st.integers(0, 2**32))
def test_increments_equal_one_full_run_and_the_oracle(spark, tmp_path_factory, rules, seed):
    rng = random.Random(seed)  # noqa: S311 - a test's log, not a secret
    events = [step for i in range(LOGS) for step in make_log(rng, f"{i:02}")]
    rng.shuffle(events)
    log = Log(spark, tmp_path_factory.mktemp("lake"), **rules)
    for step in range(STEPS):
        log.add(*[row for at, row in events if at == step])
        if step != 1:  # two commits at once, in batches of their own: the first sees events of the second
            log.run(files_per_batch=1)  # equals the oracle after each step
    assert_one_full_run_equals(log)
    assert_nothing_is_left_to_do(log)


def assert_one_full_run_equals(log: Log) -> None:
    everything = log.lake.read(EVENTS)
    full = build_sessions(everything, Sessions(**log.rules), watermark_us=clock_of(log.rows))
    assert to_rows(full) == log.sessions()


def assert_nothing_is_left_to_do(log: Log) -> None:
    """All events, as if they were new, change nothing."""
    events, sessions = log.lake.read(EVENTS), log.lake.read(SESSIONS)
    conf, clock_us = Sessions(**log.rules), clock_of(log.rows)
    with changes_of(events, events=events, sessions=sessions, conf=conf, watermark_us=clock_us) as changes:
        assert changes.count() == 0
