"""Thresholds from normal sessions alone: how many they let through, and what luck does to them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offbeat.detectors import create
from offbeat.detectors.base import Sequences
from offbeat.detectors.tails import is_one_value
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import InputRefused
from offbeat.training.calibration import Calibration, calibrate, calibrate_scores, find_threshold

finite = st.lists(st.floats(0, 50, width=32), min_size=1, max_size=60)


def test_with_sessions_enough_the_budget_is_counted():
    scores = np.arange(2000, dtype=np.float32)
    threshold, method = find_threshold(scores, 0.01)
    assert method == "empirical"
    assert threshold == 1979
    assert (scores > threshold).mean() == 0.01
    assert (scores > np.nextafter(np.float32(threshold), np.float32(0))).mean() > 0.01


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=200, max_size=300), st.floats(0.1, 0.9))
def test_the_counted_threshold_is_the_smallest_that_keeps_the_budget(values, budget):
    scores = np.array(values, np.float32)
    threshold, method = find_threshold(scores, budget)
    assert method == "empirical"
    assert (scores > threshold).mean() <= budget + 1e-12
    lower = scores[scores < threshold]
    if len(lower):
        assert (scores > lower.max()).mean() > budget


def test_with_few_sessions_the_tail_decides_not_the_largest():
    """Of exponential scores the quantile is known; one odd session hardly moves the estimate."""
    rng = np.random.default_rng(0)
    errors, shifts = [], []
    for _ in range(200):
        scores = rng.exponential(1.0, 1000).astype(np.float32)
        threshold, method = find_threshold(scores, 0.001)
        assert method == "tail"
        errors.append(threshold - math.log(1000))
        shifts.append(find_threshold(np.append(scores, np.float32(14)), 0.001)[0] - threshold)
    assert abs(np.mean(errors)) < 0.4  # a little low: it never exceeds the largest
    assert np.std(errors) < 0.7  # the largest of a thousand has 1.28
    assert np.mean(shifts) < 0.8  # one odd session in a thousand


def test_scores_that_are_nearly_all_alike_are_counted():
    scores = np.zeros(500, np.float32)
    assert find_threshold(scores, 0.001) == (0.0, "empirical")
    scores[:3] = 2
    assert find_threshold(scores, 0.001) == (2.0, "empirical")
    assert find_threshold(np.ones(1, np.float32), 0.01) == (1.0, "empirical")


def test_one_value_may_be_the_bulk_of_a_mixed_log():
    assert is_one_value(np.repeat([0.5, 1.0, 3.0], [20, 65, 15]))
    assert not is_one_value(np.arange(100))


def test_scores_that_are_no_numbers_are_told():
    with pytest.raises(InputRefused, match="1 of 3 held-out sessions score no number"):
        calibrate_scores(np.array([1, 2, np.nan], np.float32), budget=0.1)


@settings(deadline=None)
@given(finite, finite)
def test_percentiles_rise_with_scores(held, scores):
    quantiles = np.quantile(np.array(held, np.float32), np.linspace(0, 1, 1001), method="inverted_cdf")
    calibration = Calibration(0.1, 0.0, 0.0, 0.0, "empirical", None, len(held), quantiles)
    ordered = np.sort(np.array(scores, np.float32))
    percentiles = calibration.percentile(ordered)
    assert percentiles.dtype == np.float32
    assert ((percentiles >= 0) & (percentiles <= 100)).all()
    assert (np.diff(percentiles) >= 0).all()


def test_percentile_is_the_share_that_scores_lower():
    calibration = calibrate_scores(np.repeat(np.arange(10, dtype=np.float32), 100), budget=0.1)
    found = calibration.percentile(np.array([-1, 0, 5, 9, 9.5]))
    assert found == pytest.approx([0, 0, 50, 90, 100], abs=0.2)
    alike = calibrate_scores(np.zeros(50, np.float32), budget=0.1)
    assert alike.percentile(np.array([0, 1])).tolist() == [0, 100]


@settings(max_examples=10, deadline=None)
@given(finite, st.integers(0, 3))
def test_the_interval_holds_the_threshold_and_the_seed_decides(held, seed):
    scores = np.array(held, np.float32)
    calibration = calibrate_scores(scores, budget=0.05, seed=seed)
    assert calibration.low <= calibration.threshold <= calibration.high
    again = calibrate_scores(scores, budget=0.05, seed=seed)
    assert again.to_dict() == calibration.to_dict()
    assert Calibration.from_dict(calibration.to_dict()).to_dict() == calibration.to_dict()


def test_top_k_is_the_smallest_that_keeps_the_budget():
    ranks = np.array([1] * 90 + [3] * 8 + [7, 9])
    scores = np.arange(100, dtype=np.float32)
    assert [
        calibrate_scores(scores, budget=b, ranks=ranks).top_k for b in (0.1, 0.05, 0.02, 0.01, 0.001)
    ] == [1, 3, 3, 7, 9]
    assert calibrate_scores(scores, budget=0.1).top_k is None


def test_a_detector_is_calibrated_on_what_it_did_not_see():
    rng = np.random.default_rng(0)
    sessions = Sequences.from_lists([[4, 5, 6][: rng.integers(1, 4)] for _ in range(400)])
    train, held = sessions.slice(0, 300), sessions.slice(300, 400)
    detector = create("ngram2")
    detector.fit(train, held, vocabulary=Vocabulary.fit({"a": 3, "b": 2, "c": 1}))
    calibration = calibrate(detector, held, budget=0.1)
    assert calibration.n == 100
    assert (detector.score(held) > calibration.threshold).mean() <= 0.1
    assert 1 <= calibration.top_k <= 5
    assert calibration.threshold == np.float32(calibration.threshold)


def test_nothing_held_out_is_refused():
    with pytest.raises(InputRefused, match="held-out"):
        calibrate_scores(np.zeros(0, np.float32), budget=0.1)
