"""Bands, tests and change points on arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from offbeat.packs.curriculum.questions.bands import METHODS, score_block, score_series
from offbeat.packs.curriculum.questions.crossing import find_fall
from offbeat.packs.curriculum.questions.students import rank_test

KNOBS = {"span": 14, "k": 6.0, "season": 7}
counts = st.lists(st.integers(0, 40), min_size=20, max_size=60).map(lambda x: np.array(x, float))


@settings(deadline=None, max_examples=25)
@given(counts, st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.sampled_from(METHODS))
def test_later_periods_change_no_earlier_score(values, later, method):
    before = score_series(values, method, **KNOBS)
    after = score_series(np.concatenate([values, later]), method, **KNOBS)
    for name, column in before.items():
        np.testing.assert_allclose(after[name][: len(column)], column, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_jump_stands_out_and_nothing_else_does(method):
    rng = np.random.default_rng(4)
    values = rng.poisson(10 + 6 * (np.arange(140) % 7 < 5)).astype(float)
    values[120] = 120
    found = score_series(values, method, **KNOBS)
    odd = found["at"][(found["pct_b"] > 1) & (found["p_value"] < 1e-6)]
    assert odd.tolist() == [120]


def test_the_weighted_band_is_that_of_pandas_one_period_before():
    values = np.random.default_rng(1).poisson(5, 50).astype(float) + 1
    found = score_series(values, "ewma", **KNOBS)
    frame = pd.Series(values).ewm(span=14)
    np.testing.assert_allclose(found["expected"], frame.mean().shift(1).to_numpy()[found["at"]])


def test_the_band_of_bollinger_is_mean_and_k_deviations_of_the_span_before():
    values = np.arange(30, dtype=float) ** 1.5
    found = score_series(values, "bollinger", **KNOBS)
    past = values[15:29]
    assert found["at"][-1] == 29
    assert found["expected"][-1] == pytest.approx(past.mean())
    assert found["upper"][-1] == pytest.approx(past.mean() + 6 * past.std())
    assert found["pct_b"][-1] == pytest.approx(
        (values[29] - found["lower"][-1]) / (found["upper"][-1] - found["lower"][-1])
    )


def test_the_rank_test_is_that_of_scipy():
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 9, 60), rng.integers(1, 11, 80)
    values = np.unique(np.concatenate([a, b]))
    effect, p = rank_test(*(np.array([(x == v).sum() for v in values], float) for x in (a, b)))
    expected = mannwhitneyu(a, b, method="asymptotic", use_continuity=True)
    assert p == pytest.approx(expected.pvalue, rel=1e-6)
    assert effect == pytest.approx(2 * expected.statistic / (60 * 80) - 1)


def test_a_fall_is_found_on_its_day_with_an_interval_around_it():
    rng = np.random.default_rng(3)
    n = rng.integers(150, 250, 200).astype(float)
    x = rng.binomial(n.astype(int), np.where(np.arange(200) < 90, 0.05, 0.001)).astype(float)
    at, low, high, deviance = find_fall(n, x)
    assert low <= at <= high
    assert abs(at - 90) <= 2
    assert high - low <= 4
    assert deviance > 100


def test_where_nothing_falls_there_is_no_sharp_change():
    rng = np.random.default_rng(5)
    n = rng.integers(150, 250, 200).astype(float)
    x = rng.binomial(n.astype(int), 0.05).astype(float)
    assert find_fall(n, x)[3] < 20


@pytest.mark.parametrize("method", ["bollinger", "ewma"])
def test_who_comes_seldom_and_reads_as_much_as_others_do_is_not_odd(method):
    """A month without a visit lets expect nothing; the next visit is no anomaly, one of ten times the size is."""
    rng = np.random.default_rng(6)
    users, days = 400, 300
    sizes = 1 + rng.lognormal(1.5, 0.7, (users, days)).astype(int)
    values = np.where(rng.random((users, days)) < 0.04, sizes, 0).astype(float)
    values[:, 0], values[7, 250] = 3, 160
    before = np.cumsum(np.stack([values.sum(axis=0), (values**2).sum(axis=0)]), axis=1)
    usual = np.tile(np.append(1.0, before[1, :-1] / before[0, :-1]), (users, 1))
    found = score_block(values, np.full(users, days), method, usual=usual, **KNOBS)
    odd = found["p_value"] < 1e-6
    assert list(zip(found["row"][odd].tolist(), found["at"][odd].tolist(), strict=True)) == [(7, 250)]
    assert (found["p_value"] < 0.01).mean() < 0.02
