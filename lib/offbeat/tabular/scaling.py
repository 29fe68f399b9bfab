"""Columns brought to one scale, gaps filled: what linear models and distances need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offbeat.tabular.base import as_table

_FAR = 8.0  # standard deviations; a value further out counts as this far


@dataclass(frozen=True)
class Scaling:
    """Mean and spread of each column in training.

    Attributes:
        middle: mean, which also fills gaps; float64, [columns].
        spread: standard deviation, 1 where a column never changes; float64, [columns].
    """

    middle: np.ndarray
    spread: np.ndarray

    @classmethod
    def fit(cls, features: np.ndarray) -> Scaling:
        """Measure the columns; a column without any value has middle 0."""
        table = as_table(features)
        known = np.isfinite(table)
        count = np.maximum(1, known.sum(axis=0))
        filled = np.where(known, table, 0.0)
        middle = filled.sum(axis=0) / count
        variance = (np.where(known, table - middle, 0.0) ** 2).sum(axis=0) / count
        spread = np.sqrt(variance)
        return cls(middle, np.where(spread > 0, spread, 1.0))

    def apply(self, features: np.ndarray) -> np.ndarray:
        """Columns with mean 0 and spread 1, gaps at 0; float64, [n, columns]."""
        table = as_table(features)
        scaled = (np.where(np.isfinite(table), table, self.middle) - self.middle) / self.spread
        found: np.ndarray = np.clip(scaled, -_FAR, _FAR)
        return found
