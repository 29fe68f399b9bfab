"""The fast forward pass gives what the plain one gives, however sessions are put together."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offbeat.detectors.base import Sequences
from offbeat.detectors.detail import event_scores
from offbeat.detectors.forward import MAX_ONE_HOT, Network
from offbeat.detectors.steps import to_steps
from offbeat.detectors.sweep import largest_surprise
from tests.detectors.oracle import random_weights, surprises

NEW = -7.0  # ln(probability) of an event that training never saw


@st.composite
def alike_sessions(draw, top=7):
    """Sessions that often begin alike, or are equal; some are open, some continue another."""
    stems = draw(st.lists(st.lists(st.integers(1, top), max_size=6), min_size=1, max_size=4))
    tails = st.lists(st.integers(1, top), max_size=3)
    pieces = st.tuples(st.sampled_from(stems), st.integers(0, 6), tails, st.booleans(), st.booleans())
    chosen = draw(st.lists(pieces, min_size=1, max_size=12))
    events = [stem[:cut] + tail for stem, cut, tail, _, _ in chosen]
    return Sequences.from_lists(events, starts=[row[3] for row in chosen], ends=[row[4] for row in chosen])


def plain_scores(kind, arrays, steps, unknown):
    """Per session: surprise of each token but the first."""
    found = []
    for low, high in zip(steps.offsets[:-1], steps.offsets[1:], strict=True):
        tokens = steps.tokens[low:high]
        gaps = None if steps.buckets is None else steps.buckets[low:high]
        surprise = surprises(kind, arrays, tokens, gaps) if len(tokens) > 1 else np.zeros(0)
        found.append(np.where(tokens[1:] == 1, -unknown, surprise) if unknown is not None else surprise)
    return found


@settings(max_examples=40, deadline=None)
@given(
    sessions=alike_sessions(),
    kind=st.sampled_from(["lstm", "gru"]),
    layers=st.integers(1, 3),
    unknown=st.sampled_from([None, NEW]),
    seed=st.integers(0, 5),
)
def test_scores_equal_the_plain_pass(sessions, kind, layers, unknown, seed):
    arrays = random_weights(kind, n_tokens=8, units=4, layers=layers, seed=seed)
    steps = to_steps(sessions)
    plain = plain_scores(kind, arrays, steps, unknown)
    fast = largest_surprise(Network(kind, arrays), steps, unknown=unknown)
    assert fast == pytest.approx([surprise.max(initial=0) for surprise in plain], abs=1e-4)


@settings(max_examples=25, deadline=None)
@given(sessions=alike_sessions(), kind=st.sampled_from(["lstm", "gru"]), gap_seed=st.integers(0, 3))
def test_gap_classes_are_an_input(sessions, kind, gap_seed):
    arrays = random_weights(kind, n_tokens=8, units=4, layers=2, n_gaps=3)
    classes = np.random.default_rng(gap_seed).integers(0, 3, len(sessions.ids)).astype(np.int32)
    steps = to_steps(sessions, classes)
    plain = plain_scores(kind, arrays, steps, None)
    fast = largest_surprise(Network(kind, arrays), steps, unknown=None)
    assert fast == pytest.approx([surprise.max(initial=0) for surprise in plain], abs=1e-4)


@settings(max_examples=25, deadline=None)
@given(sessions=alike_sessions(), kind=st.sampled_from(["lstm", "gru"]), unknown=st.sampled_from([None, NEW]))
def test_every_event_and_end_has_a_row(sessions, kind, unknown):
    arrays = random_weights(kind, n_tokens=8, units=4, layers=2)
    steps = to_steps(sessions)
    found = event_scores(Network(kind, arrays), sessions, steps, unknown=unknown, top_k=3)
    assert np.diff(found.offsets).tolist() == (sessions.lengths + sessions.ends).tolist()
    for at, surprise in enumerate(plain_scores(kind, arrays, steps, unknown)):
        rows = slice(found.offsets[at], found.offsets[at + 1])
        nothing_expected = [] if sessions.starts[at] or rows.start == rows.stop else [0.0]
        assert found.surprise[rows] == pytest.approx([*nothing_expected, *surprise], abs=1e-4)
    assert found.probability == pytest.approx(np.exp(-found.surprise), rel=1e-5)


def test_rank_and_expected_agree():
    arrays = random_weights("lstm", n_tokens=12, units=6, layers=1, seed=3)
    sessions = Sequences.from_lists([[4, 5, 6, 7, 8, 9, 10, 11]] * 2 + [[11, 4]])
    found = event_scores(Network("lstm", arrays), sessions, to_steps(sessions), unknown=None, top_k=12)
    assert found.expected_probability.sum(axis=1) == pytest.approx(np.ones(len(found)), abs=1e-5)
    assert (np.diff(found.expected_probability, axis=1) <= 0).all()
    rows = np.arange(len(found))
    assert (found.expected[rows, found.rank - 1] == found.actual).all()
    assert found.expected_probability[rows, found.rank - 1] == pytest.approx(found.probability, rel=1e-4)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("n_tokens", [30, MAX_ONE_HOT + 1, 3000])
def test_scores_do_not_depend_on_the_batches(kind, n_tokens):
    rng = np.random.default_rng(0)
    arrays = random_weights(kind, n_tokens=n_tokens, units=16, layers=2, scale=0.3)
    sessions = Sequences.from_lists(
        [rng.integers(4, min(n_tokens, 40), rng.integers(0, 12)).tolist() for _ in range(300)]
    )
    network = Network(kind, arrays)
    whole = largest_surprise(network, to_steps(sessions), unknown=None)
    for parts in (7, 64):
        cuts = np.linspace(0, len(sessions), parts + 1).astype(int)
        scores = [
            largest_surprise(network, to_steps(sessions.slice(low, high)), unknown=None)
            for low, high in itertools.pairwise(cuts)
        ]
        assert np.concatenate(scores) == pytest.approx(whole, abs=1e-5)
    alone = largest_surprise(network, to_steps(sessions), unknown=None, share=False)
    assert alone == pytest.approx(whole, abs=1e-5)


def test_equal_sessions_get_equal_bits():
    arrays = random_weights("gru", n_tokens=20, units=8, layers=2)
    sessions = Sequences.from_lists([[4, 5, 6, 7], [9, 9], [4, 5, 6, 7], [4, 5, 6]] * 50)
    scores = largest_surprise(Network("gru", arrays), to_steps(sessions), unknown=None)
    assert len(set(scores[[0, 2, 4, 6]].tolist())) == 1


def test_a_long_session_carries_its_state():
    """What a session of 5,000 events scores in one piece, its states say step by step."""
    rng = np.random.default_rng(5)
    arrays = random_weights("lstm", n_tokens=9, units=4, layers=1, scale=0.4)
    events = rng.integers(4, 9, 5_000).tolist()
    steps = to_steps(Sequences.from_lists([events, [4, 5]]))
    fast = largest_surprise(Network("lstm", arrays), steps, unknown=None)
    assert fast[0] == pytest.approx(
        surprises("lstm", arrays, steps.tokens[: steps.offsets[1]]).max(), abs=1e-4
    )
