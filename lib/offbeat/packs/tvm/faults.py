"""Faults of the event-emitting process: one event of a session out of sequence, so that the rules really break.

A fault is planned on the session as it would be logged and taken only where the state machine refuses the result:
an exchange of two events that is legal is no fault, and a fault that leaves a legal session could be found by nobody.
Nothing new is named and lengths change by one event at most.

Of what can be seen, one kind alone is right: a session that one lost event explains is one where an event was lost
(that may also be explained by one too many: `pause` without `resume`); one that an extra event explains, and no lost or
misplaced one, has an extra event; one that only a misplaced event explains has an event misplaced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from offbeat.packs.tvm.machine import MACHINE, first_break, is_meaningful, looks_legal
from offbeat.packs.tvm.mending import LEAVE_OUT, MOVE, PUT_IN, ways_to_mend

_TRIES = 40
_MAX_DELAY_US = 15 * 60 * 1_000_000
_CONTROLS = {
    "content_play",
    "pause",
    "resume",
    "seek_start",
    "seek_end",
    "buffer_start",
    "buffer_end",
    "content_end",
    "content_stop",
    *(event for event in MACHINE.events if event.startswith("ad_pod_start")),
}
# What starts and stops the content goes wrong more often than what a clock sends: it comes from other threads.
_PRONE = np.array([4.0 if event in _CONTROLS else 1.0 for event in MACHINE.events])
_LOST = (frozenset({PUT_IN}), frozenset({PUT_IN, LEAVE_OUT}))
_EXTRA, _MISPLACED = (frozenset({LEAVE_OUT}),), (frozenset({MOVE}),)
_EXPLAINED = {"swap": _MISPLACED, "drop": _LOST, "repeat": _EXTRA, "insert": _EXTRA, "delay": _MISPLACED}
"""By kind of fault: the ways to mend a session with it; see `mending.ways_to_mend`."""
_REACH = 6  # a delayed or repeated event lands at most so many events later


@dataclass(frozen=True)
class Session:
    """A session as it would be logged without a fault.

    Attributes:
        codes: its events, see `machine.EVENTS`.
        times: microseconds, rising.
    """

    codes: list[int]
    times: list[int]

    @property
    def meaningful(self) -> list[int]:
        """Places of the meaningful events."""
        return [place for place, code in enumerate(self.codes) if is_meaningful(code)]


@dataclass(frozen=True)
class Fault:
    """What happens to a session.

    Attributes:
        codes: its events as they are logged, in the order of their times.
        blamed: place in `codes` of the event that is out of place; after a loss, of the next meaningful event,
            or of the last event where none follows.
        touched: places in `codes` where a person may rightly point: both events of an exchange; where a lost or
            delayed event is missing, with the ambient events around; the event that was added or came late. Of equal
            events in a row, any stands for the others: nothing tells which of them it was.
        moved: place in the session without the fault -> new time, for events that get another time.
        lost: place of the event that is never logged.
        added: place after which one more event comes, its code and its time.
    """

    codes: list[int]
    blamed: int
    touched: tuple[int, ...] = ()
    moved: dict[int, int] = field(default_factory=dict)
    lost: int | None = None
    added: tuple[int, int, int] | None = None


def plan(kind: str, session: Session, rng: np.random.Generator, *, hidden: bool = False) -> Fault | None:
    """Find a place where a fault of this kind breaks the rules.

    Args:
        kind: swap, drop, repeat, insert or delay.
        hidden: look first for a fault that no three neighbouring events betray.

    Returns:
        The fault; None where none was found in a fair number of tries.
    """
    found = None
    for _ in range(_TRIES):
        fault = _PLANNERS[kind](session, rng)
        if fault is None:
            continue
        wanted = not hidden or looks_legal(fault.codes)
        if (wanted or found is None) and _is_plain(kind, fault):
            if wanted:
                return fault
            found = fault
    return found


def _is_plain(kind: str, fault: Fault) -> bool:
    """Whether the rules break, where they should, and a fault of another kind would not explain it as well."""
    broken = first_break(fault.codes)
    if broken is None:
        return False
    if kind == "delay":
        where = broken <= fault.blamed
    elif kind == "drop":  # a lost end shows only at the end
        where = broken in {fault.blamed, len(fault.codes)}
    else:
        where = broken == fault.blamed
    return where and ways_to_mend(fault.codes) in _EXPLAINED[kind]


def _pick(session: Session, rng: np.random.Generator) -> int:
    """Place of a meaningful event, more often of one that is prone to faults."""
    places = session.meaningful
    return places[_weighted(_PRONE[[session.codes[place] for place in places]], rng)]


def _weighted(weights: np.ndarray, rng: np.random.Generator) -> int:
    reach = np.cumsum(weights)
    return int(np.searchsorted(reach, rng.random() * reach[-1], side="right"))


def _time_after(session: Session, place: int, rng: np.random.Generator) -> int:
    """A time after the event at `place`, before the next; after the last, within seconds."""
    time = session.times[place]
    if place + 1 == len(session.times):
        return time + int(rng.uniform(0.5e6, 20e6))
    return time + int(rng.uniform(0.2, 0.8) * (session.times[place + 1] - time))


def _swap(session: Session, rng: np.random.Generator) -> Fault | None:
    """Two neighbouring meaningful events exchange their times."""
    meaningful = session.meaningful
    nth = meaningful.index(_pick(session, rng))
    if nth + 1 == len(meaningful):
        return None
    first, second = meaningful[nth], meaningful[nth + 1]
    codes = session.codes.copy()
    codes[first], codes[second] = codes[second], codes[first]
    broken = first_break(codes)
    return Fault(
        codes,
        blamed=first if broken is not None and broken <= first else second,
        touched=(*_row(codes, first), *_row(codes, second)),
        moved={first: session.times[second], second: session.times[first]},
    )


def _drop(session: Session, rng: np.random.Generator) -> Fault | None:
    """A meaningful event is lost."""
    lost = _pick(session, rng)
    codes = session.codes[:lost] + session.codes[lost + 1 :]
    following = (place for place in range(lost, len(codes)) if is_meaningful(codes[place]))
    lacking = _lacking(codes, lost, session.codes[lost])
    return Fault(codes, blamed=next(following, len(codes) - 1), touched=lacking, lost=lost)


def _lacking(codes: list[int], place: int, code: int) -> tuple[int, ...]:
    """Places at which an event is missing that stood at `place`: up to the next meaningful event, or the last one."""
    before = next((at for at in range(place - 1, -1, -1) if is_meaningful(codes[at])), -1)
    after = next((at for at in range(place, len(codes)) if is_meaningful(codes[at])), len(codes) - 1)
    first, last = min(before + 1, after), after
    if before >= 0 and codes[before] == code:  # it may as well be missing before or among its equals
        first = _row(codes, before)[0]
    if 0 <= after < len(codes) and codes[after] == code:
        end = _row(codes, after)[-1]
        last = next((at for at in range(end + 1, len(codes)) if is_meaningful(codes[at])), end)
    return tuple(range(first, last + 1))


def _row(codes: list[int], place: int) -> list[int]:
    """Places of the equal meaningful events in a row, ambient ones between them, that the one at `place` stands in."""
    found = [place]
    for way in (-1, 1):
        at = place + way
        while 0 <= at < len(codes) and (not is_meaningful(codes[at]) or codes[at] == codes[place]):
            if codes[at] == codes[place]:
                found.append(at)
            at += way
    return sorted(found)


def _repeat(session: Session, rng: np.random.Generator) -> Fault | None:
    """A meaningful event is sent once more, a little later."""
    sent = _pick(session, rng)
    after = min(sent + int(rng.random() * _REACH), len(session.codes) - 1)
    return _added(session, session.codes[sent], after, rng)


def _insert(session: Session, rng: np.random.Generator) -> Fault | None:
    """An event comes that does not belong there."""
    after = int(rng.random() * (len(session.codes) - 1))
    code = _weighted(_PRONE, rng)
    near = session.codes[max(0, after + 1 - _REACH) : after + 1 + _REACH]
    return None if code in near else _added(session, code, after, rng)  # else it would be a repeat, or a swap


def _added(session: Session, code: int, after: int, rng: np.random.Generator) -> Fault:
    codes = [*session.codes[: after + 1], code, *session.codes[after + 1 :]]
    added = (after, code, _time_after(session, after, rng))
    return Fault(codes, blamed=after + 1, touched=tuple(_row(codes, after + 1)), added=added)


def _delay(session: Session, rng: np.random.Generator) -> Fault | None:
    """An event's time stamp is late, so that it lands after later ones; it stays within the session."""
    place = _pick(session, rng)
    after = place + 1 + int(rng.random() * _REACH)
    if after + 1 >= len(session.codes):
        return None
    time = _time_after(session, after, rng)
    if time - session.times[place] > _MAX_DELAY_US:
        return None
    moved = session.codes[place]
    codes = [
        *session.codes[:place],
        *session.codes[place + 1 : after + 1],
        moved,
        *session.codes[after + 1 :],
    ]
    touched = (*_lacking(codes, place, moved), *_row(codes, after))
    return Fault(codes, blamed=after, touched=touched, moved={place: time})


_PLANNERS: dict[str, Callable[[Session, np.random.Generator], Fault | None]] = {
    "swap": _swap,
    "drop": _drop,
    "repeat": _repeat,
    "insert": _insert,
    "delay": _delay,
}
