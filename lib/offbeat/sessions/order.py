"""Puts a partition's events in order inside Spark's Python workers, in bounded memory.

What fits the budget is sorted at once, by one composed integer; a sort in the JVM costs twice the time. What does not
fit goes to disk in sorted runs, which are merged range by range. Either way no more than about three times the budget
is held, however large a partition, or one entity's part of it, is.
"""

from __future__ import annotations

import os
import tempfile
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Longs = npt.NDArray[np.int64]

BUDGET_BYTES = 128 * 2**20
TIE = "_tie"  # columns that order events of equal time have names that begin so; nulls come first
_SLICE = 65_536  # rows that are handed on at once
_INT64 = 2**63


def in_order(
    batches: Iterator[pa.RecordBatch], *, budget_bytes: int = BUDGET_BYTES
) -> Iterator[pa.RecordBatch]:
    """Order events by entity, role, time (none first), ties and event_id.

    Args:
        batches: events in any order.
        budget_bytes: most that is sorted at once; the rest waits on disk, in the worker's scratch folder.
    """
    scratch = os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0] or None
    with tempfile.TemporaryDirectory(prefix="offbeat-sort-", dir=scratch) as folder:
        files: list[Path] = []
        kept: list[pa.RecordBatch] = []
        size_bytes = 0
        for batch in batches:
            kept.append(batch)
            size_bytes += batch.nbytes
            if size_bytes > budget_bytes:
                files.append(_spill(_sorted(kept), Path(folder, f"{len(files)}.arrow")))
                kept, size_bytes = [], 0
        if files and kept:
            files.append(_spill(_sorted(kept), Path(folder, f"{len(files)}.arrow")))
        if files:
            yield from _merged(files)
        elif kept:
            yield from _sorted(kept).to_batches(max_chunksize=_SLICE)


def _sorted(batches: list[pa.RecordBatch]) -> pa.Table:
    """One table of the batches, in order; empties the list, so that each event is held at most twice."""
    rows = pa.Table.from_batches(batches)
    batches.clear()
    order = pa.array(_order(rows))
    names = rows.column_names
    columns = []
    for name in names:
        columns.append(_whole(rows.column(name)).take(order))
        rows = rows.drop_columns([name])
    return pa.table(columns, names=names)


def _order(rows: pa.Table) -> Longs:
    """Where each place of the order is taken from."""
    entity, role = _ranks(rows.column("entity")), _ranks(rows.column("role"))
    times = rows.column("event_time")
    timed = times.is_valid().to_numpy()
    owner = (entity * (role.max() + 1) + role) * 2 + timed
    at_us = times.cast(pa.int64()).fill_null(0).to_numpy()
    first_us = at_us[timed].min() if timed.any() else 0
    since_us = np.where(timed, at_us - first_us, 0)
    span = int(since_us.max()) + 1
    if (int(owner.max()) + 1) * span < _INT64:
        key = owner * span + since_us
        order = np.argsort(key)
        key = key[order]
        tied = key[1:] == key[:-1]
    else:
        order = np.lexsort((since_us, owner))
        owner, since_us = owner[order], since_us[order]
        tied = (owner[1:] == owner[:-1]) & (since_us[1:] == since_us[:-1])
    if tied.any():
        _untie(rows, order, tied)
    return order


def _untie(rows: pa.Table, order: Longs, tied: npt.NDArray[np.bool_]) -> None:
    """Order, in place, the events that are equal so far; tied: whether each event is so to the one before it."""
    group = np.cumsum(np.concatenate(([True], ~tied)))
    places = np.flatnonzero(np.concatenate((tied, [False])) | np.concatenate(([False], tied)))
    taken = pa.array(order[places])
    columns = {"group": pa.array(group[places])}
    for name in _ties(rows):
        column = rows.column(name).take(taken)
        columns |= {f"{name} is known": column.is_valid(), name: column}  # nulls first, in any pyarrow
    columns["event_id"] = rows.column("event_id").take(taken)
    equal = pa.table(columns)
    untied = pc.sort_indices(equal, sort_keys=[(name, "ascending") for name in columns])
    order[places] = order[places][untied.to_numpy()]


def _ranks(column: pa.ChunkedArray) -> Longs:
    """Place of each text among the column's distinct ones."""
    coded = _whole(column).dictionary_encode()
    ranks = pc.rank(coded.dictionary, "ascending").to_numpy().astype(np.int64) - 1
    found: Longs = ranks[coded.indices.to_numpy()]
    return found


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _ties(rows: pa.Table) -> list[str]:
    return [name for name in rows.column_names if name.startswith(TIE)]


def _spill(rows: pa.Table, path: Path) -> Path:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows, max_chunksize=_SLICE)
    return path


def _merged(files: list[Path]) -> Iterator[pa.RecordBatch]:
    """Merge sorted runs: cut all of them at the same places, and sort what lies between two cuts."""
    runs = [_Run(path) for path in files]
    cuts = _cuts(runs)
    edges = [[0, *(bisect_left(run, cut) for cut in cuts), len(run)] for run in runs]
    for i in range(len(cuts) + 1):
        parts = [
            run.rows.slice(edge[i], edge[i + 1] - edge[i]) for run, edge in zip(runs, edges, strict=True)
        ]
        batches = [batch for part in parts for batch in part.to_batches() if batch.num_rows]
        if batches:
            yield from _sorted(batches).to_batches(max_chunksize=_SLICE)


def _cuts(runs: list[_Run]) -> list[tuple[Any, ...]]:
    """Keys between which lie about as many events as a run has, or fewer."""
    places = 2 * len(runs)
    samples = sorted(run[len(run) * i // places] for run in runs for i in range(places))
    return samples[places::places]


class _Run:
    """A sorted run on disk, as a sequence of its keys."""

    def __init__(self, path: Path) -> None:
        self.rows = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        self._ties = _ties(self.rows)

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    def __getitem__(self, place: int) -> tuple[Any, ...]:
        def value(name: str) -> Any:
            return self.rows.column(name)[place]

        at = value("event_time").value
        ties = [value(name).as_py() for name in self._ties]
        nulls_first = [(tie is not None, tie) for tie in ties]
        owner = (value("entity").as_py(), value("role").as_py(), at is not None)
        return (*owner, at or 0, *nulls_first, value("event_id").as_py())
