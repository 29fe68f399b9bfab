from dataclasses import replace

import numpy as np
import pytest

from offbeat.detectors import Sequences, Vocabulary, create
from offbeat.training.champion import Contender, compare, separation

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


def test_the_reason_names_both_with_the_figures_of_both(known):
    validation = Sequences.from_lists([known.encode(CYCLE).tolist()] * 40)
    knowing = Contender("v2", fitted([CYCLE] * 50, known), known)
    ignorant = Contender("v1", fitted(shuffled(50), known), known)
    up = compare(knowing, ignorant, validation, known=known, seed=0)
    down = compare(ignorant, knowing, validation, known=known, seed=0)
    assert (up.is_better, down.is_better) == (True, False)
    assert up.reason == down.reason
    assert up.reason.startswith(
        "ngram2 (v2; PR-AUC on injected faults 1.0000; next event: accuracy 100.00%, loss 0."
    )
    assert " before ngram2 (v1; PR-AUC on injected faults 0." in up.reason
    assert up.figures["candidate_accuracy"] == down.figures["champion_accuracy"] == 1.0
    assert up.figures["candidate_loss"] < 0.2 < up.figures["champion_loss"]
    alike = compare(knowing, replace(knowing, version="v0"), validation, known=known, seed=0)
    assert alike.is_better


def test_sessions_too_short_for_a_fault_are_judged_by_the_loss(known):
    validation = Sequences.from_lists([known.encode(CYCLE[:1]).tolist()] * 40)
    knowing = Contender("v2", fitted([CYCLE[:1]] * 50, known), known)
    ignorant = Contender("v1", fitted(shuffled(50), known), known)
    found = compare(knowing, ignorant, validation, known=known, seed=0)
    assert found.is_better
    assert "too short for a fault" in found.reason
    assert not compare(ignorant, knowing, validation, known=known, seed=0).is_better
    blind = Contender("v3", Reads({1: 0.5}), known)
    assert compare(blind, knowing, validation, known=known, seed=0).is_better


class Reads:
    """A stand-in whose score is what it was told of each session, by the session's length."""

    name = "reads"

    def __init__(self, scores: dict[int, float]) -> None:
        self.scores = scores

    def score(self, sequences):
        return np.array([self.scores[int(n)] for n in np.diff(sequences.offsets)], np.float32)

    def surprise(self, *_):
        return None


def labelled(known, labels):
    """Sessions of 3, 4, 5 and 6 events."""
    parts = [known.encode(CYCLE[:n]).tolist() for n in (3, 4, 5, 6)]
    return replace(Sequences.from_lists(parts), labels=np.array(labels, np.float32))


def test_labels_of_both_kinds_judge_and_those_not_known_are_left_out(known):
    # Those of 3 and 5 events are normal, that of 6 is faulty. The first ranks the fault on top, the second below both.
    validation = labelled(known, [0, np.nan, 0, 1])
    right = Contender("v1", Reads({3: 0.1, 4: 9.0, 5: 0.2, 6: 0.9}), known)
    wrong = Contender("v2", Reads({3: 0.8, 4: 0.0, 5: 0.9, 6: 0.1}), known)
    found = compare(wrong, right, validation, known=known, seed=0)
    assert not found.is_better
    assert found.figures["champion_pr_auc"] == 1.0
    assert found.figures["candidate_pr_auc"] == pytest.approx(1 / 3)
    assert found.reason == (
        "reads (v1; PR-AUC on 1 labelled faults among 3 sessions 1.0000) before "
        "reads (v2; PR-AUC on 1 labelled faults among 3 sessions 0.3333)"
    )
    assert compare(right, wrong, validation, known=known, seed=0).is_better


@pytest.mark.parametrize("labels", [[0, 0, np.nan, 0], [1, 1, 1, np.nan], [np.nan] * 4])
def test_labels_of_one_kind_leave_the_judging_to_injected_faults(known, labels):
    one = Contender("v1", fitted([CYCLE] * 50, known), known)
    found = compare(one, replace(one, version="v0"), labelled(known, labels), known=known, seed=0)
    assert "PR-AUC on injected faults" in found.reason
