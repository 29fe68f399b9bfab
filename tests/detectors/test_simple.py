"""The simple detectors: what each calls strange, worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offbeat.detectors import DETECTORS, create
from offbeat.detectors.base import Detector, Sequences
from offbeat.detectors.edit import edit_distances
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import UsageError

A, B, C, D = 4, 5, 6, 7  # the numbers that the events a, b, c, d get
SIMPLE = ["new_event", "length", "counts", "ngram2", "ngram3", "edit", "interarrival"]


def fitted(name, sessions, *, gaps=None, settings=None):
    """A detector that learnt these sessions, after a round trip through its files."""
    vocabulary = Vocabulary.fit({"a": 9, "b": 8, "c": 7, "d": 6})
    detector = create(name)
    train = Sequences.from_lists(sessions, gaps=gaps)
    history = detector.fit(train, train, vocabulary=vocabulary, settings=settings)
    assert (history.n_sessions, history.n_events) == (len(train), len(train.ids))
    files = detector.to_files()
    again = type(detector).from_files(files)
    assert again.to_files() == files
    assert again.vocabulary_hash == vocabulary.hash
    return again


def score(detector, sessions, **marks):
    scores = detector.score(Sequences.from_lists(sessions, **marks))
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    return scores


def test_new_events_are_counted():
    scores = score(fitted("new_event", [[A, B]]), [[A, B], [A, 1], [1, 1, A], []])
    assert scores == pytest.approx([0, 1.5, 2 + 2 / 3, 0])


def test_lengths_outside_the_range_are_stranger_the_farther():
    detector = fitted("length", [[A] * n for n in (3, 4, 4, 5, 5, 5, 6, 6, 7)])
    inside, edge, longer, longest, empty = score(detector, [[A] * 5, [A] * 7, [A] * 8, [A] * 80, []])
    assert inside < edge < longer < longest
    assert empty > edge
    assert edge == pytest.approx(-math.log(2 / 10))
    assert longer == pytest.approx(math.log(10) + math.log(1 + 1 / 2))  # half an interquartile range outside


def test_a_piece_may_be_short_but_not_long():
    detector = fitted("length", [[A] * n for n in (3, 4, 4, 5)])
    pieces = score(detector, [[A], [A] * 9], ends=False)
    whole = score(detector, [[A], [A] * 9])
    assert pieces[0] < whole[0]
    assert pieces[1] == whole[1]


def test_counts_know_what_they_saw_and_weigh_rare_events_more():
    detector = fitted("counts", [[A, B, B]] * 5 + [[A, B, C]])
    seen, more_b, rare, unknown = score(detector, [[B, A, B], [A, B, B, B], [A, B, B, D], [A, B, B, 1]])
    assert seen == 0
    idf_d = 1 + math.log(7)
    assert more_b == pytest.approx(1 / (1 + 3))
    assert rare == unknown == pytest.approx(idf_d / (1 + 2 + idf_d))


def test_a_piece_is_only_strange_by_what_is_too_much():
    detector = fitted("counts", [[A, B, B, C]])
    assert score(detector, [[A, B]], ends=False).tolist() == [0]
    assert score(detector, [[A, A]], ends=False) == pytest.approx([0.5])
    assert score(detector, [[A, B]])[0] > 0


def test_many_vectors_in_chunks_give_the_same():
    rng = np.random.default_rng(0)
    sessions = [rng.integers(4, 8, rng.integers(0, 9)).tolist() for _ in range(300)]
    detector = fitted("counts", sessions[:100])
    one_by_one = [score(detector, [session])[0] for session in sessions[100:]]
    assert score(detector, sessions[100:]) == pytest.approx(one_by_one, abs=1e-6)


@pytest.mark.parametrize("name", ["ngram2", "ngram3"])
def test_probabilities_sum_to_one_and_agree_with_the_score(name):
    detector = fitted(name, [[A, B, C], [A, B, D], [A, C]])
    sessions = Sequences.from_lists([[A, B, C], [C, A], [], [1, D]], starts=[True, True, True, False])
    events = detector.surprise(sessions, 6)
    scored = events.expected_probability.sum(axis=1) > 0
    assert events.expected_probability[scored].sum(axis=1) == pytest.approx(np.ones(scored.sum()), abs=1e-6)
    largest = np.maximum.reduceat(events.surprise, events.offsets[:-1])
    assert detector.score(sessions) == pytest.approx(largest, abs=1e-6)


def test_two_grams_are_mixed_after_witten_and_bell():
    detector = fitted("ngram2", [[A, B], [A, C]])
    single = {A: (2 + 4 / 6) / 10, B: (1 + 4 / 6) / 10}  # 6 tokens, 4 kinds, 6 outcomes possible
    after_a = (1 + 2 * single[B]) / 4
    after_b = (0 + 1 * single[A]) / 2
    assert score(detector, [[A, B]], ends=False) == pytest.approx([-math.log(after_a)], rel=1e-6)
    assert score(detector, [[B, A]], starts=False, ends=False) == pytest.approx(
        [-math.log(after_b)], rel=1e-6
    )


def test_wrong_order_is_strange_to_markov():
    detector = fitted("ngram3", [[A, B, C, D]] * 20)
    right, wrong = score(detector, [[A, B, C, D], [A, C, B, D]])
    assert wrong > right + 2


def test_edits_to_the_nearest_session():
    detector = fitted("edit", [[A, B, C, D], [A, A]])
    assert score(detector, [[A, B, C, D], [A, C, D], [A, C, B, D], [B], []]) == pytest.approx(
        [0, 1 / 4, 2 / 4, 3 / 4, 1]
    )
    place, distance = detector.nearest(Sequences.from_lists([[A, A, A], [A, B, C]]))
    assert place.tolist() == [1, 0]
    assert distance == pytest.approx([1 / 3, 1 / 4])


def test_a_piece_matches_inside_a_session():
    detector = fitted("edit", [[A, B, C, D, A, B]])
    assert score(detector, [[C, D]], starts=False, ends=False).tolist() == [0]
    assert score(detector, [[A, B]], ends=False).tolist() == [0]
    assert score(detector, [[D, C]], starts=False, ends=False).tolist() == [0.5]


def test_of_long_sessions_only_the_counts_are_compared():
    detector = fitted("edit", [[A, B] * 300], settings={"max_length": 100})
    same_counts, half = score(detector, [[B, A] * 300, [A] * 300])
    assert same_counts == 0
    assert half == pytest.approx(0.5)


events = st.lists(st.integers(4, 7), max_size=8)


@given(st.lists(st.tuples(events, events), min_size=1, max_size=5))
def test_edit_distances_are_the_textbooks(pairs):
    left, right = (Sequences.from_lists([pair[side] for pair in pairs]) for side in (0, 1))
    both = np.arange(len(pairs))
    assert edit_distances(left, both, right, both).tolist() == [textbook(*pair) for pair in pairs]


def textbook(left, right):
    if not left or not right:
        return len(left) + len(right)
    replaced = textbook(left[1:], right[1:]) + (left[0] != right[0])
    if left[0] == right[0]:
        return replaced
    return min(replaced, textbook(left[1:], right) + 1, textbook(left, right[1:]) + 1)


def test_gaps_outside_their_range():
    gaps = [[math.nan, 10.0], [math.nan, 20.0], [math.nan, 40.0]]
    detector = fitted("interarrival", [[A, B]] * 3, gaps=gaps, settings={"min_gaps": 3})
    odd = [[math.nan, 15.0], [math.nan, 80.0], [math.nan, 1.0], [math.nan, math.nan], [math.nan, 0.0]]
    scores = score(detector, [[A, B]] * 5, gaps=odd)
    assert scores == pytest.approx([0, math.log(2), math.log(10), 0, math.log(10 / 0.001)], rel=1e-5)


def test_rare_pairs_use_the_range_of_their_event():
    gaps = [[math.nan, 10.0], [math.nan, 20.0], [math.nan, 1000.0]]
    detector = fitted("interarrival", [[A, B], [A, B], [C, D]], gaps=gaps, settings={"min_gaps": 2})
    scores = score(detector, [[C, B], [B, D]], gaps=[[math.nan, 40.0], [math.nan, 5000.0]])
    assert scores == pytest.approx([math.log(2), math.log(5)], rel=1e-5)


def test_without_times_no_gap_is_strange():
    assert score(fitted("interarrival", [[A, B]]), [[A, B], []]).tolist() == [0, 0]


@pytest.mark.parametrize("name", SIMPLE)
@pytest.mark.parametrize(
    "train",
    [[[A, B, C]] * 5, [[]], [[A]], [[A, B]], [[1, 1]]],
    ids=["all equal", "no events", "one event", "two events", "only unknown"],
)
def test_every_session_gets_a_finite_score(name, train):
    detector = fitted(name, train, gaps=[[math.nan] * len(session) for session in train])
    odd = [[], [A], [A, B], [1], [1, 1, 1], [A, B, C] * 40]
    gaps = [[math.nan] * len(session) for session in odd]
    for marks in (True, False):
        scores = score(detector, odd, starts=marks, ends=marks, gaps=gaps)
        assert scores == pytest.approx(
            score(detector, odd[::-1], starts=marks, ends=marks, gaps=gaps[::-1])[::-1]
        )
    assert score(detector, []).shape == (0,)


@pytest.mark.parametrize("name", SIMPLE)
def test_a_vocabulary_of_fifty_thousand_and_a_session_of_a_hundred_thousand(name):
    rng = np.random.default_rng(0)
    vocabulary = Vocabulary.fit({f"Ereignis №{number}": 1 for number in range(50_000)})
    lengths = np.append(rng.integers(1, 30, 300), 100_000)
    ids = rng.integers(4, len(vocabulary), lengths.sum()).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    marks = np.ones(len(lengths), bool)
    sessions = Sequences(ids, offsets, marks, marks, np.ones(len(ids), np.float32))
    detector = create(name)
    detector.fit(sessions.slice(0, 250), sessions.slice(250, 300), vocabulary=vocabulary)
    scores = detector.score(sessions)
    assert np.isfinite(scores).all()
    if name not in ("new_event", "interarrival"):  # nothing is new in it, and no gap is odd
        assert scores[-1] > scores[:250].max()


def test_an_unknown_detector_or_setting_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean ngram2"):
        create("ngram_2")
    with pytest.raises(UsageError, match="did you mean candidates"):
        fitted("edit", [[A]], settings={"candidate": 3})
    with pytest.raises(UsageError, match="tail"):
        fitted("interarrival", [[A]], settings={"tail": 0.7})


def test_every_detector_has_its_name():
    assert all(issubclass(kind, Detector) and kind.name == name for name, kind in DETECTORS.items())
