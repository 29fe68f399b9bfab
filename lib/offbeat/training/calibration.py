"""Where normal ends: a threshold for an alert budget, from held-out normal sessions alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.detectors.base import Detector, Sequences
from offbeat.errors import InputRefused

QUANTILES = 1001
EMPIRICAL, TAIL, BULK = "empirical", "tail", "bulk"
_ENOUGH_ABOVE = 20  # sessions above the threshold from which on counting them is exact enough
_BULK = (0.5, 0.8)  # quantiles between which the scores of a mixed log are those of its normal sessions
_ROUNDS = 5
_TAIL = 0.1  # share of the sessions that the tail is fitted to
_LEAST_IN_TAIL = 10
_RESAMPLES = 500
_DRAWS = 20_000_000  # sessions drawn in all resamples together
_MOST_RANKED = 20_000  # sessions that top-k is chosen on
_INTERVAL = (0.025, 0.975)


@dataclass(frozen=True)
class Calibration:
    """How scores of held-out normal sessions are spread, and what follows for a budget.

    Attributes:
        budget: share of normal sessions that may be flagged.
        threshold: a session that scores above it (strictly) is flagged.
        low, high: 95 % bootstrap interval of the threshold: had other normal sessions been held out.
        method: `empirical`, `tail` or `bulk`; see `find_threshold`.
        top_k: smallest k such that at most the budget of the sessions have an event of rank above k; None where the
            detector gives no ranks.
        n: held-out sessions.
        quantiles: float32, [1001]: score at each permille of them.
    """

    budget: float
    threshold: float
    low: float
    high: float
    method: str
    top_k: int | None
    n: int
    quantiles: np.ndarray

    def percentile(self, scores: np.ndarray) -> np.ndarray:
        """Share of held-out normal sessions that score lower, 0 to 100, float32, [n]; never falls as scores rise."""
        values, first = np.unique(self.quantiles, return_index=True)
        levels = 100.0 * first / (len(self.quantiles) - 1)
        return np.asarray(np.interp(scores, values, levels, left=0.0, right=100.0), np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**vars(self), "quantiles": [float(value) for value in self.quantiles]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Read what `to_dict` gave."""
        return cls(**{**values, "quantiles": np.array(values["quantiles"], np.float32)})


def calibrate(
    detector: Detector, validation: Sequences, *, budget: float, seed: int = 0, mixed: bool = False
) -> Calibration:
    """Set the threshold of a fitted detector.

    Args:
        detector: fitted, on other sessions.
        validation: held-out sessions: normal ones, or a mixed log's.
        budget: share of normal sessions that may be flagged, between 0 and 1.
        seed: of the bootstrap.
        mixed: whether faulty sessions may be among them, as in any log that nobody has declared normal.

    Raises:
        InputRefused: there are no held-out sessions.
    """
    ranks = _worst_ranks(detector, validation)
    return calibrate_scores(detector.score(validation), budget=budget, seed=seed, ranks=ranks, mixed=mixed)


def calibrate_scores(
    scores: np.ndarray,
    *,
    budget: float,
    seed: int = 0,
    ranks: np.ndarray | None = None,
    mixed: bool = False,
) -> Calibration:
    """Set the threshold from the scores of held-out sessions.

    Args:
        scores: float32, [n], finite.
        budget: share of normal sessions that may be flagged, between 0 and 1.
        seed: of the bootstrap.
        ranks: [n]: the worst rank of each session's events; None where there are none.
        mixed: whether faulty sessions may be among them.

    Raises:
        InputRefused: there are no scores.
    """
    if not len(scores):
        raise InputRefused(
            "validation: no held-out session to set the threshold with; widen the sample or the holdout"
        )
    threshold, method = find_threshold(scores, budget, mixed=mixed)
    low, high = _interval(scores, budget, seed, mixed=mixed)
    return Calibration(
        budget=budget,
        threshold=float(np.float32(threshold)),  # scores are float32: what equals it must not lie above it
        low=min(low, threshold),
        high=max(high, threshold),
        method=method,
        top_k=None if ranks is None else int(_upper(np.sort(ranks), budget)),
        n=len(scores),
        quantiles=np.quantile(scores, np.linspace(0, 1, QUANTILES), method="inverted_cdf").astype(np.float32),
    )


def find_threshold(scores: np.ndarray, budget: float, *, mixed: bool = False) -> tuple[float, str]:
    """The threshold above which a share `budget` of normal sessions is expected, and how it was found.

    Where the budget allows 20 held-out sessions or more, it is the smallest score that at most that share of them
    exceeds (`empirical`). With fewer, that score is one of the few largest, and what the largest of a thousand normal
    sessions scores is mostly luck. Then the upper tenth of the scores sets it (`tail`): scores that are surprises,
    -ln(probability), fall off about exponentially, so beyond a score u, exceeded by a share p, the threshold is
    u + m ln(p / budget), with m the mean excess over u, but never above the largest score: of what lies beyond, nothing
    is known. A tail of fewer than ten sessions falls back on counting.

    In a mixed log the highest scores are those of its faults, and counting down from them would leave nearly all of
    them unflagged. There the same law is fitted where normal sessions are, between the median and the 80th percentile
    (`bulk`), and what it gives is taken where it is lower. Up to a fifth of the sessions may be faulty. Where normal
    scores fall off more slowly than exponentially, more than the budget is flagged: declare such a log normal.

    References: Pickands 1975, Davison & Smith 1990 (peaks over threshold), with shape 0.
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    if mixed:
        bulk = _bulk_threshold(ordered, budget)
        counted, method = find_threshold(scores, budget)
        return (bulk, BULK) if bulk < counted else (counted, method)
    n = len(ordered)
    counted = float(_upper(ordered, budget))
    if n * budget >= _ENOUGH_ABOVE or budget >= _TAIL:
        return counted, EMPIRICAL
    start = _upper(ordered, _TAIL)
    tail = ordered[ordered > start]
    if len(tail) < _LEAST_IN_TAIL:
        return counted, EMPIRICAL
    reach = math.log(max(len(tail) / (n * budget), 1.0))
    return float(min(start + (tail - start).mean() * reach, ordered[-1])), TAIL


def _bulk_threshold(ordered: np.ndarray, budget: float) -> float:
    """Where a share `budget` is left if all scores fell off as those in the bulk do; never below the bulk itself.

    What lies above is then left out and the bulk is looked at again, a few times over: faults shift its quantiles.
    """
    threshold = math.inf
    for _ in range(_ROUNDS):
        kept = ordered[: np.searchsorted(ordered, threshold, side="right")]
        low, high = (float(np.quantile(kept, at)) for at in _BULK)
        fall = (high - low) / math.log((1 - _BULK[0]) / (1 - _BULK[1]))
        threshold = max(high, low + fall * math.log((1 - _BULK[0]) / budget))
    return threshold


def _upper(ordered: np.ndarray, share: float) -> Any:
    """The smallest of the sorted values that at most a share of them exceeds."""
    allowed = min(math.floor(share * len(ordered) + 1e-9), len(ordered) - 1)
    return ordered[len(ordered) - 1 - allowed]


def _interval(scores: np.ndarray, budget: float, seed: int, *, mixed: bool) -> tuple[float, float]:
    """Bootstrap interval of the threshold: percentiles over draws of as many sessions, with replacement."""
    rng = np.random.default_rng(seed)
    resamples = max(100, min(_RESAMPLES, _DRAWS // len(scores)))
    drawn = [
        find_threshold(rng.choice(scores, len(scores)), budget, mixed=mixed)[0] for _ in range(resamples)
    ]
    low, high = np.quantile(drawn, _INTERVAL)
    return float(low), float(high)


def _worst_ranks(detector: Detector, sequences: Sequences) -> np.ndarray | None:
    """The largest rank of each session's events, 1 where it has none; None where the detector gives no ranks."""
    sequences = sequences.slice(0, min(len(sequences), _MOST_RANKED))
    events = detector.surprise(sequences, 1)
    if events is None:
        return None
    worst = np.ones(len(sequences), np.int64)
    filled = np.flatnonzero(np.diff(events.offsets))
    if len(filled):
        worst[filled] = np.maximum.reduceat(events.rank, events.offsets[:-1][filled])
    return worst
