"""How far the sessions of a run lie from those that the model was trained on.

Four measures, each from 0 to 1: how much the share of unknown events rose, and the Jensen-Shannon distance of event
mix, session lengths and scores to the model's baseline. Lengths and scores are compared by the baseline's tenths. A few
sessions differ from any baseline by chance, and so does a baseline of a few: what chance gives is taken off, and fewer
than 20 are not judged.

References: Lin, "Divergence measures based on the Shannon entropy", 1991; the population stability index is the
symmetric Kullback-Leibler divergence in nats, by custom small below 0.1 and large above 0.25.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.detectors.vocabulary import UNKNOWN
from offbeat.scoring.verdicts import OPEN
from offbeat.training.baseline import Baseline

log = logging.getLogger(__name__)

LEAST_SESSIONS = 20
_WARN_PSI = 0.25
_WARN_RISE = 0.01  # of the share of unknown events
_LEAST_SHARE = 1e-4  # of a bin in the stability index, which knows no empty ones


@dataclass(frozen=True)
class Measured:
    """One measure of a batch; see the table drift."""

    measure: str
    distance: float
    psi: float | None = None
    observed: float | None = None
    expected: float | None = None

    @property
    def warns(self) -> bool:
        """Whether it is large by custom."""
        return self.distance > _WARN_RISE if self.psi is None else self.psi > _WARN_PSI


@dataclass(frozen=True)
class Observed:
    """What a batch of judged sessions is like.

    Attributes:
        n_sessions, n_events: of the batch.
        events: float64, [vocabulary]: how often each number came.
        lengths, scores: counts by the baseline's tenths, of sessions that no longer run.
        median_length, median_score: of the same; None without any.
        counted: what the caller wanted counted on the way.
    """

    n_sessions: int
    n_events: int
    events: np.ndarray
    lengths: np.ndarray
    scores: np.ndarray
    median_length: float | None
    median_score: float | None
    counted: Mapping[str, int] = field(default_factory=dict)


def observe(judged: DataFrame, baseline: Baseline, also: Mapping[str, Column] | None = None) -> Observed:
    """Count what a batch is like; a row per event of the vocabulary, and one more, come to the driver.

    Args:
        judged: as `judge.judge_sessions` gives it.
        baseline: of the model that judged.
        also: aggregates to count in the same pass.
    """
    also = also or {}
    whole = F.col("verdict") != OPEN
    bins = {"lengths": ("n_events", baseline.length_quantiles), "scores": ("score", baseline.score_quantiles)}
    counted = {
        name: F.array(*(F.count_if(whole & within) for within in _within(F.col(column), _edges(quantiles))))
        for name, (column, quantiles) in bins.items()
    }
    medians = {
        f"median_{column}": F.percentile_approx(F.when(whole, F.col(column)), 0.5)
        for column, _ in bins.values()
    }
    named = {"sessions": F.count(F.lit(1)), "events": F.sum("n_events"), **counted, **medians, **also}
    row = judged.agg(*(column.alias(name) for name, column in named.items())).collect()[0]
    mix = judged.where("mix IS NOT NULL").select(F.posexplode("mix").alias("number", "n"))
    events = np.zeros(len(baseline.event_shares))
    for each in mix.groupBy("number").agg(F.sum("n").alias("n")).collect():
        events[each["number"]] = each["n"]
    return Observed(
        n_sessions=row["sessions"],
        n_events=int(row["events"] or 0),
        events=events,
        lengths=np.array(row["lengths"], float),
        scores=np.array(row["scores"], float),
        median_length=row["median_n_events"],
        median_score=row["median_score"],
        counted={name: int(row[name]) for name in also},
    )


def measure(observed: Observed, baseline: Baseline) -> list[Measured]:
    """The four measures of a batch."""
    n = max(1.0, observed.events.sum())
    unknown = float(observed.events[UNKNOWN] / n)
    found = [
        Measured(
            "unknown_share", max(0.0, unknown - baseline.unknown_share), None, unknown, baseline.unknown_share
        )
    ]
    # Events of a session hang together: as a sample, a session is worth less than its events and more than one.
    in_training = min(baseline.n_events, 10.0 * baseline.n_sessions)
    parts = (
        ("event_mix", observed.events, baseline.event_shares, in_training, None, None),
        ("length", observed.lengths, _expected(baseline.length_quantiles), baseline.n_sessions, observed.median_length,
         float(np.median(baseline.length_quantiles))),
        ("score", observed.scores, _expected(baseline.score_quantiles), baseline.n_held, observed.median_score,
         float(np.median(baseline.score_quantiles))),
    )  # fmt: skip
    for name, counts, shares, n_before, median, expected in parts:
        weight = min(counts.sum(), 10.0 * observed.n_sessions)
        distance, psi = compare(counts, shares, weight, n_before or np.inf)
        found.append(Measured(name, distance, psi, median, expected))
    return found


def compare(
    counts: np.ndarray, shares: np.ndarray, n: float, n_before: float = np.inf
) -> tuple[float, float]:
    """Jensen-Shannon distance (0 to 1) and stability index of counts against expected shares, less what chance gives.

    Args:
        counts: [k], 0 or more.
        shares: [k], sum 1.
        n: how many independent draws the counts are worth.
        n_before: how many the expected shares are worth; infinite where they are known.
    """
    if not counts.sum():
        return 0.0, 0.0
    seen = counts / counts.sum()
    middle = (seen + shares) / 2
    divergence = (_relative(seen, middle) + _relative(shares, middle)) / 2 / np.log(2)
    a, b = np.maximum(seen, _LEAST_SHARE), np.maximum(shares, _LEAST_SHARE)
    psi = float(((a - b) * np.log(a / b)).sum())
    chance = max(0, int((middle > 0).sum()) - 1) * (1 / n + 1 / n_before)
    distance = float(np.sqrt(max(0.0, divergence - chance / (8 * np.log(2)))))
    return min(1.0, distance), max(0.0, float(psi - chance))


def _relative(p: np.ndarray, q: np.ndarray) -> float:
    """Kullback-Leibler divergence in nats, where q is positive wherever p is."""
    there = p > 0
    return float((p[there] * np.log(p[there] / q[there])).sum())


def _edges(quantiles: np.ndarray) -> np.ndarray:
    """Upper ends of the tenths but the last; equal ones once."""
    return np.unique(np.asarray(quantiles, np.float64)[10:100:10])


def _within(value: Column, edges: np.ndarray) -> list[Column]:
    """One condition per tenth."""
    uppers = [value.cast("double") <= F.lit(float(edge)) for edge in edges]
    lowers = [F.lit(True), *(~upper for upper in uppers)]
    return [lower & upper for lower, upper in zip(lowers, [*uppers, F.lit(True)], strict=True)]


def _expected(quantiles: np.ndarray) -> np.ndarray:
    """Share of the baseline in each of its tenths; more than a tenth where tenths fall together."""
    edges = _edges(quantiles)
    places = np.searchsorted(edges, np.asarray(quantiles, np.float64), side="left")
    counts = np.bincount(places, minlength=len(edges) + 1)
    return np.asarray(counts / counts.sum())


def beyond(found: list[Measured], limit: float | None, n_sessions: int) -> list[Measured]:
    """The measures that lie beyond the limit; none without one, or with too few sessions to say."""
    if limit is None or n_sessions < LEAST_SESSIONS:
        return []
    return [each for each in found if each.distance > limit]


def drift_rows(
    found: list[Measured], observed: Observed, *, limit: float | None, stamp: dict[str, Any]
) -> list[dict[str, Any]]:
    """Rows of the table drift.

    Args:
        stamp: run_id, model_version, batch and measured_at.
    """
    stopped = beyond(found, limit, observed.n_sessions)
    judged = observed.n_sessions >= LEAST_SESSIONS
    return [
        {
            **stamp,
            "measure": each.measure,
            "distance": each.distance,
            "psi": each.psi,
            "observed": None if each.observed is None else float(each.observed),
            "expected": each.expected,
            "n_sessions": observed.n_sessions,
            "n_events": observed.n_events,
            "warned": judged and each.warns,
            "beyond": each in stopped,
        }
        for each in found
    ]


def describe(each: Measured) -> str:
    """A measure in words."""
    name = each.measure.replace("_", " ")
    if each.psi is None:
        return f"{name} {each.observed or 0:.2%}, {each.expected or 0:.2%} when the model was trained"
    return f"{name} lies {each.distance:.3f} from the baseline (stability index {each.psi:.2f})"
