"""Why a session was flagged: kind of fault, places, the nearest normal sequence, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offbeat.detectors.base import Detector, EventScores, Sequences
from offbeat.detectors.vocabulary import SPECIALS, UNKNOWN, Vocabulary
from offbeat.scoring.repair import Edit, Repair, repair

ACTIONS = {
    "new_event": "Check what sent this event; if it is legal, train again so that the model knows it.",
    "wrong_order": "Look at the sender's clock and queue here; order the events by their sequence before reporting.",
    "missing": "Find where the event was lost (client, network, collector); ask for it again before reporting.",
    "repeated": "Remove the repeated event; check the sender's retry and its event ids.",
    "inserted": "Check why this event was sent here; leave it out of reports until that is clear.",
    "time_gap": "Look at delays between client and collector at this time.",
    "length": "Compare with what ended or restarted the session; it is far shorter or longer than normal ones.",
    "counts": "Compare how often each event occurs with normal sessions; look at the ones that differ most.",
}
# What a detector that looks at a whole session, not at places in it, can say.
_KIND_OF_DETECTOR = {"length": "length", "interarrival": "time_gap", "new_event": "new_event"}
_MOST_NAMES = 500  # names of a nearest sequence that are kept


@dataclass(frozen=True)
class Explanation:
    """What is wrong with one flagged session, in the words of the table anomalies."""

    kind: str
    positions: list[int]
    nearest: list[str] | None
    edits: list[str]


def explain(
    detector: Detector,
    vocabulary: Vocabulary,
    sessions: Sequences,
    scores: EventScores | None,
    names: list[list[str]],
    *,
    thresholds: np.ndarray,
    own: np.ndarray,
) -> list[Explanation]:
    """Explain flagged sessions.

    Args:
        sessions: the flagged ones, encoded.
        scores: per-event scores for them; None where the detector has none.
        names: their events as logged.
        thresholds: score above which each is anomalous, float32, [n]; a repair that gets below it is believed.
        own: what each scores, float32, [n].
    """
    if scores is None:
        return [_of_the_whole(detector.name, sessions, at) for at in range(len(names))]
    repairs = repair(detector, sessions, scores, known_from=len(SPECIALS), thresholds=thresholds, own=own)
    return [
        _explanation(
            fix,
            scores,
            sessions,
            at,
            names[at],
            vocabulary,
            normal_to=float(thresholds[at]),
            own=float(own[at]),
            by_event=detector.by_event,
        )
        for at, fix in enumerate(repairs)
    ]


def _of_the_whole(detector: str, sessions: Sequences, at: int) -> Explanation:
    """What a detector can say that has no view of places: its own kind, and the places that go with it."""
    part = slice(sessions.offsets[at], sessions.offsets[at + 1])
    kind = _KIND_OF_DETECTOR.get(detector, "counts")
    places: list[int] = []
    if kind == "new_event":
        places = np.flatnonzero(sessions.ids[part] == UNKNOWN).tolist()
    elif kind == "length":
        places = [int(sessions.lengths[at])]
    elif kind == "time_gap" and sessions.gaps is not None and np.isfinite(sessions.gaps[part]).any():
        places = [int(np.nanargmax(sessions.gaps[part]))]
    return Explanation(kind, places, None, [])


def _explanation(  # noqa: PLR0913 - all that is known of one session
    fix: Repair,
    scores: EventScores,
    sessions: Sequences,
    at: int,
    names: list[str],
    vocabulary: Vocabulary,
    *,
    normal_to: float,
    own: float,
    by_event: bool,
) -> Explanation:
    surprise = scores.surprise[scores.offsets[at] : scores.offsets[at + 1]]
    strangest = int(np.argmax(surprise)) if len(surprise) else 0
    # Where the score is not made of surprises, the threshold says nothing of them: the strangest place counts.
    odd = np.flatnonzero(surprise > normal_to).tolist() if by_event else [strangest]
    edit = fix.edit
    repaired = fix.score <= normal_to
    ids = sessions.ids[sessions.offsets[at] : sessions.offsets[at + 1]]
    new = np.flatnonzero(ids == UNKNOWN).tolist()
    if not repaired and not set(new).isdisjoint(odd):
        return Explanation("new_event", new, None, [])
    if edit is None or fix.score >= own:
        kind = "length" if strangest == len(ids) else "wrong_order"  # it ended where it may not
        return Explanation(kind, odd or [strangest], None, [])
    places = [edit.position] if repaired else [edit.position, *(p for p in odd if p != edit.position)]
    nearest = _nearest(edit, fix, names, vocabulary)
    return Explanation(edit.kind, places, nearest, [_describe(edit, names, vocabulary)])


def _nearest(edit: Edit, fix: Repair, names: list[str], vocabulary: Vocabulary) -> list[str]:
    """The session as it would be normal, in names; events outside the window stay as they are."""
    first, last = fix.window
    whole = list(names)
    inside = _applied(edit, whole, vocabulary)
    return inside[: max(_MOST_NAMES, last - first + 1)]


def _applied(edit: Edit, names: list[str], vocabulary: Vocabulary) -> list[str]:
    if edit.kind == "missing":
        return [*names[: edit.position], vocabulary.tokens[edit.event], *names[edit.position :]]
    rest = [*names[: edit.position], *names[edit.position + 1 :]]
    return rest if edit.to < 0 else [*rest[: edit.to], names[edit.position], *rest[edit.to :]]


def _describe(edit: Edit, names: list[str], vocabulary: Vocabulary) -> str:
    if edit.kind == "missing":
        return f"put {vocabulary.tokens[edit.event]} in at {edit.position}"
    name = names[edit.position]
    if edit.to >= 0:
        return f"move {name} from {edit.position} to {edit.to}"
    return f"leave {name} out at {edit.position}"
