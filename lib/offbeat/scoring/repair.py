"""What is wrong with a flagged session: the smallest change after which the model finds it normal.

At the places that surprise the model most, single edits are tried (leave an event out, put an expected one in, move
one); the model scores every changed sequence. Of those that it finds normal, the likeliest story names the kind of the
fault, its place, and the normal sequence nearest to the session: how likely the model finds the changed sequence, times
how likely a fault of that kind makes the session of it. An event is lost in one way; one that is sent again or out of
order lands at one of a few places; one that does not belong there may be any. Where no edit leaves a normal sequence,
it is the one that leaves the least strange.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import numpy as np

from offbeat.detectors.base import Detector, EventScores, Sequences
from offbeat.scoring.edits import (
    KINDS,
    REACH,
    Edits,
    changed,
    find_edits,
    first_changes,
    inside,
    strangest_places,
)

_ANY_EVENT = 32  # different events that one which does not belong there might be, roughly
_FROM_NOWHERE = (
    10  # times as often is an event lost as one comes that nobody sent: half a pair lacks its other half
)
_WAYS = {
    "missing": 1,
    "repeated": REACH,
    "wrong_order": 2 * REACH,
    "inserted": _ANY_EVENT * _FROM_NOWHERE,
    "new_event": _ANY_EVENT,
}
"""By kind of fault: in how many ways it may happen to one event."""
_LN_WAYS = np.array([math.log(_WAYS[kind]) for kind in KINDS])
_MOST_EVENTS = 400  # longer sessions are repaired inside a window of this many events around the place
_EVENTS_A_CALL = 1 << 20  # of changed sequences
_EVENTS_AHEAD = 1 << 15  # of sessions whose states are held at a time
_FIRST_TRIED = (
    4  # edits of a session that none repairs: the most promising, then four times as many, and so on
)
_ROUNDING = np.float32(1e-4)


@dataclass(frozen=True)
class Edit:
    """One way to change a session.

    Attributes:
        kind: what it would mean: missing, inserted, repeated, wrong_order or new_event.
        position: 0-based place of the odd event in the session as it is; n_events stands for its end.
        event: vocabulary id that is put in, taken out or moved.
        to: where a moved event goes; -1 else.
    """

    kind: str
    position: int
    event: int
    to: int = -1


@dataclass(frozen=True)
class Repair:
    """The best edit of a session and what is left of its score after it."""

    edit: Edit | None
    score: float
    window: tuple[int, int] = field(default=(0, 0))


def repair(
    detector: Detector,
    sessions: Sequences,
    scores: EventScores,
    *,
    known_from: int,
    thresholds: np.ndarray,
    own: np.ndarray,
) -> list[Repair]:
    """The best single edit for each session.

    Args:
        detector: what found them strange.
        sessions: the flagged ones.
        scores: its per-event scores for them, with top k.
        known_from: first vocabulary id of a real event.
        thresholds: float32, [n]: score up to which each session is normal.
        own: float32, [n]: what each scores as it is; a change that leaves as much helps nothing.

    Returns:
        One repair per session, in order; `edit` is None where nothing can be edited. Where none lowers the score, its
        score is not below the session's.
    """
    windows = _windows(sessions, scores)
    edits = find_edits(sessions, scores, windows, known_from)
    search = _Search(detector, sessions, edits, windows, thresholds)
    search.find_normal()
    search.find_least_strange(own)
    return search.best()


def _windows(sessions: Sequences, scores: EventScores) -> np.ndarray:
    """First and last event (exclusive) of each session that an edit looks at; int64, [n, 2]."""
    lengths = sessions.lengths
    session, place = strangest_places(scores, 1)
    middle = np.zeros(len(sessions), np.int64)
    middle[session] = place
    first = np.clip(middle - _MOST_EVENTS // 2, 0, np.maximum(0, lengths - _MOST_EVENTS))
    return np.stack([first, np.minimum(first + _MOST_EVENTS, lengths)], axis=1)


class _Search:
    """What is known of the changed sequences so far.

    Attributes:
        after: float32, [edits]: score of the changed sequence, or less where only so much is known.
        told: float64, [edits]: -ln(probability) of a changed sequence that is normal and of the fault that undoes its
            edit; infinite for sequences that are not normal. What all edits of a session share is left out.
    """

    def __init__(
        self,
        detector: Detector,
        sessions: Sequences,
        edits: Edits,
        windows: np.ndarray,
        thresholds: np.ndarray,
    ) -> None:
        self.detector, self.sessions, self.edits, self.windows = detector, sessions, edits, windows
        self.thresholds = thresholds
        self.bounds = np.searchsorted(edits.session, np.arange(len(sessions) + 1))
        self.after = np.zeros(len(edits), np.float32)
        self.told = np.full(len(edits), np.inf)

    def find_normal(self) -> None:
        """Score as far as the threshold all edits whose first change doesn't lie above it."""
        limits = self.thresholds[self.edits.session]
        self._look_ahead()
        left = np.flatnonzero(self.after <= limits)
        totals = np.full(len(self.edits), np.inf)
        totals[left] = self._score(left, limits)
        self.told = np.where(self.after <= limits, totals + _LN_WAYS[self.edits.kind], np.inf)

    def _look_ahead(self) -> None:
        """Bring `after` of all edits up to what is known of their first change, some sessions at a time."""
        whole = inside(self.sessions, self.windows)
        place, event = first_changes(self.sessions, self.edits, self.windows)
        cuts = np.searchsorted(whole.offsets, np.arange(0, whole.offsets[-1] + _EVENTS_AHEAD, _EVENTS_AHEAD))
        for low, high in itertools.pairwise(np.unique(np.append(cuts.clip(0, len(whole)), len(whole)))):
            rows = slice(self.bounds[low], self.bounds[high])
            session = self.edits.session[rows] - low
            self.after[rows] = self.detector.least_score(
                whole.slice(low, high), session, place[rows], event[rows]
            )

    def find_least_strange(self, own: np.ndarray) -> None:
        """Of sessions that no edit makes normal, score edits until the least strange one is known.

        What each scores at least is known from the first look. The most promising are scored up to where the next would
        come in; if one stays within, all others are stranger.

        Args: own: float32, [n]: the sessions' own scores; what scores as high helps nothing.
        """
        done = self._least() <= self.thresholds
        tried = _FIRST_TRIED
        while not done.all():
            limits = self._reach(tried, own)
            wanted = ~done[self.edits.session] & (self.after <= limits[self.edits.session])
            self._score(np.flatnonzero(wanted), limits[self.edits.session])
            done |= (self._least() <= limits) | (limits >= own)
            tried *= 4

    def _reach(self, tried: int, own: np.ndarray) -> np.ndarray:
        """What the `tried` most promising edits of each session score at least, but never above its own score."""
        order = np.lexsort((self.after, self.edits.session))
        last = np.minimum(self.bounds[:-1] + tried, self.bounds[1:]) - 1
        filled = self.bounds[1:] > self.bounds[:-1]
        reach = own.copy()
        reach[filled] = np.minimum(own[filled], self.after[order[last[filled]]])
        reach[np.diff(self.bounds) <= tried] = own[np.diff(self.bounds) <= tried]
        return reach

    def _least(self) -> np.ndarray:
        """The least that any edit of each session is known to score; infinite without edits."""
        least = np.full(len(self.sessions), np.inf, np.float32)
        np.minimum.at(least, self.edits.session, self.after)
        return least

    def _score(self, rows: np.ndarray, limits: np.ndarray) -> np.ndarray:
        """Bring `after` of some edits up to their limits; their sequences' surprise in all, where they stay within."""
        lengths = (self.windows[:, 1] - self.windows[:, 0])[self.edits.session[rows]] + 1
        cuts = np.searchsorted(
            np.cumsum(lengths), np.arange(0, lengths.sum() + _EVENTS_A_CALL, _EVENTS_A_CALL), side="right"
        )
        totals = [np.zeros(0)]
        for low, high in itertools.pairwise(cuts):
            part = rows[low:high]
            sequences = changed(self.sessions, self.edits.take(part), self.windows)
            found, total = self.detector.score_with_total(sequences, limits[part])
            self.after[part] = np.maximum(self.after[part], found)
            totals.append(total)
        return np.concatenate(totals)

    def best(self) -> list[Repair]:
        """The likeliest story of each session; where none is normal, the edit that leaves the least strange."""
        chosen = [self._best(low, high) for low, high in zip(self.bounds[:-1], self.bounds[1:], strict=True)]
        return [
            Repair(self._edit(row), float(self.after[row]) if row >= 0 else math.inf, (int(first), int(last)))
            for row, (first, last) in zip(chosen, self.windows, strict=True)
        ]

    def _best(self, low: int, high: int) -> int:
        if low == high:
            return -1
        told = self.told[low:high]
        best = told if np.isfinite(told).any() else self.after[low:high]
        return low + int(
            np.argmax(best <= best.min() + _ROUNDING)
        )  # edits to one sequence differ by rounding

    def _edit(self, row: int) -> Edit | None:
        if row < 0:
            return None
        edits = self.edits
        return Edit(
            KINDS[edits.kind[row]], int(edits.position[row]), int(edits.event[row]), int(edits.to[row])
        )
