"""Rows of a batch into `events` and `quarantine`, each once, however often it is tried."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Sessions
from offbeat.ingest import identity
from offbeat.tables.contract import EVENTS, QUARANTINE
from offbeat.tables.lake import Lake
from offbeat.tables.table import literal


def earlier_events(lake: Lake, batch_id: str) -> DataFrame | None:
    """Events of other batches than this one; None where there are none."""
    if not lake.exists(EVENTS):
        return None
    events = lake.read(EVENTS).where(F.col("ingest_batch") != batch_id)
    return None if events.isEmpty() else events


def oldest_on_time(known: DataFrame | None, sessions: Sessions) -> dt.datetime | None:
    """Instant before which an event is late: `lateness` before the newest known one; None where late ones are taken."""
    if known is None or sessions.late != "quarantine":
        return None
    return before_newest(known, sessions.lateness)


def before_newest(known: DataFrame, seconds: float) -> dt.datetime | None:
    """Instant so long before the newest event; None where none has a time."""
    newest = known.agg(F.max(F.unix_micros("event_time")).alias("micros")).first()
    if newest is None or newest["micros"] is None:
        return None
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
    return epoch + dt.timedelta(microseconds=newest["micros"]) - dt.timedelta(seconds=seconds)


def within(known: DataFrame, counts: Iterable[Mapping[str, Any]]) -> DataFrame:
    """Of the known events those in the time of new ones, and those without a time: files outside aren't read.

    Args:
        counts: by file, `first` and `last` time in microseconds since 1970.
    """
    times = [(one["first"], one["last"]) for one in counts if one["first"] is not None]
    if not times:
        return known.where("event_time IS NULL")
    first, last = min(first for first, _ in times), max(last for _, last in times)
    low, high = F.timestamp_micros(F.lit(first)), F.timestamp_micros(F.lit(last))
    return known.where(F.col("event_time").isNull() | F.col("event_time").between(low, high))


def is_published(lake: Lake, batch_id: str) -> bool:
    """Whether events of the batch are in the lake: all of them are, then."""
    return lake.exists(EVENTS) and not lake.read(EVENTS).where(F.col("ingest_batch") == batch_id).isEmpty()


def append_events(
    lake: Lake,
    events: DataFrame,
    known: DataFrame | None,
    batch_id: str,
    *,
    dedupe: identity.Dedupe,
    may_be_old: bool = False,
) -> None:
    """Write the events that are not there yet.

    Args:
        events: rows of the contract with `event_id`; read more than once.
        known: events that are there; None where there are none.
        may_be_old: whether it is likely that all are there: then it is looked whether there is anything to commit.
    """
    if dedupe == "none":
        events = identity.add_copy_numbers(events, known)
    else:
        events = identity.once(events)
        if known is not None:
            events = identity.unknown(events, known)
            if may_be_old and events.isEmpty():
                return
    lake.append(
        EVENTS, events.withColumn("ingest_batch", F.lit(batch_id)), txn=(f"ingest:events:{batch_id}", 1)
    )


def merge_quarantine(
    lake: Lake, rows: DataFrame, batch_id: str, *, run_date: dt.datetime, may_be_old: bool = False
) -> None:
    """Write the rows that are no events, equal ones of a file once with their number.

    Rows that are there as they are now are left alone; one that changes stays with the batch that refused it first.

    Args:
        rows: rows of the contract with `reasons` and `source`; read more than once.
        may_be_old: whether it is likely that all are there: then it is looked whether there is anything to commit.
    """
    bad = rows.where(F.size("reasons") > 0).withColumn("row_hash", F.sha2(F.col("raw").cast("binary"), 256))
    firsts = [
        F.first(name, ignorenulls=True).alias(name) for name in ("raw", "raw_header", "reasons", "source")
    ]
    lines = F.nullif(F.sort_array(F.collect_list("raw_line")), F.array().cast("array<bigint>"))
    counted = (F.count("*").alias("copies"), lines.alias("raw_lines"))
    once = bad.groupBy("row_hash", "source_file").agg(*firsts, *counted)
    changed = _changed(once, lake.read(QUARANTINE)) if lake.exists(QUARANTINE) else once
    if may_be_old and changed.isEmpty():
        return
    before = F.col("_batch") if "_batch" in changed.columns else F.lit(None).cast("string")
    batch = F.coalesce(before, F.lit(batch_id))
    stamped = changed.withColumns({"ingest_batch": batch, "quarantined_at": F.lit(run_date)})
    lake.merge(QUARANTINE, stamped, txn=(f"ingest:quarantine:{batch_id}", 1))


def _changed(rows: DataFrame, known: DataFrame) -> DataFrame:
    """Rows that are not in quarantine as they are now, with `_batch`, which refused them first."""
    told = F.struct("reasons", "copies", "raw_lines")
    before = known.select(*QUARANTINE.key, told.alias("_told"), F.col("ingest_batch").alias("_batch"))
    both = rows.join(before, list(QUARANTINE.key), "left")
    return both.where(~F.col("_told").eqNullSafe(told)).drop("_told")


def forget_refused(lake: Lake, batch_id: str, paths: Sequence[str]) -> None:
    """Take the rows of files that a batch leaves out from quarantine again."""
    if lake.exists(QUARANTINE):
        files = ", ".join(map(literal, paths))
        lake.delete(QUARANTINE, f"ingest_batch = {literal(batch_id)} AND source_file IN ({files})")


def events_by_file(lake: Lake, batch_id: str) -> dict[str, int]:
    """How many events of the batch are in the lake, by the file they came from."""
    mine = lake.read(EVENTS).where(F.col("ingest_batch") == batch_id)
    return {row["source_file"]: row["count"] for row in mine.groupBy("source_file").count().collect()}
