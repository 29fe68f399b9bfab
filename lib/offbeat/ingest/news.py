"""Which files are new: those whose content was never taken, whatever they are called."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from pyspark.sql import functions as F

from offbeat.config import Columns, Source
from offbeat.errors import InputRefused, UsageError
from offbeat.ingest import sources
from offbeat.ingest.files import NothingThere, SourceFile, add_hashes, query_hash
from offbeat.ingest.formats import sequences
from offbeat.ingest.formats.lines import read_lines
from offbeat.ingest.job import Job
from offbeat.ingest.ledger import Planned, Seen

log = logging.getLogger(__name__)


def find_all(job: Job, seen: Seen) -> list[Planned]:
    """List the files of all sources, with their hashes.

    Raises:
        InputRefused: a source has none; a stream waits for its first one.
        UsageError: two sources have the same path.
    """
    names = [sources.name_of(source) for source in job.conf.source]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"config: two sources have the path {name}; a file is taken once, so leave one of them out"
            )
    found = zip(names, job.conf.source, strict=True)
    return [Planned(file, name) for name, source in found for file in _there(job, source, seen)]


def find_again(job: Job) -> dict[str, Planned]:
    """The files that are there now, by hash; a source that has none has none."""
    there: dict[str, Planned] = {}
    for source in job.conf.source:
        try:
            found = _hashed(job, source, Seen.nothing())
        except InputRefused:
            continue
        for file in found:  # of equal ones the first, as they were taken
            there.setdefault(file.content_hash, Planned(file, sources.name_of(source)))
    return there


def _there(job: Job, source: Source, seen: Seen) -> list[SourceFile]:
    if not job.with_streams:
        return _hashed(job, source, seen)
    try:
        return [] if source.format == "kafka" else _hashed(job, source, seen)
    except NothingThere as error:
        log.debug("ingest: %s", error)
        return []


def _hashed(job: Job, source: Source, seen: Seen) -> list[SourceFile]:
    """Files of a source with their hashes; those that have not changed since they were taken aren't read."""
    files = [replace(file, content_hash=seen.hash_of(file)) for file in sources.find(job.lake.spark, source)]
    read = add_hashes([file for file in files if not file.content_hash])
    return sorted([*(file for file in files if file.content_hash), *read], key=lambda file: file.path)


def choose(job: Job, found: Sequence[Planned], seen: Seen) -> list[Planned]:
    """Pick the files to take: new ones, of equal ones the first; with bounds in time all of them.

    Raises:
        InputRefused: a file has grown whose rows can't be told from those that were taken before.
        UsageError: bounds are given, and known events can't be told from new ones.
    """
    _assert_told_apart(job)
    if job.is_bounded:
        if job.conf.sessions.dedupe == "none":
            raise UsageError(
                "ingest: --from and --to need dedupe: id or exact; with none, known events can't be told from new"
            )
        for one in found:
            _assert_known_by_ids(job, one)
        return _once([_bounded(job, one, seen) for one in found])
    new = _once([one for one in found if one.file.content_hash not in seen.hashes])
    for one in new:
        if one.file.path in seen.paths:
            _assert_may_grow(job, one)
    return new


def _assert_told_apart(job: Job) -> None:
    for source in job.conf.source:
        if job.conf.sessions.dedupe == "none" and source.format in ("delta", "jdbc"):
            raise UsageError(
                f"source {sources.name_of(source)}: a table is read as a whole in every run, which dedupe: none would "
                "take as new each time; use dedupe: id or exact"
            )


def _once(files: Sequence[Planned]) -> list[Planned]:
    firsts: dict[str, Planned] = {}
    for one in files:
        firsts.setdefault(one.file.content_hash, one)
    return list(firsts.values())


def _assert_known_by_ids(job: Job, one: Planned) -> None:
    source = _source_of(job, one)
    if source.format == "sequences" and not _has_ids(job, source, one.file):
        raise UsageError(
            f"source {one.file.path}: --from and --to need ids; its lines have none, so that those that were taken "
            "would come twice; leave --from and --to out, or give lines an id"
        )


def _bounded(job: Job, one: Planned, seen: Seen) -> Planned:
    """The file under a hash of this run, which leaves open whether it was taken as a whole."""
    marked = query_hash(one.file.content_hash, job.time_from, job.time_to, job.run_date, seen.version)
    return replace(one, file=replace(one.file, modified_ms=None, content_hash=marked))


def _assert_may_grow(job: Job, one: Planned) -> None:
    source = _source_of(job, one)
    if job.conf.sessions.dedupe == "none":
        why = "with dedupe: none its old rows would come twice; use dedupe: id"
    elif source.format == "sequences" and not _has_ids(job, source, one.file):
        why = "its lines have no ids, so that its old ones would come twice; give lines an id"
    else:
        return
    raise InputRefused(
        f"source {one.file.path}: was taken before with other content; {why}, or give new rows in a new file"
    )


def _source_of(job: Job, one: Planned) -> Source:
    return next(source for source in job.conf.source if sources.name_of(source) == one.source)


def _has_ids(job: Job, source: Source, file: SourceFile) -> bool:
    if sequences.is_table(source.columns):
        return source.columns.entity != Columns().entity
    return read_lines(job.lake.spark, [file]).where(~F.col("raw").contains(",")).isEmpty()
