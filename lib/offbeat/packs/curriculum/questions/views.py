"""Sequences beside counts: which users either finds odd, and where the two agree."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.packs.curriculum.rules import UNKNOWN_COHORT

_FLAGGED = ("anomalous", "unknown_event")


def two_views(
    accesses: DataFrame, sessions: DataFrame, scores: DataFrame, anomalies: DataFrame, counts: DataFrame
) -> DataFrame:
    """Each user as the sequences and as the counts see them; the columns of the table two_views.

    Args:
        sessions: session_id, entity.
        scores: rows of session_scores of one model. anomalies: rows of anomalies of the same model.
        counts: rows of count_anomalies.
    """
    judged = sessions.select("session_id", "entity").join(
        scores.select("session_id", "percentile", "verdict"), "session_id"
    )
    flagged = F.col("verdict").isin(*_FLAGGED)
    by_user = judged.groupBy(F.col("entity").alias("user")).agg(
        F.count(F.lit(1)).alias("sessions"),
        F.count_if(flagged).alias("flagged_sessions"),
        F.max("percentile").cast("double").alias("highest_percentile"),
    )
    odd = anomalies.groupBy(F.col("entity").alias("user")).agg(
        F.max_by(F.try_element_at(F.col("actual"), F.lit(1))["event"], F.struct("score", "session_id")).alias(
            "odd_lesson"
        )
    )
    periods = (
        counts.where("entity_kind = 'user'")
        .groupBy(F.col("entity").alias("user"))
        .agg(F.count_distinct("period").alias("odd_periods"))
    )
    cohorts = accesses.groupBy("user").agg(F.max_by("cohort", "at").alias("cohort"))
    joined = (
        # Who has no scored session, the counts may find odd all the same.
        by_user.join(periods, "user", "full").join(odd, "user", "left").join(cohorts, "user", "left")
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
