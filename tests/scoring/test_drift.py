"""Distances to a baseline: 0 for the same, 1 for nothing in common, and little for few of the same."""

from __future__ import annotations

import numpy as np
import pytest

from offbeat.scoring.drift import Observed, beyond, compare, drift_rows, measure
from offbeat.training.baseline import Baseline

SHARES = np.array([0, 0, 0, 0, 0.5, 0.3, 0.2])
BASELINE = Baseline(
    n_sessions=1000,
    n_events=10_000,
    event_shares=SHARES,
    length_quantiles=np.linspace(5, 15, 101),
    unknown_share=0.0,
    score_quantiles=np.linspace(0, 4, 101),
)


def observed(events, *, n=1000, lengths=None, scores=None) -> Observed:
    tenth = np.full(10, n / 10)
    events = np.asarray(events, float)
    return Observed(
        n,
        int(events.sum()),
        events,
        tenth if lengths is None else lengths,
        tenth if scores is None else scores,
        10.0,
        2.0,
    )


def test_the_same_is_no_distance_away_and_nothing_in_common_is_one():
    distance, psi = compare(SHARES * 1e6, SHARES, 1e6)
    assert distance == pytest.approx(0, abs=1e-6)
    assert psi == pytest.approx(0, abs=1e-4)
    distance, psi = compare(np.array([0, 0, 0, 100.0, 0, 0, 0]), SHARES, 1e9)
    assert distance == pytest.approx(1, abs=1e-6)
    assert psi > 5
    assert compare(np.zeros(7), SHARES, 0) == (0.0, 0.0)


def test_by_hand():
    """p = (1, 0), q = (1/2, 1/2), m = (3/4, 1/4): JS = (log2 4/3 + (log2 2/3 + log2 2) / 2) / 2."""
    distance, _ = compare(np.array([5.0, 0.0]), np.array([0.5, 0.5]), 1e12)
    assert distance**2 == pytest.approx((np.log2(4 / 3) + (np.log2(2 / 3) + 1) / 2) / 2, abs=1e-9)
    _, psi = compare(np.array([60.0, 40.0]), np.array([0.5, 0.5]), 1e12)
    assert psi == pytest.approx(0.1 * np.log(1.2) + 0.1 * np.log(1.25), abs=1e-9)


def test_few_draws_from_the_baseline_itself_are_near():
    rng = np.random.default_rng(0)
    shares = np.full(50, 1 / 50)
    found = [compare(rng.multinomial(200, shares).astype(float), shares, 200) for _ in range(200)]
    assert np.mean([distance for distance, _ in found]) < 0.08
    assert np.mean([psi for _, psi in found]) < 0.12


def test_a_baseline_of_few_sessions_is_no_reason_to_warn():
    rng = np.random.default_rng(0)
    with_size, without = [], []
    for _ in range(200):
        edges = np.quantile(rng.normal(size=20), np.arange(0.1, 1, 0.1))
        counts = np.bincount(np.searchsorted(edges, rng.normal(size=2_000)), minlength=10).astype(float)
        with_size.append(compare(counts, np.full(10, 0.1), 2_000, 20)[1])
        without.append(compare(counts, np.full(10, 0.1), 2_000)[1])
    assert np.mean(np.array(with_size) > 0.25) < 0.3 < np.mean(np.array(without) > 0.25)


def test_each_measure_sees_its_own_drift():
    usual = {each.measure: each for each in measure(observed(SHARES * 10_000), BASELINE)}
    assert set(usual) == {"unknown_share", "event_mix", "length", "score"}
    assert all(each.distance < 0.02 and not each.warns for each in usual.values())
    long = np.zeros(10)
    long[9] = 1000
    odd = [
        ("unknown_share", observed([0, 1000, 0, 0, 5000, 3000, 2000])),
        ("event_mix", observed([0, 0, 0, 0, 1000, 1000, 8000])),
        ("length", observed(SHARES * 10_000, lengths=long)),
        ("score", observed(SHARES * 10_000, scores=long)),
    ]
    for name, batch in odd:
        found = {each.measure: each for each in measure(batch, BASELINE)}
        assert found[name].warns, name
        assert found[name].distance > 0.05
        assert all(not each.warns for other, each in found.items() if other not in (name, "event_mix"))


def test_a_limit_stops_and_few_sessions_are_not_judged():
    batch = observed([0, 0, 0, 0, 1000, 1000, 8000])
    found = measure(batch, BASELINE)
    assert beyond(found, None, 1000) == []
    assert [each.measure for each in beyond(found, 0.2, 1000)] == ["event_mix"]
    assert beyond(found, 0.9, 1000) == beyond(found, 0.2, 19) == []
    rows = {row["measure"]: row for row in drift_rows(found, batch, limit=0.2, stamp={"run_id": "r"})}
    assert rows["event_mix"]["beyond"]
    assert rows["event_mix"]["warned"]
    assert not rows["length"]["beyond"]
    few = drift_rows(found, observed([0, 0, 0, 0, 1, 1, 8], n=5), limit=0.2, stamp={})
    assert not any(row["warned"] or row["beyond"] for row in few)
