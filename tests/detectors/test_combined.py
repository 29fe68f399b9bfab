"""Detectors on session features, classifiers and the ensemble: what they say, and that files say the same."""

from dataclasses import replace

import numpy as np
import pytest

from offbeat.detectors import DETECTORS, create
from offbeat.detectors.base import Sequences
from offbeat.detectors.covariates import Covariates
from offbeat.detectors.features import SessionFeatures
from offbeat.detectors.tails import Tail
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import InputRefused, UsageError
from offbeat.training.calibration import calibrate
from tests.detectors.conftest import cycles

VOCABULARY = Vocabulary.fit(dict(zip("abcdef", range(9, 3, -1), strict=True)))
ODD = [[4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4], [1, 1, 1, 9], [9, 8, 7, 6, 5, 4] * 6]


def normal(n, seed):
    return Sequences.from_lists(cycles(n, seed=seed))


def fitted(name, train=None, **settings):
    detector = create(name)
    detector.fit(train or normal(300, 0), normal(100, 1), vocabulary=VOCABULARY, settings=settings)
    return detector


@pytest.mark.parametrize("name", ["isolation_forest", "mahalanobis"])
def test_odd_sessions_lie_outside_and_files_say_the_same(name):
    detector = fitted(name)
    odd, usual = detector.score(Sequences.from_lists(ODD)), detector.score(normal(100, 2))
    # A forest can't ask about a column that never varied in training, such as pairs never seen.
    seen = 2 if name == "isolation_forest" else 3
    assert odd[:seen].min() >= np.quantile(usual, 0.95)
    again = DETECTORS[name].from_files(detector.to_files())
    assert again.score(Sequences.from_lists(ODD)).tolist() == odd.tolist()
    assert detector.score(Sequences.from_lists([])).shape == (0,)
    assert np.isfinite(detector.score(Sequences.from_lists([[]]))).all()


def test_the_forest_scores_as_scikit_learn_does():
    from sklearn.ensemble import IsolationForest

    detector = fitted("isolation_forest", trees=20)
    train, rows = normal(300, 0), Sequences.from_lists([*ODD, *cycles(20, seed=5)])
    reference = IsolationForest(n_estimators=20, random_state=0).fit(detector.features.table(train))
    assert detector.score(rows) == pytest.approx(
        -reference.score_samples(detector.features.table(rows)), abs=1e-6
    )


@pytest.mark.parametrize("rows", [[[4, 5]] * 30, [[4]] * 3, [[], [4]]])
def test_equal_or_few_sessions_are_no_reason_to_fail(rows):
    train = Sequences.from_lists(rows)
    for name in ("isolation_forest", "mahalanobis"):
        assert np.isfinite(fitted(name, train).score(Sequences.from_lists([*ODD, []]))).all()


def test_features_of_a_session_by_hand():
    train = Sequences.from_lists([[4, 5], [4, 5, 5]], gaps=[[np.nan, 2], [np.nan, 1, 3]])
    raw = replace(
        SessionFeatures.fit(train, len(VOCABULARY), Covariates()),
        mean=np.zeros(13),
        scale=np.ones(13),
    )
    got = raw.table(Sequences.from_lists([[4, 1, 5]], gaps=[[np.nan, 5, -1]]))[0]
    # <start> 4 and 5 <end> are known pairs; 4 1 and 1 5 are new.
    general = [np.log(4), np.log(4), np.log(6), np.log(6), 1 / 3, np.log(3), 0]
    assert got == pytest.approx([*general, np.log(2), np.log(2), 0, 0, 0, 0])


def test_shares_within_and_beyond_the_held_out_scores():
    tail = Tail.fit(np.arange(100))
    shares = [1, 1, 51 / 101, 50 / 101, 2 / 101]
    assert tail.surprises([-5, 0, 50, 50.5, 99]) == pytest.approx(-np.log(shares))
    assert tail.surprises([50 + 1e-5]) == tail.surprises([50])  # the same session in another batch
    # The ten largest lie 5.5 above the start of the tail on average.
    assert tail.surprises([99 + 5.5]) == pytest.approx([np.log(101) + 1])
    assert np.diff(tail.surprises(np.linspace(-1, 200, 500))).min() >= 0
    constant = Tail.fit(np.zeros(50))
    assert constant.surprises([0, 1]) == pytest.approx([0, np.log(51) + 1])


def test_faults_among_the_held_out_scores_do_not_make_such_scores_usual():
    rng = np.random.default_rng(0)
    mixed = np.append(rng.exponential(1.0, 900), rng.uniform(9, 12, 100))
    assert Tail.fit(mixed, mixed=True).surprises([9.0])[0] == pytest.approx(9, abs=1.2)
    assert Tail.fit(mixed).surprises([9.0])[0] < 2.5


def test_a_member_that_never_varied_is_heard():
    detector, same = create("ensemble"), Sequences.from_lists([[4, 5, 6]] * 200)
    settings = {"members": ["new_event", "length"]}
    detector.fit(same, same.take(np.arange(80)), vocabulary=VOCABULARY, settings=settings)
    threshold = calibrate(detector, same.take(np.arange(80)), budget=0.01).threshold
    strange = detector.score(Sequences.from_lists([[4, 1, 6], [4] * 9, [4, 5, 6]]))
    assert (strange > threshold).tolist() == [True, True, False]


def test_an_ensemble_keeps_to_its_budget():
    """Of few held-out sessions one in a hundred, though each member could flag as many."""
    settings = {"members": ["counts", "ngram2", "ngram3", "length"]}
    shares = []
    for seed in range(4):
        detector, held_out = create("ensemble"), varied(150, 10 + seed)
        detector.fit(varied(600, seed), held_out, vocabulary=VOCABULARY, settings=settings)
        threshold = calibrate(detector, held_out, budget=0.01, seed=seed).threshold
        shares.append((detector.score(varied(2_000, 20 + seed)) > threshold).mean())
    assert np.mean(shares) <= 0.01 * 1.5


def varied(n, seed):
    """Sessions that are random walks: no two need be alike."""
    rng = np.random.default_rng(seed)
    return Sequences.from_lists(
        [(4 + np.cumsum(rng.choice([0, 1, 1, 2], rng.geometric(0.1) + 3)) % 6).tolist() for _ in range(n)]
    )


def test_the_ensemble_finds_what_any_member_finds():
    detector = fitted("ensemble", members=["counts", "ngram2", "length"])
    usual = np.quantile(detector.score(normal(200, 2)), 0.99)
    swapped, long = [5, 4, 6, 7, 8], [4, 5, 6, 7, 8] * 9
    assert detector.score(Sequences.from_lists([*ODD, swapped, long])).min() > usual
    rows = Sequences.from_lists([*ODD, swapped, long, []])
    again = DETECTORS["ensemble"].from_files(detector.to_files())
    assert again.score(rows).tolist() == detector.score(rows).tolist()
    assert (
        again.surprise(rows, 2).surprise.tolist() == detector.members[1].surprise(rows, 2).surprise.tolist()
    )


@pytest.mark.parametrize(
    "settings,message",
    [
        ({"members": ["counts", "cuonts"]}, "no detector is called cuonts; did you mean counts"),
        ({"members": ["ensemble"]}, "can't be a member"),
        ({"members": []}, "expected a list"),
        ({"members": ["counts", "counts"]}, "names one twice"),
        ({"settings": {"lstn": {}}}, "no member; did you mean lstm"),
    ],
)
def test_an_ensemble_that_can_not_be_is_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        fitted("ensemble", **settings)


@pytest.fixture(scope="module")
def labelled():
    """Sessions out of order are faulty; some labels are not known."""
    rows, labels = [], []
    for at, row in enumerate(cycles(200, seed=0)):
        faulty = at % 2
        rows.append([*row[:-2], row[-1], row[-2]] if faulty else row)
        labels.append(faulty if at % 10 else np.nan)
    return replace(Sequences.from_lists(rows), labels=np.array(labels, np.float32))


@pytest.mark.parametrize("name", ["lstm_classifier", "gru_classifier"])
def test_a_classifier_learns_what_it_is_told(name, labelled):
    detector = create(name)
    small = {"units": 8, "layers": 2, "embedding": 4, "epochs": 25, "batch": 8, "learning_rate": 0.02}
    history = detector.fit(labelled, labelled.slice(100, 200), vocabulary=VOCABULARY, seed=1, settings=small)
    assert history.val_accuracy[history.best_epoch] > 0.95
    assert history.n_sessions == 180
    rows = Sequences.from_lists([[4, 5, 6, 7, 8], [4, 5, 6, 8, 7], [4], [4, 5], [], [4, 5, 6, 7, 8]])
    scores = detector.score(rows)
    assert scores[1] > np.log(2) > scores[0] == scores[5]
    assert scores == pytest.approx([detector.score(rows.slice(at, at + 1))[0] for at in range(6)], abs=1e-5)
    logits = detector_logits(detector, rows)
    assert scores == pytest.approx(np.logaddexp(0, logits), abs=1e-4)
    assert DETECTORS[name].from_files(detector.to_files()).score(rows).tolist() == scores.tolist()


def detector_logits(detector, rows):
    """What the plain recurrences of `oracle` say after each session's last token."""
    from tests.detectors.oracle import logits_after

    tokens = [
        [2, *rows.ids[low:high], 3] for low, high in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)
    ]
    return [logits_after(detector.kind, detector.arrays, row)[0] for row in tokens]


@pytest.mark.parametrize(
    "labels,message",
    [(None, "no label"), ([0.0] * 200, "the label 0 alone"), ([np.nan] * 200, "no label")],
)
def test_a_classifier_without_both_labels_is_refused(labelled, labels, message):
    train = replace(labelled, labels=None if labels is None else np.array(labels, np.float32))
    with pytest.raises(InputRefused, match=message):
        create("gru_classifier").fit(train, train, vocabulary=VOCABULARY)
