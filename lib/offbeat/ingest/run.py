"""The step `ingest`: take what is new at the sources, once; no row vanishes.

For every run, rows in = events + duplicates + quarantined.
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config, Source
from offbeat.errors import InputRefused, OffbeatError, UsageError
from offbeat.ingest import contract, identity, ledger, limit, publish, sources
from offbeat.ingest.files import SourceFile, add_hashes
from offbeat.ingest.ledger import Batch, Planned, Seen
from offbeat.ingest.replay import replay
from offbeat.tables.contract import EVENTS, QUARANTINE
from offbeat.tables.lake import Lake

log = logging.getLogger(__name__)

Counts = dict[str, int]
_KINDS = ("rows_in", "events", "duplicates", "quarantined")


@dataclass(frozen=True)
class Ingest:
    """What a run of the step works with.

    Attributes:
        run_date: UTC instant that the run stands for.
        time_from: where given, earlier events are left out.
        time_to: where given, events from this instant on are left out.
    """

    lake: Lake
    conf: Config
    run_date: dt.datetime
    time_from: dt.datetime | None = None
    time_to: dt.datetime | None = None

    @property
    def newest(self) -> dt.datetime:
        """Instant after which a time lies in the future."""
        return self.run_date + dt.timedelta(seconds=self.conf.quarantine.future_skew)

    @property
    def is_bounded(self) -> bool:
        """Whether only events of a part of the time are wanted."""
        return self.time_from is not None or self.time_to is not None


def run(
    lake: Lake,
    conf: Config,
    *,
    run_date: dt.datetime,
    time_from: dt.datetime | None = None,
    time_to: dt.datetime | None = None,
    replay_quarantine: bool = False,
) -> Counts:
    """Take new files into `events` and `quarantine`, or the rows in quarantine once more.

    Args:
        run_date: what future times are judged against, and the date of what is written.
        time_from: take only events from this instant on, also of files that were taken before.
        time_to: take only events before this instant, also of files that were taken before.
        replay_quarantine: read the rows in quarantine again, in place of the sources.

    Returns:
        rows_in, events, duplicates, quarantined; files_taken, files_skipped.

    Raises:
        InputRefused: nothing at a source, a column not there, too many rows for quarantine; nothing was written.
        OffbeatError: another ingest writes to this lake.
    """
    job = Ingest(lake, conf, _as_utc(run_date), _utc_or_none(time_from), _utc_or_none(time_to))
    totals = dict.fromkeys((*_KINDS, "files_taken", "files_skipped"), 0)
    with _clean_loss():
        left = ledger.open_batch(lake)
        if left is not None:
            log.info("ingest: finishing batch %s, which another run left", left.id)
            _add(totals, _finish(job, left))
        if replay_quarantine:
            _add(totals, replay(lake, conf, run_date=job.run_date, newest=job.newest))
        else:
            _add(totals, _take_new(job))
    return totals


def _take_new(job: Ingest) -> Counts:
    if job.is_bounded and job.conf.sessions.dedupe == "none":
        raise UsageError(
            "ingest: --from and --to need dedupe: id or exact; with none, known events can't be told from new"
        )
    seen = ledger.look(job.lake)
    found = [
        Planned(file, sources.name_of(source))
        for source in job.conf.source
        for file in _found(job, source, seen)
    ]
    new = _bounded(job, found) if job.is_bounded else _unseen(found, seen)
    skipped = len(found) - len(new)
    if not new:
        log.info("ingest: nothing new, %d files were taken before", skipped)
        return {"files_skipped": skipped}
    batch = ledger.new_batch(new, seen=seen, run_date=job.run_date)
    counts = _take(job, batch, before_publishing=functools.partial(_plan, job, batch, seen))
    return counts | {"files_skipped": skipped}


def _found(job: Ingest, source: Source, seen: Seen) -> list[SourceFile]:
    """Files of a source with their hashes; those that have not changed since they were taken aren't read."""
    known = [replace(file, content_hash=seen.hash_of(file)) for file in sources.find(job.lake.spark, source)]
    hashed = add_hashes([file for file in known if not file.content_hash])
    return sorted([*(file for file in known if file.content_hash), *hashed], key=lambda file: file.path)


def _unseen(found: Sequence[Planned], seen: Seen) -> list[Planned]:
    """Files whose content was never taken; of equal ones the first."""
    firsts: dict[str, Planned] = {}
    for one in found:
        if one.file.content_hash not in seen.hashes:
            firsts.setdefault(one.file.content_hash, one)
    return list(firsts.values())


def _bounded(job: Ingest, found: Sequence[Planned]) -> list[Planned]:
    """All files, under hashes that leave open whether they were taken as a whole."""
    bounds = (job.time_from, job.time_to, job.run_date)
    marked = [
        replace(
            one,
            file=replace(
                one.file, modified_ms=None, content_hash=sources.query_hash(one.file.content_hash, *bounds)
            ),
        )
        for one in found
    ]
    return list({one.file.content_hash: one for one in marked}.values())


def _plan(job: Ingest, batch: Batch, seen: Seen) -> None:
    job.lake.ensure(EVENTS, QUARANTINE)
    ledger.plan(job.lake, batch, seen=seen, run_date=job.run_date)


def _finish(job: Ingest, batch: Batch) -> Counts:
    """Take a batch that was planned, under its id; files that are gone or changed since are left out."""
    there: dict[str, Planned] = {}
    for source in job.conf.source:
        try:
            found = _found(job, source, Seen(-1, frozenset(), {}))
        except InputRefused:
            continue
        there |= {file.content_hash: Planned(file, sources.name_of(source)) for file in found}
    kept = tuple(there[one.file.content_hash] for one in batch.files if one.file.content_hash in there)
    gone = tuple(one for one in batch.files if one.file.content_hash not in there)
    published = publish.is_published(job.lake, batch.id)
    if gone:
        log.warning(
            "ingest: %d files of batch %s are gone or changed, first %s",
            len(gone),
            batch.id,
            gone[0].file.path,
        )
        lost = Batch(batch.id, gone)
        if published:  # all files' events came in one commit
            ledger.finish(job.lake, lost, {}, run_date=job.run_date)
        else:
            ledger.forget(job.lake, lost)
    return _take(job, Batch(batch.id, kept), check_limit=not published) if kept else {}


def _take(job: Ingest, batch: Batch, *, before_publishing: Any = None, check_limit: bool = True) -> Counts:
    """Read, check and publish a batch."""
    rows = _parsed(job, batch).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        by_file = rows.groupBy("source_file").agg(
            F.count("*").alias("rows_in"), F.count_if(F.size("reasons") > 0).alias("quarantined")
        )
        counts = {row["source_file"]: row.asDict() for row in by_file.collect()}
        total, bad = (sum(one[kind] for one in counts.values()) for kind in ("rows_in", "quarantined"))
        if check_limit:
            _assert_rows(job, batch, total)
            limit.assert_below(rows, total=total, bad=bad, share=job.conf.quarantine.limit)
        if before_publishing is not None:
            before_publishing()
        dedupe = job.conf.sessions.dedupe
        publish.append_events(job.lake, rows, batch.id, dedupe=dedupe, good=total - bad)
        if bad:
            publish.merge_quarantine(job.lake, rows, batch.id, run_date=job.run_date)
        done = _with_duplicates(counts, publish.events_by_file(job.lake, batch.id))
        ledger.finish(job.lake, batch, done, run_date=job.run_date)
    finally:
        rows.unpersist()
    totals = {kind: sum(one[kind] for one in done.values()) for kind in _KINDS}
    log.info("ingest: batch %s, %d files: %s", batch.id, len(batch.files), totals)
    return totals | {"files_taken": len(batch.files)}


def _with_duplicates(counts: dict[str, Any], events: dict[str, int]) -> dict[str, Counts]:
    """Add events and duplicates to each file's counts: what is neither event nor quarantined was there already."""
    done = {}
    for path, one in counts.items():
        taken = events.get(path, 0)
        duplicates = one["rows_in"] - one["quarantined"] - taken
        done[path] = dict(zip(_KINDS, (one["rows_in"], taken, duplicates, one["quarantined"]), strict=True))
    return done


def _parsed(job: Ingest, batch: Batch) -> DataFrame:
    """Rows of the contract of all files of a batch, with event_id, reasons and source."""
    known = (
        publish.earlier_events(job.lake, batch.id)
        if any(s.format == "sequences" for s in job.conf.source)
        else None
    )
    frames: list[DataFrame] = []
    for place, source in enumerate(job.conf.source):
        name = sources.name_of(source)
        files = [one.file for one in batch.files if one.source == name]
        groups = sources.read(job.lake.spark, source, files, salt=str(place), known=known) if files else []
        frames += [
            contract.apply(rows, source, newest=job.newest).withColumn("source", F.lit(name))
            for rows in groups
        ]
    if not frames:
        raise sources.no_rows([one.file for one in batch.files])
    rows = functools.reduce(DataFrame.unionByName, frames)
    return _within(job, identity.add_event_id(rows, dedupe=job.conf.sessions.dedupe))


def _within(job: Ingest, rows: DataFrame) -> DataFrame:
    time = F.col("event_time")
    if job.time_from is not None:
        rows = rows.where(time.isNull() | (time >= F.lit(job.time_from)))
    if job.time_to is not None:
        rows = rows.where(time.isNull() | (time < F.lit(job.time_to)))
    return rows


def _assert_rows(job: Ingest, batch: Batch, total: int) -> None:
    if total == 0 and not job.is_bounded:
        raise sources.no_rows([one.file for one in batch.files])


@contextmanager
def _clean_loss() -> Iterator[None]:
    """Say so where another run has committed first; what both were writing is written once."""
    try:
        yield
    except OffbeatError:
        raise
    except Exception as error:
        if "Concurrent" in type(error).__name__ or "DELTA_CONCURRENT" in str(error):
            raise OffbeatError(
                "ingest: another ingest is writing to this lake and goes on; run this one again"
            ) from None
        raise


def _add(totals: Counts, counts: Counts) -> None:
    for name, value in counts.items():
        totals[name] += value


def _as_utc(when: dt.date) -> dt.datetime:
    """An instant; a date stands for its end, so that its own events are none of the future."""
    if not isinstance(when, dt.datetime):
        when = dt.datetime.combine(when, dt.time.max)
    return when.astimezone(dt.timezone.utc) if when.tzinfo else when.replace(tzinfo=dt.timezone.utc)


def _utc_or_none(when: dt.date | None) -> dt.datetime | None:
    if when is not None and not isinstance(when, dt.datetime):
        when = dt.datetime.combine(when, dt.time.min)
    return None if when is None else _as_utc(when)
