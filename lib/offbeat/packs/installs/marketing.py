"""What an app, a channel and an hour are worth: clicks, expected installs, lift, and the share of click farms."""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.tabular import SavedModel

_Z = 1.959964  # 95 %
_LEAST_CLICKS = 50  # of a segment in words: fewer are a guess
_LEAST_OF_HOUR = 20  # clicks of a segment at an hour of the day, for the hour to be called its best
_SHOWN = 5


def build_segments(scores: DataFrame, bots: DataFrame | None) -> DataFrame:
    """One row per app, channel and hour; see INSTALL_SEGMENTS.

    The interval is that of the installs to come, where each click installs by chance with its probability; how sure
    the probabilities themselves are is not in it.

    Args:
        scores: install_scores of one model. bots: the table; None where there is none.
    """
    hour = F.date_trunc("hour", "click_time")
    p = F.col("install_prob")
    clicks = scores.withColumn("_farm", F.lit(0.0))
    if bots is not None:
        farms = F.broadcast(bots.where("is_farm").select(F.col("entity").alias("ip")).distinct())
        clicks = scores.join(farms.withColumn("_is", F.lit(1.0)), "ip", "left")
        clicks = clicks.withColumn("_farm", F.coalesce("_is", F.lit(0.0)))
    grouped = clicks.groupBy("model_version", "app", "channel", hour.alias("hour")).agg(
        F.count(F.lit(1)).alias("clicks"),
        F.sum(p).alias("expected_installs"),
        F.sqrt(F.sum(p * (1 - p))).alias("_spread"),
        F.avg("_farm").alias("farm_share"),
        # Of a cell with clicks that nobody has labelled, as in a file that is scored, the log can't say.
        F.when(F.count("installed") == F.count(F.lit(1)), F.sum("installed"))
        .cast("bigint")
        .alias("installs"),
    )
    mean = scores.agg(F.avg("install_prob").alias("_mean"))
    return (
        grouped.crossJoin(F.broadcast(mean))
        .withColumns(
            {
                "low": F.greatest(F.lit(0.0), F.col("expected_installs") - _Z * F.col("_spread")),
                "high": F.least(
                    F.col("clicks").cast("double"), F.col("expected_installs") + _Z * F.col("_spread")
                ),
                "lift": F.when(
                    F.col("_mean") > 0, F.col("expected_installs") / F.col("clicks") / F.col("_mean")
                ),
            }
        )
        .drop("_spread", "_mean")
    )


def training_end(saved: SavedModel) -> Column:
    """The instant at which training ended. Of clicks before, the model saw who installed: there it expects too much."""
    return F.timestamp_micros(F.lit(int(saved.record["split"]["train_until"])))


def top_segments(segments: DataFrame) -> list[dict[str, Any]]:
    """The apps and channels with the most expected installs per click, of those with enough clicks."""
    by_hour = segments.groupBy("app", "channel", F.hour("hour").alias("at")).agg(
        F.sum("clicks").alias("clicks"),
        F.sum("expected_installs").alias("expected_installs"),
        F.sum(F.col("farm_share") * F.col("clicks")).alias("_farm"),
        F.sum("installs").alias("installs"),
        F.sum(F.when(F.col("installs").isNotNull(), F.col("expected_installs"))).alias("expected_of_known"),
    )
    rate = F.when(F.col("clicks") >= _LEAST_OF_HOUR, F.col("expected_installs") / F.col("clicks"))
    names = ("clicks", "expected_installs", "_farm", "installs", "expected_of_known")
    per_pair = by_hour.groupBy("app", "channel").agg(
        *(F.sum(name).alias(name) for name in names), F.max_by("at", rate).alias("best_hour")
    )
    total = segments.agg((F.sum("expected_installs") / F.sum("clicks")).alias("_mean"))
    rows = per_pair.where(F.col("clicks") >= _LEAST_CLICKS).crossJoin(total)
    rows = rows.withColumns(
        {
            "rate": F.col("expected_installs") / F.col("clicks"),
            "lift": F.col("expected_installs") / F.col("clicks") / F.col("_mean"),
            "farm_share": F.col("_farm") / F.col("clicks"),
        }
    )
    chosen = rows.orderBy(F.desc("lift"), F.desc("clicks"), "app", "channel").limit(_SHOWN)
    return [row.asDict() for row in chosen.drop("_farm", "_mean").collect()]


def in_words(segments: list[dict[str, Any]]) -> list[str]:
    """Segments as sentences."""
    told = []
    for one in segments:
        text = (
            f"App {one['app']} on channel {one['channel']}: {one['clicks']:,} clicks, {one['expected_installs']:.1f} "
            f"installs expected ({one['rate']:.2%} of clicks, {one['lift']:.1f} times the average)"
        )
        if one["best_hour"] is not None:
            text += f", best from {one['best_hour']:02d}:00 to {(one['best_hour'] + 1) % 24:02d}:00 UTC"
        text += f", {one['farm_share']:.0%} of the clicks from likely farms" if one["farm_share"] else ""
        if one["installs"] is not None:
            text += f"; where the log says, it counts {one['installs']} against {one['expected_of_known']:.1f} expected"
        told.append(f"{text}.")
    return told
