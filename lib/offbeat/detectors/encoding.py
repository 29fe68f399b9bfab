"""Sessions as Arrow rows to arrays of vocabulary ids: one function for training and for scoring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import Vocabulary


def encode_sessions(
    rows: pa.Table | pa.RecordBatch, vocabulary: Vocabulary, covariates: Sequence[str] = ()
) -> Sequences:
    """Arrays for a detector.

    Args:
        rows: columns `events` (list of string), `times` (list of timestamp), `state`, `continues` of table sessions.
        vocabulary: frozen with the model; an event that it lacks becomes `<unknown>`.
        covariates: names of those wanted; they are read from the column `covariates`, where the rows have it.

    Returns:
        The sequences in the rows' order; gaps are NaN where the log has no times.
    """
    events = _combined(rows.column("events"))
    offsets = _offsets(events)
    return Sequences(
        ids=vocabulary.encode(events.flatten()),
        offsets=offsets,
        starts=~np.asarray(_combined(rows.column("continues")).to_numpy(zero_copy_only=False), dtype=bool),
        ends=pc.equal(_combined(rows.column("state")), "closed").to_numpy(zero_copy_only=False).astype(bool),
        gaps=_gaps(_combined(rows.column("times")), offsets),
        covariates=read_covariates(rows, covariates),
    )


def read_covariates(rows: pa.Table | pa.RecordBatch, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Values by name: str or None, [n]; nothing where the rows have no column `covariates`."""
    if not names or "covariates" not in rows.schema.names:
        return {}
    maps = _combined(rows.column("covariates"))
    found = (pc.map_lookup(maps, pa.scalar(name), "first") for name in names)
    return {
        name: value.to_numpy(zero_copy_only=False).astype(object)
        for name, value in zip(names, found, strict=True)
    }


def _combined(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _offsets(lists: pa.Array) -> np.ndarray:
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _gaps(times: pa.Array, offsets: np.ndarray) -> np.ndarray:
    """Seconds since the previous event of the session, float32; NaN at its first event and where there is no time."""
    flat = times.flatten()
    micros = (
        flat.cast(pa.timestamp("us"))
        if not pa.types.is_null(flat.type)
        else pa.nulls(len(flat), pa.timestamp("us"))
    )
    values = micros.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    missing = flat.is_null().to_numpy(zero_copy_only=False)
    gaps = np.full(len(values), np.nan, dtype=np.float32)
    if len(values) > 1:
        gaps[1:] = np.diff(values) / 1e6
        gaps[1:][missing[1:] | missing[:-1]] = np.nan
    firsts = offsets[:-1]
    gaps[firsts[firsts < len(gaps)]] = np.nan
    return gaps
