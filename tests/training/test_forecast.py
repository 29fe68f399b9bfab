"""Probabilities of open sessions: from prefixes alone, calibrated without labels."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from offbeat.detectors import create
from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.training.baseline import Baseline, describe_normal
from offbeat.training.calibration import find_threshold
from offbeat.training.forecast import Forecast, fit_forecast, prefixes
from offbeat.training.inject import inject_faults

EVENTS = ["open", "play", "beat", "pause", "resume", "stop", "close"]
VOCABULARY = Vocabulary.fit(dict.fromkeys(EVENTS, 1))


def logged(n: int, seed: int, faulty: float = 0.0) -> tuple[Sequences, np.ndarray]:
    """Sessions with beats and pauses; a share of them with a fault."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        middle = [
            name
            for _ in range(rng.integers(2, 8))
            for name in (["beat"] if rng.random() < 0.8 else EVENTS[3:5])
        ]
        rows.append(VOCABULARY.encode(["open", "play", *middle, "stop", "close"]).tolist())
    sessions = Sequences.from_lists(rows)
    broken = rng.random(n) < faulty
    changed, _ = inject_faults(
        sessions.take(np.flatnonzero(broken)), vocabulary_size=len(VOCABULARY), seed=seed
    )
    kept = sessions.take(np.flatnonzero(~broken))
    both = [
        part.ids[part.offsets[at] : part.offsets[at + 1]].tolist()
        for part in (kept, changed)
        for at in range(len(part))
    ]
    return Sequences.from_lists(both), np.repeat([0, 1], [len(kept), len(changed)])


@pytest.fixture(scope="module")
def detector():
    train, _ = logged(2_000, 0)
    found = create("ngram2")
    found.fit(train, train, vocabulary=VOCABULARY)
    return found


def test_prefixes_hold_the_largest_so_far(detector):
    sessions, _ = logged(40, 1, faulty=0.5)
    whole = detector.surprise(sessions, 1)
    steps = prefixes(whole)
    for at in range(len(sessions)):
        part = slice(steps.offsets[at], steps.offsets[at + 1])
        assert steps.largest[part] == pytest.approx(np.maximum.accumulate(whole.surprise[part]), abs=1e-4)
        assert steps.n_events[part].tolist() == list(
            range(1, sessions.lengths[at] + 2)
        )  # the end is a step as well


@pytest.mark.parametrize("mixed", [True, False])
def test_a_broken_prefix_is_likelier_to_be_broken_than_a_sound_one(detector, mixed):
    validation, _ = logged(2_000, 2, faulty=0.2 if mixed else 0.0)
    threshold, _ = find_threshold(detector.score(validation), 0.02, mixed=mixed)
    forecast = fit_forecast(
        detector, validation, threshold, budget=0.02, mixed=mixed, size=len(VOCABULARY), seed=0
    )
    sound, broken = (
        Sequences.from_lists([VOCABULARY.encode(["open", "play", "beat", *more]).tolist()], ends=False)
        for more in (["beat"], ["close"])
    )
    p_sound, p_broken = (float(forecast.of_sessions(detector, each)[0]) for each in (sound, broken))
    assert 0 < p_sound < 0.3
    assert p_broken > 3 * p_sound
    empty = Sequences.from_lists([[]], ends=False)
    assert forecast.of_sessions(detector, empty)[0] == pytest.approx(forecast.prior)
    again = Forecast.from_dict(forecast.to_dict())
    assert again.of_sessions(detector, broken)[0] == forecast.of_sessions(detector, broken)[0]


def test_probabilities_of_a_mixed_log_are_calibrated(detector):
    validation, _ = logged(3_000, 3, faulty=0.2)
    threshold, _ = find_threshold(detector.score(validation), 0.01, mixed=True)
    forecast = fit_forecast(
        detector, validation, threshold, budget=0.01, mixed=True, size=len(VOCABULARY), seed=0
    )
    test, labels = logged(3_000, 4, faulty=0.2)
    opened = Sequences(test.ids, test.offsets, test.starts, np.zeros(len(test), bool))
    steps = prefixes(detector.surprise(opened, 1))
    p = forecast.probability(steps.largest, steps.latest, steps.n_events)
    y = np.repeat(labels, np.diff(steps.offsets))
    assert ((p - y) ** 2).mean() < 0.8 * ((y.mean() - y) ** 2).mean()
    for low, high in ((0, 0.3), (0.5, 1.01)):
        within = (p >= low) & (p < high)
        assert within.sum() > 500
        assert p[within].mean() == pytest.approx(y[within].mean(), abs=0.12)


def test_a_detector_without_places_gives_the_prior(detector):
    length = create("length")
    train, _ = logged(500, 5)
    length.fit(train, train, vocabulary=VOCABULARY)
    forecast = fit_forecast(length, train, 3.0, budget=0.05, mixed=False, size=len(VOCABULARY), seed=0)
    assert forecast.prior == pytest.approx(0.05)
    assert forecast.of_sessions(length, train.take([0, 1])) == pytest.approx(0.05)


def test_a_forecast_travels_with_the_baseline_and_older_baselines_have_none(detector):
    train, _ = logged(300, 6)
    forecast = fit_forecast(detector, train, 3.0, budget=0.05, mixed=False, size=len(VOCABULARY), seed=0)
    baseline = describe_normal(train, None, VOCABULARY, np.linspace(0, 3, 1001))
    kept = Baseline.from_dict(json.loads(json.dumps(replace(baseline, forecast=forecast).to_dict())))
    assert kept.forecast is not None
    assert kept.forecast.weights.tolist() == forecast.weights.tolist()
    older = {name: value for name, value in baseline.to_dict().items() if name != "forecast"}
    assert Baseline.from_dict(older).forecast is None
