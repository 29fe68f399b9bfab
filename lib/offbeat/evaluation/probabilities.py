"""How good probabilities are: of a fault to come, of an install, of a class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offbeat.evaluation.metrics import as_labels


def brier_score(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Mean squared difference of probability and outcome: 0 is perfect, p(1 - p) is what the class share p gives.

    Args:
        labels: [n], 0 or 1.
        probabilities: [n], of label 1, 0 to 1.
        weights: [n]; None: 1 each.

    Returns: NaN without rows.
    Raises: ValueError: a value out of range.
    """
    truth, given = as_labels(labels), as_probabilities(probabilities)
    return float(np.average((given - truth) ** 2, weights=weights)) if len(truth) else float("nan")


@dataclass(frozen=True)
class CalibrationBin:
    """Rows of like probability.

    Attributes:
        low, high: bounds of the bin; a probability of exactly `low` belongs to it, and 1 to the last bin.
        n: rows in it.
        predicted: mean probability given; NaN in an empty bin.
        observed: share of label 1 found; NaN in an empty bin.
    """

    low: float
    high: float
    n: int
    predicted: float
    observed: float


def calibration_bins(
    labels: np.ndarray, probabilities: np.ndarray, *, bins: int = 10
) -> list[CalibrationBin]:
    """Compare the probabilities given with the shares found, in `bins` bins of equal width."""
    truth, given = as_labels(labels), as_probabilities(probabilities)
    place = np.minimum((given * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, weights=values, minlength=bins) for values in (given, truth)]
    means = [np.divide(total, counts, out=np.full(bins, np.nan), where=counts > 0) for total in sums]
    return [
        CalibrationBin(at / bins, (at + 1) / bins, int(counts[at]), float(means[0][at]), float(means[1][at]))
        for at in range(bins)
    ]


def calibration_error(bins: list[CalibrationBin]) -> float:
    """Mean gap between probability given and share found, weighted by rows (expected calibration error)."""
    filled = [part for part in bins if part.n]
    total = sum(part.n for part in filled)
    if not total:
        return float("nan")
    return sum(part.n * abs(part.predicted - part.observed) for part in filled) / total


def as_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities as float64.

    Raises: ValueError: one that is not from 0 to 1.
    """
    values = np.asarray(probabilities, np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("metrics: probabilities are from 0 to 1")
    return values
