"""Rows in quarantine once more: rows that were mended there, or a contract that was mended."""

from __future__ import annotations

import functools
import logging

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Source
from offbeat.ingest import contract, identity, labels, publish, sources
from offbeat.ingest.files import query_hash
from offbeat.ingest.formats import delimited, json_lines, messages, pattern, sequences
from offbeat.ingest.job import KINDS, Counts, Job
from offbeat.ingest.rows import Rows
from offbeat.spark import keep, let_go
from offbeat.tables.contract import QUARANTINE
from offbeat.tables.forgotten import without_forgotten

log = logging.getLogger(__name__)

_PLACE = ("row_hash", "source", "copies", "raw_lines")


def replay(job: Job) -> Counts:
    """Take the rows of `quarantine` through the contract of their source again.

    What has become an event leaves the quarantine; what has not stays, with the reasons that it has now. `raw` may have
    been mended in the table before. The state of the lake afterwards is as if the rows had been right at first.

    Returns:
        rows_in, events, duplicates, quarantined: equal rows of a file count as often as they came.
    """
    lake = job.lake
    if not lake.exists(QUARANTINE) or lake.read(QUARANTINE).isEmpty():
        log.info("ingest: nothing in quarantine")
        return {}
    batch_id = _batch_id(job)
    known = publish.earlier_events(lake, batch_id)
    frames = parsed(job, known)
    if not frames:
        return {}
    rows = without_forgotten(lake, functools.reduce(DataFrame.unionByName, frames))
    if job.rewrite is not None:
        rows = job.rewrite.apply(rows)
        job.rewrite.keep()
    rows = keep(rows)
    try:
        return _publish(job, rows, known, batch_id)
    finally:
        let_go(rows)


def _batch_id(job: Job) -> str:
    """An id that follows from what is replayed: a run that was killed, started again, writes the same transaction.

    A replay stamps the rows that stay with its id, so that the next one has another. The clock counts where it has
    made a row one of the future.
    """
    told = F.xxhash64(F.to_json(F.struct(*QUARANTINE.column_names)))
    facts = job.lake.read(QUARANTINE).agg(
        F.bit_xor(told).alias("rows"), F.bool_or(F.array_contains("reasons", "future_time")).alias("future")
    )
    found = facts.collect()[0]
    clock = job.run_date if found["future"] else None
    return f"replay-{query_hash(found['rows'], job.conf.hash, clock)[:16]}"


def _publish(job: Job, rows: DataFrame, known: DataFrame | None, batch_id: str) -> Counts:
    bad = F.size("reasons") > 0
    counts = rows.agg(F.count("*").alias("total"), F.count_if(bad).alias("bad")).first()
    total, refused = (counts["total"], counts["bad"]) if counts is not None else (0, 0)
    publish.append_events(job.lake, rows.where(~bad), known, batch_id, dedupe=job.conf.sessions.dedupe)
    events = sum(publish.events_by_file(job.lake, batch_id).values())
    now = rows.groupBy("row_hash", "source_file").agg(
        F.bool_and(~bad).alias("_mended"),
        *(F.first(name, ignorenulls=True).alias(name) for name in ("raw", "raw_header", *_PLACE[1:])),
        F.first(F.when(bad, F.col("reasons")), ignorenulls=True).alias("reasons"),
    )
    stamped = now.withColumns({"ingest_batch": F.lit(batch_id), "quarantined_at": F.lit(job.run_date)})
    job.lake.merge(QUARANTINE, stamped, delete="_mended", txn=(f"ingest:quarantine:{batch_id}", 1))
    return dict(zip(KINDS, (total, events, total - refused - events, refused), strict=True))


def parsed(job: Job, known: DataFrame | None) -> list[DataFrame]:
    """Rows of the contract of all that is in quarantine, as often as each came, by source."""
    conf, quarantine = job.conf, job.lake.read(QUARANTINE)
    oldest = publish.oldest_on_time(known, conf.sessions)
    frames: list[DataFrame] = []
    names = [sources.name_of(source) for source in conf.source]
    for place, (source, name) in enumerate(zip(conf.source, names, strict=True)):
        # With one source, rows belong to it also where its path has changed since.
        mine = quarantine if len(names) == 1 else quarantine.where(F.col("source") == name)
        groups = _rows(_as_often_as_came(mine), source, salt=str(place), known=known)
        applied = (
            contract.apply(rows, source, newest=job.newest, oldest=oldest, keep=_PLACE) for rows in groups
        )
        named = (identity.add_event_id(frame, dedupe=conf.sessions.dedupe) for frame in applied)
        frames += [labels.add_labels(frame, source) for frame in named]
    left = quarantine.where(~F.col("source").isin(*names)) if len(names) > 1 else None
    if left is not None and not left.isEmpty():
        log.warning("ingest: rows in quarantine of sources that the config does not name stay there")
    return frames


def _as_often_as_came(quarantine: DataFrame) -> DataFrame:
    """The rows with `line`, where lines were counted, each as often as it came."""
    lines = F.coalesce("raw_lines", F.array_repeat(F.lit(None).cast("bigint"), F.col("copies").cast("int")))
    return quarantine.select("raw", "raw_header", "source_file", *_PLACE, F.explode(lines).alias("line"))


def _rows(lines: DataFrame, source: Source, *, salt: str, known: DataFrame | None) -> list[Rows]:
    """Parse rows of text by the format of their source; rows of typed columns were kept as JSON."""
    if source.pseudonyms:  # what is hidden was kept as JSON, whatever the format
        return [json_lines.parse(lines)]
    if source.format == "csv" or (source.format == "sequences" and sequences.is_table(source.columns)):
        headers = [row["raw_header"] for row in lines.select("raw_header").distinct().collect()]
        groups = [
            delimited.parse(lines.where(F.col("raw_header") == header), source, header) for header in headers
        ]
        if source.format == "csv":
            return groups
        return [sequences.of_table(rows, source, salt=salt, known=known) for rows in groups]
    if source.format == "text":
        return [pattern.parse(lines, source)]
    if source.format == "sequences":
        return [sequences.parse(lines, salt=salt, known=known)]
    return [messages.parse_lines(lines, source) if source.format == "kafka" else json_lines.parse(lines)]
