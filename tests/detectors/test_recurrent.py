"""Next-event LSTM and GRU: they learn, they do so again bit for bit, and the fast path scores as Keras does."""

import hashlib
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from offbeat.detectors import create
from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import InputRefused, UsageError
from tests.detectors.conftest import cycles

QUICK = {"units": 6, "layers": 1, "embedding": 4, "epochs": 2, "batch": 8}


def weights_hash(detector):
    return hashlib.sha256(detector.to_files()["weights.npz"]).hexdigest()


def fit(name, train, *, held=None, vocabulary=None, seed=0, **settings):
    detector = create(name)
    vocabulary = vocabulary or Vocabulary.fit({chr(97 + at): 20 - at for at in range(6)})
    empty = Sequences.from_lists([])
    history = detector.fit(
        train, held or empty, vocabulary=vocabulary, seed=seed, settings={**QUICK, **settings}
    )
    return detector, history


def test_it_learns_what_follows_what(trained):
    detector, history, held = trained
    normal = detector.score(held)
    odd = Sequences.from_lists(
        [[4, 5, 7, 6, 8], [4, 5, 6, 8], [4, 5, 5, 6, 7, 8], [4, 5, 6, 1, 7, 8], [4, 5, 6]]
    )
    assert detector.score(odd).min() > np.quantile(normal, 0.98)
    assert history.val_loss[history.best_epoch] == min(history.val_loss) < history.val_loss[0] / 2
    assert history.val_accuracy[history.best_epoch] > 0.7
    assert len(history.loss) == len(history.accuracy) == len(history.val_loss) == len(history.val_accuracy)
    assert history.seconds > 0


def test_the_odd_event_is_the_surprising_one(trained):
    detector, _, _ = trained
    events = detector.surprise(Sequences.from_lists([[4, 5, 6, 8, 7, 8], [4, 5, 6, 7, 8]]), 2)
    assert events.surprise[events.offsets[0] : events.offsets[1]].argmax() == 3
    assert events.expected[3][0] == 7
    assert events.rank[3] > 1
    scores = np.maximum.reduceat(events.surprise, events.offsets[:-1])
    assert detector.score(Sequences.from_lists([[4, 5, 6, 8, 7, 8], [4, 5, 6, 7, 8]])) == pytest.approx(
        scores, abs=1e-5
    )


def test_the_fast_path_scores_as_keras_does(trained):
    detector, _, _ = trained
    rng = np.random.default_rng(2)
    lists = [rng.choice([1, 4, 5, 6, 7, 8], rng.integers(0, 12)).tolist() for _ in range(30)]
    sessions = Sequences.from_lists(
        lists, starts=(rng.random(30) < 0.7).tolist(), ends=(rng.random(30) < 0.7).tolist()
    )
    assert detector.score(sessions) == pytest.approx(detector.reference_score(sessions), abs=1e-4)


def test_files_hold_all_of_it(trained):
    detector, _, held = trained
    again = type(detector).from_files(detector.to_files())
    assert again.to_files() == detector.to_files()
    assert (again.score(held) == detector.score(held)).all()
    assert b"pickle" not in b"".join(detector.to_files().values())


def test_odd_sessions_get_finite_scores(trained):
    detector, _, _ = trained
    lists = [[], [4], [4, 5], [1], [1] * 50]
    for marks in (True, False):
        scores = detector.score(Sequences.from_lists(lists, starts=marks, ends=marks))
        assert np.isfinite(scores).all()
        assert scores.dtype == np.float32
        events = detector.surprise(Sequences.from_lists(lists, starts=marks, ends=marks), 9)
        assert np.isfinite(events.surprise).all()
        assert len(events) == sum(map(len, lists)) + marks * len(lists)
    nothing_to_predict = Sequences.from_lists([[], [4]], starts=False, ends=False)
    assert detector.score(nothing_to_predict).tolist() == [0, 0]
    assert detector.score(Sequences.from_lists([])).shape == (0,)


def test_a_new_event_is_as_surprising_as_new_events_are_rare(trained):
    detector, _, _held = trained
    events = detector.surprise(Sequences.from_lists([[4, 1, 6]]), 1)
    n = sum(map(len, cycles(200, seed=0)))
    assert events.surprise[1] == pytest.approx(math.log((n + 1) / 0.5), rel=1e-5)
    assert events.rank[1] == 7  # after five events and <end>


@pytest.mark.parametrize("name", ["lstm", pytest.param("gru", marks=pytest.mark.slow)])
def test_same_seed_same_weights(name):
    sessions = Sequences.from_lists([[4, 5, 6, 7] * (at % 4 + 1) for at in range(40)])
    first, again, other = (fit(name, sessions, seed=seed, dropout=0.2)[0] for seed in (3, 3, 4))
    assert weights_hash(first) == weights_hash(again) != weights_hash(other)


@pytest.mark.parametrize(
    "sessions",
    [[[4, 5, 6]] * 10, [[]] * 3, [[4], [5, 4]], [[1, 1], [1]]],
    ids=["all equal", "no events", "one and two events", "only unknown"],
)
def test_little_is_enough_to_learn_from(sessions):
    detector, history = fit("lstm", Sequences.from_lists(sessions))
    scores = detector.score(Sequences.from_lists([*sessions, [], [9, 9], [1]]))
    assert np.isfinite(scores).all()
    assert all(map(math.isnan, history.val_loss))
    assert history.to_dict()["val_loss"] == [None] * len(history.val_loss)
    assert type(history).from_dict(history.to_dict()).loss == history.loss


def test_nothing_to_predict_is_refused():
    with pytest.raises(InputRefused, match="no session"):
        fit("lstm", Sequences.from_lists([]))


@pytest.mark.parametrize("size", [1, 50_000])
def test_any_size_of_vocabulary(size):
    vocabulary = Vocabulary.fit({f"événement {number}": 1 for number in range(size)})
    sessions = Sequences.from_lists([[4, len(vocabulary) - 1], [4]])
    detector, _ = fit("gru", sessions, vocabulary=vocabulary)
    assert np.isfinite(detector.score(sessions)).all()
    assert detector.surprise(sessions, 5).expected.shape == (5, 5)


def test_a_session_of_a_hundred_thousand_events(trained):
    detector, _, _ = trained
    if detector.name == "gru":
        rng = np.random.default_rng(0)
        sessions = Sequences.from_lists([rng.choice([4, 5, 6, 7, 8], 100_000).tolist(), [4, 5]])
        scores = detector.score(sessions)
        assert np.isfinite(scores).all()
        assert scores[0] > scores[1]


def test_long_sessions_are_learnt_in_pieces():
    sessions = Sequences.from_lists([[4, 5, 6, 7] * 30, [4, 5], [4, 5, 6, 7] * 11])
    _detector, history = fit(
        "lstm", sessions, held=sessions, chunk=16, epochs=30, units=12, learning_rate=0.03
    )
    assert history.val_loss[history.best_epoch] < 0.4


def test_gaps_are_an_input_where_asked():
    """The event that follows depends on the gap alone: without the gap it can't be told."""
    rng = np.random.default_rng(0)
    slow = rng.random(40) < 0.5
    lists = [[4, 5, 6 if is_slow else 7] for is_slow in slow]
    gaps = [[math.nan, 100.0 + at % 3 if is_slow else 1.0, 1.0] for at, is_slow in enumerate(slow)]
    sessions = Sequences.from_lists(lists, gaps=gaps)
    settings = {"epochs": 60, "units": 12, "learning_rate": 0.03, "gap_classes": 4, "unknown_share": 0.0}
    detector, history = fit("gru", sessions, held=sessions, time=True, **settings)
    assert max(history.val_accuracy) > 0.95  # 7/8 at best without the gaps
    again = type(detector).from_files(detector.to_files())
    assert again.score(sessions) == pytest.approx(detector.reference_score(sessions), abs=1e-4)
    unknown_gaps = Sequences.from_lists(lists[:5], gaps=[[math.nan] * 3] * 5)
    without_times = Sequences.from_lists(lists[:5])
    assert again.score(unknown_gaps) == pytest.approx(again.score(without_times))


def test_wrong_settings_are_named():
    sessions = Sequences.from_lists([[4]])
    with pytest.raises(UsageError, match="did you mean units"):
        fit("lstm", sessions, unit=3)
    with pytest.raises(UsageError, match="layers: 0 is out of range"):
        fit("lstm", sessions, layers=0)


def test_progress_reaches_the_end():
    told = []
    sessions = Sequences.from_lists([[4, 5, 6]] * 9 + [[4]])
    create("lstm").fit(
        sessions,
        sessions,
        vocabulary=Vocabulary.fit({"a": 1, "b": 1, "c": 1}),
        settings=QUICK,
        progress=lambda what, done, total: told.append((what, done, total)),
    )
    assert told[-1] == ("epoch 2", 12, 12)


def test_scoring_needs_no_tensorflow(trained, tmp_path):
    detector, _, _ = trained
    detector.save(tmp_path)
    code = f"""
import sys
from dataclasses import replace
from offbeat.detectors import DETECTORS, Sequences
detector = DETECTORS[{detector.name!r}].load({str(tmp_path)!r})
sessions = Sequences.from_lists([[4, 5, 6], [4, 4]])
detector.score(sessions), detector.surprise(sessions)
assert not {{"tensorflow", "keras", "pyspark"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_ranks_are_scores_where_asked(trained):
    detector, _, _ = trained
    ranked = type(detector).from_files(detector.to_files())
    ranked.settings = replace(ranked.settings, criterion="rank")
    rows = Sequences.from_lists([[4, 5, 6, 7, 8], [4, 5, 5, 6], []], ends=[True, True, False])
    events = detector.surprise(rows, 1)
    assert ranked.score(rows).tolist() == [events.rank[:6].max(), events.rank[6:].max(), 1]
