"""Rows of a batch into `events` and `quarantine`, each once, however often it is tried."""

from __future__ import annotations

from typing import Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.ingest import identity
from offbeat.tables.contract import EVENTS, QUARANTINE
from offbeat.tables.lake import Lake

_FEW_ROWS = 200_000  # ids of so many rows travel to every task


def earlier_events(lake: Lake, batch_id: str) -> DataFrame | None:
    """Events of other batches than this one; None where there are none."""
    if not lake.exists(EVENTS):
        return None
    events = lake.read(EVENTS).where(F.col("ingest_batch") != batch_id)
    return None if events.isEmpty() else events


def is_published(lake: Lake, batch_id: str) -> bool:
    """Whether events of the batch are in the lake: all of them are, then."""
    return lake.exists(EVENTS) and not lake.read(EVENTS).where(F.col("ingest_batch") == batch_id).isEmpty()


def append_events(
    lake: Lake, rows: DataFrame, batch_id: str, *, dedupe: Literal["id", "exact", "none"], good: int
) -> None:
    """Write the rows that are events and not there yet.

    Args:
        rows: rows of the contract with `event_id` and `reasons`.
        good: how many of them are events.
    """
    events = rows.where(F.size("reasons") == 0)
    known = earlier_events(lake, batch_id)
    if dedupe == "none":
        events = identity.add_copy_numbers(events, known)
    else:
        events = identity.once(events)
        if known is not None:
            if good <= _FEW_ROWS:  # look for these few among the known, not the other way round
                known = known.join(F.broadcast(events.select("event_id")), "event_id", "left_semi")
            events = identity.unknown(events, known)
    lake.append(
        EVENTS, events.withColumn("ingest_batch", F.lit(batch_id)), txn=(f"ingest:events:{batch_id}", 1)
    )


def merge_quarantine(lake: Lake, rows: DataFrame, batch_id: str, *, run_date: object) -> None:
    """Write the rows that are no events, equal ones of a file once with their number."""
    bad = rows.where(F.size("reasons") > 0).withColumn("row_hash", F.sha2(F.col("raw").cast("binary"), 256))
    firsts = [
        F.first(name, ignorenulls=True).alias(name) for name in ("raw", "raw_header", "reasons", "source")
    ]
    lines = F.nullif(F.sort_array(F.collect_list("raw_line")), F.array().cast("array<bigint>"))
    counted = (F.count("*").alias("copies"), lines.alias("raw_lines"))
    once = bad.groupBy("row_hash", "source_file").agg(*firsts, *counted)
    stamped = once.withColumns({"ingest_batch": F.lit(batch_id), "quarantined_at": F.lit(run_date)})
    lake.merge(QUARANTINE, stamped, txn=(f"ingest:quarantine:{batch_id}", 1))


def events_by_file(lake: Lake, batch_id: str) -> dict[str, int]:
    """How many events of the batch are in the lake, by the file they came from."""
    mine = lake.read(EVENTS).where(F.col("ingest_batch") == batch_id)
    return {row["source_file"]: row["count"] for row in mine.groupBy("source_file").count().collect()}
