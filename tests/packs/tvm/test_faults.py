"""A planted fault breaks the rules, where it says, and looks like a session in all else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from offbeat.packs.tvm import faults
from offbeat.packs.tvm.faults import Session, plan
from offbeat.packs.tvm.machine import MACHINE, codes_of, first_break, is_meaningful, looks_legal
from offbeat.packs.tvm.mending import LEAVE_OUT, MOVE, PUT_IN, ways_to_mend
from offbeat.packs.tvm.settings import FAULT_KINDS
from tests.packs.tvm.test_simulate import parts, sessions

SHORT = codes_of(
    [
        "app_launch",
        "session_start",
        "content_load_clip",
        "content_play",
        "content_stop",
        "session_end",
        "app_close",
    ]
)


def session_of(seed: int) -> Session:
    _, viewings, _ = sessions(seed, 1, 0.3)
    part = parts(viewings)[0]
    return Session(viewings.code[part].tolist(), (viewings.at_s[part] * 1e6).astype(int).tolist())


def moved(kind: str) -> bool:
    return kind in {"swap", "delay"}


def applied(session, fault) -> tuple[list[int], list[int]]:
    """Codes and times as they are logged, from the fault's edits alone."""
    rows = [
        (fault.moved.get(place, time), code)
        for place, (time, code) in enumerate(zip(session.times, session.codes, strict=True))
        if place != fault.lost
    ]
    if fault.added is not None:
        rows.append((fault.added[2], fault.added[1]))
    rows.sort()
    return [code for _, code in rows], [time for time, _ in rows]


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(FAULT_KINDS), seed=st.integers(0, 2**32), hidden=st.booleans())
def test_fault_breaks_the_rules_where_it_says(kind, seed, hidden):
    session = session_of(seed)
    fault = plan(kind, session, np.random.default_rng(seed), hidden=hidden)
    assume(fault is not None)
    codes, times = applied(session, fault)
    assert codes == fault.codes
    broken = first_break(codes)
    assert broken is not None
    assert len(set(times)) == len(times)
    assert session.times[0] <= times[0]
    assert times[-1] <= session.times[-1] + 20e6
    assert len(codes) - len(session.codes) == {"drop": -1, "repeat": 1, "insert": 1}.get(kind, 0)
    if kind == "delay":
        assert broken <= fault.blamed
    elif kind == "drop":
        assert broken in {fault.blamed, len(codes)}
    else:
        assert broken == fault.blamed
    ways = ways_to_mend(codes)
    assert ways - {LEAVE_OUT} == {PUT_IN} if kind == "drop" else ways == {MOVE if moved(kind) else LEAVE_OUT}


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(FAULT_KINDS), seed=st.integers(0, 2**32))
def test_fault_is_what_its_kind_says(kind, seed):
    session = session_of(seed)
    fault = plan(kind, session, np.random.default_rng(seed))
    assume(fault is not None)
    if kind == "swap":
        (a, at_a), (b, at_b) = fault.moved.items()
        assert (at_a, at_b) == (session.times[b], session.times[a])
        assert not any(is_meaningful(code) for code in session.codes[min(a, b) + 1 : max(a, b)])
        assert fault.blamed in {a, b}
    elif kind == "drop":
        assert is_meaningful(session.codes[fault.lost])
    elif kind == "repeat":
        after, code, _ = fault.added
        assert code in session.codes[max(0, after - 5) : after + 1]
        assert is_meaningful(code)
    elif kind == "insert":
        after, code, _ = fault.added
        assert code not in session.codes[max(0, after - 4) : after + 6]
        assert is_meaningful(code)
    else:
        ((place, time),) = fault.moved.items()
        assert 0 < time - session.times[place] <= 15 * 60 * 1e6
        assert time < session.times[-1]
        assert fault.codes[fault.blamed] == session.codes[place]


def test_hidden_faults_are_those_that_neighbours_do_not_betray():
    rng = np.random.default_rng(0)
    found = {False: 0, True: 0}
    for seed in range(60):
        for hidden in found:
            fault = plan("swap", session_of(seed), rng, hidden=hidden)
            found[hidden] += fault is not None and looks_legal(fault.codes)
    assert found[True] > 2 * found[False]


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_tiny_sessions_are_left_alone_or_broken(kind):
    rng = np.random.default_rng(0)
    for codes in (SHORT, SHORT[:2], SHORT[:1]):
        session = Session(codes, list(range(0, 1_000_000 * len(codes), 1_000_000)))
        fault = plan(kind, session, rng)
        assert fault is None or first_break(fault.codes) is not None


def test_all_kinds_of_events_go_wrong():
    rng = np.random.default_rng(0)
    lost = set()
    for seed in range(400):
        session = session_of(seed)
        fault = plan("drop", session, rng)
        if fault is not None:
            lost.add(session.codes[fault.lost])
    assert len(lost) > len(MACHINE.events) / 2


def test_of_equal_events_in_a_row_any_may_be_pointed_at():
    film = codes_of(
        ["app_launch", "session_start", "content_load_film", "content_play", "heartbeat", "heartbeat"]
    )
    assert faults._row(film, 4) == faults._row(film, 5) == [4, 5]
    assert faults._row(film, 3) == [3]
    quiet = codes_of(["content_play", "heartbeat", "volume_change", "heartbeat", "pause"])
    assert faults._row(quiet, 3) == [1, 3]
    beat, play = codes_of(["heartbeat", "content_play"])
    assert faults._lacking(film, 6, beat) == (4, 5)  # one beat more, before or after those that are there
    assert faults._lacking(quiet, 2, beat) == (1, 2, 3, 4)
    assert faults._lacking(quiet, 1, play) == (0, 1)
    assert faults._lacking(quiet, 4, codes_of(["resume"])[0]) == (4,)


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(FAULT_KINDS), seed=st.integers(0, 2**32))
def test_what_is_blamed_may_be_pointed_at_and_most_else_may_not(kind, seed):
    fault = plan(kind, session_of(seed), np.random.default_rng(seed))
    assume(fault is not None)
    assert fault.blamed in fault.touched
    assert all(0 <= place < len(fault.codes) for place in fault.touched)
    assert len(set(fault.touched)) <= 16
