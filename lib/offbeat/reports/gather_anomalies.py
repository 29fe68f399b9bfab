"""From the table anomalies to causes, trend and segments: aggregates, of which only the largest are collected."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.reports.data import AnomalyPageData, Group, Head, Scores, Share
from offbeat.reports.gather import cause_columns, from_micros, gather_cards

_DAYS = 400  # of a trend, the newest


def gather_anomaly_page(
    head: Head,
    anomalies: DataFrame,
    *,
    model_version: str,
    sessions: DataFrame | None = None,
    scores: Scores | None = None,
    segments: Sequence[str] = (),
    cards: int = 20,
) -> AnomalyPageData:
    """Everything on the page of anomalies.

    Args:
        anomalies, sessions: the tables; without sessions, shares are not known.
        segments: covariates to divide by. cards: number of sessions shown as cards.
    """
    mine = anomalies.where(F.col("model_version") == model_version)
    groups, total, total_groups = gather_groups(mine)
    return AnomalyPageData(
        head=head,
        total=total,
        scores=scores,
        groups=groups,
        total_groups=total_groups,
        by_kind=gather_shares(mine, None, F.col("kind")),
        by_day=gather_days(mine, sessions),
        segments={
            name: shares
            for name in segments
            if (shares := gather_shares(mine, sessions, F.col("covariates")[name]))
        },
        top=gather_cards(mine, model_version=model_version, limit=cards),
    )


def gather_groups(anomalies: DataFrame, *, limit: int = 25) -> tuple[tuple[Group, ...], int, int]:
    """The largest groups of like anomalies, the number of anomalies, and the number of groups."""
    grouped = (
        anomalies.select(*cause_columns(), "entity", "score", "start")
        .groupBy("kind", "odd_event", "expected_event")
        .agg(
            F.count("*").alias("sessions"),
            F.count_distinct("entity").alias("entities"),
            F.max("score").alias("score"),
            F.unix_micros(F.min("start")).alias("first"),
            F.unix_micros(F.max("start")).alias("last"),
        )
    )
    sizes = grouped.agg(F.sum("sessions").alias("sessions"), F.count("*").alias("groups")).collect()[0]
    order = (F.desc("sessions"), "kind", "odd_event", "expected_event")
    groups = tuple(
        Group(
            row["kind"],
            row["odd_event"],
            row["expected_event"],
            row["sessions"],
            row["entities"],
            row["score"],
            from_micros(row["first"]),
            from_micros(row["last"]),
        )
        for row in grouped.orderBy(*order).limit(limit).collect()
    )
    return groups, int(sizes["sessions"] or 0), int(sizes["groups"])


def gather_days(anomalies: DataFrame, sessions: DataFrame | None) -> tuple[Share, ...]:
    """Flagged sessions by UTC day of their start, in order; days without any are there where sessions are given."""
    day = F.to_date("start").cast("string")
    flagged = _by(anomalies, day, "flagged")
    both = flagged if sessions is None else _by(sessions, day, "sessions").join(flagged, "value", "left")
    rows = both.where("value IS NOT NULL").orderBy(F.desc("value")).limit(_DAYS).collect()
    return tuple(
        Share(r["value"], r["flagged"] or 0, r["sessions"] if sessions is not None else None)
        for r in reversed(rows)
    )


def gather_shares(
    anomalies: DataFrame, sessions: DataFrame | None, value: Column, *, limit: int = 15
) -> tuple[Share, ...]:
    """Flagged sessions by a value, most first; with the number of all its sessions where those are given."""
    top = _by(anomalies, value, "flagged").where("value IS NOT NULL").orderBy(F.desc("flagged"), "value")
    top = top.limit(limit)
    if sessions is not None:
        top = F.broadcast(top).join(_by(sessions, value, "sessions"), "value", "left")
    rows = top.orderBy(F.desc("flagged"), "value").collect()
    return tuple(
        Share(r["value"], r["flagged"], r["sessions"] if sessions is not None else None) for r in rows
    )


def _by(rows: DataFrame, value: Column, name: str) -> DataFrame:
    return rows.groupBy(value.alias("value")).agg(F.count("*").alias(name))
