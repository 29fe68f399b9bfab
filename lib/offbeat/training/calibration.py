"""Where normal ends: a threshold for an alert budget, from held-out normal sessions alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from offbeat.detectors.base import Detector, Sequences
from offbeat.detectors.tails import BULK, EMPIRICAL, SAME, TAIL, find_threshold, upper_quantile
from offbeat.errors import InputRefused
from offbeat.training.segments import Segments, fit_segments

__all__ = ["BULK", "EMPIRICAL", "TAIL", "Calibration", "calibrate", "calibrate_scores", "find_threshold"]

QUANTILES = 1001
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
        method: `empirical`, `tail` or `bulk`, see `find_threshold`.
        top_k: smallest k such that at most the budget of the sessions have an event of rank above k; None where the
            detector gives no ranks.
        n: held-out sessions.
        quantiles: float32, [1001]: score at each permille of them.
        segments: thresholds of parts of the sessions, by the values of covariates; see `training.segments`.
    """

    budget: float
    threshold: float
    low: float
    high: float
    method: str
    top_k: int | None
    n: int
    quantiles: np.ndarray
    segments: Segments = field(default_factory=Segments)

    def thresholds(self, covariates: Mapping[str, np.ndarray], n: int) -> np.ndarray:
        """The threshold of each session, float32, [n]: its segment's, or the common one."""
        return self.segments.of_each(covariates, n, common=self.threshold)

    def percentile(self, scores: np.ndarray) -> np.ndarray:
        """Share of held-out normal sessions that score lower, 0 to 100, float32, [n]; never falls as scores rise."""
        values, first = np.unique(self.quantiles, return_index=True)
        levels = 100.0 * first / (len(self.quantiles) - 1)
        return np.asarray(np.interp(scores, values, levels, left=0.0, right=100.0), np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {"quantiles": [float(value) for value in self.quantiles], "segments": self.segments.to_dict()}
        return {**vars(self), **plain}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Read what `to_dict` gave."""
        read = {
            "quantiles": np.array(values["quantiles"], np.float32),
            "segments": Segments.from_dict(values.get("segments", {})),
        }
        return cls(**{**values, **read})


def calibrate(
    detector: Detector,
    validation: Sequences,
    *,
    budget: float,
    seed: int = 0,
    mixed: bool = False,
    segments: Sequence[str] = (),
) -> Calibration:
    """Set the threshold of a fitted detector.

    Args:
        detector: fitted, on other sessions; or with these held out from each other, as its `held` says.
        validation: held-out sessions: normal ones, or a mixed log's.
        budget: share of normal sessions that may be flagged, between 0 and 1.
        seed: of the bootstrap.
        mixed: whether faulty sessions may be among them, as in any log that nobody has declared normal.
        segments: covariates by which thresholds differ.

    Raises:
        InputRefused: there are no held-out sessions.
    """
    ranks = _worst_ranks(detector, validation)
    is_held = detector.held is not None and len(detector.held) == len(validation)
    scores = np.asarray(detector.held) if is_held else detector.score(validation)
    found = calibrate_scores(scores, budget=budget, seed=seed, ranks=ranks, mixed=mixed)
    if not segments:
        return found
    spread = float(np.var(_drawn(scores, budget, seed, mixed=mixed)))
    parts = fit_segments(
        scores, validation.covariates, segments, budget, mixed=mixed, common=found.threshold, spread=spread
    )
    return replace(found, segments=parts)


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
        InputRefused: there are no scores, or some are no numbers: the detector has learnt nothing.
    """
    if not len(scores):
        raise InputRefused(
            "validation: no held-out session to set the threshold with; widen the sample or the holdout"
        )
    if not np.isfinite(scores).all():
        raise InputRefused(
            f"validation: {int((~np.isfinite(scores)).sum())} of {len(scores)} held-out sessions score no number; "
            "the model has not learnt: lower model.settings.learning_rate, or look at the covariates"
        )
    threshold, method = find_threshold(scores, budget, mixed=mixed)
    # What equals it must not lie above it, in whatever batch it is scored.
    threshold = float(np.float32(threshold + SAME * abs(threshold)))
    if ranks is not None and mixed:  # what lies above the threshold is not what is usual
        ranks = ranks[scores[: len(ranks)] <= threshold]
    low, high = _interval(scores, budget, seed, mixed=mixed)
    return Calibration(
        budget=budget,
        threshold=threshold,
        low=min(low, threshold),
        high=max(high, threshold),
        method=method,
        top_k=None if ranks is None or not len(ranks) else int(upper_quantile(np.sort(ranks), budget)),
        n=len(scores),
        quantiles=np.quantile(scores, np.linspace(0, 1, QUANTILES), method="inverted_cdf").astype(np.float32),
    )


def _interval(scores: np.ndarray, budget: float, seed: int, *, mixed: bool) -> tuple[float, float]:
    """Bootstrap interval of the threshold: percentiles over draws of as many sessions, with replacement."""
    low, high = np.quantile(_drawn(scores, budget, seed, mixed=mixed), _INTERVAL)
    return float(low), float(high)


def _drawn(scores: np.ndarray, budget: float, seed: int, *, mixed: bool) -> list[float]:
    """Thresholds that as many sessions, drawn with replacement, give."""
    rng = np.random.default_rng(seed)
    resamples = max(100, min(_RESAMPLES, _DRAWS // len(scores)))
    return [find_threshold(rng.choice(scores, len(scores)), budget, mixed=mixed)[0] for _ in range(resamples)]


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
