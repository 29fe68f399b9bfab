"""Rows in quarantine once more: rows that were mended there, or a contract that was mended."""

from __future__ import annotations

import datetime as dt
import functools
import logging

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config, Source
from offbeat.ingest import contract, identity, publish, sources
from offbeat.ingest.formats import delimited, json_lines, pattern, sequences
from offbeat.ingest.rows import Rows
from offbeat.tables.contract import QUARANTINE
from offbeat.tables.lake import Lake

log = logging.getLogger(__name__)

_PLACE = ("row_hash", "source", "copies", "raw_lines")


def replay(lake: Lake, conf: Config, *, run_date: dt.datetime, newest: dt.datetime) -> dict[str, int]:
    """Take the rows of `quarantine` through the contract of their source again.

    What has become an event leaves the quarantine; what has not stays, with the reasons that it has now. `raw` may have
    been mended in the table before. The state of the lake afterwards is as if the rows had been right at first.

    Returns:
        rows_in, events, duplicates, quarantined: equal rows of a file count as often as they came.
    """
    if not lake.exists(QUARANTINE) or lake.read(QUARANTINE).isEmpty():
        log.info("ingest: nothing in quarantine")
        return {}
    # The id follows from what is replayed: a run that was killed, started again, writes the same transaction.
    batch_id = f"replay-{lake.version(QUARANTINE)}-{conf.hash}"
    rows = _parsed(lake, conf, batch_id, newest=newest).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        return _publish(lake, conf, rows, batch_id, run_date=run_date)
    finally:
        rows.unpersist()


def _publish(
    lake: Lake, conf: Config, rows: DataFrame, batch_id: str, *, run_date: dt.datetime
) -> dict[str, int]:
    bad = F.size("reasons") > 0
    counts = rows.agg(F.count("*").alias("total"), F.count_if(bad).alias("bad")).first()
    total, refused = (counts["total"], counts["bad"]) if counts is not None else (0, 0)
    publish.append_events(lake, rows, batch_id, dedupe=conf.sessions.dedupe, good=total - refused)
    events = sum(publish.events_by_file(lake, batch_id).values())
    now = rows.groupBy("row_hash", "source_file").agg(
        F.bool_and(~bad).alias("_mended"),
        *(F.first(name, ignorenulls=True).alias(name) for name in ("raw", "raw_header", *_PLACE[1:])),
        F.first(F.when(bad, F.col("reasons")), ignorenulls=True).alias("reasons"),
    )
    stamped = now.withColumns({"ingest_batch": F.lit(batch_id), "quarantined_at": F.lit(run_date)})
    lake.merge(QUARANTINE, stamped, delete="_mended", txn=(f"ingest:quarantine:{batch_id}", 1))
    return {
        "rows_in": total,
        "events": events,
        "duplicates": total - refused - events,
        "quarantined": refused,
    }


def _parsed(lake: Lake, conf: Config, batch_id: str, *, newest: dt.datetime) -> DataFrame:
    """Rows of the contract of all that is in quarantine, as often as each came."""
    known = publish.earlier_events(lake, batch_id)
    quarantine = lake.read(QUARANTINE)
    frames: list[DataFrame] = []
    names = [sources.name_of(source) for source in conf.source]
    for place, (source, name) in enumerate(zip(conf.source, names, strict=True)):
        # With one source, rows belong to it also where its path has changed since.
        mine = quarantine if len(names) == 1 else quarantine.where(F.col("source") == name)
        groups = _rows(_as_often_as_came(mine), source, salt=str(place), known=known)
        frames += [contract.apply(rows, source, newest=newest, keep=_PLACE) for rows in groups]
    left = quarantine.where(~F.col("source").isin(*names)) if len(names) > 1 else None
    if left is not None and not left.isEmpty():
        log.warning("ingest: rows in quarantine of sources that the config does not name stay there")
    rows = functools.reduce(DataFrame.unionByName, frames)
    return identity.add_event_id(rows, dedupe=conf.sessions.dedupe)


def _as_often_as_came(quarantine: DataFrame) -> DataFrame:
    """The rows with `line`, where lines were counted, each as often as it came."""
    lines = F.coalesce("raw_lines", F.array_repeat(F.lit(None).cast("bigint"), F.col("copies").cast("int")))
    return quarantine.select("raw", "raw_header", "source_file", *_PLACE, F.explode(lines).alias("line"))


def _rows(lines: DataFrame, source: Source, *, salt: str, known: DataFrame | None) -> list[Rows]:
    """Parse rows of text by the format of their source; rows of typed columns were kept as JSON."""
    if source.format == "csv":
        headers = [row["raw_header"] for row in lines.select("raw_header").distinct().collect()]
        return [
            delimited.parse(lines.where(F.col("raw_header") == header), source, header) for header in headers
        ]
    if source.format == "text":
        return [pattern.parse(lines, source)]
    if source.format == "sequences":
        return [sequences.parse(lines, salt=salt, known=known)]
    return [json_lines.parse(lines)]
