"""The driver is killed (SIGKILL) between two commits of sessionize; the next run makes up for it, and no more."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sessions.logs import Log, S, event
from tests.system.sessionize_and_die import POINTS

pytestmark = [pytest.mark.spark, pytest.mark.system]

ROOT = Path(__file__).parents[2]
LIMIT_S = 280


def run_and_die(log: Log, point: str) -> None:
    command = [sys.executable, "-m", "tests.system.sessionize_and_die", log.lake.location, point]
    done = subprocess.run(command, cwd=ROOT, timeout=LIMIT_S, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.timeout(3 * LIMIT_S)
def test_killed_at_each_point_the_sessions_are_those_of_an_undisturbed_run(spark, tmp_path):
    load, before_merge, after_merge = POINTS
    log = Log(spark, tmp_path / "lake")
    log.add(event("1", "a", 0), event("2", "a", 15 * S), event("3", "b", 0))
    run_and_die(log, load)
    assert log.run()[:2] == (3, 3)
    log.add(event("4", "a", 8 * S), event("5", "c", 20 * S))
    run_and_die(log, before_merge)
    run_and_die(log, after_merge)
    merged = log.version
    # a goes from 0 to 15 s by way of 8 s, c is at 20 s, which is the clock: both are open
    assert log.run()[1:] == (0, 0, 0, 2)  # log.run holds the sessions against the oracle
    assert log.version == merged
