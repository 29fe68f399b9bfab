import numpy as np
import pytest

from offbeat.detectors import Sequences, Vocabulary, create
from offbeat.training.champion import separation

CYCLE = ["open", "play", "pause", "resume", "stop", "close"]


def fitted(sessions, vocabulary):
    ids = [vocabulary.encode(session).tolist() for session in sessions]
    detector = create("ngram2")
    detector.fit(Sequences.from_lists(ids), Sequences.from_lists(ids[:5]), vocabulary=vocabulary)
    return detector


@pytest.fixture
def known():
    return Vocabulary.fit({name: 9 - at for at, name in enumerate(CYCLE)})


def shuffled(n):
    rng = np.random.default_rng(0)
    return [[CYCLE[at] for at in rng.permutation(len(CYCLE))] for _ in range(n)]


def test_who_knows_the_order_separates_better_than_who_does_not(known):
    validation = Sequences.from_lists([known.encode(CYCLE).tolist()] * 40)
    knowing = separation(fitted([CYCLE] * 50, known), known, validation, known=known, seed=0)
    ignorant = separation(fitted(shuffled(50), known), known, validation, known=known, seed=0)
    assert knowing == 1.0
    assert ignorant < 0.95


def test_a_model_with_other_numbers_is_judged_on_the_same_faults(known):
    validation = Sequences.from_lists([known.encode(CYCLE).tolist()] * 40)
    other = Vocabulary.fit({name: 1 + at for at, name in enumerate(CYCLE)})
    assert other.tokens != known.tokens
    found = separation(fitted([CYCLE] * 50, other), other, validation, known=known, seed=0)
    assert found == separation(fitted([CYCLE] * 50, known), known, validation, known=known, seed=0)
