"""What was taken, and what is being taken: the table `ingested`.

A batch is written here as planned before anything of it is published, and as done afterwards. There is one planned
batch at a time: a run that finds one that another run left finishes it first, under the same id.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import functions as F

from offbeat.errors import OffbeatError
from offbeat.ingest.files import SourceFile
from offbeat.tables.contract import INGESTED
from offbeat.tables.lake import Lake
from offbeat.tables.table import literal

_PLANNED, _DONE = "planned", "done"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


@dataclass(frozen=True)
class Planned:
    """A file of a batch.

    Attributes:
        file: the file, with its hash.
        source: what its source is called.
        columns: kind of values of the columns that are taken, where the format has types.
    """

    file: SourceFile
    source: str
    columns: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Batch:
    """Files that are taken together.

    Attributes:
        id: names the batch in every row that it writes.
        files: what it takes.
        taken_at: run date of the run that began it; its times are judged against that one, whoever finishes it.
    """

    id: str
    files: tuple[Planned, ...]
    taken_at: dt.datetime


@dataclass(frozen=True)
class Seen:
    """What the ledger knew at a version of it.

    Attributes:
        version: -1 where there is no ledger yet.
        hashes: contents that were taken, or are being taken.
        places: hash by path, size and time of change, so that a file that has not changed isn't read again.
        columns: by source, the kinds of values that its columns had last.
    """

    version: int
    hashes: frozenset[str]
    places: Mapping[tuple[str, int | None, int | None], str]
    columns: Mapping[str, Mapping[str, str]]

    @classmethod
    def nothing(cls) -> Seen:
        """Knowledge of a ledger that is not there yet."""
        return cls(-1, frozenset(), {}, {})

    @property
    def paths(self) -> frozenset[str]:
        """Paths of files that were taken."""
        return frozenset(path for path, _, _ in self.places)

    def hash_of(self, file: SourceFile) -> str:
        """The hash of a file where it is known; else an empty text."""
        return file.content_hash or self.places.get((file.path, file.size_bytes, file.modified_ms), "")


def look(lake: Lake) -> Seen:
    """What was taken so far: a short row per file, as many as the listing of the sources has."""
    if not lake.exists(INGESTED):
        return Seen.nothing()
    version = lake.version(INGESTED)
    names = ("content_hash", "source_file", "source", "size_bytes", "modified_ms", "columns", "taken_at")
    rows = sorted(lake.read(INGESTED).select(*names).collect(), key=lambda row: row["taken_at"])
    places = {
        (r["source_file"], r["size_bytes"], r["modified_ms"]): r["content_hash"]
        for r in rows
        if r["modified_ms"]
    }
    columns = {row["source"]: row["columns"] for row in rows if row["columns"]}
    return Seen(version, frozenset(row["content_hash"] for row in rows), places, columns)


def open_batch(lake: Lake) -> Batch | None:
    """The batch that was planned and is not done."""
    if not lake.exists(INGESTED):
        return None
    planned = lake.read(INGESTED).where(F.col("state") == _PLANNED)
    rows = planned.withColumn("taken_us", F.unix_micros("taken_at")).collect()
    files = tuple(
        Planned(
            SourceFile(r["source_file"], r["size_bytes"], r["modified_ms"], r["content_hash"]), r["source"]
        )
        for r in rows
    )
    if not rows:
        return None
    return Batch(rows[0]["ingest_batch"], files, _EPOCH + dt.timedelta(microseconds=rows[0]["taken_us"]))


def new_batch(files: Sequence[Planned], *, seen: Seen, run_date: dt.datetime) -> Batch:
    """A batch whose id follows from its files and the state of the ledger: two runs at once get the same."""
    told = "\n".join([str(seen.version), *sorted(one.file.content_hash for one in files)])
    digest = hashlib.sha256(told.encode()).hexdigest()[:12]
    return Batch(f"{run_date:%Y%m%dT%H%M%SZ}-{digest}", tuple(files), run_date)


def plan(lake: Lake, batch: Batch, *, seen: Seen) -> None:
    """Write that the batch is being taken.

    Raises:
        OffbeatError: another run has planned or taken something since this one looked.
    """
    lake.ensure(INGESTED)
    if seen.version >= 0 and lake.version(INGESTED) != seen.version:
        raise _overtaken()
    rows = [_row(batch, one, _PLANNED) for one in batch.files]
    frame = lake.spark.createDataFrame(rows, INGESTED.schema)
    try:  # of two runs that planned after the same version, Delta lets one write this transaction
        lake.append(INGESTED, frame, txn=("ingest:plan", seen.version + 1))
    except Exception as error:
        if "Concurrent" in f"{type(error).__name__} {error}":
            raise _overtaken() from None
        raise
    now = open_batch(lake)
    if now is None or now.id != batch.id:
        raise _overtaken()


def finish(lake: Lake, batch: Batch, counts: Mapping[str, Mapping[str, int]]) -> None:
    """Write that the batch is done.

    Args:
        counts: rows_in, events, duplicates and quarantined, by path.
    """
    rows = [{**_row(batch, one, _DONE), **counts.get(one.file.path, {})} for one in batch.files]
    # Named by the files too: those that are gone are done in a commit of their own.
    digest = hashlib.sha256(
        "".join(sorted(one.file.content_hash for one in batch.files)).encode()
    ).hexdigest()
    txn = (f"ingest:done:{batch.id}:{digest[:12]}", 1)
    lake.merge(INGESTED, lake.spark.createDataFrame(rows, INGESTED.schema), txn=txn)


def forget(lake: Lake, batch: Batch) -> None:
    """Take planned files out of the ledger, as if they had never been seen."""
    hashes = ", ".join(literal(one.file.content_hash) for one in batch.files)
    lake.delete(INGESTED, f"state = '{_PLANNED}' AND content_hash IN ({hashes})")


def _row(batch: Batch, one: Planned, state: str) -> dict[str, Any]:
    return dict.fromkeys(INGESTED.column_names) | {
        "content_hash": one.file.content_hash,
        "source_file": one.file.path,
        "source": one.source,
        "size_bytes": one.file.size_bytes,
        "modified_ms": one.file.modified_ms,
        "columns": dict(one.columns) if one.columns else None,
        "ingest_batch": batch.id,
        "state": state,
        "taken_at": batch.taken_at,
    }


def _overtaken() -> OffbeatError:
    return OffbeatError(
        "ingest: another ingest is writing to this lake; nothing was written by this one, run it again"
    )
