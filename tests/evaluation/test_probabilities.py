import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offbeat.evaluation import probabilities


def test_brier_by_hand():
    assert probabilities.brier_score(np.array([1, 0]), np.array([0.8, 0.4])) == pytest.approx(
        (0.04 + 0.16) / 2
    )
    weighted = probabilities.brier_score(np.array([1, 0]), np.array([0.8, 0.4]), np.array([3.0, 1.0]))
    assert weighted == pytest.approx((3 * 0.04 + 0.16) / 4)
    assert np.isnan(probabilities.brier_score(np.zeros(0), np.zeros(0)))


def test_bins_by_hand():
    bins = probabilities.calibration_bins(np.array([0, 1, 1, 1]), np.array([0.0, 0.4, 0.5, 1.0]), bins=2)
    first, second = bins
    assert (first.low, first.high, first.n) == (0, 0.5, 2)
    assert (first.predicted, first.observed) == (pytest.approx(0.2), pytest.approx(0.5))
    assert (second.n, second.predicted, second.observed) == (2, pytest.approx(0.75), pytest.approx(1.0))
    assert probabilities.calibration_error(bins) == pytest.approx((2 * 0.3 + 2 * 0.25) / 4)


def test_an_empty_bin_has_no_figures_and_no_weight():
    bins = probabilities.calibration_bins(np.array([1]), np.array([0.95]), bins=10)
    assert [part.n for part in bins] == [0] * 9 + [1]
    assert np.isnan(bins[0].observed)
    assert probabilities.calibration_error(bins) == pytest.approx(0.05)
    assert np.isnan(probabilities.calibration_error(bins[:9]))


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=50), st.integers(1, 12))
def test_every_row_is_in_a_bin_that_holds_its_probability(rows, n_bins):
    labels, given_ = (np.array(column) for column in zip(*rows, strict=True))
    bins = probabilities.calibration_bins(labels, given_, bins=n_bins)
    assert sum(part.n for part in bins) == len(rows)
    for part in bins:
        assert part.n == 0 or part.low - 1e-12 <= part.predicted <= part.high + 1e-12


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_a_probability_is_from_zero_to_one(value):
    with pytest.raises(ValueError, match="probabilities are from 0 to 1"):
        probabilities.brier_score(np.array([1]), np.array([value]))
