from __future__ import annotations

from datetime import datetime, timedelta, timezone

from offbeat.reports.data_anomalies import Anomaly, OddEvent
from offbeat.reports.strips import Quiet, difference_strip, odd_positions, sequence_strip

START = datetime(2026, 5, 1, tzinfo=timezone.utc)


def session(events: str, positions: tuple[int, ...] = (), **more) -> Anomaly:
    return Anomaly("s", "e", 9.0, "wrong_order", tuple(events), positions=positions, **more)


def said(chips) -> str:
    """plain a, odd A!, missing +a, extra -a, hidden ~n."""
    marks = {"plain": "{}", "odd": "{}!", "missing": "+{}", "extra": "-{}"}
    return " ".join(f"~{c.hidden}" if isinstance(c, Quiet) else marks[c.state].format(c.event) for c in chips)


def test_quiet_stretches_are_folded_around_the_odd_event():
    assert (
        said(sequence_strip(session("abcdefghijklmnopqrstuvwxyz", (12,)))) == "a b ~7 j k l m! n o p ~8 y z"
    )


def test_a_single_hidden_event_is_shown_instead():
    assert said(sequence_strip(session("abcdefgh", (5,)))) == "a b c d e f! g h"
    assert said(sequence_strip(session("abcdefghi", (6,)))) == "a b c d e f g! h i"
    assert said(sequence_strip(session("abcdefghij", (7,)))) == "a b ~2 e f g h! i j"


def test_end_of_session_can_be_odd():
    assert said(sequence_strip(session("abc", (3,)))) == "a b c <end>!"


def test_places_that_are_not_there_are_left_out():
    assert said(sequence_strip(session("abc", (-1, 7)))) == "a b c"


def test_empty_session_has_an_empty_strip():
    assert sequence_strip(session("")) == []


def test_a_session_of_a_hundred_thousand_odd_events_stays_short():
    chips = sequence_strip(session("ab" * 50_000, tuple(range(100_000))))
    assert len(chips) < 50


def test_strangest_event_comes_first():
    actual = (OddEvent(9, "j", 0.1, 2, 2.3), OddEvent(2, "c", 0.2, 2, 1.6))
    assert odd_positions(session("abcdefghijk", (2, 5, 9), actual=actual)) == [9, 2, 5]


def test_time_since_the_event_before_is_said():
    times = (START, START + timedelta(milliseconds=400), None, START + timedelta(hours=1))
    chips = sequence_strip(session("abcd", (1,), times=times))
    assert [chip.after for chip in chips] == ["", "+400\u00a0ms", "", ""]


def test_difference_shows_what_is_missing_and_what_is_extra():
    assert said(difference_strip("abcdefghi", "abcxefghi")) == "a b c -d +x e f ~3"
    assert said(difference_strip("abde", "abcde")) == "a b +c d e"
    assert said(difference_strip("abccd", "abcd")) in ("a b -c c d", "a b c -c d")


def test_same_sequence_has_no_difference_and_long_ones_are_not_compared():
    assert difference_strip("abc", "abc") == []
    assert difference_strip("a" * 401, "abc") is None
