"""The step on a lake: what is new, late, rewritten, killed or run again, the table is what one full run makes."""

from __future__ import annotations

import pytest

from offbeat.config import Config
from offbeat.errors import OffbeatError, UsageError
from offbeat.sessions.run import Basis, run
from offbeat.tables.contract import EVENTS
from tests.sessions.logs import TODAY, Log, S, event

pytestmark = pytest.mark.spark


@pytest.fixture
def log(spark, tmp_path):
    return Log(spark, tmp_path / "lake")


def test_late_events_join_sessions_which_close_as_the_clock_of_the_log_moves_on(log):
    log.add(event("1", "a", 0), event("2", "a", 15 * S), event("3", "b", 0), event("4", "c", 60 * S))
    assert log.run() == (4, 4, 0, 0, 1)
    loaded = log.version
    assert log.run() == (0, 0, 0, 0, 1)
    assert log.version == loaded
    log.add(event("5", "a", 8 * S), event("6", "b", -S), event("7", "c", 65 * S), event("8", "d", 70 * S))
    # a: 2 joins 1, which has changed; b: begins earlier, under a new id; c: has grown; d is new
    assert log.run() == (4, 2, 2, 2, 2)
    assert log.version == loaded + 1
    log.add(event("9", "e", 75 * S + 1))
    assert log.run() == (1, 1, 1, 0, 2)  # c has closed
    log.add(event("10", "e", -100 * S))
    assert log.run() == (1, 1, 0, 0, 2)  # a late event does not turn the clock back


@pytest.mark.slow
def test_files_rewritten_and_events_deleted_don_t_stop_the_stream(log):
    for i in range(4):
        log.add(event(f"{i}", "a", i * S), event(f"{i}x", "b", 100 * i * S))
        log.run()
    log.lake.spark.sql(f"OPTIMIZE {log.lake.reference(EVENTS)}")
    log.lake.delete(EVENTS, "event_id = '3x'")
    before = log.version
    assert log.run()[:4] == (0, 0, 0, 0)
    assert log.version == before
    log.rows = [row for row in log.rows if row["event_id"] != "3x"]
    log.add(event("5", "b", 301 * S), event("6", "a", 5 * S))
    assert log.run() == (2, 1, 1, 1, 1)  # made again from the events that are there, 3x is gone


@pytest.mark.slow
def test_other_rules_make_all_sessions_again_in_one_commit(log):
    log.add(event("1", "a", 0), event("2", "a", 15 * S))
    assert log.run() == (2, 2, 0, 0, 1)
    log.rules["gap"] = 20
    assert log.run() == (2, 1, 0, 0, 1)
    log.rules["gap"] = 10
    log.add(event("3", "a", 30 * S))
    assert log.run() == (3, 3, 0, 0, 1)
    log.add(event("4", "a", 35 * S))
    assert log.run() == (1, 0, 1, 0, 1)


@pytest.mark.slow
def test_a_backlog_in_several_batches(log):
    log.add(event("0", "a", 0))
    log.run()
    for i in range(1, 4):
        log.add(event(f"{i}", "a", 9 * (4 - i) * S))
    events, new, _, gone, still_open = log.run(files_per_batch=1)
    assert (events, new, gone, still_open) == (3, 2, 2, 1)  # 27 s is new, gone into 18 s, that into 0 s


def test_killed_between_new_rules_and_their_basis_the_old_rules_don_t_go_on(log, monkeypatch):
    log.add(event("1", "a", 0), event("2", "a", 15 * S))
    log.run()
    log.rules["gap"] = 20
    with monkeypatch.context() as patched:
        patched.setattr("offbeat.sessions.run.Basis.write", _killed)
        with pytest.raises(KeyboardInterrupt):
            log.run()
    log.rules["gap"] = 10
    log.add(event("3", "a", 30 * S))
    assert log.run() == (3, 3, 0, 0, 1)


def test_of_two_runs_that_make_all_sessions_one_gives_up(log, monkeypatch):
    log.add(event("1", "a", 0))
    claim = Basis.assert_claimed

    def overtaken(basis, lake):
        monkeypatch.setattr(Basis, "assert_claimed", claim)
        log.add(event("2", "a", S))
        assert log.run() == (2, 1, 0, 0, 1)  # the other run, from beginning to end
        claim(basis, lake)

    monkeypatch.setattr(Basis, "assert_claimed", overtaken)
    with pytest.raises(OffbeatError, match="another run makes all sessions again"):
        log.run()
    assert log.run() == (0, 0, 0, 0, 1)


def test_no_events_yet(spark, tmp_path):
    with pytest.raises(UsageError, match="no table events yet"):
        Log(spark, tmp_path / "lake").run()


def test_no_event_in_the_table(log):
    log.lake.ensure(EVENTS)
    assert run(log.lake, Config(name="t", lake=log.lake.location, source=()), run_date=TODAY)["events"] == 0
    log.add(event("1", "a", 0))
    assert log.run() == (1, 1, 0, 0, 1)


def _killed(*_args, **_kwargs):
    raise KeyboardInterrupt
