"""The probability that a visitor installs at least once, from the probabilities of its clicks.

Were clicks independent tries, it would be one minus the product of what they leave out. Clicks of one visitor are none:
who lets one ad pass is likelier to let the next one pass. So the likeliest click counts in full and the others with a
weight: 1 is independence, 0 says that they tell nothing more. A visitor with one click has that click's probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyspark.sql import Column
from pyspark.sql import functions as F

OF_VISITORS, OF_INDEPENDENT = "visitors", "visitors_independent"
"""Subsets of evaluations: figures by visitor, and those that independent clicks would give."""

INDEPENDENT = 1.0
_WEIGHTS = np.linspace(0, 2, 81)
_SURE = 4.0  # installs' worth of belief in independence: a few visitors with several clicks don't move it far
_HIGHEST = 1 - 1e-15


@dataclass(frozen=True)
class Visitors:
    """What is said of visitors and what came of them; arrays, [visitors].

    Attributes:
        installed: 0 or 1. clicks: how many.
        given: probability of at least one install. independent: the same, were clicks independent.
    """

    installed: np.ndarray
    clicks: np.ndarray
    given: np.ndarray
    independent: np.ndarray

    @classmethod
    def of(cls, given: np.ndarray, visitor: np.ndarray, installed: np.ndarray, weight: float) -> Visitors:
        """From clicks: their probabilities, any number for each visitor, and labels; [n]."""
        number = np.unique(visitor, return_inverse=True)[1]
        return cls(
            (np.bincount(number, weights=installed) > 0).astype(np.int64),
            np.bincount(number),
            at_least_one(given, number, weight),
            at_least_one(given, number, INDEPENDENT),
        )


def at_least_one(given: np.ndarray, visitor: np.ndarray, weight: float) -> np.ndarray:
    """Probability of at least one install of each visitor; float64, [visitors], in the order of their numbers.

    Args:
        given: of each click, [n]. visitor: number of each click's visitor, from 0 and without gaps, [n].
    """
    best, rest = _left_out(given, visitor)
    found: np.ndarray = -np.expm1(best + weight * rest)
    return found


def build_at_least_one(given: Column, weight: float) -> Column:
    """The same as an aggregate over the clicks of a visitor."""
    left_out = F.log1p(-F.least(given, F.lit(_HIGHEST)))
    best = F.min(left_out)
    return -F.expm1(best + weight * (F.sum(left_out) - best))


def fit_weight(given: np.ndarray, visitor: np.ndarray, installed: np.ndarray) -> float:
    """The weight under which what was found of visitors is likeliest, drawn to independence where few tell.

    Args:
        given: probabilities of clicks that the model was not fitted on, [n]. visitor, installed: of them, [n].
    """
    best, rest = _left_out(given, visitor)
    several = rest < 0  # the others say the same whatever the weight
    if not several.any():
        return INDEPENDENT
    best, rest, yes = best[several], rest[several], (np.bincount(visitor, weights=installed) > 0)[several]
    likelihood = []
    for weight in _WEIGHTS:
        none = best + weight * rest
        likelihood.append(np.log(-np.expm1(none[yes])).sum() + none[~yes].sum())
    belief = -_SURE * (_WEIGHTS - INDEPENDENT) ** 2
    return float(_WEIGHTS[np.argmax(np.array(likelihood) + belief)])


def _left_out(given: np.ndarray, visitor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the chance that the likeliest click leads to no install, and that none other does; [visitors]."""
    none = np.log1p(-np.minimum(given, _HIGHEST))
    best = np.zeros(int(visitor.max(initial=-1)) + 1)
    np.minimum.at(best, visitor, none)
    rest = np.bincount(visitor, weights=none, minlength=len(best)) - best
    # What rounding leaves of a visitor with one click is nothing.
    rest[np.bincount(visitor, minlength=len(best)) < 2] = 0.0  # noqa: PLR2004 - one click has no others
    return best, rest
