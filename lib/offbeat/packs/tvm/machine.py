"""The rules of the player worked out into tables: every state, and what may follow in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from offbeat.packs.tvm.rules import AMBIENT, RULES, State


@dataclass(frozen=True)
class Machine:
    """The rules worked out into tables, for walking many sessions at once.

    Attributes:
        states: every state that can be reached; the first is where a session begins.
        events: names of the meaningful events; an event's code is its place here. Ambient codes follow.
        after: int16, [states, events]: the state after the event; -1 where no rule permits it.
        rule: int16, [states, events]: the rule that permits it, a place in `RULES`; -1 where none does.
        may_end, playing: bool, [states].
    """

    states: tuple[State, ...]
    events: tuple[str, ...]
    after: np.ndarray
    rule: np.ndarray
    may_end: np.ndarray
    playing: np.ndarray


def _reach() -> tuple[list[State], dict[tuple[State, str], tuple[int, State]]]:
    """Every state that can be reached, and every step as (state, event) -> (rule, state after)."""
    states, steps = [State()], {}
    known = set(states)
    for state in states:  # grows while it is walked
        for number, rule in enumerate(RULES):
            if rule.when(state):
                after = rule.then(state)
                if (state, rule.event) in steps:
                    raise AssertionError(f"two rules permit {rule.event} in {state}")
                steps[state, rule.event] = (number, after)
                if after not in known:
                    known.add(after)
                    states.append(after)
    return states, steps


def _compile() -> Machine:
    states, steps = _reach()
    events = tuple(dict.fromkeys(rule.event for rule in RULES))
    row, column = {s: i for i, s in enumerate(states)}, {e: i for i, e in enumerate(events)}
    after = np.full((len(states), len(events)), -1, np.int16)
    rule = after.copy()
    for (state, event), (number, target) in steps.items():
        after[row[state], column[event]] = row[target]
        rule[row[state], column[event]] = number
    return Machine(
        states=tuple(states),
        events=events,
        after=after,
        rule=rule,
        may_end=np.array([state.may_end for state in states]),
        playing=np.array([state.playing for state in states]),
    )


MACHINE = _compile()
EVENTS: tuple[str, ...] = (*MACHINE.events, *AMBIENT)
"""Names of all events; an event's code is its place here."""

_CODE = {event: code for code, event in enumerate(EVENTS)}
_AFTER: list[list[int]] = MACHINE.after.tolist()
_MAY_END: list[bool] = MACHINE.may_end.tolist()
_N_MEANINGFUL = len(MACHINE.events)


def is_meaningful(code: int) -> bool:
    """Whether the event with this code means something to the player."""
    return code < _N_MEANINGFUL


def first_break(codes: Sequence[int]) -> int | None:
    """Where a session first breaks the rules.

    Args:
        codes: its events in order, ambient ones among them.

    Returns:
        0-based place of the first event that no rule permits; the number of events where all are permitted but
        the session may not end there; None where it is legal.
    """
    state = 0
    for place, code in enumerate(codes):
        if code < _N_MEANINGFUL:
            state = _AFTER[state][code]
            if state < 0:
                return place
    return None if _MAY_END[state] else len(codes)


def walk(codes: Sequence[int]) -> list[int]:
    """States of a session: before each event up to the first that no rule permits; after the last, where none is.

    Args:
        codes: its meaningful events in order.
    """
    states = [0]
    for code in codes:
        state = _AFTER[states[-1]][code]
        if state < 0:
            return states
        states.append(state)
    return states


def _legal_runs() -> set[tuple[int, ...]]:
    """Two or three meaningful events that may follow each other somewhere; -1 stands for a session's begin and end."""
    onward = [[(code, state) for code, state in enumerate(row) if state >= 0] for row in _AFTER]
    pairs = {(0, (-1, code), state) for code, state in onward[0]}
    for begin, steps in enumerate(onward):
        for first, middle in steps:
            pairs |= {(begin, (first, code), state) for code, state in onward[middle]}
            pairs |= {(begin, (first, -1), -1)} if _MAY_END[middle] else set()
    runs: set[tuple[int, ...]] = {pair for _, pair, _ in pairs}
    for _, pair, state in pairs:
        if state >= 0:
            runs |= {(*pair, code) for code, _ in onward[state]}
            runs |= {(*pair, -1)} if _MAY_END[state] else set()
    return runs


_RUNS = _legal_runs()


def looks_legal(codes: Sequence[int]) -> bool:
    """Whether each three neighbours of a session, ambient events among them, may be neighbours somewhere."""
    framed = [-1, *codes, -1]
    windows = (framed[place : place + 3] for place in range(len(codes)))
    runs = (tuple(code for code in window if code < _N_MEANINGFUL) for window in windows)
    return all(len(run) < 2 or run in _RUNS for run in runs)  # noqa: PLR2004 - one event alone is always legal


def codes_of(events: Sequence[str]) -> list[int]:
    """Codes of events by name.

    Raises:
        KeyError: a name that the player does not know.
    """
    return [_CODE[event] for event in events]
