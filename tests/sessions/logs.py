"""Events and sessions as plain rows (dicts, times in microseconds), into Spark and back."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.sessions.rules import Rules
from offbeat.sessions.run import run
from offbeat.tables.contract import EVENTS, SESSIONS
from offbeat.tables.lake import Lake
from tests.sessions.oracle import sessions_of

S = 1_000_000
TODAY = dt.datetime(2026, 7, 31, tzinfo=dt.timezone.utc)
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


class Log:
    """A lake with events that come in bit by bit; after each run its sessions are what the oracle says."""

    def __init__(self, spark, folder, **rules):
        self.lake = Lake(spark, str(folder))
        self.rules = {"gap": 10, **rules}
        self.rows = []

    def add(self, *rows):
        """Append rows in one commit."""
        self.rows += rows
        self.lake.append(EVENTS, to_events(self.lake.spark, list(rows)))

    def run(self, **options):
        """The counts of a run: events, sessions new, changed, deleted, open."""
        conf = Config(name="test", lake=self.lake.location, source=(), sessions=self.rules)
        counts = run(self.lake, conf, run_date=TODAY, **options)
        assert self.sessions() == self.wanted(conf)
        return tuple(counts.values())

    def sessions(self):
        """The table's rows by session_id."""
        return to_rows(self.lake.read(SESSIONS))

    def wanted(self, conf):
        """What the oracle makes of all rows so far."""
        return sessions_of(self.rows, clock_of(self.rows), **oracle_rules(Rules.of(conf.sessions)))

    @property
    def version(self):
        """Version of the table's newest commit."""
        return self.lake.version(SESSIONS)
