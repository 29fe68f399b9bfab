import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offbeat.detectors.base import Sequences
from offbeat.evaluation.subsets import distinct_mask, hash_sequences, seen_before, subset_masks

sessions = st.lists(st.lists(st.integers(1, 4), max_size=5), max_size=12)


@given(sessions)
def test_hashes_are_equal_just_where_sequences_are(lists):
    hashes = hash_sequences(Sequences.from_lists(lists))
    assert hashes.dtype == np.uint64
    for left, one in enumerate(lists):
        for right, other in enumerate(lists):
            assert (hashes[left] == hashes[right]) == (one == other)


@given(sessions, st.randoms(use_true_random=False))
def test_a_hash_is_the_sessions_own(lists, random):
    order = random.sample(range(len(lists)), len(lists))
    hashes = hash_sequences(Sequences.from_lists(lists))
    shuffled = hash_sequences(Sequences.from_lists([lists[at] for at in order]))
    assert shuffled.tolist() == hashes[order].tolist()


def test_times_and_marks_make_no_other_sequence():
    whole = Sequences.from_lists([[4, 5]], gaps=[[np.nan, 3.0]])
    piece = Sequences.from_lists([[4, 5]], starts=False, ends=False, gaps=[[np.nan, 9.0]])
    assert hash_sequences(whole) == hash_sequences(piece)


def test_a_slice_hashes_as_it_did_in_the_whole():
    whole = Sequences.from_lists([[4, 5], [], [6]])
    assert hash_sequences(whole.slice(1, 3)).tolist() == hash_sequences(whole)[1:].tolist()


def test_one_session_per_sequence_and_label_the_median_one():
    hashes = np.array([7, 7, 7, 7, 8], np.uint64)
    labels = np.array([0, 0, 0, 1, 0])
    scores = np.array([3.0, 1.0, 2.0, 9.0, 5.0])
    assert distinct_mask(hashes, labels, scores).tolist() == [False, False, True, True, True]


def test_of_two_the_lower_stands_for_both():
    hashes, labels = np.array([7, 7], np.uint64), np.array([1, 1])
    assert distinct_mask(hashes, labels, np.array([2.0, 1.0])).tolist() == [False, True]


def test_no_session_has_no_subset():
    empty = np.zeros(0)
    masks = subset_masks(np.zeros(0, np.uint64), empty, empty, empty)
    assert [len(mask) for mask in masks.values()] == [0, 0, 0]


def test_the_three_subsets():
    train, test = Sequences.from_lists([[4, 5]]), Sequences.from_lists([[4, 5], [6], [6], [4, 5]])
    hashes = hash_sequences(test)
    seen = seen_before(hashes, hash_sequences(train))
    masks = subset_masks(hashes, seen, np.array([0, 1, 1, 0]), np.zeros(4))
    assert seen.tolist() == [True, False, False, True]
    assert masks["all"].all()
    assert masks["distinct"].sum() == 2
    assert masks["never_seen"].tolist() == [False, True, True, False]
