"""A session as a strip of events: the odd ones marked, long quiet stretches folded, or set against a normal one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from offbeat.reports import form
from offbeat.reports.data_anomalies import Anomaly

END = "<end>"
_AROUND = 3  # events shown on each side of an odd one
_MARKS = 5  # odd events that are shown with their surroundings
_EDGES = 2  # events shown at the start and the end of the session
_LONGEST_COMPARED = 400  # events; comparing takes time in the square of the length


@dataclass(frozen=True)
class Chip:
    """One event of a strip.

    Attributes:
        state: plain, odd (out of sequence), missing (in the normal one alone) or extra (not in the normal one).
        after: time since the event before it, written out; "" where not known.
        ends: whether it stands for the end of the session, not for an event.
    """

    event: str
    state: str = "plain"
    after: str = ""
    ends: bool = False


@dataclass(frozen=True)
class Quiet:
    """Events that are not shown."""

    hidden: int


def sequence_strip(anomaly: Anomaly) -> list[Chip | Quiet]:
    """The session's events, with the odd ones and what surrounds the strangest of them."""
    n = len(anomaly.events)
    odd = {position for position in odd_positions(anomaly) if 0 <= position <= n}
    strangest = [position for position in odd_positions(anomaly) if position in odd][:_MARKS]
    shown = {*range(min(_EDGES, n)), *range(max(0, n - _EDGES), n)}
    for position in strangest:
        shown |= set(range(max(0, position - _AROUND), min(n, position + _AROUND + 1)))
    chips: list[Chip | Quiet] = []
    for place in _with_gaps(shown, n):
        if isinstance(place, Quiet):
            chips.append(place)
        else:
            state = "odd" if place in odd else "plain"
            chips.append(Chip(anomaly.events[place], state, _after(anomaly, place)))
    if n in odd:
        chips.append(Chip(END, "odd", ends=True))
    return chips


def odd_positions(anomaly: Anomaly) -> list[int]:
    """Places of the odd events, strangest first as far as that is known."""
    return list(dict.fromkeys([*(odd.position for odd in anomaly.actual), *anomaly.positions]))


def difference_strip(events: Sequence[str], nearest: Sequence[str]) -> list[Chip | Quiet] | None:
    """The way from a session to its nearest normal sequence; None where they are too long to compare.

    Events of both are plain, those that the session lacks are missing, those it has beyond it are extra; nothing
    where both are the same.
    """
    if max(len(events), len(nearest)) > _LONGEST_COMPARED:
        return None
    chips: list[Chip] = []
    matcher = difflib.SequenceMatcher(None, list(events), list(nearest), autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            chips += [Chip(event) for event in events[i1:i2]]
        else:
            chips += [Chip(event, "extra") for event in events[i1:i2]]
            chips += [Chip(event, "missing") for event in nearest[j1:j2]]
    marked = [index for index, chip in enumerate(chips) if chip.state != "plain"]
    if not marked:
        return []
    shown = {i for at in marked for i in range(max(0, at - 2), min(len(chips), at + 3))}
    return [chips[i] if isinstance(i, int) else i for i in _with_gaps(shown, len(chips))]


def _with_gaps(shown: Iterable[int], n: int) -> list[int | Quiet]:
    """The shown places in order, and in between how many are not; a single hidden one is shown instead."""
    places: list[int | Quiet] = []
    last = -1
    for place in [*sorted(shown), n]:
        hidden = place - last - 1
        if hidden == 1:
            places.append(last + 1)
        elif hidden > 1:
            places.append(Quiet(hidden))
        if place < n:
            places.append(place)
        last = place
    return places


def _after(anomaly: Anomaly, position: int) -> str:
    if position == 0 or position >= len(anomaly.times):
        return ""
    before, at = anomaly.times[position - 1], anomaly.times[position]
    if before is None or at is None:
        return ""
    return "+" + form.duration((form.utc(at) - form.utc(before)).total_seconds())
