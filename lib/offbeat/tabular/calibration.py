"""From scores to probabilities: Platt's curve, or isotonic steps where there is enough to see them by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from offbeat.tabular.base import Model, logit, sigmoid

Kind = Literal["auto", "platt", "isotonic"]
_ENOUGH = 1000  # of the rarer label; below, steps follow chance
_STEPS = 100
_CLOSE = 1e-10


@dataclass(frozen=True)
class Calibrated:
    """A model whose probabilities were brought to the shares found on rows that it was not fitted on.

    Attributes:
        slope, bias: of Platt's curve on log odds; slope is positive, so that the order of rows stays.
        steps, shares: of the isotonic curve on Platt's, both rising; empty where there is none.
    """

    member: Model
    slope: float
    bias: float
    steps: np.ndarray
    shares: np.ndarray

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probability of label 1; float64, [n]."""
        return self.adjust(self.member.predict(features))

    def adjust(self, probabilities: np.ndarray) -> np.ndarray:
        """What the member's probabilities mean."""
        given = sigmoid(self.slope * logit(probabilities) + self.bias)
        return np.interp(given, self.steps, self.shares) if len(self.steps) else given


def calibrate(
    model: Model, probabilities: np.ndarray, labels: np.ndarray, *, kind: Kind = "auto"
) -> Calibrated:
    """Fit the curve from what a model said to what was found.

    Args:
        probabilities: what `model` said of rows that it was not fitted on; float, [n].
        labels: of those rows; 0 or 1, [n].
        kind: `platt`, `isotonic`, or by the number of labels.
    """
    truth = np.asarray(labels, np.float64)
    rarer = min(truth.sum(), len(truth) - truth.sum())
    slope, bias = fit_platt(logit(probabilities), truth)
    steps, shares = np.zeros(0), np.zeros(0)
    if kind == "isotonic" or (kind == "auto" and rarer >= _ENOUGH):
        steps, shares = _isotonic(sigmoid(slope * logit(probabilities) + bias), truth)
    return Calibrated(model, slope, bias, steps, shares)


def fit_platt(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Slope and bias of the logistic curve from scores to labels, by Newton's method.

    Labels are drawn in by one row of each kind, so that separable rows give no endless slope. Where scores say nothing
    or point the wrong way, the slope is (almost) 0: everything gets the share of label 1.

    References: Platt, Probabilistic outputs for support vector machines, 1999.
    """
    yes, no = labels.sum(), len(labels) - labels.sum()
    goal = np.where(labels == 1, (yes + 1) / (yes + 2), 1 / (no + 2))
    middle, spread = float(scores.mean()), float(scores.std()) or 1.0
    table = np.column_stack([(scores - middle) / spread, np.ones(len(scores))])
    found = np.array([0.0, float(logit(goal.mean()))])
    for _ in range(100):
        given = sigmoid(table @ found)
        gradient = table.T @ (given - goal) + 1e-6 * found
        curve = (table * (given * (1 - given))[:, None]).T @ table + 1e-6 * np.eye(2)
        step = np.linalg.solve(curve, gradient)
        size = float(np.abs(step).max())
        found -= step * min(1.0, 4.0 / max(size, _CLOSE))
        if size < _CLOSE:
            break
    slope = max(float(found[0]), 1e-6) / spread
    return slope, float(found[1]) - slope * middle


def _isotonic(given: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rising shares at the middle of each step, joined by straight lines so that few rows get the same value."""
    from sklearn.isotonic import IsotonicRegression

    order = np.argsort(given, kind="stable")
    groups = [part for part in np.array_split(order, min(_STEPS, len(order))) if len(part)]
    middle = np.array([given[part].mean() for part in groups])
    share = np.array([labels[part].mean() for part in groups])
    sizes = np.array([len(part) for part in groups], np.float64)
    smooth = (share * sizes + middle) / (sizes + 1)
    rising = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(middle, smooth, sample_weight=sizes)
    steps = np.concatenate([[0.0], middle, [1.0]])
    distinct = np.concatenate([[True], np.diff(steps) > 0])
    return steps[distinct], np.concatenate([[0.0], rising, [1.0]])[distinct]
