"""A person's word on anomalies: a false alarm mutes the sessions like it, a fault takes the mute away again.

Alike are sessions with the same whole sequence of events, and anomalies of the same kind with the same events around
their first place (two before it, three after). The last word on a likeness counts. A muted anomaly stays in the table,
marked `muted`, with its score; what counts flagged sessions leaves it out.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from offbeat.errors import UsageError
from offbeat.spark import keep, let_go
from offbeat.tables.contract import ANOMALIES, SESSIONS
from offbeat.tables.lake import Lake
from offbeat.tables.watching import FEEDBACK

FALSE_ALARM, FAULT = "false_alarm", "fault"
_BEFORE, _AROUND = 2, 6


def sequence_hash() -> Column:
    """Hash of a session's whole sequence of events, as text."""
    return F.hex(F.xxhash64(F.size("events"), F.col("events")))


def likeness() -> Column:
    """Hash of an anomaly's kind and of the events around its first place, as text; null where it names no place."""
    first = F.get("positions", F.lit(0))
    begin = F.greatest(first - _BEFORE, F.lit(0))
    return F.when(first.isNotNull(), F.hex(F.xxhash64("kind", F.slice("events", begin + 1, _AROUND))))


def mark_muted(anomalies: DataFrame, feedback: DataFrame | None) -> DataFrame:
    """Set the column `muted` by the last word on each anomaly's likeness, else on its sequence.

    Args:
        anomalies: has kind, positions and events.
        feedback: rows of the table feedback; None where nobody has said anything.
    """
    if feedback is None:
        return anomalies.withColumn("muted", F.lit(False))
    marked = anomalies
    for name, column in (("likeness", likeness()), ("sequence", sequence_hash())):
        words = F.broadcast(_last_words(feedback, name))
        marked = marked.withColumn(f"_{name}", column).join(words, f"_{name}", "left").drop(f"_{name}")
    word = F.coalesce("_word_sequence", "_word_likeness")
    return marked.withColumn("muted", F.coalesce(word == FALSE_ALARM, F.lit(False))).drop(
        "_word_sequence", "_word_likeness"
    )


def not_muted(anomalies: DataFrame) -> DataFrame:
    """The anomalies that nobody has called a false alarm, nor one like them."""
    return anomalies.where(~F.coalesce("muted", F.lit(False)))


def _last_words(feedback: DataFrame, name: str) -> DataFrame:
    """The last word on each likeness or sequence."""
    order = Window.partitionBy(name).orderBy(F.desc("labelled_at"), F.desc("session_id"))
    last = feedback.where(F.col(name).isNotNull()).withColumn("_nth", F.row_number().over(order))
    return last.where("_nth = 1").select(F.col(name).alias(f"_{name}"), F.col("word").alias(f"_word_{name}"))


def read_feedback(lake: Lake) -> DataFrame | None:
    """The table feedback; None where nobody has said anything yet."""
    return lake.read(FEEDBACK) if lake.exists(FEEDBACK) else None


def label(
    lake: Lake,
    session_id: str,
    word: str,
    *,
    note: str | None,
    champion: str | None,
    run_id: str,
    run_date: dt.datetime,
) -> dict[str, Any]:
    """Keep a person's word on a session and mark anew which anomalies are muted.

    Args:
        word: false_alarm or fault.
        champion: model whose anomaly is meant, where several flagged the session.

    Returns:
        session, word, and how many anomalies are muted and are no longer.

    Raises:
        UsageError: there is no such session.
    """
    session = lake.read(SESSIONS).where(F.col("session_id") == session_id).limit(1)
    if session.isEmpty():
        raise UsageError(
            f"label {session_id}: no such session in lake {lake.location}; take a session_id of the table anomalies"
        )
    lake.ensure(ANOMALIES, FEEDBACK)
    anomaly = _anomaly_of(lake.read(ANOMALIES), session_id, champion)
    row = session.select("session_id", "entity", sequence_hash().alias("sequence")).join(
        anomaly, "session_id", "left"
    )
    said = {
        "word": F.lit(word),
        "note": F.lit(note).cast("string"),
        "run_id": F.lit(run_id),
        "labelled_at": F.lit(run_date).cast("timestamp"),
    }
    lake.merge(FEEDBACK, row.withColumns(said))
    return {"session": session_id, "word": word, **_mark_again(lake)}


def _anomaly_of(anomalies: DataFrame, session_id: str, champion: str | None) -> DataFrame:
    """What the champion, else the last model, says of the session; no row where none flagged it."""
    found = anomalies.where(F.col("session_id") == session_id)
    order = (F.col("model_version") == F.lit(champion)).desc_nulls_last(), F.desc("model_version")
    return (
        found.orderBy(*order)
        .limit(1)
        .select("session_id", "model_version", "kind", likeness().alias("likeness"))
    )


def _mark_again(lake: Lake) -> dict[str, int]:
    """Bring `muted` of all anomalies up to the feedback; those that stay as they are are not written."""
    before = lake.read(ANOMALIES).withColumn("_before", F.coalesce("muted", F.lit(False)))
    changed = keep(mark_muted(before, lake.read(FEEDBACK)).where("muted <> _before").drop("_before"))
    try:
        counts = changed.agg(
            F.count_if("muted").alias("muted"), F.count_if(~F.col("muted")).alias("unmuted")
        ).collect()[0]
        if counts["muted"] or counts["unmuted"]:
            lake.merge(ANOMALIES, changed)
    finally:
        let_go(changed)
    return {"muted": counts["muted"], "no_longer_muted": counts["unmuted"]}


def with_feedback(lake: Lake, labels: DataFrame | None) -> DataFrame | None:
    """Labels, with people's words where they say nothing.

    Words alone are no labels: they are there for flagged sessions only, so that recall can't be judged by them.

    Args:
        labels: `session_id`, `faulty` and more; None: the sessions' own label.
    """
    feedback = read_feedback(lake)
    if feedback is None:
        return labels
    if labels is None:
        labels = lake.read(SESSIONS).select("session_id", F.col("label").alias("faulty"))
        if labels.where("faulty IS NOT NULL").isEmpty():
            return None
    words = feedback.select("session_id", (F.col("word") == FAULT).cast("int").alias("_said"))
    joined = labels.join(F.broadcast(words), "session_id", "left")
    return joined.withColumn("faulty", F.coalesce("faulty", "_said")).drop("_said")


def without_known_faults(lake: Lake, sessions: DataFrame) -> DataFrame:
    """Sessions to learn from: without those that a person called faults."""
    feedback = read_feedback(lake)
    if feedback is None:
        return sessions
    faults = feedback.where(F.col("word") == FAULT).select("session_id")
    return sessions.join(F.broadcast(faults), "session_id", "left_anti")


def figures(lake: Lake, model_version: str) -> dict[str, int]:
    """What people said of the model's anomalies: how many were looked at, how many are faults, and faults it missed."""
    feedback = read_feedback(lake)
    if feedback is None:
        return {}
    flagged = lake.read(ANOMALIES).where(F.col("model_version") == model_version).select("session_id")
    seen = feedback.join(flagged.withColumn("_flagged", F.lit(True)), "session_id", "left")
    is_fault, is_flagged = F.col("word") == FAULT, F.col("_flagged").isNotNull()
    row = seen.agg(
        F.count_if(is_flagged).alias("feedback_reviewed"),
        F.count_if(is_flagged & is_fault).alias("feedback_confirmed"),
        F.count_if(~is_flagged & is_fault).alias("feedback_missed"),
    ).collect()[0]
    return dict(row.asDict())
