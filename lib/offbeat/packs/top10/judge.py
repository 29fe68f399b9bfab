"""Figures of a model on titles that it has not seen, with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.evaluation.intervals import bootstrap_intervals, wilson_interval
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
    place: Place, labels: np.ndarray, scores: np.ndarray, *, seed: int, probabilities: bool = True
) -> list[dict[str, Any]]:
    """Rows of title_figures but for the model's version.

    Args:
        probabilities: whether scores are some, so that Brier and calibration say something.
    """
    intervals = bootstrap_intervals(labels, scores, _RANKED, resamples=_RESAMPLES, seed=seed)
    ranking: Ranking = rank_sessions(labels, scores)
    found: dict[str, tuple[float, float, float]] = {
        name: (float(metric(ranking)), float(intervals[name].low), float(intervals[name].high))
        for name, metric in _RANKED.items()
    }
    found["hits_at_10"] = _hits(labels, scores)
    if probabilities:
        found["brier"] = _brier(labels, scores, seed)
        nan = float("nan")
        found["calibration_error"] = (
            calibration_error(calibration_bins(labels, np.clip(scores, 0, 1))),
            nan,
            nan,
        )
    return [_row(place, name, values, labels) for name, values in found.items()]


def single(place: Place, metric: str, value: float, labels: np.ndarray) -> dict[str, Any]:
    """One figure without an interval."""
    return _row(place, metric, (value, float("nan"), float("nan")), labels)


def _hits(labels: np.ndarray, scores: np.ndarray) -> tuple[float, float, float]:
    """Share of the ten best-ranked titles that charted: what a reader of a list of ten sees."""
    best = np.argsort(-scores, kind="stable")[:TOP]
    hits = int(labels[best].sum())
    found = wilson_interval(hits, len(best))
    return hits / max(1, len(best)), float(found.low), float(found.high)


def _brier(labels: np.ndarray, scores: np.ndarray, seed: int) -> tuple[float, float, float]:
    given = np.clip(scores, 0, 1)
    errors = (given - labels) ** 2
    rng = np.random.default_rng(seed)
    drawn = errors[rng.integers(0, len(errors), (_RESAMPLES, len(errors)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return brier_score(labels, given), float(low), float(high)


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
