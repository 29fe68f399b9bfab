"""Which session a generated log's truth speaks of. Evaluation alone calls this; no detector sees it."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def match_truth(sessions: DataFrame, truth: DataFrame) -> DataFrame:
    """Find the true session that each session is, by the events that they share.

    Args:
        sessions: session_id and event_ids.
        truth: session_key and event_ids.

    Returns:
        session_id, session_key, is_main: one row for each session that shares an event with the truth, with the true
        session that it shares most events with. Where several sessions (pieces of a cut one) share events with the
        same true session, `is_main` marks the one that shares most.
    """
    ours = sessions.select("session_id", F.explode("event_ids").alias("event_id"))
    theirs = truth.select("session_key", F.explode("event_ids").alias("event_id"))
    shared = (
        ours.join(theirs, "event_id").groupBy("session_id", "session_key").agg(F.count(F.lit(1)).alias("n"))
    )
    by_session = Window.partitionBy("session_id").orderBy(F.desc("n"), "session_key")
    by_key = Window.partitionBy("session_key").orderBy(F.desc("n"), "session_id")
    best = shared.withColumn("nth", F.row_number().over(by_session)).where("nth = 1")
    return best.withColumn("is_main", F.row_number().over(by_key) == 1).select(
        "session_id", "session_key", "is_main"
    )


def label_sessions(sessions: DataFrame, truth: DataFrame) -> DataFrame:
    """Say of each session whether it holds a planted fault, which, and where.

    Args:
        sessions: rows of the table sessions.
        truth: rows of the table truth.

    Returns:
        session_id; faulty: 1 where the session holds the event out of place, 0 where it does not, null where the
        truth does not know the session; fault_kind, fault_position, fault_event_ids (the events that a card may point
        at): null where not faulty; the position is 0-based in the session's events.
    """
    known = match_truth(sessions, truth).join(
        truth.select("session_key", "fault_kind", "fault_event_id", "fault_event_ids"), "session_key"
    )
    labelled = sessions.select("session_id", "event_ids").join(known, "session_id", "left")
    place = F.array_position("event_ids", F.col("fault_event_id"))  # 1-based; 0: not in there; null: no fault
    faulty = F.coalesce(place > 0, F.lit(False))
    return labelled.select(
        "session_id",
        F.when(F.col("session_key").isNotNull(), faulty.cast("int")).alias("faulty"),
        F.when(faulty, F.col("fault_kind")).alias("fault_kind"),
        F.when(faulty, place - 1).cast("int").alias("fault_position"),
        F.when(faulty, F.col("fault_event_ids")).alias("fault_event_ids"),
    )
