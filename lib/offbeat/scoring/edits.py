"""Single changes of flagged sessions, many at once: which there are, and what the sessions look like after them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from offbeat.detectors.base import EventScores, Sequences, offsets_of, ragged_index
from offbeat.detectors.vocabulary import END

KINDS = ("missing", "repeated", "inserted", "new_event", "wrong_order")
MISSING, REPEATED, INSERTED, NEW_EVENT, WRONG_ORDER = range(len(KINDS))
REACH = 8  # events that a moved event may jump over
_MOST_PLACES = 3  # places tried, the strangest first


@dataclass(frozen=True)
class Edits:
    """Single edits of sessions, in the order in which they are tried; all arrays are [n].

    Attributes:
        session: int64, rising: which session is changed.
        kind: int64, what it would mean: a place in `KINDS`.
        position: int64, 0-based place of the odd event in the session as it is; n_events stands for its end.
        event: int64, vocabulary id that is put in, taken out or moved.
        to: int64, where a moved event goes; -1 else.
    """

    session: np.ndarray
    kind: np.ndarray
    position: np.ndarray
    event: np.ndarray
    to: np.ndarray

    def __len__(self) -> int:
        return len(self.session)

    def take(self, rows: np.ndarray | slice) -> Edits:
        """Some of them, in the order of `rows`."""
        return Edits(*(getattr(self, item.name)[rows] for item in fields(self)))


def find_edits(sessions: Sequences, scores: EventScores, windows: np.ndarray, known_from: int) -> Edits:
    """The edits at the places of each session that surprise most, each distinct one once.

    Args:
        sessions: the flagged ones.
        scores: per-event scores of them, with what was expected.
        windows: int64, [n, 2]: first and last event (exclusive) that an edit may look at.
        known_from: first vocabulary id of a real event.
    """
    session, place = strangest_places(scores, _MOST_PLACES)
    inside = (place >= windows[session, 0]) & (place <= windows[session, 1])
    session, place = session[inside], place[inside]
    expected = scores.expected[scores.offsets[session] + place]
    parts = [_put_in(session, place, expected, known_from)]
    for back in (0, 1):
        parts += _taken_out(sessions, windows, session, place - back, known_from)
    parts.append(_come_later(sessions, windows, session, place, expected))
    # Place by place, in the order of the parts: slots stand side by side, and what is not possible is left out.
    slots = {
        item.name: np.concatenate([getattr(part, item.name) for part in parts], 1) for item in fields(Edits)
    }
    there = slots["kind"] >= 0
    return _distinct(Edits(**{name: values[there] for name, values in slots.items()}))


def strangest_places(scores: EventScores, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The places of each session that surprise most, the strangest first: its number and place, int64, both [m]."""
    lengths = np.diff(scores.offsets)
    session = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((-scores.surprise, session))  # stable: of equal ones the first
    rank = ragged_index(np.zeros(len(lengths), np.int64), lengths)
    first = order[rank < most]
    return session[first], first - scores.offsets[session[first]]


def _put_in(session: np.ndarray, place: np.ndarray, expected: np.ndarray, known_from: int) -> Edits:
    """An expected event before each place."""
    spread = (
        np.broadcast_to(session[:, None], expected.shape),
        np.broadcast_to(place[:, None], expected.shape),
    )
    kind = np.where(expected >= known_from, MISSING, -1)
    return Edits(spread[0], kind, spread[1], expected.astype(np.int64), np.full(expected.shape, -1))


def _taken_out(
    sessions: Sequences, windows: np.ndarray, session: np.ndarray, odd: np.ndarray, known_from: int
) -> list[Edits]:
    """The event at each place left out; and moved, to the front and to the back."""
    first, last = windows[session].T
    there = (odd >= first) & (odd < last)
    ids = _at(sessions, session, np.where(there, odd, first), there)
    before = odd[:, None] + np.arange(-REACH, 0)
    seen = (before >= first[:, None]) & there[:, None]
    again = (_at(sessions, session[:, None], before, seen) == ids[:, None]) & seen
    kind = np.where(ids < known_from, NEW_EVENT, np.where(again.any(axis=1), REPEATED, INSERTED))
    kind = np.where(there, kind, -1)[:, None]
    left_out = Edits(session[:, None], kind, odd[:, None], ids[:, None], np.full(kind.shape, -1))
    to = odd[:, None] + np.arange(-REACH, REACH + 1)
    possible = (to >= first[:, None]) & (to < last[:, None]) & (to != odd[:, None]) & there[:, None]
    wide = (np.broadcast_to(values[:, None], to.shape) for values in (session, odd, ids))
    numbers, position, event = wide
    return [left_out, Edits(numbers, np.where(possible, WRONG_ORDER, -1), position, event, to)]


def _come_later(
    sessions: Sequences, windows: np.ndarray, session: np.ndarray, place: np.ndarray, expected: np.ndarray
) -> Edits:
    """What was expected at each place and came later, moved there."""
    first, last = windows[session].T
    origin = place[:, None] + np.arange(1, REACH + 1)
    there = (origin < last[:, None]) & (place >= first)[:, None]
    event = _at(sessions, session[:, None], origin, there)
    wanted = there & (event[:, :, None] == expected[:, None, :]).any(axis=2)
    numbers = np.broadcast_to(session[:, None], origin.shape)
    to = np.broadcast_to(place[:, None], origin.shape)
    return Edits(numbers, np.where(wanted, WRONG_ORDER, -1), origin, event, to)


def _at(sessions: Sequences, session: np.ndarray, place: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Events of sessions at places; 0 where there is none."""
    if not len(sessions.ids):
        return np.zeros(np.broadcast(session, place).shape, np.int64)
    at = np.where(there, sessions.offsets[session] + place, 0)
    return np.where(there, sessions.ids[at], 0).astype(np.int64)


def _distinct(edits: Edits) -> Edits:
    """Each edit once, where it comes first."""
    order = np.lexsort((edits.to, edits.event, edits.position, edits.kind, edits.session))
    same = np.zeros(len(edits), bool)
    if len(edits):
        stacked = np.stack([getattr(edits, item.name)[order] for item in fields(edits)])
        same[order[1:]] = (stacked[:, 1:] == stacked[:, :-1]).all(
            axis=0
        )  # lexsort is stable: the first stays
    return edits.take(~same)


def changed(sessions: Sequences, edits: Edits, windows: np.ndarray) -> Sequences:
    """The sequences after the edits, within the windows of their sessions."""
    first, last = windows[edits.session].T
    begins = sessions.offsets[edits.session] + first
    missing = edits.kind == MISSING
    never = np.int64(sessions.offsets[-1] + 1)
    cut = np.where(missing, never, edits.position - first)  # the place that is left out
    filled_at = np.where(edits.to >= 0, edits.to - first, never)
    put = np.where(missing, edits.position - first, filled_at)  # and the one that is filled
    lengths = last - first - (cut < never) + (put < never)
    place = ragged_index(np.zeros(len(edits), np.int64), lengths)
    row = np.repeat(np.arange(len(edits)), lengths)
    before = place - (place > put[row])
    filled = place == put[row]
    source = np.where(filled, 0, begins[row] + before + (before >= cut[row]))
    return Sequences(
        ids=np.where(filled, edits.event[row], sessions.ids[source]).astype(np.int32),
        offsets=offsets_of(lengths),
        starts=sessions.starts[edits.session] & (first == 0),
        ends=sessions.ends[edits.session] & (last == sessions.lengths[edits.session]),
        gaps=None,
        covariates={name: values[edits.session] for name, values in sessions.covariates.items()},
    )


def first_changes(sessions: Sequences, edits: Edits, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each changed sequence may first differ from its session's window, and the event that it has there.

    Returns:
        int64, [n]: the place, counted from the window's first event; and the vocabulary number, -1 where it is over.
    """
    first, last = windows[edits.session].T
    place = np.where(edits.to >= 0, np.minimum(edits.position, edits.to), edits.position)
    moved_up = (edits.to >= 0) & (edits.to < edits.position)
    after = _at(sessions, edits.session, place + 1, place + 1 < last)
    ended = sessions.ends[edits.session] & (last == sessions.lengths[edits.session])
    after = np.where(place + 1 < last, after, np.where(ended, END, -1))
    return place - first, np.where((edits.kind == MISSING) | moved_up, edits.event, after)


def inside(sessions: Sequences, windows: np.ndarray) -> Sequences:
    """What lies in the windows, as `changed` sees it."""
    first, last = windows.T
    events = ragged_index(sessions.offsets[:-1] + first, last - first)
    return Sequences(
        ids=sessions.ids[events],
        offsets=offsets_of(last - first),
        starts=sessions.starts & (first == 0),
        ends=sessions.ends & (last == sessions.lengths),
        gaps=None,
        covariates=sessions.covariates,
    )
