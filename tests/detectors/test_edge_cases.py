"""The edge cases of docs/detection.md: what every detector does with them. The networks are kept tiny here."""

from __future__ import annotations

import functools
import math

import numpy as np
import pyarrow as pa
import pytest

from offbeat.detectors import DETECTORS, create
from offbeat.detectors.base import Sequences
from offbeat.detectors.encoding import encode_sessions
from offbeat.detectors.vocabulary import UNKNOWN, Vocabulary
from offbeat.evaluation.judged import Judged, Rules, Subject
from offbeat.evaluation.metrics import area_under_roc
from offbeat.evaluation.report import evaluate_detector
from offbeat.scoring.verdicts import judge, unknown_share
from offbeat.training.calibration import calibrate, calibrate_scores
from offbeat.training.inject import inject_faults

TINY = {"units": 8, "layers": 1, "embedding": 8, "epochs": 60, "learning_rate": 0.02, "averaging": 0.9}
BRIEF = {"epochs": 5}  # where it does not matter how well a network has learnt
NETWORKS = ("lstm", "gru")
# Those that learn from event sequences alone; what learns from labels has tests of its own.
NAMES = ("new_event", "length", "counts", "ngram2", "ngram3", "edit", "interarrival", *NETWORKS)
SLOW_GRU = pytest.param("gru", marks=pytest.mark.slow)
LONG = [*NAMES[:-1], SLOW_GRU]
# In the fast tier tests/detectors/test_recurrent.py shows it of a network.
LONGEST = [*NAMES[:-2], pytest.param("lstm", marks=pytest.mark.slow), SLOW_GRU]
A, B, C, D = 4, 5, 6, 7


def fitted(name, train, *, size=8, validation=None, **settings):
    detector = create(name)
    vocabulary = Vocabulary.fit({f"event {number:05d}": size - number for number in range(size - 4)})
    chosen = (TINY if name in NETWORKS else {}) | settings
    detector.fit(train, train if validation is None else validation, vocabulary=vocabulary, settings=chosen)
    return detector


def usual(n=40):
    """Sessions of a log in which A B C D comes in this order, B sometimes twice."""
    return Sequences.from_lists([[A, B, C, D] if at % 4 else [A, B, B, C, D] for at in range(n)])


def assert_sound(detector, sequences):
    """Scores are finite and not negative; what is kept gives them again, bit for bit."""
    scores = detector.score(sequences)
    assert scores.dtype == np.float32
    assert scores.shape == (len(sequences),)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    again = type(detector).from_files(detector.to_files()).score(sequences)
    assert np.array_equal(scores, again)
    return scores


@functools.cache
def trained(name):
    """A detector, fitted on the usual log, once."""
    return fitted(name, usual())


@pytest.mark.parametrize("name", NAMES)
def test_sessions_of_no_one_and_two_events_have_a_score(name):
    scores = assert_sound(trained(name), Sequences.from_lists([[], [A], [A, B], [A, B, C, D]]))
    if name not in ("interarrival", "new_event"):  # those look at times, and at names alone
        assert scores[3] < min(scores[:3])  # what is cut short is stranger than what is whole
    alone = trained(name).score(Sequences.from_lists([[]]))
    assert alone.shape == (1,)
    assert trained(name).score(Sequences.from_lists([])).shape == (0,)


def test_short_sessions_are_called_short():
    lengths, zeros = np.array([0, 1, 2]), np.zeros(3)
    found = judge(
        np.full(3, 9.0), threshold=1.0, lengths=lengths, unknown_share=zeros, is_open=zeros.astype(bool),
        min_events=2, unknown_limit=0.5,
    )  # fmt: skip
    assert found.tolist() == ["short", "short", "anomalous"]


@pytest.mark.parametrize("name", NAMES)
def test_sessions_of_unknown_events_alone_are_strange(name):
    sessions = Sequences.from_lists([[UNKNOWN] * 4, [A, B, C, D]])
    strange, normal = assert_sound(trained(name), sessions)
    if name not in ("interarrival", "length"):
        assert strange > normal
    assert unknown_share(sessions).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("name", ["lstm", SLOW_GRU])
def test_an_unknown_event_among_the_held_out_sessions_does_not_end_the_training(name):
    held = Sequences.from_lists([[A, B, C, D]] * 20 + [[A, UNKNOWN, D]])
    detector, vocabulary = create(name), Vocabulary.fit({"a": 4, "b": 3, "c": 2, "d": 1})
    history = detector.fit(usual(), held, vocabulary=vocabulary, settings=TINY)
    assert max(history.val_loss) < 10  # nats; an impossible event would cost a thousand million
    assert history.best_epoch > 10


@pytest.mark.parametrize("name", LONGEST)
def test_a_session_of_100k_events_has_a_score(name):
    long = [A, B, C, D] * 25_000
    scores = assert_sound(trained(name), Sequences.from_lists([long, [A, B, C, D], []]))
    if name not in ("interarrival", "new_event"):
        assert scores[0] > scores[1]


@pytest.mark.parametrize("name", LONGEST)
def test_a_vocabulary_of_one_event(name):
    train = Sequences.from_lists([[A, A, A]] * 20)
    detector = fitted(name, train, size=5, **(BRIEF if name in NETWORKS else {}))
    scores = assert_sound(detector, Sequences.from_lists([[A, A, A], [A] * 50, [UNKNOWN]]))
    if name in ("length", "counts", "edit"):
        assert scores[1] > scores[0]


@pytest.mark.parametrize("name", LONGEST)
def test_a_vocabulary_of_50000_events(name):
    size = 50_004
    rng = np.random.default_rng(0)
    train = Sequences.from_lists(rng.integers(4, size, (60, 20)).tolist() + [[A, B, C, D]] * 40)
    detector = fitted(name, train, size=size, **({"epochs": 1} if name in NETWORKS else {}))
    scores = assert_sound(detector, Sequences.from_lists([[A, B, C, D], [50_000, A, 49_000]]))
    if name in ("counts", "edit", "ngram2", "ngram3"):  # the networks had one round only
        assert scores[1] > scores[0]


@pytest.mark.parametrize("name", LONG)
def test_all_sessions_equal(name):
    same = Sequences.from_lists([[A, B, C]] * 30)
    detector = fitted(name, same)
    calibration = calibrate(detector, same, budget=0.01)
    assert math.isfinite(calibration.threshold)
    scores = assert_sound(detector, Sequences.from_lists([[A, B, C], [C, B, A], [A, UNKNOWN]]))
    assert scores[0] <= calibration.threshold  # what is always the same is normal
    if name not in ("interarrival", "length", "new_event", "counts"):
        assert scores[1] > calibration.threshold


@pytest.mark.parametrize("name", ["interarrival", "lstm", SLOW_GRU])
def test_times_that_are_not_known(name):
    sessions = [[A, B, C, D]] * 40
    gaps = [[math.nan, 1.0 + at % 3, math.nan, 2.0] for at in range(40)]
    train = Sequences.from_lists(sessions, gaps=gaps)
    detector = fitted(name, train, **(BRIEF | {"time": True} if name in NETWORKS else {"min_gaps": 5}))
    nothing = Sequences.from_lists(
        [[A, B, C, D]] * 2, gaps=[[math.nan] * 4, [math.nan, 1.0, math.nan, 900.0]]
    )
    scores = assert_sound(detector, nothing)
    assert_sound(detector, Sequences.from_lists([[A, B, C, D]]))  # no times at all
    if name == "interarrival":
        assert scores[0] == 0 < scores[1]


def test_times_that_are_null_in_the_table():
    rows = pa.table(
        {
            "events": pa.array([["a", "b"], ["a", "b"]]),
            "times": pa.array([[None, None], [0, 5_000_000]], pa.list_(pa.timestamp("us"))),
            "continues": [False, False],
            "state": ["closed", "closed"],
        }
    )
    gaps = encode_sessions(rows, Vocabulary.fit({"a": 1, "b": 1})).gaps
    assert np.isnan(gaps[:3]).all()
    assert gaps[3] == 5


def test_labels_that_are_missing_or_of_one_class():
    rules, subject = Rules(budget=0.1, resamples=100), Subject("run", "model", "any")
    scores, hashes = np.arange(4, dtype=np.float32), np.arange(4, dtype=np.uint64)
    for labels, why in (
        ([math.nan] * 4, "no labelled session"),
        ([0, 0, math.nan, 0], "no abnormal session"),
        ([1, 1, 1, 1], "no normal session"),
    ):
        judged = Judged(np.array(labels, float), scores, 1.5, hashes, np.zeros(4, bool))
        rows = {
            row["metric"]: row
            for row in evaluate_detector(judged, subject, rules)
            if (row["subset"], row["verdict_rule"], row["basis"]) == ("all", "flagged", "honest")
        }
        assert rows["roc_auc"]["value"] is None
        assert rows["roc_auc"]["note"] == why


def test_a_constant_model_flags_nobody_and_finds_nothing():
    scores = np.full(200, 3.0, np.float32)
    for mixed in (False, True):
        calibration = calibrate_scores(scores, budget=0.01, mixed=mixed)
        assert 3 <= calibration.threshold < 3.001
        assert not (scores > calibration.threshold).any()
        assert np.isfinite(calibration.percentile(scores)).all()
    labels = np.repeat([0.0, 1.0], 100)
    judged = Judged(labels, scores, 3.0, np.arange(200, dtype=np.uint64), np.zeros(200, bool))
    rows = evaluate_detector(judged, Subject("run", "model", "any"), Rules(budget=0.01, resamples=100))
    found = {
        row["metric"]: row["value"]
        for row in rows
        if (row["subset"], row["verdict_rule"], row["basis"]) == ("all", "flagged", "honest")
    }
    assert found["recall"] == 0
    assert found["roc_auc"] == 0.5
    assert found["pr_auc"] == 0.5  # the share of abnormal ones: what chance gives


def test_an_event_that_is_not_ascii():
    names = ["démarrer", "再生", "⏸️", "a\u0301", "á", "<start>", "tab\tand\nline"]
    vocabulary = Vocabulary.fit({name: len(names) - at for at, name in enumerate(names)})
    again = Vocabulary.from_json(vocabulary.to_json())
    assert again.hash == vocabulary.hash
    assert again.decode(again.encode(names)) == names  # two spellings of á stay two events
    assert again.encode(["再", None]).tolist() == [UNKNOWN, UNKNOWN]
    for name in NAMES:
        detector = create(name)
        train = Sequences.from_lists([again.encode(names).tolist()] * 20)
        chosen = TINY | BRIEF if name in NETWORKS else {}
        detector.fit(train, train, vocabulary=again, settings=chosen)
        assert_sound(detector, train)


@pytest.mark.parametrize("name", ["ngram2", "ngram3", "lstm", SLOW_GRU])
def test_a_training_sample_with_faults_in_it_still_finds_faults(name):
    """One session in twenty is faulty in training and in what sets the threshold."""
    rng = np.random.default_rng(3)
    kinds = [[A, B, C, D], [A, B, B, C, D], [A, C, B, D], [A, B, C, C, D], [A, D]]
    normal = Sequences.from_lists([kinds[at] for at in rng.choice(5, 2000, p=[0.5, 0.2, 0.15, 0.1, 0.05])])
    faulty, _ = inject_faults(normal, vocabulary_size=8, seed=1)
    known = {tuple(kind) for kind in kinds}
    odd = [ids for ids in lists_of(faulty) if tuple(ids) not in known]
    usual = lists_of(normal)
    train, held = (Sequences.from_lists([*usual[at : at + 570], *odd[at : at + 30]]) for at in (0, 600))
    network = {"units": 16, "epochs": 150, "patience": 150} if name in NETWORKS else {}
    detector = fitted(name, train, validation=held, **network)
    threshold = calibrate(detector, held, budget=0.01, mixed=True).threshold
    normal_scores = detector.score(Sequences.from_lists(usual[1200:2000]))
    odd_scores = detector.score(Sequences.from_lists(odd[700:]))
    labels = np.repeat([0, 1], [len(normal_scores), len(odd_scores)])
    assert (normal_scores > threshold).mean() <= 0.06  # a habit as rare as the faults is taken for one
    assert area_under_roc(labels, np.concatenate([normal_scores, odd_scores])) >= 0.85


def lists_of(sequences):
    bounds = zip(sequences.offsets[:-1], sequences.offsets[1:], strict=True)
    return [sequences.ids[low:high].tolist() for low, high in bounds]


def test_a_tiny_log_of_few_sequences_is_judged_by_all():
    train = Sequences.from_lists([[A, B, C, D]] * 8 + [[A, B, D]] * 4)
    for name in NAMES:
        detector = fitted(name, train)
        calibration = calibrate(detector, train, budget=0.01)
        scores = assert_sound(detector, Sequences.from_lists([[A, B, C, D], [D, C, B, A, A]]))
        assert scores[0] <= calibration.threshold
    assert set(NAMES) <= set(DETECTORS)
