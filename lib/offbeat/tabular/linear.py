"""Logistic regression and naive Bayes: a sum over scaled columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offbeat.tabular.base import sigmoid
from offbeat.tabular.scaling import Scaling


@dataclass(frozen=True)
class Logistic:
    """Logistic regression on scaled columns.

    Attributes:
        weights: float64, [columns].
        bias: log odds at the mean of all columns.
    """

    scaling: Scaling
    weights: np.ndarray
    bias: float

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probability of label 1; float64, [n]."""
        # A product of matrices sums in an order that hangs on the number of rows; this one does not.
        return sigmoid((self.scaling.apply(features) * self.weights).sum(axis=1) + self.bias)


@dataclass(frozen=True)
class NaiveBayes:
    """Gaussian naive Bayes on scaled columns.

    Attributes:
        prior: share of label 1.
        means, variances: float64, [2, columns]; label 0 first.
    """

    scaling: Scaling
    prior: float
    means: np.ndarray
    variances: np.ndarray

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probability of label 1; float64, [n]."""
        table = self.scaling.apply(features)
        likelihood = [
            -0.5 * (np.log(2 * np.pi * variance) + (table - mean) ** 2 / variance).sum(axis=1)
            for mean, variance in zip(self.means, self.variances, strict=True)
        ]
        return sigmoid(likelihood[1] - likelihood[0] + np.log(self.prior / (1 - self.prior)))


def fit_logistic(
    features: np.ndarray, labels: np.ndarray, weights: np.ndarray, *, strength: float = 1.0
) -> Logistic:
    """Fit logistic regression.

    Args:
        weights: what each row counts for.
        strength: inverse of the penalty on large weights.
    """
    from sklearn.linear_model import LogisticRegression

    scaling = Scaling.fit(features)
    found = LogisticRegression(C=strength, max_iter=2000, tol=1e-6)
    found.fit(scaling.apply(features), labels, sample_weight=weights)
    return Logistic(scaling, found.coef_[0].astype(np.float64), float(found.intercept_[0]))


def fit_bayes(features: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> NaiveBayes:
    """Fit Gaussian naive Bayes; weights change the prior alone."""
    from sklearn.naive_bayes import GaussianNB

    scaling = Scaling.fit(features)
    found = GaussianNB(var_smoothing=1e-3).fit(scaling.apply(features), labels, sample_weight=weights)
    return NaiveBayes(scaling, float(found.class_prior_[1]), found.theta_, found.var_)
