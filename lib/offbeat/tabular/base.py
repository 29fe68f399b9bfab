"""What a model of a table is, and the small arithmetic that all share."""

from __future__ import annotations

from typing import Protocol

import numpy as np

_TINY = 1e-12


class Model(Protocol):
    """A fitted model: a dataclass of arrays, plain values and further models, nothing else."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probability of label 1; float64, [n].

        Args:
            features: float, [n, columns], in the order of the fit; NaN where a value is not known.
        """


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probability of log odds, without overflow."""
    small = np.exp(-np.abs(logits))
    found: np.ndarray = np.where(logits >= 0, 1 / (1 + small), small / (1 + small))
    return found


def logit(probabilities: np.ndarray) -> np.ndarray:
    """Log odds of a probability; 0 and 1 as the nearest that have some."""
    inside = np.clip(np.asarray(probabilities, np.float64), _TINY, 1 - _TINY)
    found: np.ndarray = np.log(inside) - np.log1p(-inside)
    return found


def as_table(features: np.ndarray) -> np.ndarray:
    """Features as float64, [n, columns].

    Raises:
        ValueError: not a table.
    """
    table = np.asarray(features, np.float64)
    if table.ndim != 2:  # noqa: PLR2004 - rows and columns
        raise ValueError(f"tabular: features are rows and columns, got shape {table.shape}")
    return table
