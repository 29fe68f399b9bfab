"""How far a figure may be off because the test set is small.

Two ways, each where it is right:

- Rates of flags (recall, false-positive rate) get a Wilson interval, and what is made of both (precision, F1,
  accuracy, the scaled ones) gets percentiles over draws of the two rates. A bootstrap would not do: with no false
  positive among the normals every resample has none, and the interval shrinks to a point just where least is known.
  The draws come from the Jeffreys posterior Beta(k + 1/2, n - k + 1/2), which gives none in n its due width.
- Figures of the whole ranking (PR-AUC, ROC-AUC, recall at k, the oracle's F1) get a percentile bootstrap, drawn within
  each class. Resamples are drawn as counts of distinct scores, never as lists of sessions. What no normal session in
  the sample scores, no resample has either: a scaled PR-AUC's interval is too narrow above the highest normal score.

The numbers of normal and abnormal sessions are held fixed. A threshold is taken as given: that other validation
sessions would have set another one is not in these intervals. Where bias puts a percentile past the figure itself (the
oracle's F1, a maximum, comes out higher in resamples), the interval is widened to hold the figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from offbeat.evaluation.metrics import Confusion, Number, Ranking, as_labels, rank_sessions

_CELLS_AT_ONCE = 1_000_000  # numbers per array while resampling: two megabytes, which caches hold
_MAX_GROUPS = 8192  # more distinct scores are resampled together with their neighbours

RATE_METRICS: dict[str, Callable[[Confusion], Number]] = {
    "precision": lambda cells: cells.precision,
    "f1": lambda cells: cells.f1,
    "accuracy": lambda cells: cells.accuracy,
    "balanced_accuracy": lambda cells: cells.balanced_accuracy,
}


class Interval(NamedTuple):
    """Lower and upper end; both NaN where there is nothing to judge."""

    low: float
    high: float


def wilson_interval(hits: float, n: float, *, level: float = 0.95) -> Interval:
    """Interval of a rate of which `hits` in `n` were seen; NaN where n is 0.

    It has width where hits is 0 or n, and stays within 0 and 1.

    References: Wilson, Probable inference, the law of succession, and statistical inference, JASA 1927.
    """
    if n <= 0:
        return Interval(float("nan"), float("nan"))
    z = NormalDist().inv_cdf(0.5 + level / 2)
    rate, z2 = hits / n, z * z
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * np.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    # At 0 and n the ends are 0 and 1 exactly; rounding would leave them a hair inside.
    low = 0.0 if hits <= 0 else float(middle - half)
    return Interval(max(0.0, low), 1.0 if hits >= n else min(1.0, float(middle + half)))


def draw_rates(counts: Confusion, *, resamples: int = 1000, seed: int = 0) -> Confusion:
    """Counts as other samples of the same size could have given them, [resamples]; unrounded.

    Args:
        counts: whole sessions, not weights: the width follows from how many there really are.
    """
    rng = np.random.default_rng(seed)
    tp, fp, fn, tn = (float(part) for part in (counts.tp, counts.fp, counts.fn, counts.tn))
    recall, fpr = rng.beta(tp + 0.5, fn + 0.5, resamples), rng.beta(fp + 0.5, tn + 0.5, resamples)
    return Confusion(recall * (tp + fn), fpr * (fp + tn), (1 - recall) * (tp + fn), (1 - fpr) * (fp + tn))


def rate_intervals(
    counts: Confusion,
    *,
    normals: float | None = None,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Intervals of what flags give: recall, fpr, and each of `RATE_METRICS`.

    Args:
        counts: whole sessions.
        normals: where given, `precision_scaled` and `f1_scaled` too: those of this many normal sessions. The rate's
            uncertainty is still that of the normals counted.
    """
    drawn = draw_rates(counts, resamples=resamples, seed=seed)
    found = {
        "recall": wilson_interval(float(counts.tp), float(counts.abnormal), level=level),
        "fpr": wilson_interval(float(counts.fp), float(counts.normal), level=level),
    }
    for name, metric in RATE_METRICS.items():
        found[name] = _percentiles(metric(drawn), float(metric(counts)), level)
    if normals is not None:
        more, many = counts.scaled_to(normals), drawn.scaled_to(normals)
        for name in ("precision", "f1"):
            metric = RATE_METRICS[name]
            found[f"{name}_scaled"] = _percentiles(metric(many), float(metric(more)), level)
    return found


def f1_bounds(counts: Confusion, *, normals: float | None = None, level: float = 0.95) -> Interval:
    """Bounds of F1 from the worst and the best corner of the Wilson intervals of recall and false-positive rate.

    Without any draw, and wider than `rate_intervals`: both rates would have to be off at once.
    """
    recalls = wilson_interval(float(counts.tp), float(counts.abnormal), level=level)
    fprs = wilson_interval(float(counts.fp), float(counts.normal), level=level)
    abnormal, many = float(counts.abnormal), float(counts.normal if normals is None else normals)

    def f1(recall: float, fpr: float) -> float:
        return float(Confusion(recall * abnormal, fpr * many, (1 - recall) * abnormal, (1 - fpr) * many).f1)

    return Interval(f1(recalls.low, fprs.high), f1(recalls.high, fprs.low))


def bootstrap_intervals(
    labels: np.ndarray,
    scores: np.ndarray,
    metrics: Mapping[str, Callable[[Ranking], Number]],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Percentile bootstrap of figures of a ranking, drawn within each class.

    Args:
        labels: [n], 0 or 1.
        scores: [n].
        metrics: name to a function of a ranking; it is called with many rankings at once, [m, g].

    Returns:
        An interval per name; NaN where a metric is NaN.
    """
    exact = rank_sessions(as_labels(labels), scores)
    coarse = _merge_neighbours(exact, _MAX_GROUPS)
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in metrics}
    for resample in _resamples(coarse, resamples, np.random.default_rng(seed)):
        for name, metric in metrics.items():
            drawn[name].append(np.broadcast_to(np.asarray(metric(resample)), len(resample.abnormal)))
    found = {}
    for name, metric in metrics.items():
        point = float(metric(exact))
        # Merging neighbours moves a figure a little; the draws are moved back by as much.
        shift = 0.0 if coarse is exact else point - float(metric(coarse))
        found[name] = _percentiles(np.concatenate(drawn[name]) + shift, point, level)
    return found


def _resamples(ranking: Ranking, resamples: int, rng: np.random.Generator) -> Iterator[Ranking]:
    """Rankings of resampled sessions, some at a time, [m, g]; each class keeps its size."""
    at_once = max(1, _CELLS_AT_ONCE // max(1, len(ranking.scores)))
    for first in range(0, resamples, at_once):
        m = min(at_once, resamples - first)
        abnormal, normal = (_resample_counts(part, m, rng) for part in (ranking.abnormal, ranking.normal))
        yield Ranking(ranking.scores, abnormal, normal)


def _resample_counts(counts: np.ndarray, m: int, rng: np.random.Generator) -> np.ndarray:
    """Draw as many sessions as there are, with replacement, m times; float64, [m, g]: how many of each group."""
    g, filled = len(counts), np.flatnonzero(counts)
    n = int(counts.sum())
    drawn = np.zeros((m, g))
    if not n:
        return drawn
    if n > 2 * len(
        filled
    ):  # few groups, many sessions: one binomial per group costs less than one draw per session
        drawn[:, filled] = rng.multinomial(n, counts[filled] / n, size=m)
        return drawn
    group = np.repeat(filled, counts[filled].astype(np.int64))[rng.integers(n, size=(m, n))]
    group += g * np.arange(m)[:, None]
    return np.bincount(group.reshape(-1), minlength=m * g).reshape(m, g).astype(np.float64)


def _merge_neighbours(ranking: Ranking, limit: int) -> Ranking:
    """At most `limit` groups, of about as many sessions each; the same ranking where it has no more."""
    if len(ranking.scores) <= limit:
        return ranking
    total = np.cumsum(ranking.abnormal + ranking.normal)
    place = np.minimum(total * limit / total[-1], limit - 1).astype(np.int64)
    first = np.flatnonzero(np.append(True, np.diff(place) > 0))
    merged = (np.add.reduceat(part, first) for part in (ranking.abnormal, ranking.normal))
    return Ranking(ranking.scores[first], *merged)


def _percentiles(drawn: Number, point: float, level: float) -> Interval:
    """The middle `level` of the draws, widened to hold the point; draws that are NaN say nothing."""
    values = np.asarray(drawn)
    values = values[np.isfinite(values)]
    if np.isnan(point) or not len(values):
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(min(low, point)), float(max(high, point)))
