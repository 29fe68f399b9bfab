"""Rows of the table sessions from flat events and the places where pieces begin, without a loop over events."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bools = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]

CLOSED, OPEN, CUT = 0, 1, 2
_STATES = pa.array(["closed", "open", "cut"])
_NO_LABEL = np.iinfo(np.int32).min


def joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """One batch of several.

    Raises:
        OverflowError: a column has more than one array holds.
    """
    if len(batches) == 1:
        return batches[0]
    found = pa.Table.from_batches(batches).combine_chunks().to_batches()
    if len(found) != 1:
        raise OverflowError(
            "more than 2 GiB of text in sessions that are worked on together; shorten events and covariates, or set "
            "sessions.max_events"
        )
    return found[0]


def build_pieces(rows: pa.RecordBatch, bounds: Longs, *, continues: Bools, states: Longs) -> pa.RecordBatch:
    """Put pieces of ordered events together.

    Args:
        rows: events in order; those before the first and from the last bound on are in no piece. They may lack
            the column covariates.
        bounds: [n + 1], rising; piece i has the events from bounds[i] up to bounds[i + 1].
        continues: [n], whether a piece continues one that was cut.
        states: [n], CLOSED, OPEN or CUT.

    Returns:
        One row per piece: all columns of sessions but session_id.
    """
    rows = rows.slice(int(bounds[0]), int(bounds[-1] - bounds[0]))
    bounds = bounds - bounds[0]
    first, last = pa.array(bounds[:-1]), pa.array(bounds[1:] - 1)
    offsets = pa.array(bounds.astype(np.int32))
    times = rows.column("event_time")

    def listed(name: str) -> pa.ListArray:
        return pa.ListArray.from_arrays(offsets, rows.column(name))

    columns = {
        "entity": rows.column("entity").take(first),
        "start": times.take(first),
        "end": times.take(last),
        "n_events": pa.array(np.diff(bounds).astype(np.int32)),
        "events": listed("event"),
        "times": listed("event_time"),
        "event_ids": listed("event_id"),
        "covariates": _covariates(rows, bounds),
        "label": _largest_labels(rows.column("label"), bounds),
        "role": rows.column("role").take(first),
        "continues": pa.array(continues),
        "state": _STATES.take(pa.array(states)),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _largest_labels(labels: pa.Int32Array, bounds: Longs) -> pa.Int32Array:
    if labels.null_count == len(labels):
        return pa.nulls(len(bounds) - 1, pa.int32())
    filled = pc.fill_null(labels, int(_NO_LABEL)).to_numpy(zero_copy_only=False)
    largest = np.maximum.reduceat(filled, bounds[:-1])
    return pa.array(largest, mask=largest == _NO_LABEL)


def _covariates(rows: pa.RecordBatch, bounds: Longs) -> pa.MapArray:
    if "covariates" not in rows.schema.names:
        return pa.nulls(len(bounds) - 1, pa.map_(pa.string(), pa.string()))
    return _first_covariates(rows.column("covariates"), bounds)


def _first_covariates(covariates: pa.MapArray, bounds: Longs) -> pa.MapArray:
    """Per piece the first value of each covariate that is not null, by name; null where there is none."""
    n = len(bounds) - 1
    offsets = covariates.offsets.to_numpy()
    entries = slice(int(offsets[0]), int(offsets[-1]))
    names, values = covariates.keys[entries].dictionary_encode(), covariates.items[entries]
    row = np.repeat(np.arange(len(covariates)), np.diff(offsets))
    there = values.is_valid().to_numpy(zero_copy_only=False)
    there &= covariates.is_valid().to_numpy(zero_copy_only=False)[row]
    piece = np.repeat(np.arange(n), np.diff(bounds))[row]
    rank = pc.rank(names.dictionary, "ascending").to_numpy().astype(np.int64) - 1
    place = piece * len(rank) + rank[names.indices.to_numpy()]  # by piece, then by name
    entry = np.flatnonzero(there)[np.unique(place[there], return_index=True)[1]]
    counts = np.bincount(piece[entry], minlength=n)
    ends = pa.array(np.concatenate(([0], np.cumsum(counts))).astype(np.int32))
    chosen = pa.array(entry)
    found = pa.MapArray.from_arrays(ends, names.take(chosen).dictionary_decode(), values.take(chosen))
    return found if counts.all() else pc.if_else(pa.array(counts > 0), found, pa.nulls(n, found.type))
