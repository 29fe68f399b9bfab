"""Following a table's changes where Spark can't run a stream of ours: over Spark Connect.

There a stream's batches are given to a copy of the function on the server, which knows neither the lake nor the counts
of this process. So what a stream keeps in its checkpoint stands in the table `followed`, and batches are ranges of the
table's versions, read from its change feed: planned, written, done – in this order. A batch that was killed on the way
is tried again under its number, with the same versions, so that a transaction named after it writes once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.tables.table import Col, Table

if TYPE_CHECKING:
    from offbeat.tables.lake import Lake

_PLANNED, _DONE = "planned", "done"
CHANGE_FEED = "delta.enableChangeDataFeed"

FOLLOWED = Table(
    name="followed",
    doc="How far a step has followed a table over Spark Connect, as a checkpoint says of a stream. Key: follower.",
    columns=(
        Col(
            "follower",
            "string",
            "what follows: the name of the checkpoint that a stream would have",
            null=False,
        ),
        Col("query_id", "string", "names its transactions", null=False),
        Col("batch", "bigint", "number of its last batch, from 0", null=False),
        Col("first_version", "bigint", "first version of the batch; null: the whole table as of the last"),
        Col("last_version", "bigint", "last version of the batch", null=False),
        Col("state", "string", "planned or done", null=False),
    ),
    key=("follower",),
    checks={"state_is_known": "state IN ('planned', 'done')"},
)


@dataclass(frozen=True)
class Following:
    """A table to follow, with the options that a stream of it would have.

    Attributes:
        options: `startingVersion` (else all rows come first), `readChangeFeed` (else only rows that were added).
    """

    table: Table
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Batch:
    query_id: str
    number: int
    first: int | None
    last: int
    state: str = _PLANNED


def catch_up(
    lake: Lake, following: Following, write: Callable[[DataFrame, int, str], None], *, follower: str
) -> None:
    """Give all changes that a follower has not seen to `write(rows, batch_id, query_id)`."""
    lake.ensure(FOLLOWED)
    while True:
        batch = _next(_last(lake, follower), following, lake.version(following.table))
        if batch is None:
            return
        _note(lake, follower, batch)
        write(_rows(lake, following, batch), batch.number, batch.query_id)
        _note(lake, follower, replace(batch, state=_DONE))


def _next(last: _Batch | None, following: Following, newest: int) -> _Batch | None:
    """The batch to take now: one that was left, or all that is new; None where nothing is."""
    if last is not None and last.state == _PLANNED:
        return last
    if last is None:
        start = following.options.get("startingVersion")
        batch = _Batch(uuid4().hex, 0, None if start is None else int(start), newest)
    else:
        batch = _Batch(last.query_id, last.number + 1, last.last + 1, newest)
    return None if batch.first is not None and batch.first > newest else batch


def _last(lake: Lake, follower: str) -> _Batch | None:
    found = lake.read(FOLLOWED).where(F.col("follower") == follower).collect()
    if not found:
        return None
    row = found[0]
    return _Batch(row["query_id"], row["batch"], row["first_version"], row["last_version"], row["state"])


def _note(lake: Lake, follower: str, batch: _Batch) -> None:
    row = (follower, batch.query_id, batch.number, batch.first, batch.last, batch.state)
    lake.merge(FOLLOWED, lake.spark.createDataFrame([row], FOLLOWED.schema))


def _rows(lake: Lake, following: Following, batch: _Batch) -> DataFrame:
    feed = following.options.get("readChangeFeed") == "true"
    if batch.first is None:
        rows = _read(lake, following.table, {"versionAsOf": batch.last})
        marks = {"_change_type": F.lit("insert"), "_commit_version": F.lit(batch.last).cast("bigint")}
        return rows.withColumns(marks) if feed else rows
    bounds = {"readChangeFeed": "true", "startingVersion": batch.first, "endingVersion": batch.last}
    rows = _read(lake, following.table, bounds)
    if feed:
        return rows
    return rows.where("_change_type = 'insert'").select(*following.table.column_names)


def _read(lake: Lake, table: Table, options: Mapping[str, Any]) -> DataFrame:
    reader = lake.spark.read.format("delta").options(**{name: str(value) for name, value in options.items()})
    return reader.load(lake.path(table.name)) if lake.is_folder else reader.table(lake.reference(table))
