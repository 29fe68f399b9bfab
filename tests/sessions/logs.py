"""Events and sessions as plain rows (dicts, times in microseconds), into Spark and back."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from offbeat.sessions.rules import Rules
from offbeat.tables.contract import EVENTS, SESSIONS

S = 1_000_000
_LIKE_EVENTS = ", ".join(f"{c.name} {'bigint' if c.type == 'timestamp' else c.type}" for c in EVENTS.columns)


def event(event_id, entity, at_us, name="play", **others):
    """A row of events; at_us: its time, None where the log has none."""
    row = dict.fromkeys(EVENTS.column_names) | {"role": "both", "ingest_batch": "b"}
    return row | {"event_id": event_id, "entity": entity, "event_time": at_us, "event": name} | others


def to_events(spark: SparkSession, rows: list[dict]) -> DataFrame:
    """The rows as Spark takes them."""
    values = [tuple(row[name] for name in EVENTS.column_names) for row in rows]
    frame = spark.createDataFrame(values, _LIKE_EVENTS)
    return frame.withColumn("event_time", F.timestamp_micros("event_time"))


def to_rows(sessions: DataFrame) -> dict[str, dict]:
    """Rows of sessions by session_id; an id that comes twice is an error."""
    plain = sessions.withColumns(
        {
            "start": F.unix_micros("start"),
            "end": F.unix_micros("end"),
            "times": F.transform("times", F.unix_micros),
        }
    )
    found = [row.asDict(recursive=True) for row in plain.select(*SESSIONS.column_names).collect()]
    by_id = {row["session_id"]: row for row in found}
    assert len(by_id) == len(found)
    return by_id


def oracle_rules(rules: Rules) -> dict:
    """The rules as the oracle takes them."""
    return {
        "gap": rules.gap_us,
        "order_by": rules.order_by,
        "ignore": rules.ignore,
        "max_events": rules.max_events,
        "max_duration": rules.max_duration_us,
    }


def clock_of(rows: list[dict]) -> int | None:
    """Time of the latest event."""
    return max((row["event_time"] for row in rows if row["event_time"] is not None), default=None)
