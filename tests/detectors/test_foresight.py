"""What a change costs at least is told before it is made, and never too much."""

import numpy as np
import pytest

from offbeat.detectors import create
from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.scoring.edits import changed, find_edits, first_changes, inside

VOCABULARY = Vocabulary.fit({name: 9 - n for n, name in enumerate("abcdefg")})


@pytest.fixture(scope="module", params=["lstm", "gru"])
def detector(request):
    found = create(request.param)
    rng = np.random.default_rng(0)
    logs = [[4, 5, *[6 + n % 3 for n in range(rng.integers(1, 9))], 9, 10] for _ in range(300)]
    train = Sequences.from_lists(logs)
    settings = {"units": 8, "embedding": 4, "layers": 2, "epochs": 2}
    found.fit(train, train, vocabulary=VOCABULARY, settings=settings)
    return found


def test_the_least_score_is_that_up_to_the_first_change(detector):
    rng = np.random.default_rng(1)
    logs = [rng.integers(1, 11, rng.integers(1, 14)).tolist() for _ in range(60)]
    logs = [[event for event in log if event not in (2, 3)] or [4] for log in logs]
    sessions = Sequences.from_lists(
        logs, starts=[n % 3 > 0 for n in range(60)], ends=[n % 4 > 0 for n in range(60)]
    )
    lengths = sessions.lengths
    first = np.minimum(rng.integers(0, 3, 60), lengths - 1)
    windows = np.stack([first, np.maximum(first + 1, lengths - rng.integers(0, 2, 60))], axis=1)
    edits = find_edits(sessions, detector.surprise(sessions, 5), windows, 4)
    place, event = first_changes(sessions, edits, windows)
    least = detector.least_score(inside(sessions, windows), edits.session, place, event)
    after = changed(sessions, edits, windows)
    surprise = detector.surprise(after, 1)
    for at in range(len(edits)):
        own = surprise.surprise[surprise.offsets[at] : surprise.offsets[at + 1]]
        ids = [*after.ids[after.offsets[at] : after.offsets[at + 1]], *([3] if after.ends[at] else [])]
        assert (ids[place[at]] if place[at] < len(ids) else -1) == event[at]
        known = own[: place[at] + 1]
        behind = place[at] >= len(inside(sessions, windows).take([edits.session[at]]).ids) + after.ends[at]
        assert least[at] == pytest.approx(
            known[:-1].max(initial=0) if behind else known.max(initial=0), abs=1e-5
        )
    assert (least > 1).any()
    assert (least <= detector.score(after) + 1e-5).all()


def test_a_detector_that_can_not_tell_says_nothing():
    detector = create("ngram2")
    train = Sequences.from_lists([[4, 5, 6]] * 9)
    detector.fit(train, train, vocabulary=VOCABULARY)
    zero = np.zeros(2, np.int64)
    assert detector.least_score(train, zero, zero, zero + 4).tolist() == [0, 0]
