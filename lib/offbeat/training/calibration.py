"""From scores of held-out normal sessions to a threshold and percentiles; no label is looked at."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from offbeat.detectors.base import Detector, Sequences

_POINTS = 1001
_RESAMPLES = 500
_LEAST_ABOVE = 5  # with fewer scores above it, a quantile is the luck of one or two sessions
_TAIL = 0.05  # share of the scores that the tail is estimated from
_MOST_RANKED = 20_000  # sessions that top-k is chosen on
_MOST_K = 100


@dataclass(frozen=True)
class Calibration:
    """What scores mean.

    Attributes:
        threshold: a session that scores above it is flagged.
        low, high: 95 % bootstrap interval of the threshold.
        budget: share of normal sessions that may lie above it.
        sessions: held-out normal sessions that it rests on.
        method: `empirical` quantile, or `tail` where too few scores lie above it.
        top_k: least k for which at most `budget` of the sessions hold an event that is not among the k likeliest
            (the criterion of Du et al., DeepLog, CCS 2017); None where the detector has no view of positions.
        quantiles: 1,001 scores, the k-th is what k/1000 of the sessions do not exceed.
    """

    threshold: float
    low: float
    high: float
    budget: float
    sessions: int
    method: str
    top_k: int | None
    quantiles: tuple[float, ...]

    def percentile(self, scores: np.ndarray) -> np.ndarray:
        """Share of held-out normal sessions that score lower, 0 to 100; float32, grows with the score."""
        table = np.asarray(self.quantiles, np.float32)
        place = np.searchsorted(table, np.asarray(scores, np.float32), side="left")
        return (100.0 * place / len(table)).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Plain values for the artifact."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Calibration:
        """What `to_json` gave."""
        return cls(**{**data, "quantiles": tuple(data["quantiles"])})


def calibrate(detector: Detector, validation: Sequences, *, budget: float, seed: int) -> Calibration:
    """Set the threshold on held-out normal sessions.

    Args:
        validation: sessions that the detector was not fitted on; at least one.
        budget: share of normal sessions that may be flagged.
        seed: of the bootstrap.
    """
    scores = np.sort(detector.score(validation).astype(np.float64))
    rng = np.random.default_rng(seed)
    drawn = [
        threshold_for(np.sort(rng.choice(scores, len(scores))), budget=budget) for _ in range(_RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Calibration(
        threshold=float(np.float32(threshold_for(scores, budget=budget))),
        low=float(low),
        high=float(high),
        budget=budget,
        sessions=len(scores),
        method="tail" if _is_thin(len(scores), budget) else "empirical",
        top_k=_choose_top_k(detector, validation, budget),
        quantiles=tuple(float(x) for x in np.quantile(scores, np.linspace(0, 1, _POINTS), method="lower")),
    )


def threshold_for(scores: np.ndarray, *, budget: float) -> float:
    """The least score that at most a share `budget` of normal sessions exceeds.

    Where fewer than five of the scores would lie above it, their quantile is luck: then the tail beyond the 95th
    percentile is taken for exponential (Pickands, 1975, with shape 0), its scale from the median of the excesses,
    which one odd session does not move.

    Args:
        scores: sorted, of normal sessions; at least one.
        budget: above 0, below 1.
    """
    n = len(scores)
    if not _is_thin(n, budget):
        return float(scores[n - 1 - math.floor(budget * n)])
    tail = max(_TAIL, min(0.5, 4 * _LEAST_ABOVE / n), budget)
    start = float(scores[max(0, n - 1 - math.floor(tail * n))])
    excess = scores[scores > start] - start
    if not len(excess):
        return start
    scale = float(np.median(excess)) / math.log(2)
    return start + scale * math.log(max(1.0, len(excess) / n / budget))


def _is_thin(n: int, budget: float) -> bool:
    return budget * n < _LEAST_ABOVE


def _choose_top_k(detector: Detector, validation: Sequences, budget: float) -> int | None:
    chosen = validation.slice(0, min(len(validation), _MOST_RANKED))
    scores = detector.surprise(chosen, 1)
    if scores is None:
        return None
    worst = np.ones(len(chosen), np.int64)
    filled = np.diff(scores.offsets) > 0
    if filled.any():
        worst[filled] = np.maximum.reduceat(scores.rank, scores.offsets[:-1][filled])
    ranked = np.sort(worst)
    return int(min(_MOST_K, ranked[len(ranked) - 1 - math.floor(budget * len(ranked))]))
