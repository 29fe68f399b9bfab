import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offbeat.evaluation import intervals, metrics
from offbeat.evaluation.metrics import Confusion

METRICS = {
    "pr_auc": metrics.average_precision,
    "roc_auc": metrics.roc_auc,
    "best_f1": metrics.best_f1,
    "recall_at_k": lambda ranking: metrics.recall_at_k(ranking, 20),
}


def drawn_sessions(n, *, seed=0, digits=None):
    """A third abnormal, and by 1.5 standard deviations stranger."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % 3 == 0).astype(int)
    scores = rng.normal(size=n) + 1.5 * labels
    return labels, scores if digits is None else scores.round(digits)


def test_wilson_by_hand():
    # 8 of 10, 95 %: a textbook example.
    low, high = intervals.wilson_interval(8, 10)
    assert (low, high) == (pytest.approx(0.4902, abs=5e-5), pytest.approx(0.9433, abs=5e-5))


def test_wilson_at_the_ends_has_width():
    none, all_ = intervals.wilson_interval(0, 5583), intervals.wilson_interval(5583, 5583)
    assert none.low == 0
    assert none.high == pytest.approx(3.8415 / (5583 + 3.8415), rel=1e-3)
    assert all_ == (pytest.approx(1 - none.high), 1.0)
    assert np.isnan(intervals.wilson_interval(0, 0)).all()


@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson_holds_the_rate(hits, misses):
    low, high = intervals.wilson_interval(hits, hits + misses)
    assert 0 <= low <= hits / (hits + misses) <= high <= 1


def test_a_rates_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    truth, n = 0.9, 200
    found = [intervals.wilson_interval(hits, n) for hits in rng.binomial(n, truth, 400)]
    covered = np.mean([low <= truth <= high for low, high in found])
    assert 0.92 < covered < 0.985


def test_no_false_positive_still_leaves_doubt():
    counts = Confusion(tp=90, fp=0, fn=10, tn=100)
    found = intervals.rate_intervals(counts, normals=10_000)
    assert found["f1_scaled"].high == pytest.approx(counts.scaled_to(10_000).f1, abs=0.05)
    # 2 % of false positives can't be ruled out by 100 normals: 200 false alarms on 90 hits.
    assert found["f1_scaled"].low < 0.65
    assert found["precision"].low < 1
    assert found["precision"].high == 1


def test_more_normals_narrow_the_scaled_f1():
    widths = []
    for normals in (100, 1_000, 10_000):
        counts = Confusion(tp=900, fp=normals // 100, fn=100, tn=normals - normals // 100)
        low, high = intervals.rate_intervals(counts, normals=100_000)["f1_scaled"]
        widths.append(high - low)
    assert widths[0] > 2 * widths[1] > 4 * widths[2] / 1.5


def test_the_scaled_f1_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    recall, fpr, abnormal, normals = 0.9, 0.002, 500, 2000
    truth = Confusion(recall * abnormal, fpr * 100_000, (1 - recall) * abnormal, (1 - fpr) * 100_000).f1
    covered = 0
    for at in range(300):
        tp, fp = rng.binomial(abnormal, recall), rng.binomial(normals, fpr)
        counts = Confusion(tp, fp, abnormal - tp, normals - fp)
        low, high = intervals.rate_intervals(counts, normals=100_000, resamples=500, seed=at)["f1_scaled"]
        covered += low <= truth <= high
    assert 0.91 < covered / 300 < 0.99


def test_bounds_from_corners_are_wider_than_draws():
    for fp in (0, 3, 40):
        counts = Confusion(tp=900, fp=fp, fn=100, tn=5583 - fp)
        drawn = intervals.rate_intervals(counts, normals=553_366)["f1_scaled"]
        bounds = intervals.f1_bounds(counts, normals=553_366)
        assert bounds.low <= drawn.low <= drawn.high <= bounds.high + 1e-12


def test_draws_agree_with_a_bootstrap_where_counts_are_large():
    rng = np.random.default_rng(3)
    tp, fp = rng.binomial(2000, 0.8, 4000), rng.binomial(4000, 0.1, 4000)
    precision = np.quantile(tp / (tp + fp), [0.025, 0.975])
    found = intervals.rate_intervals(Confusion(1600, 400, 400, 3600), resamples=4000)["precision"]
    np.testing.assert_allclose(found, precision, atol=0.003)


@settings(max_examples=60)
@given(*[st.integers(0, 30)] * 4, st.sampled_from([None, 1000.0]))
def test_intervals_of_flags_hold_their_points(tp, fp, fn, tn, normals):
    counts = Confusion(tp, fp, fn, tn)
    scaled = counts if normals is None else counts.scaled_to(normals)
    for name, (low, high) in intervals.rate_intervals(counts, normals=normals, resamples=100).items():
        point = getattr(scaled if name.endswith("_scaled") else counts, name.removesuffix("_scaled"))
        assert np.isnan(point) == np.isnan(low) == np.isnan(high)
        assert np.isnan(point) or low <= point <= high


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), max_size=30))
def test_bootstrap_intervals_hold_their_points(rows):
    labels = np.array([label for label, _ in rows], int)
    scores = np.array([score for _, score in rows], float)
    ranking = metrics.rank_sessions(labels, scores)
    found = intervals.bootstrap_intervals(labels, scores, METRICS, resamples=50)
    for name, metric in METRICS.items():
        low, high = found[name]
        point = metric(ranking)
        assert np.isnan(point) == np.isnan(low) == np.isnan(high)
        assert np.isnan(point) or low <= point <= high


def test_same_seed_same_interval_whatever_the_order_of_the_sessions():
    labels, scores = drawn_sessions(500)
    order = np.random.default_rng(9).permutation(500)
    first = intervals.bootstrap_intervals(labels, scores, METRICS, seed=4, resamples=200)
    assert first == intervals.bootstrap_intervals(
        labels[order], scores[order], METRICS, seed=4, resamples=200
    )
    assert first != intervals.bootstrap_intervals(labels, scores, METRICS, seed=5, resamples=200)


@pytest.mark.parametrize("digits", [None, 0], ids=["few per score", "many per score"])
def test_counts_of_scores_give_what_resampled_sessions_give(digits):
    labels, scores = drawn_sessions(300, digits=digits)
    rng = np.random.default_rng(7)
    by_class = [np.flatnonzero(labels == kind) for kind in (0, 1)]
    drawn = []
    for _ in range(800):
        chosen = np.concatenate([rng.choice(rows, len(rows)) for rows in by_class])
        drawn.append(metrics.pr_auc(labels[chosen], scores[chosen]))
    found = intervals.bootstrap_intervals(
        labels, scores, {"pr_auc": metrics.average_precision}, resamples=2000
    )
    np.testing.assert_allclose(found["pr_auc"], np.quantile(drawn, [0.025, 0.975]), atol=0.015)


def test_neighbours_taken_together_change_little(monkeypatch):
    labels, scores = drawn_sessions(3000)
    exact = intervals.bootstrap_intervals(labels, scores, METRICS, resamples=500)
    monkeypatch.setattr(intervals, "_MAX_GROUPS", 300)
    merged = intervals.bootstrap_intervals(labels, scores, METRICS, resamples=500)
    for name in ("pr_auc", "roc_auc", "best_f1"):
        np.testing.assert_allclose(merged[name], exact[name], atol=0.01)


def test_a_large_test_set_is_resampled_in_seconds():
    labels, scores = drawn_sessions(22_000)
    began = time.process_time()
    intervals.bootstrap_intervals(labels, scores, METRICS, resamples=1000)
    assert time.process_time() - began < 5
