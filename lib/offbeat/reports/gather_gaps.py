"""Gaps between the events of sessions as recurrent networks take them: classes, cut at quantiles."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.detectors.settings import RecurrentSettings
from offbeat.reports.data_exploration import Rows


def gather_gap_classes(sessions: DataFrame) -> Rows:
    """Pairs of neighbours per class of the gap between them, by the networks' rule; empty for a log without times."""
    later = F.slice("times", 2, F.greatest(F.lit(0), F.size("times") - 1))
    pairs = F.explode(F.arrays_zip(F.col("times").alias("left"), later.alias("right"))).alias("pair")
    seconds = (F.unix_micros("pair.right") - F.unix_micros("pair.left")) / 1e6
    gaps = sessions.select(pairs).select(seconds.alias("gap")).where("gap IS NOT NULL")
    classes = RecurrentSettings().gap_classes
    levels = [nth / classes for nth in range(1, classes)]
    found = gaps.agg(F.percentile_approx("gap", levels, F.lit(10_000)).alias("edges")).collect()[0]["edges"]
    if not found:
        return ()
    edges = sorted(set(found))
    nth = F.size(F.filter(F.array(*map(F.lit, edges)), lambda edge: edge < F.col("gap")))
    counted = {
        row["nth"]: row["n"] for row in gaps.groupBy(nth.alias("nth")).agg(F.count("*").alias("n")).collect()
    }
    ends = [None, *edges, None]
    return tuple(
        {"low": ends[place], "high": ends[place + 1], "n": counted.get(place, 0)}
        for place in range(len(edges) + 1)
    )
