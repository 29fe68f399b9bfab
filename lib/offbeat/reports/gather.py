"""From tables to what pages show. Spark aggregates; only what a page has room for is collected."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F

from offbeat.reports.data import Bin, Minutes, MinutesSummary, Scores, Step
from offbeat.reports.data_anomalies import Anomaly, Expected, OddEvent
from offbeat.reports.data_quality import Epoch, Evaluation

_BINS = 20  # on each side of the threshold
_DAYS = 400  # of a trend, the newest
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Bins:
    """Where the bars of a histogram lie: `below` of them end at the threshold, `above` begin there."""

    low: float
    threshold: float
    width: float
    below: int
    above: int
    open_end: bool


def gather_scores(
    session_scores: DataFrame, *, model_version: str, unit: str = "nats", alert_budget: float | None = None
) -> Scores:
    """Verdicts and histogram of one model version's scores, by aggregation.

    Args:
        session_scores: the table. unit: of the score. alert_budget: share that the threshold was set for.
    """
    mine = session_scores.where(F.col("model_version") == model_version)
    score, limit = F.col("score").cast("double"), F.col("threshold").cast("double")
    found = mine.groupBy("verdict").agg(
        F.count("*").alias("sessions"),
        F.min(score).alias("low"),
        F.max(score).alias("high"),
        F.min(limit).alias("lowest"),
        F.max(limit).alias("threshold"),
    )
    rows = found.orderBy("verdict").collect()
    if not rows:
        return Scores(0, {}, unit=unit, alert_budget=alert_budget)
    lowest, highest = min(r["lowest"] for r in rows), max(r["threshold"] for r in rows)
    bins = place_bins(min(r["low"] for r in rows), max(r["high"] for r in rows), highest)
    heights = {(r["bin"], r["above"]): r["sessions"] for r in _count_bins(mine, score, limit, bins).collect()}
    verdicts = {r["verdict"]: r["sessions"] for r in rows}
    return Scores(
        sum(verdicts.values()),
        verdicts,
        _bars(bins, heights),
        highest,
        unit,
        alert_budget,
        lowest_threshold=lowest if lowest < highest else None,
    )


def place_bins(low: float, high: float, threshold: float) -> Bins:
    """Bins of one width with an edge at the threshold, so that no bar holds both sides of it.

    Where segments have thresholds of their own, it is the highest: below it, a bin may have a bar of each side.

    At most `_BINS` on each side; what lies further above goes into the last. A detector whose normal scores all
    equal the threshold (0, where it counts new events) gets one bar for them.
    """
    start = min(0.0, low) if threshold > 0 else low
    if start < threshold:
        width, below = (threshold - start) / _BINS, _BINS
    else:
        width, below = (high - threshold) / _BINS or 1.0, 1
        start = threshold - width
    above = min(_BINS, max(0, math.ceil((high - threshold) / width)))
    return Bins(start, threshold, width, below, above, high > threshold + above * width)


def _count_bins(rows: DataFrame, score: Column, limit: Column, bins: Bins) -> DataFrame:
    """Sessions per bin and side of their own threshold; a bin takes its upper edge, not its lower one."""

    def place(start: float, number: int) -> Column:
        nth = F.ceil((score - F.lit(start)) / F.lit(bins.width)).cast("int") - 1
        return F.least(F.lit(max(0, number - 1)), F.greatest(F.lit(0), nth))

    upper = F.lit(bins.below) + place(bins.threshold, bins.above)
    at = F.when(score <= F.lit(bins.threshold), place(bins.low, bins.below)).otherwise(upper)
    return rows.groupBy(at.alias("bin"), (score > limit).alias("above")).agg(F.count("*").alias("sessions"))


def _bars(bins: Bins, heights: Mapping[tuple[int, bool], int]) -> tuple[Bin, ...]:
    edges = [bins.low + i * bins.width for i in range(bins.below)]
    edges += [bins.threshold + i * bins.width for i in range(bins.above + 1)]
    last = bins.below + bins.above - 1
    return tuple(
        Bin(edges[i], edges[i + 1], heights.get((i, above), 0), above, bins.open_end and i == last)
        for i in range(last + 1)
        for above in (False, True)
        if above == (i >= bins.below) or (i, above) in heights
    )


def gather_cards(anomalies: DataFrame, *, model_version: str, limit: int = 10) -> tuple[Anomaly, ...]:
    """The strangest anomaly of each cause first, then the second of each: one cause doesn't fill the page.

    Args:
        anomalies: the table. limit: number of cards; only so many rows are collected.
    """
    mine = anomalies.where(F.col("model_version") == model_version)
    narrow = mine.select("session_id", "score", *cause_columns())
    of_cause = Window.partitionBy("kind", "odd_event", "expected_event").orderBy(
        F.desc("score"), "session_id"
    )
    ranked = narrow.withColumn("nth", F.row_number().over(of_cause)).where(F.col("nth") <= limit)
    chosen = [row[0] for row in ranked.orderBy("nth", F.desc("score"), "session_id").limit(limit).collect()]
    # The wide columns are read for the chosen alone.
    rows = mine.where(F.col("session_id").isin(chosen)).select(
        *(c for c in mine.columns if c not in ("start", "end", "times")),
        _micros("start"),
        _micros("end"),
        F.transform("times", F.unix_micros).alias("times"),
    )
    cards = [_anomaly(row.asDict(recursive=True)) for row in rows.collect()] if chosen else []
    return tuple(sorted(cards, key=lambda card: chosen.index(card.session_id)))


def cause_columns() -> list[Column]:
    """Kind, strangest event, and the likeliest other event there: what makes anomalies alike."""
    odd = F.get("actual", F.lit(0))
    others = F.filter(odd["expected"], lambda one: one["event"] != odd["event"])
    expected = F.get(F.transform(others, lambda one: one["event"]), F.lit(0))
    return [F.col("kind"), odd["event"].alias("odd_event"), expected.alias("expected_event")]


def _anomaly(row: Mapping[str, Any]) -> Anomaly:
    return Anomaly(
        session_id=row["session_id"],
        model_version=row["model_version"],
        entity=row["entity"],
        start=from_micros(row["start"]),
        end=from_micros(row["end"]),
        score=row["score"],
        percentile=row["percentile"],
        verdict=row["verdict"],
        threshold=row["threshold"],
        kind=row["kind"],
        positions=tuple(row["positions"]),
        events=tuple(row["events"]),
        times=tuple(from_micros(at) for at in row["times"]),
        actual=tuple(_odd_event(odd) for odd in row["actual"]),
        nearest=tuple(row["nearest"]) if row["nearest"] is not None else None,
        edits=tuple(row["edits"] or ()),
        event_ids=tuple(row["event_ids"]),
        action=row["action"],
        covariates=row["covariates"] or {},
        run_id=row["run_id"],
    )


def _odd_event(odd: Mapping[str, Any]) -> OddEvent:
    expected = tuple(Expected(one["event"], one["probability"]) for one in odd["expected"] or ())
    return OddEvent(odd["position"], odd["event"], odd["probability"], odd["rank"], odd["surprise"], expected)


def gather_evaluations(
    evaluations: DataFrame, *, model_version: str, limit: int = 3000
) -> tuple[Evaluation, ...]:
    """The rows of one model version; the limit is far above what one evaluation writes."""
    names = list(Evaluation.__dataclass_fields__)
    mine = evaluations.where(F.col("model_version") == model_version).select(*names)
    keys = ["split", "detector", "subset", "verdict_rule", "metric", "basis"]
    return tuple(Evaluation(**row.asDict()) for row in mine.orderBy(*keys).limit(limit).collect())


def gather_minutes(minutes_viewed: DataFrame, *, limit: int = 40) -> MinutesSummary | None:
    """Minutes by partner, platform, title and day, with the total; None where the table is empty.

    Args:
        limit: groups collected of each kind, most flagged minutes first.
    """
    total = minutes_viewed.agg(*_minutes()).collect()[0]
    if total["reported"] is None:
        return None

    def by(column: str) -> tuple[Minutes, ...]:
        grouped = minutes_viewed.groupBy(F.col(column).cast("string").alias("name")).agg(*_minutes())
        if column == "day":
            rows = sorted(grouped.orderBy(F.desc("name")).limit(_DAYS).collect(), key=lambda row: row["name"])
        else:
            rows = grouped.orderBy(F.desc("flagged"), F.desc("reported"), "name").limit(limit).collect()
        return tuple(_minutes_of(row["name"], row) for row in rows)

    return MinutesSummary(_minutes_of("all", total), by("partner"), by("platform"), by("title"), by("day"))


def _minutes() -> list[Column]:
    """Sums; those that need the truth are null unless every cell has it."""

    def known(value: Column) -> Column:
        return F.when(F.count("minutes_true") == F.count("*"), F.sum(value))

    off = F.abs(F.col("minutes_reported") - F.col("minutes_true"))
    return [
        F.sum("minutes_reported").alias("reported"),
        F.sum("minutes_flagged").alias("flagged"),
        F.sum("minutes_unflagged").alias("unflagged"),
        known(F.col("minutes_true")).alias("true"),
        known(F.col("minutes_true_unflagged")).alias("true_unflagged"),
        known(off).alias("misplaced"),
    ]


def _minutes_of(group: str, row: Row) -> Minutes:
    names = ("reported", "flagged", "unflagged", "true", "true_unflagged", "misplaced")
    return Minutes(str(group), *(row[name] for name in names))


def gather_steps(runs: DataFrame, *, config_name: str) -> tuple[Step, ...]:
    """The newest run of each step of a config, in the order they ran."""
    newest = F.max_by(F.struct("step", "seconds", "outcome", "counts", "error", "started_at"), "started_at")
    rows = (
        runs.where(F.col("config_name") == config_name)
        .groupBy("step")
        .agg(newest.alias("run"))
        .select("run.*")
        .orderBy("started_at", "step")
        .collect()
    )
    return tuple(
        Step(r["step"], r["seconds"], r["outcome"], dict(r["counts"] or {}), r["error"]) for r in rows
    )


def epochs_of(history: Mapping[str, Sequence[float]]) -> tuple[Epoch, ...]:
    """Training curves from a history as detectors keep it: lists loss, val_loss, accuracy, val_accuracy by epoch."""
    names = ("loss", "val_loss", "accuracy", "val_accuracy")
    columns = [history.get(name) or [] for name in names]
    return tuple(
        Epoch(i + 1, *(column[i] if i < len(column) else None for column in columns))
        for i in range(max(map(len, columns)))
    )


def from_micros(value: int | None) -> datetime | None:
    """Microseconds since 1970 UTC as an aware datetime; collected timestamps would come in the driver's zone."""
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def _micros(name: str) -> Column:
    return F.unix_micros(name).alias(name)
