"""What is wrong with a flagged session: the smallest change after which the model finds it normal.

At the places that surprise the model most, single edits are tried (leave an event out, put an expected one in, move
one); the model scores every changed sequence. Of those that it finds normal, the likeliest story names the kind of the
fault, its place, and the normal sequence nearest to the session: how likely the model finds the changed sequence, times
how likely a fault of that kind makes the session of it. An event is lost in one way; one that is sent again or out of
order lands at one of a few places; one that does not belong there may be any. Where no edit leaves a normal sequence,
it is the one that leaves the least strange.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from offbeat.detectors.base import Detector, EventScores, Sequences, ragged_index

_MOST_PLACES = 3  # places tried, the strangest first
_REACH = 8  # events that a moved event may jump over
_ANY_EVENT = 32  # different events that one which does not belong there might be, roughly
_FROM_NOWHERE = (
    10  # times as often is an event lost as one comes that nobody sent: half a pair lacks its other half
)
_WAYS = {
    kind: math.log(ways)
    for kind, ways in {
        "missing": 1,
        "repeated": _REACH,
        "wrong_order": 2 * _REACH,
        "inserted": _ANY_EVENT * _FROM_NOWHERE,
        "new_event": _ANY_EVENT,
    }.items()
}
"""By kind of fault: in how many ways it may happen to one event, as ln."""
_MOST_EVENTS = 400  # longer sessions are repaired inside a window of this many events around the place
_CANDIDATES_A_CALL = 20_000


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
    detector: Detector, sessions: Sequences, scores: EventScores, *, known_from: int, threshold: float
) -> list[Repair]:
    """The best single edit for each session.

    Args:
        detector: what found them strange.
        sessions: the flagged ones.
        scores: its per-event scores for them, with top k.
        known_from: first vocabulary id of a real event.
        threshold: score up to which a session is normal.

    Returns:
        One repair per session, in order; `edit` is None where no edit lowers the score.
    """
    windows = [_window(sessions, scores, at) for at in range(len(sessions))]
    edits = [list(_edits(sessions, scores, at, windows[at], known_from)) for at in range(len(sessions))]
    after = _score_all(detector, sessions, edits, windows, scores, threshold)
    normal = [scores <= threshold for scores in after]
    told = _surprise_of_stories(detector, sessions, edits, windows, normal)
    return [_best(edits[at], after[at], told[at], windows[at]) for at in range(len(sessions))]


def _window(sessions: Sequences, scores: EventScores, at: int) -> tuple[int, int]:
    """First and last event (exclusive) that an edit of a long session looks at."""
    n = int(sessions.offsets[at + 1] - sessions.offsets[at])
    if n <= _MOST_EVENTS:
        return 0, n
    middle = _strangest(scores, at)[0]
    first = min(max(0, middle - _MOST_EVENTS // 2), n - _MOST_EVENTS)
    return first, first + _MOST_EVENTS


def _strangest(scores: EventScores, at: int) -> list[int]:
    """Positions of a session, the most surprising first."""
    surprise = scores.surprise[scores.offsets[at] : scores.offsets[at + 1]]
    return [int(place) for place in np.argsort(-surprise, kind="stable")[:_MOST_PLACES]]


def _edits(
    sessions: Sequences, scores: EventScores, at: int, window: tuple[int, int], known_from: int
) -> Iterator[Edit]:
    first, last = window
    ids = sessions.ids[sessions.offsets[at] + first : sessions.offsets[at] + last].tolist()
    tried: set[tuple[str, int, int, int]] = set()
    for place in _strangest(scores, at):
        expected = scores.expected[scores.offsets[at] + place].tolist()
        for edit in _edits_at(ids, place - first, expected, known_from):
            if edit not in tried:
                tried.add(edit)
                kind, position, event, to = edit
                yield Edit(kind, position + first, event, to + first if to >= 0 else -1)


def _edits_at(
    ids: list[int], place: int, expected: list[int], known_from: int
) -> Iterator[tuple[str, int, int, int]]:
    """Every single edit at one place (relative to the window); `place` may be the end.

    Yields: kind, position, event and to, as in `Edit`.
    """
    n = len(ids)
    if not 0 <= place <= n:
        return
    for event in expected:
        if event >= known_from:
            yield "missing", place, event, -1
    for odd in (place, place - 1):
        if not 0 <= odd < n:
            continue
        yield _left_out(ids, odd, known_from), odd, ids[odd], -1
        for to in range(max(0, odd - _REACH), min(n, odd + _REACH + 1)):
            if to != odd:
                yield "wrong_order", odd, ids[odd], to
    for origin in range(place + 1, min(n, place + _REACH + 1)):  # what was expected here came later
        if ids[origin] in expected:
            yield "wrong_order", origin, ids[origin], place


def _left_out(ids: list[int], odd: int, known_from: int) -> str:
    if ids[odd] < known_from:
        return "new_event"
    before = ids[max(0, odd - _REACH) : odd]
    return "repeated" if ids[odd] in before else "inserted"


def _score_all(
    detector: Detector,
    sessions: Sequences,
    edits: list[list[Edit]],
    windows: list[tuple[int, int]],
    scores: EventScores,
    threshold: float,
) -> list[np.ndarray]:
    """Scores of all changed sequences, exact as far as they matter.

    Where one is normal, those above the threshold don't matter; elsewhere those above the session's own score don't.
    """
    after = _score_up_to(detector, sessions, edits, windows, np.full(len(edits), threshold, np.float32))
    rest = [[] if (found <= threshold).any() else edits[at] for at, found in enumerate(after)]
    again = _score_up_to(detector, sessions, rest, windows, _largest(scores))
    return [again[at] if rest[at] else after[at] for at in range(len(edits))]


def _score_up_to(
    detector: Detector,
    sessions: Sequences,
    edits: list[list[Edit]],
    windows: list[tuple[int, int]],
    limits: np.ndarray,
) -> list[np.ndarray]:
    """Scores of changed sequences up to a limit per session, a bounded number in a call."""
    flat = [(at, edit) for at, group in enumerate(edits) for edit in group]
    scored: list[np.ndarray] = []
    for begin in range(0, len(flat), _CANDIDATES_A_CALL):
        part = flat[begin : begin + _CANDIDATES_A_CALL]
        own = limits[[at for at, _ in part]]
        scored.append(detector.score_up_to(_changed(sessions, part, windows), own))
    joined = np.concatenate(scored) if scored else np.zeros(0, np.float32)
    bounds = np.cumsum([0, *(len(group) for group in edits)])
    return [joined[bounds[at] : bounds[at + 1]] for at in range(len(edits))]


def _largest(scores: EventScores) -> np.ndarray:
    """Largest surprise of each session: a change that leaves more than that helps nothing."""
    padded, begins = np.append(scores.surprise, np.float32(0)), scores.offsets[:-1]
    return np.asarray(np.where(np.diff(scores.offsets) > 0, np.maximum.reduceat(padded, begins), 0))


def _changed(sessions: Sequences, part: list[tuple[int, Edit]], windows: list[tuple[int, int]]) -> Sequences:
    """The sequences after the edits, within their windows."""
    first, last = np.array([windows[at] for at, _ in part], np.int64).reshape(-1, 2).T
    begins = sessions.offsets[[at for at, _ in part]] + first
    event, position, to = np.array([(e.event, e.position, e.to) for _, e in part], np.int64).reshape(-1, 3).T
    missing = np.array([edit.kind == "missing" for _, edit in part], bool)
    never = np.int64(sessions.offsets[-1] + 1)
    cut = np.where(missing, never, position - first)  # the place that is left out
    put = np.where(
        missing, position - first, np.where(to >= 0, to - first, never)
    )  # and the one that is filled
    lengths = last - first - (cut < never) + (put < never)
    place = ragged_index(np.zeros(len(part), np.int64), lengths)
    row = np.repeat(np.arange(len(part)), lengths)
    before = place - (place > put[row])
    filled = place == put[row]
    source = np.where(filled, 0, begins[row] + before + (before >= cut[row]))
    whole = sessions.lengths
    return Sequences(
        ids=np.where(filled, event[row], sessions.ids[source]).astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        starts=np.array([sessions.starts[at] and windows[at][0] == 0 for at, _ in part], dtype=bool),
        ends=np.array([sessions.ends[at] and windows[at][1] == whole[at] for at, _ in part], dtype=bool),
        gaps=None,
        covariates={name: values[[at for at, _ in part]] for name, values in sessions.covariates.items()},
    )


def _surprise_of_stories(
    detector: Detector,
    sessions: Sequences,
    edits: list[list[Edit]],
    windows: list[tuple[int, int]],
    normal: list[np.ndarray],
) -> list[np.ndarray]:
    """-ln(probability) of each changed sequence that is normal and of the fault that undoes its edit, in nats.

    Infinite for sequences that are not normal. What all edits of a session share is left out.
    """
    told = [np.full(len(group), np.inf) for group in edits]
    places = [(at, int(n)) for at in range(len(edits)) for n in np.flatnonzero(normal[at])]
    for begin in range(0, len(places), _CANDIDATES_A_CALL):
        part = places[begin : begin + _CANDIDATES_A_CALL]
        found = detector.surprise(_changed(sessions, [(at, edits[at][n]) for at, n in part], windows), 1)
        if found is None:
            break
        totals = np.append(0.0, np.cumsum(found.surprise, dtype=np.float64))[found.offsets]
        for (at, n), total in zip(part, np.diff(totals), strict=True):
            told[at][n] = total + _WAYS[edits[at][n].kind]
    return told


def _best(edits: list[Edit], after: np.ndarray, told: np.ndarray, window: tuple[int, int]) -> Repair:
    if not edits:
        return Repair(None, float("inf"), window)
    at = int(np.argmin(told if np.isfinite(told).any() else after))
    return Repair(edits[at], float(after[at]), window)
