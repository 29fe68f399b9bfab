"""Sequences beside counts: which users either finds odd, and where they agree."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from offbeat.packs.curriculum.rules import UNKNOWN_COHORT

_FLAGGED = ("anomalous", "unknown_event")


def two_views(
    accesses: DataFrame,
    sessions: DataFrame,
    scores: DataFrame,
    anomalies: DataFrame,
    counts: DataFrame,
    *,
    detectors: Mapping[str, str],
) -> DataFrame:
    """Each user as each network and as the counts see them; the columns of the table two_views.

    Args:
        sessions: session_id, entity.
        scores: rows of session_scores. anomalies: rows of anomalies.
        counts: rows of count_anomalies.
        detectors: name by model version; other models' rows are left out.
    """
    by_user = _by_user(sessions, _of(scores, detectors), n_detectors=len(detectors))
    odd = _of(anomalies, detectors).groupBy(F.col("entity").alias("user"), "detector").agg(
        F.max_by(F.try_element_at(F.col("actual"), F.lit(1))["event"], F.struct("score", "session_id")).alias(
            "odd_lesson"
        )
    )  # fmt: skip
    periods = (
        counts.where("entity_kind = 'user'")
        .groupBy(F.col("entity").alias("user"))
        .agg(F.count_distinct("period").alias("odd_periods"))
        .withColumn("detector", F.explode(F.array(*(F.lit(name) for name in detectors.values()))))
    )
    cohorts = accesses.groupBy("user").agg(F.max_by("cohort", "at").alias("cohort"))
    key = ["user", "detector"]
    joined = (
        # Who has no scored session, the counts may find odd all the same.
        by_user.join(periods, key, "full").join(odd, key, "left").join(cohorts, "user", "left")
        .fillna(0, ["odd_periods", "sessions", "flagged_sessions"]).fillna(UNKNOWN_COHORT, ["cohort"])
    )  # fmt: skip
    sequences, numbers = F.col("flagged_sessions") > 0, F.col("odd_periods") > 0
    view = (
        F.when(sequences & numbers, "both")
        .when(sequences, "sequences")
        .when(numbers, "counts")
        .otherwise("neither")
    )
    return joined.withColumn("view", view)


def _of(rows: DataFrame, detectors: Mapping[str, str]) -> DataFrame:
    """Rows of these models alone, with the detector's name."""
    names = F.create_map(*(F.lit(text) for pair in detectors.items() for text in pair))
    return rows.where(F.col("model_version").isin(*detectors)).withColumn(
        "detector", names[F.col("model_version")]
    )


def _by_user(sessions: DataFrame, scores: DataFrame, *, n_detectors: int) -> DataFrame:
    """Sessions of each user as each detector sees them; a session is agreed on where all detectors flag it."""
    flagged = F.col("verdict").isin(*_FLAGGED)
    flagged_by = F.count_if(flagged).over(Window.partitionBy("session_id"))
    judged = (
        scores.select("session_id", "detector", "percentile", "verdict", flagged_by.alias("_flagged_by"))
        .join(sessions.select("session_id", "entity"), "session_id")
    )  # fmt: skip
    agreed = (
        F.count_if(F.col("_flagged_by") == n_detectors) if n_detectors > 1 else F.lit(None).cast("bigint")
    )
    return judged.groupBy(F.col("entity").alias("user"), "detector").agg(
        F.count(F.lit(1)).alias("sessions"),
        F.count_if(flagged).alias("flagged_sessions"),
        agreed.alias("agreed_sessions"),
        F.max("percentile").cast("double").alias("highest_percentile"),
    )


def by_network(rows: DataFrame) -> DataFrame:
    """What each network of the table two_views flags, and how much of it the counts and every other network flag."""
    flagged, of_user = F.col("flagged_sessions") > 0, Window.partitionBy("user")
    several = F.count(F.lit(1)).over(of_user) > 1
    agreed = several & F.bool_and(flagged).over(of_user)
    return (
        rows.withColumns({"network": network(), "_agreed": agreed})
        .groupBy("network")
        .agg(
            F.sum("sessions").alias("sessions"),
            F.sum("flagged_sessions").alias("flagged_sessions"),
            F.count_if(flagged).alias("flagged_users"),
            F.count_if(F.col("odd_periods") > 0).alias("counted_users"),
            F.count_if(F.col("view") == "both").alias("both"),
            F.count_if("_agreed").alias("agreed_users"),
            F.sum("agreed_sessions").alias("agreed_sessions"),
        )
        .orderBy(F.desc("network"))
    )


def network() -> Column:
    """A detector's name as it is told: LSTM, GRU."""
    return F.upper(F.replace(F.coalesce("detector", F.lit("model")), F.lit("_"), F.lit(" ")))
