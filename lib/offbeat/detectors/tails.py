"""Thresholds from scores alone: counted, from the tail, or from the bulk of a log that nobody has declared normal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

EMPIRICAL, TAIL, BULK = "empirical", "tail", "bulk"
_ENOUGH_ABOVE = 20  # sessions above the threshold from which on counting them is exact enough
_BULK = (0.5, 0.8)  # quantiles between which the scores of a mixed log are those of its normal sessions
_ROUNDS = 5
_TAIL = 0.1  # share of the sessions that the tail is fitted to
_LEAST_IN_TAIL = 10
_SMALL_SHARE = 0.01
_MOST_POINTS = 1000
SAME = 1e-5  # relative: how far two float32 scores of one session may lie apart


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
    scores fall off more slowly than exponentially, more than the budget is flagged, and so it is where the bulk is one
    value: all that lies above it. Declare such a log normal.

    References: Pickands 1975, Davison & Smith 1990 (peaks over threshold), with shape 0.
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    if mixed:
        bulk = _bulk_threshold(ordered, budget)
        counted, method = find_threshold(scores, budget)
        return (bulk, BULK) if bulk < counted else (counted, method)
    n = len(ordered)
    counted = float(upper_quantile(ordered, budget))
    if n * budget >= _ENOUGH_ABOVE or budget >= _TAIL:
        return counted, EMPIRICAL
    start = upper_quantile(ordered, _TAIL)
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
        low, fall = _bulk(ordered, threshold)
        high = low + fall * math.log((1 - _BULK[0]) / (1 - _BULK[1]))
        threshold = max(high, low + fall * math.log((1 - _BULK[0]) / budget))
    return threshold


def _bulk(ordered: np.ndarray, threshold: float) -> tuple[float, float]:
    """The median of what lies up to a threshold, and the score that is gained while the share above falls by e."""
    kept = ordered[: np.searchsorted(ordered, threshold, side="right")]
    low, high = (float(np.quantile(kept, at)) for at in _BULK)
    return low, (high - low) / math.log((1 - _BULK[0]) / (1 - _BULK[1]))


def is_one_value(scores: np.ndarray) -> bool:
    """Whether the bulk of a mixed log is one value, so that it says nothing of how scores fall off."""
    low, high = np.quantile(scores, _BULK)
    return bool(high <= low)


def upper_quantile(ordered: np.ndarray, share: float) -> Any:
    """The smallest of the sorted values that at most a share of them exceeds."""
    allowed = min(math.floor(share * len(ordered) + 1e-9), len(ordered) - 1)
    return ordered[len(ordered) - 1 - allowed]


@dataclass(frozen=True)
class Tail:
    """How rare a score as high as a given one is among normal sessions.

    Within the held-out scores their share counts, the session itself among them, as in a conformal p-value; beyond the
    largest, the share falls off exponentially, as `find_threshold` has it. In a mixed log it falls off so from the
    median on, at the pace of the bulk.

    References: Vovk et al. 2005, Bates et al. 2023 (conformal p-values).

    Attributes:
        values: float64, rising: distinct scores.
        surprise: float64: -ln of the share of sessions that score as high or higher, at each of them.
        beyond: the same right above the last.
        pace: nats per unit of score from there on.
    """

    values: np.ndarray
    surprise: np.ndarray
    beyond: float
    pace: float

    @classmethod
    def fit(cls, scores: np.ndarray, *, mixed: bool = False) -> Tail:
        """Learn from the scores of held-out sessions; float32, [n]; one or more."""
        ordered = np.sort(np.asarray(scores, np.float64))
        values, first = np.unique(ordered, return_index=True)
        surprise = -np.log((len(ordered) - first + 1.0) / (len(ordered) + 1.0))
        if mixed:
            median, fall = _bulk(ordered, _bulk_threshold(ordered, _SMALL_SHARE))
            if fall > 0:
                kept = values <= median
                return cls(*_thinned(values[kept], surprise[kept]), float(surprise[kept][-1]), 1 / fall)
        start = upper_quantile(ordered, _TAIL)
        above = ordered[ordered > start] - start
        spread = float(above.mean()) if len(above) >= _LEAST_IN_TAIL else float(ordered.std())
        pace = 1 / (spread or max(1.0, abs(float(ordered[-1]))))
        return cls(*_thinned(values, surprise), math.log(len(ordered) + 1.0), pace)

    def surprises(self, scores: np.ndarray) -> np.ndarray:
        """-ln of the share of normal sessions that score as high or higher, nats; float64, [n]."""
        wanted = np.asarray(scores, np.float64)
        place = np.searchsorted(self.values + SAME * np.abs(self.values), wanted)
        reached = np.append(self.surprise, self.beyond)[place]
        return np.asarray(reached + np.maximum(wanted - self.values[-1], 0) * self.pace)


def _thinned(values: np.ndarray, surprise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most `_MOST_POINTS` of them, closer together where they are rarer, the last one always."""
    if len(values) <= _MOST_POINTS:
        return values, surprise
    at = np.searchsorted(surprise, np.linspace(surprise[0], surprise[-1], _MOST_POINTS)).clip(
        0, len(values) - 1
    )
    at = np.unique(np.append(at, len(values) - 1))
    return values[at], surprise[at]
