"""What a card says, by small logs and models that need no training time."""

from __future__ import annotations

import numpy as np
import pytest

from offbeat.detectors import create
from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.scoring.explain import ACTIONS, explain

EVENTS = ["open", "play", "beat", "pause", "resume", "stop", "close"]
VOCABULARY = Vocabulary.fit(dict.fromkeys(EVENTS, 1))


def encoded(logs, gaps=None) -> Sequences:
    return Sequences.from_lists([VOCABULARY.encode(events).tolist() for events in logs], gaps=gaps)


def normal(n: int) -> list[list[str]]:
    """Sessions with two to five beats, and at times a pause that is resumed."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(n):
        beats = [["pause", "resume"] if rng.random() < 0.3 else ["beat"] for _ in range(rng.integers(2, 6))]
        rows.append(["open", "play", *(name for part in beats for name in part), "stop", "close"])
    return rows


def cards(name: str, logs, *, threshold: float | list[float] = 4.5, gaps=None):
    detector = create(name)
    train = encoded(
        normal(2_000), gaps=None if gaps is None else [[1.0] * len(each) for each in normal(2_000)]
    )
    detector.fit(train, train, vocabulary=VOCABULARY)
    sessions = encoded(logs, gaps)
    return explain(
        detector,
        VOCABULARY,
        sessions,
        detector.surprise(sessions, 5),
        logs,
        thresholds=np.broadcast_to(np.float32(threshold), (len(logs),)),
        own=detector.score(sessions),
    )


@pytest.mark.parametrize(
    "events, kind, places, edit",
    [
        ("open play pause beat stop close", "missing", [3], "put resume in at 3"),
        ("open play beat beat stop stop close", "repeated", [5], "leave stop out at 5"),
        ("open play beat close beat beat stop close", "inserted", [3], "leave close out at 3"),
        ("play open beat beat stop close", "wrong_order", [0, 1], "move play from 0 to 1"),
        ("open play beat zap beat stop close", "new_event", [3], "leave zap out at 3"),
    ],
)
def test_one_edit_names_the_kind_the_place_and_the_normal_sequence(events, kind, places, edit):
    card = cards("ngram2", [events.split()])[0]
    assert card.kind == kind
    assert card.positions[0] in places
    if kind != "wrong_order":  # either event of an exchange can be moved
        assert card.edits == [edit]
    assert card.nearest is not None
    assert set(card.nearest) <= set(EVENTS)
    assert kind in ACTIONS


def test_a_half_of_a_pair_lacks_the_other_rather_than_coming_from_nowhere():
    """Without its pause, a resume can be left out as well as a pause put in: events get lost more easily."""
    for events in ("open play beat resume beat stop close", "open play beat pause beat stop close"):
        assert cards("ngram2", [events.split()])[0].kind == "missing"


def test_what_no_single_edit_helps():
    logs = [["open", "zap", "zap", "zap", "stop", "close"], ["open", "play", "beat", "beat"]]
    new, cut = cards("ngram2", logs)
    assert (new.kind, new.positions, new.edits) == ("new_event", [1, 2, 3], [])
    assert cut.positions[0] == 4  # the end
    assert cut.kind in {"length", "missing"}


def test_detectors_without_places_say_what_they_can():
    odd = [["open", "zap", "stop", "close"]]
    assert [(card.kind, card.positions) for card in cards("new_event", odd)] == [("new_event", [1])]
    assert [(card.kind, card.positions) for card in cards("length", odd)] == [("length", [4])]
    assert [(card.kind, card.positions) for card in cards("counts", odd)] == [("counts", [])]
    late = cards("interarrival", odd, gaps=[[np.nan, 1.0, 900.0, 1.0]])
    assert late[0].kind == "time_gap"
    assert late[0].positions[0] in (2, 3)


def test_each_session_is_explained_by_its_own_threshold():
    log = ["open", "play", "pause", "beat", "stop", "close"]
    strict, lax = cards("ngram2", [log, log], threshold=[0.01, 4.5])
    assert (lax.kind, lax.positions) == ("missing", [3])  # mended by that
    assert len(strict.positions) > 1  # no edit leaves what is normal there: other places are odd too
