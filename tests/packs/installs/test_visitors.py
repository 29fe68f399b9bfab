"""The probability that a visitor installs at least once: right by hand, and for visitors that nobody fitted on."""

import numpy as np
import pytest

from offbeat.packs.installs.visitors import INDEPENDENT, Visitors, at_least_one, fit_weight

VISITOR = np.array([0, 1, 1, 2, 2, 2])
GIVEN = np.array([0.25, 0.5, 0.2, 0.1, 0.1, 0.1])


def test_the_likeliest_click_counts_in_full_and_the_others_with_the_weight():
    np.testing.assert_allclose(at_least_one(GIVEN, VISITOR, 1.0), [0.25, 0.6, 1 - 0.9**3])
    np.testing.assert_allclose(at_least_one(GIVEN, VISITOR, 0.0), [0.25, 0.5, 0.1])
    np.testing.assert_allclose(at_least_one(GIVEN, VISITOR, 0.5), [0.25, 1 - 0.5 * 0.8**0.5, 1 - 0.9**2])


def test_visitors_of_any_number_are_counted():
    made = Visitors.of(GIVEN, VISITOR * 7 + 3, np.array([0, 1, 1, 0, 0, 0]), 0.5)
    assert made.installed.tolist() == [0, 1, 0]
    assert made.clicks.tolist() == [1, 2, 3]
    assert (made.given[1:] < made.independent[1:]).all()
    assert made.given[0] == made.independent[0]


def clicks(*, together: bool, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four clicks of each visitor with its probability; they lead to an install all at once, or each by itself."""
    rng = np.random.default_rng(seed)
    visitor = np.repeat(np.arange(2000), 4)
    given = np.repeat(rng.uniform(0.01, 0.2, 2000), 4)
    luck = np.repeat(rng.random(2000), 4) if together else rng.random(8000)
    return given, visitor, (luck < given).astype(int)


@pytest.mark.parametrize("together", [True, False])
def test_what_is_fitted_on_some_visitors_holds_for_others(together):
    weight = fit_weight(*clicks(together=together, seed=0))
    given, visitor, installed = clicks(together=together, seed=1)
    others = Visitors.of(given, visitor, installed, weight)
    found = others.installed.sum()
    assert others.given.sum() == pytest.approx(found, abs=3 * np.sqrt(found))
    if together:
        assert weight < 0.1
        assert others.independent.sum() > 2 * found
    else:
        assert weight == pytest.approx(INDEPENDENT, abs=0.2)


def test_without_visitors_of_several_clicks_clicks_are_independent():
    assert fit_weight(np.array([0.1, 0.2]), np.array([0, 1]), np.array([0, 1])) == INDEPENDENT
    assert fit_weight(np.array([0.1, 0.2]), np.array([0, 0]), np.array([0, 1])) == pytest.approx(1, abs=0.3)
