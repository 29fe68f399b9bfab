"""Figures of a model on titles that it has not seen, with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.evaluation.intervals import Interval, bootstrap_intervals, wilson_interval
from offbeat.evaluation.metrics import Number, Ranking, average_precision, rank_sessions, recall_at_k, roc_auc
from offbeat.evaluation.probabilities import brier_score, calibration_bins, calibration_error

TOP = 10
_RESAMPLES = 300
_RANKED: dict[str, Callable[[Ranking], Number]] = {
    "roc_auc": roc_auc,
    "pr_auc": average_precision,
    "recall_at_10": lambda ranking: recall_at_k(ranking, TOP),
}


@dataclass(frozen=True)
class Place:
    """What a figure is of: the columns that name it in the table title_figures."""

    question: str
    split: str
    model: str
    basis: str = "honest"
    note: str = ""


def figures(
    place: Place,
    labels: np.ndarray,
    scores: np.ndarray,
    *,
    seed: int,
    probabilities: bool = True,
    groups: np.ndarray | None = None,
) -> list[dict[str, Any]]:
    """Rows of title_figures but for the model's version.

    Args:
        probabilities: whether scores are some, so that Brier and calibration say something.
        groups: rows that belong together, as the weeks of a run do, and are drawn together for the intervals.
    """
    if groups is None:
        intervals = bootstrap_intervals(labels, scores, _RANKED, resamples=_RESAMPLES, seed=seed)
    else:
        intervals = _grouped_intervals(labels, scores, groups, seed)
    ranking: Ranking = rank_sessions(labels, scores)
    found: dict[str, tuple[float, float, float]] = {
        name: (float(metric(ranking)), float(intervals[name].low), float(intervals[name].high))
        for name, metric in _RANKED.items()
    }
    found["hits_at_10"] = _hits(labels, scores)
    if probabilities:
        given = np.clip(scores, 0, 1)
        found["brier"] = (brier_score(labels, given), *_mean_interval((given - labels) ** 2, seed, groups))
        nan = float("nan")
        found["calibration_error"] = (
            calibration_error(calibration_bins(labels, given)),
            nan,
            nan,
        )
    return [_row(place, name, values, labels) for name, values in found.items()]


def single(place: Place, metric: str, value: float, labels: np.ndarray) -> dict[str, Any]:
    """One figure without an interval."""
    return _row(place, metric, (value, float("nan"), float("nan")), labels)


def mean_figure(
    place: Place, metric: str, values: np.ndarray, labels: np.ndarray, *, seed: int
) -> dict[str, Any]:
    """The mean of values with its interval."""
    return _row(place, metric, (float(values.mean()), *_mean_interval(values, seed)), labels)


def share_figure(place: Place, metric: str, hits: np.ndarray) -> dict[str, Any]:
    """The share of 1 among `hits` with its interval."""
    low, high = wilson_interval(float(hits.sum()), len(hits))
    return _row(place, metric, (float(hits.mean()), low, high), hits)


def _hits(labels: np.ndarray, scores: np.ndarray) -> tuple[float, float, float]:
    """Share of the ten best-ranked titles that charted: what a reader of a list of ten sees."""
    best = np.argsort(-scores, kind="stable")[:TOP]
    hits = int(labels[best].sum())
    found = wilson_interval(hits, len(best))
    return hits / max(1, len(best)), float(found.low), float(found.high)


def _mean_interval(values: np.ndarray, seed: int, groups: np.ndarray | None = None) -> tuple[float, float]:
    """Interval of a mean, over draws of groups; without any, of rows."""
    members = np.arange(len(values)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sums, counts = np.bincount(members, weights=values), np.bincount(members)
    chosen = np.random.default_rng(seed).integers(0, len(sums), (_RESAMPLES, len(sums)))
    low, high = np.quantile(sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _grouped_intervals(
    labels: np.ndarray, scores: np.ndarray, groups: np.ndarray, seed: int
) -> dict[str, Interval]:
    """Intervals of the ranked figures, over draws of whole groups."""
    members = np.unique(groups, return_inverse=True)[1]
    rng, n = np.random.default_rng(seed), int(members.max()) + 1
    drawn: dict[str, list[float]] = {name: [] for name in _RANKED}
    for _ in range(_RESAMPLES):
        times = np.bincount(rng.integers(0, n, n), minlength=n)[members]
        ranking = rank_sessions(labels, scores, times.astype(np.float64))
        for name, metric in _RANKED.items():
            drawn[name].append(float(metric(ranking)))
    return {name: Interval(*map(float, np.nanquantile(each, [0.025, 0.975]))) for name, each in drawn.items()}


def _row(place: Place, metric: str, values: tuple[float, float, float], labels: np.ndarray) -> dict[str, Any]:
    value, low, high = (None if np.isnan(v) else v for v in values)
    shown: Mapping[str, Any] = {
        "question": place.question,
        "split": place.split,
        "model": place.model,
        "basis": place.basis,
    }
    return {
        **shown, "metric": metric, "value": value, "low": low, "high": high,
        "n": len(labels), "positives": int(labels.sum()), "note": place.note or None,
    }  # fmt: skip
