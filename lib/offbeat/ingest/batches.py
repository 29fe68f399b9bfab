"""A batch of files: read, checked against the limit, planned, published, done – in this order.

Until it is planned, nothing is written. From then on each write is one Delta commit that is made once however often it
is tried, so a run that is killed anywhere is finished by the next one.
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Source
from offbeat.ingest import columns, contract, identity, labels, ledger, limit, news, publish, sources
from offbeat.ingest.job import KINDS, Counts, Job
from offbeat.ingest.ledger import Batch, Seen
from offbeat.spark import keep, let_go
from offbeat.tables.contract import EVENTS, QUARANTINE
from offbeat.tables.forgotten import without_forgotten

log = logging.getLogger(__name__)

Kinds = dict[str, dict[str, str]]


def take_new(job: Job) -> Counts:
    """Take the files that are new.

    Raises:
        InputRefused: nothing at a source, no rows, a column not there, too many rows for quarantine.
    """
    seen = ledger.look(job.lake)
    found = news.find_all(job, seen)
    new = news.choose(job, found, seen)
    skipped = len(found) - len(new)
    if not new:
        log.info("ingest: nothing new, %d files were taken before", skipped)
        return {"files_skipped": skipped}
    batch = ledger.new_batch(new, seen=seen, run_date=job.run_date)
    return _take(job, batch, seen=seen, plan=functools.partial(_plan, job, seen)) | {"files_skipped": skipped}


def _plan(job: Job, seen: Seen, batch: Batch) -> None:
    job.lake.ensure(EVENTS, QUARANTINE)
    if job.rewrite is not None:
        job.rewrite.keep()
    ledger.plan(job.lake, batch, seen=seen)


def finish_open(job: Job) -> Counts:
    """Finish the batch that a killed run has left, under its id, by its clock and as a whole.

    Files that are gone or changed since are left out; so are those of a batch with bounds, which are taken again when
    the same bounds are given again.
    """
    batch = ledger.open_batch(job.lake)
    if batch is None:
        return {}
    job = replace(job, run_date=batch.taken_at, time_from=None, time_to=None)
    log.info("ingest: finishing batch %s, which another run left", batch.id)
    there = news.find_again(job)
    kept = tuple(there[one.file.content_hash] for one in batch.files if one.file.content_hash in there)
    gone = tuple(one for one in batch.files if one.file.content_hash not in there)
    published = publish.is_published(job.lake, batch.id)
    if gone:
        log.warning(
            "ingest: %d files of it are gone, changed, or were to be taken in part, first %s",
            len(gone), gone[0].file.path,
        )  # fmt: skip
        if published:  # the events of all files came in one commit, their refused rows in the one before
            ledger.finish(job.lake, replace(batch, files=gone), {})
        else:
            publish.forget_refused(job.lake, batch.id, [one.file.path for one in gone])
            ledger.forget(job.lake, replace(batch, files=gone))
    return _take(job, replace(batch, files=kept), seen=Seen.nothing(), check=not published) if kept else {}


def _take(
    job: Job, batch: Batch, *, seen: Seen, plan: Callable[[Batch], None] | None = None, check: bool = True
) -> Counts:
    """Read, check and publish a batch; `plan` writes it into the ledger once it has passed the checks."""
    parsed, kinds = _parsed(job, batch, seen)
    batch = replace(batch, files=tuple(replace(one, columns=kinds.get(one.source)) for one in batch.files))
    job.arrivals.extend(one.file.modified_ms for one in batch.files if one.file.modified_ms is not None)
    return take_rows(job, batch, parsed, plan=plan, check=check)


def take_rows(
    job: Job,
    batch: Batch,
    parsed: DataFrame,
    *,
    plan: Callable[[Batch], None] | None = None,
    check: bool = True,
) -> Counts:
    """Check and publish the rows of a batch.

    Args:
        parsed: rows of the contract with event_id, reasons and source.
        plan: writes the batch into the ledger, once it has passed the checks.
        check: whether there must be rows, and few enough for quarantine.
    """
    rows = keep(parsed)
    try:
        with sources.readable():
            counts = _counted(rows)
        total, bad = (sum(one[kind] for one in counts.values()) for kind in ("rows_in", "quarantined"))
        if check:
            if total == 0 and not job.is_bounded:
                raise sources.no_rows([one.file for one in batch.files])
            limit.assert_below(rows, total=total, bad=bad, share=job.conf.quarantine.limit)
        if plan is not None:
            plan(batch)
        done = _publish(job, batch, rows, counts)
    finally:
        let_go(rows)
    totals = {kind: sum(one[kind] for one in done.values()) for kind in KINDS}
    log.info("ingest: batch %s, %d files: %s", batch.id, len(batch.files), totals)
    return totals | {"files_taken": len(batch.files)}


def _counted(rows: DataFrame) -> dict[str, dict[str, Any]]:
    """rows_in, quarantined, and the first and last time in microseconds, by file."""
    by_file = rows.groupBy("source_file").agg(
        F.count("*").alias("rows_in"),
        F.count_if(F.size("reasons") > 0).alias("quarantined"),
        F.min(F.unix_micros("event_time")).alias("first"),
        F.max(F.unix_micros("event_time")).alias("last"),
    )
    return {row["source_file"]: row.asDict() for row in by_file.collect()}


def _publish(job: Job, batch: Batch, rows: DataFrame, counts: dict[str, dict[str, Any]]) -> dict[str, Counts]:
    rows = without_forgotten(job.lake, rows)  # they stay among the counts, as duplicates
    events = rows.where(F.size("reasons") == 0)
    known = publish.earlier_events(job.lake, batch.id)
    if known is not None and all(source.columns.event_id is None for source in job.conf.source):
        known = publish.within(known, counts.values())  # the time is in the id
    # Read again, as a part of the time or a table is, most are known.
    again = job.is_bounded or any(source.format in ("delta", "jdbc") for source in job.conf.source)
    dedupe = job.conf.sessions.dedupe
    if any(one["quarantined"] for one in counts.values()):  # first: where events are, all is
        publish.merge_quarantine(job.lake, rows, batch.id, run_date=job.run_date, may_be_old=again)
    publish.append_events(job.lake, events, known, batch.id, dedupe=dedupe, may_be_old=again)
    done = _with_duplicates(counts, publish.events_by_file(job.lake, batch.id))
    ledger.finish(job.lake, batch, done)
    return done


def _with_duplicates(counts: Mapping[str, Mapping[str, Any]], events: Mapping[str, int]) -> dict[str, Counts]:
    """Add events and duplicates to each file's counts: what is neither event nor quarantined was there already."""
    done = {}
    for path, one in counts.items():
        taken = events.get(path, 0)
        duplicates = one["rows_in"] - one["quarantined"] - taken
        done[path] = dict(zip(KINDS, (one["rows_in"], taken, duplicates, one["quarantined"]), strict=True))
    return done


def _parsed(job: Job, batch: Batch, seen: Seen) -> tuple[DataFrame, Kinds]:
    """Rows of the contract of all files, with event_id, reasons and source; and the kinds of values by source."""
    known = publish.earlier_events(job.lake, batch.id)
    oldest = publish.oldest_on_time(known, job.conf.sessions) if not job.is_bounded else None
    frames: list[DataFrame] = []
    kinds: Kinds = {}
    for place, source in enumerate(job.conf.source):
        name = sources.name_of(source)
        files = [one.file for one in batch.files if one.source == name]
        groups = (
            sources.read(
                job.lake.spark, source, files, salt=str(place), known=known, since=_since(job, source, known)
            )
            if files
            else []
        )
        kinds[name] = columns.kinds_of(groups, source, before=seen.columns.get(name))
        applied = (contract.apply(rows, source, newest=job.newest, oldest=oldest) for rows in groups)
        named = (identity.add_event_id(frame, dedupe=job.conf.sessions.dedupe) for frame in applied)
        labelled = (labels.add_labels(frame, source) for frame in named)
        frames += [frame.withColumn("source", F.lit(name)) for frame in labelled]
    if not frames:
        raise sources.no_rows([one.file for one in batch.files])
    rows = _within(job, functools.reduce(DataFrame.unionByName, frames))
    return (rows if job.rewrite is None else job.rewrite.apply(rows)), kinds


def _since(job: Job, source: Source, known: DataFrame | None) -> dt.datetime | None:
    """Instant before which an incremental source isn't read: `lateness` before its newest known event."""
    if known is None or not source.incremental or job.is_bounded:
        return None
    mine = known.where(F.col("source_file") == sources.name_of(source))
    return publish.before_newest(mine, job.conf.sessions.lateness)


def _within(job: Job, rows: DataFrame) -> DataFrame:
    """Leave out what lies outside the bounds; a row without a time may lie anywhere."""
    time = F.col("event_time")
    if job.time_from is not None:
        rows = rows.where(time.isNull() | (time >= F.lit(job.time_from)))
    if job.time_to is not None:
        rows = rows.where(time.isNull() | (time < F.lit(job.time_to)))
    return rows
