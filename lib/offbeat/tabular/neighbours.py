"""k nearest neighbours: the share of yes among the most similar rows of training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offbeat.tabular.scaling import Scaling

_CELLS = 4_000_000  # distances held at once: some tens of megabytes


@dataclass(frozen=True)
class Neighbours:
    """Rows of training, scaled, with what each counts for.

    Attributes:
        points: float32, [m, columns].
        labels: float64, [m].
        weights: float64, [m]: how many rows of training a kept row stands for.
        k: neighbours that are asked.
        prior: share of label 1, which counts as one neighbour more.
    """

    scaling: Scaling
    points: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    k: int
    prior: float

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probability of label 1; float64, [n]."""
        table = self.scaling.apply(features).astype(np.float32)
        step = max(1, _CELLS // max(1, len(self.points)))
        parts = [self._ask(table[first : first + step]) for first in range(0, len(table), step)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _ask(self, table: np.ndarray) -> np.ndarray:
        k = min(self.k, len(self.points))
        square = (self.points**2).sum(axis=1)
        distance = square[None, :] - 2 * table @ self.points.T  # less a constant of the row
        nearest = np.argpartition(distance, k - 1, axis=1)[:, :k]
        weight = self.weights[nearest]
        yes = (weight * self.labels[nearest]).sum(axis=1)
        share: np.ndarray = (yes + self.prior) / (weight.sum(axis=1) + 1.0)
        return share


def fit_neighbours(
    features: np.ndarray, labels: np.ndarray, *, seed: int, k: int = 50, most: int = 5_000
) -> Neighbours:
    """Keep rows to ask: every yes, and of the no as many as `most` leaves room for, each standing for several.

    Args:
        k: neighbours that are asked.
        most: rows kept, so that a question stays quick.
    """
    scaling = Scaling.fit(features)
    truth = np.asarray(labels, np.float64)
    yes, no = np.flatnonzero(truth == 1), np.flatnonzero(truth == 0)
    rng = np.random.default_rng(seed)
    yes = yes if len(yes) <= most // 2 else np.sort(rng.choice(yes, most // 2, replace=False))
    room = most - len(yes)
    kept = no if len(no) <= room else np.sort(rng.choice(no, room, replace=False))
    chosen = np.concatenate([yes, kept])
    stands = np.repeat(
        [(truth == 1).sum() / max(1, len(yes)), len(no) / max(1, len(kept))], [len(yes), len(kept)]
    )
    points = scaling.apply(np.asarray(features)[chosen]).astype(np.float32)
    return Neighbours(scaling, points, truth[chosen], stands, k, float(truth.mean()))
