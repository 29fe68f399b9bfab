"""Which change of one event would make a session legal: what tells a lost event from a wrong, or a misplaced one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from offbeat.packs.tvm.machine import MACHINE, is_meaningful, walk

PUT_IN, LEAVE_OUT, MOVE = "put in", "leave out", "move"
_REACH = 12  # meaningful events that a moved one may jump over
_AFTER: list[list[int]] = MACHINE.after.tolist()
_STATE_AFTER = np.ascontiguousarray(MACHINE.after.T)
_PERMITTED = _STATE_AFTER >= 0


def ways_to_mend(codes: Sequence[int]) -> frozenset[str]:
    """The kinds of change of one meaningful event after which the session keeps the rules.

    Args:
        codes: events in order, see `machine.EVENTS`; ambient ones don't matter.

    Returns:
        Of `put in`, `leave out` and `move` (by at most twelve meaningful events) those that can; empty where none
        can. What a legal session could bear besides is of no interest: it gives the empty set as well.
    """
    codes = [code for code in codes if is_meaningful(code)]
    states = walk(codes)  # before each event, up to the first that no rule permits
    if len(states) > len(codes) and MACHINE.may_end[states[-1]]:
        return frozenset()
    legal = _legal_endings(codes)
    found = {
        PUT_IN: any(_can_put_in(state, legal[place]) for place, state in enumerate(states)),
        LEAVE_OUT: any(legal[place + 1][state] for place, state in enumerate(states[: len(codes)])),
        MOVE: _can_move(codes, states, legal),
    }
    return frozenset(way for way, can in found.items() if can)


def _legal_endings(codes: Sequence[int]) -> list[bytes]:
    """For each place, the end included: from which states the rest of the session is legal (1) or not (0)."""
    legal = MACHINE.may_end
    rows = [legal.tobytes()]
    for code in reversed(codes):
        legal = _PERMITTED[code] & legal[_STATE_AFTER[code]]
        rows.append(legal.tobytes())
    return rows[::-1]


def _can_put_in(state: int, legal: bytes) -> bool:
    return any(after >= 0 and legal[after] for after in _AFTER[state])


def _can_move(codes: Sequence[int], states: Sequence[int], legal: list[bytes]) -> bool:
    """Whether an event may go elsewhere: a change has to begin no later than where the rules break."""
    for place, state in enumerate(states):
        if place < len(codes) and _fits_later(codes, place, state, legal):
            return True
        for origin in range(place + 1, min(len(codes), place + _REACH + 1)):
            if _ends_well(_AFTER[state][codes[origin]], codes[place:origin], legal[origin + 1]):
                return True
    return False


def _fits_later(codes: Sequence[int], place: int, state: int, legal: list[bytes]) -> bool:
    """Whether the event at `place` may come up to `_REACH` events later instead."""
    for later in range(place + 1, min(len(codes), place + _REACH + 1)):
        state = _AFTER[state][codes[later]]
        if state < 0:
            return False
        after = _AFTER[state][codes[place]]
        if after >= 0 and legal[later + 1][after]:
            return True
    return False


def _ends_well(state: int, codes: Sequence[int], legal: bytes) -> bool:
    for code in codes:
        if state < 0:
            return False
        state = _AFTER[state][code]
    return state >= 0 and bool(legal[state])
