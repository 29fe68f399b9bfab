"""Scores at sizes that matter: large vocabularies, endless sessions, and networks without a fast path."""

import logging
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offbeat.detectors import create, recurrent
from offbeat.detectors.base import Sequences
from offbeat.detectors.forward import Network, NoFastPath
from offbeat.detectors.steps import to_steps
from offbeat.detectors.sweep import count_steps, largest_surprise
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import UsageError
from tests.detectors.oracle import random_weights, surprises
from tests.detectors.test_forward import alike_sessions

LARGE = 3_000


@pytest.mark.parametrize("steep", [1, 100])  # logits that exp takes as they are, and ones that need a shift
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_large_vocabulary_is_summed_in_tiles_to_the_same_score(kind, steep):
    arrays = random_weights(kind, n_tokens=LARGE, units=8, layers=2, seed=3, scale=0.2)
    arrays["out_kernel"] *= steep
    network = Network(kind, arrays)
    assert len(network.out_bias) > network.tile
    assert network.small_logits == (steep == 1)
    rng = np.random.default_rng(1)
    steps = to_steps(Sequences.from_lists([rng.integers(4, LARGE, n).tolist() for n in (3, 30, 1, 17, 30)]))
    plain = [
        surprises(kind, arrays, steps.tokens[low:high]).max()
        for low, high in zip(steps.offsets[:-1], steps.offsets[1:], strict=True)
    ]
    for share in (True, False):
        assert largest_surprise(network, steps, unknown=None, share=share) == pytest.approx(plain, rel=2e-5)


@settings(max_examples=60, deadline=None)
@given(
    sessions=alike_sessions(),
    shares=st.lists(st.floats(0, 1.2), min_size=12, max_size=12),
    kind=st.sampled_from(["lstm", "gru"]),
    seed=st.integers(0, 5),
)
def test_up_to_a_limit_scores_are_exact_and_above_it_they_are_above_it(sessions, shares, kind, seed):
    network = Network(kind, random_weights(kind, n_tokens=8, units=4, layers=2, seed=seed))
    steps = to_steps(sessions)
    exact = largest_surprise(network, steps, unknown=None)
    limits = (exact.max(initial=0) * np.array(shares[: len(sessions)])).astype(np.float32)
    found = largest_surprise(network, steps, unknown=None, limits=limits)
    near = np.abs(exact - limits) < 1e-4
    within = (exact <= limits) & ~near
    assert found[within] == pytest.approx(exact[within], abs=1e-5)
    assert (found > limits)[~within & ~near].all()


def test_steps_left_where_beginnings_are_shared():
    steps = to_steps(Sequences.from_lists([[4, 5, 6], [4, 5, 7], [4, 5, 6], [8]]))
    # With <start> and <end>: four tokens are fed of each of the first three, two of the last. <start> 4 5 is fed once,
    # then 6 and 7, and 8: six of fourteen.
    assert count_steps(steps) == (14, 6)
    assert count_steps(to_steps(Sequences.from_lists([[]], starts=False))) == (0, 0)


def test_equal_sessions_are_fed_once(monkeypatch):
    fed = []
    step = Network.step

    def counting(self, state, low, high, tokens, gaps):
        fed.append(high - low)
        step(self, state, low, high, tokens, gaps)

    monkeypatch.setattr(Network, "step", counting)
    network = Network("gru", random_weights("gru", n_tokens=9, units=4, layers=1))
    kinds = [[4, 5, 6, 7], [5, 5], [6]]
    scores = largest_surprise(network, to_steps(Sequences.from_lists(kinds * 500)), unknown=None)
    assert sum(fed) == 1 + 4 + 2 + 1  # <start> once, then each kind's events
    assert len(np.unique(scores)) == 3


def carried(n, *, piece=1_000):
    """A session of n events, its score, what the plain pass says of it, and the bytes that scoring it took."""
    rng = np.random.default_rng(n)
    arrays = random_weights("lstm", n_tokens=12, units=4, layers=1, seed=2, scale=0.6)
    steps = to_steps(Sequences.from_lists([rng.integers(4, 12, n).tolist()]))
    network = Network("lstm", arrays)
    tracemalloc.start()
    score = float(largest_surprise(network, steps, unknown=None)[0])
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return steps, arrays, network, score, taken


def in_one_piece(arrays, tokens):
    """The largest surprise of one session, states as plain vectors in float32: nothing is cut or shared."""
    network = Network("lstm", arrays)
    state = network.new_state(1)
    largest = 0.0
    for now, following in zip(tokens[:-1].tolist(), tokens[1:].tolist(), strict=True):
        network.step(state, 0, 1, np.array([now]), None)
        logits = network.logits(state, 0, 1)[:, 0].astype(np.float64)
        largest = max(largest, float(np.log(np.exp(logits).sum()) - logits[following]))
    return largest


def test_a_long_session_costs_a_few_numbers_an_event_and_no_state():
    *_, less = carried(2_000)
    steps, arrays, _, score, more = carried(12_000)
    assert score == pytest.approx(in_one_piece(arrays, steps.tokens), abs=1e-4)
    assert (more - less) / 10_000 < 100  # bytes an event; a state alone would take 4 * (4 + 4) for every unit


@pytest.mark.slow
def test_a_session_of_a_million_events_equals_one_piece():
    steps, arrays, _, score, taken = carried(1_000_000)
    assert score == pytest.approx(in_one_piece(arrays, steps.tokens), abs=1e-4)
    assert taken < 100 * 2**20


@pytest.mark.parametrize(
    "change",
    [
        {"bias_0": np.zeros(3, np.float32)},
        {"attention_0": np.zeros((3, 3), np.float32)},
        {"recurrent_1": np.zeros((5, 20), np.float32)},
    ],
)
def test_an_architecture_without_a_fast_path_is_refused_not_guessed(change):
    arrays = random_weights("lstm", n_tokens=9, units=4, layers=2)
    with pytest.raises(NoFastPath):
        Network("lstm", arrays | change)
    with pytest.raises(NoFastPath):
        Network("rnn", arrays)


def test_without_a_fast_path_scores_come_from_keras_and_the_log_says_so(monkeypatch, caplog):
    arrays = random_weights("lstm", n_tokens=9, units=4, layers=1, scale=0.3)
    values = {"settings": {"units": 4, "layers": 1, "embedding": 5}, "unknown": -6.0}
    sequences = Sequences.from_lists([[4, 5, 6, 7], [8, 1, 4], [5]])
    fast, plain = create("lstm"), create("lstm")
    fast.restore(values, dict(arrays))

    def refuse(kind, arrays):
        raise NoFastPath("cells of a new kind")

    monkeypatch.setattr(recurrent, "Network", refuse)
    with caplog.at_level(logging.WARNING, logger="offbeat"):
        logging.getLogger("offbeat").propagate = True
        plain.restore(values, dict(arrays))
    assert "no fast path for cells of a new kind; scoring goes through Keras" in caplog.text
    assert plain.score(sequences) == pytest.approx(fast.score(sequences), abs=1e-4)
    assert plain.surprise(sequences) is None
    fast.device = "gpu"  # the same weights through Keras, in batches, long sessions in pieces
    long = Sequences.from_lists([[4, 5, 6, 7] * 80, [8, 1, 4], [5], []])
    through_keras = fast.score(long)
    fast.device = "cpu"
    assert through_keras == pytest.approx(fast.score(long), abs=1e-4)


def test_a_gpu_that_is_not_there_is_refused():
    detector = create("gru")
    detector.device = "gpu"
    tensorflow = pytest.importorskip("tensorflow")
    if tensorflow.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    vocabulary = Vocabulary.fit({"a": 1})
    with pytest.raises(UsageError, match=r"model\.device: gpu, but TensorFlow sees none"):
        detector.fit(Sequences.from_lists([[4]]), Sequences.from_lists([]), vocabulary=vocabulary)
