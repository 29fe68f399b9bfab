"""Many short series at once: from lists in Arrow to dense blocks, and their scores back; no Spark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from offbeat.packs.curriculum.questions.bands import METHODS, score_block

SCORED = (
    "entity_kind string, entity string, number int, method string, accesses double, expected double, upper double, "
    "lower double, pct_b double, p_value double, tests bigint"
)
"""Rows of `scored_block`, as a Spark schema."""

_CELLS = 1_000_000  # of a dense block
_KEPT = 0.2  # p values above are counted as tests and not kept
_FIGURES = ("accesses", "expected", "upper", "lower", "pct_b", "p_value")
_SCHEMA = pa.schema(
    [("entity_kind", pa.string()), ("entity", pa.string()), ("number", pa.int32()), ("method", pa.string()),
     *((name, pa.float64()) for name in _FIGURES), ("tests", pa.int64())]
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """Series of one kind of entity, of about the same length.

    Attributes:
        values: a series in each row, zeros behind its end.
        usual: the size of its kind's periods before each one that has accesses, ones elsewhere.
        lengths: periods of each. first: number of the first period of each.
    """

    kind: str
    entities: pa.Array
    values: np.ndarray
    usual: np.ndarray
    lengths: np.ndarray
    first: np.ndarray


def blocks_of(batch: pa.RecordBatch) -> Iterator[Block]:
    """Dense blocks of the series in a batch: entity_kind, entity, counts (list of number, n and usual, in order)."""
    lists = batch.column("counts")
    offsets = lists.offsets.to_numpy() - lists.offsets[0].as_py()
    flat = lists.flatten()
    number, n, size = (flat.field(name).to_numpy() for name in ("number", "n", "usual"))
    first, last = number[offsets[:-1]], number[offsets[1:] - 1]
    lengths = last - first + 1
    kinds = np.array(batch.column("entity_kind").to_pylist(), dtype=object)
    for kind in dict.fromkeys(kinds.tolist()):
        mine = np.flatnonzero(kinds == kind)
        mine = mine[np.argsort(lengths[mine], kind="stable")]
        for part in _parts(mine, lengths):
            values = np.zeros((len(part), int(lengths[part[-1]])))
            usual = np.ones_like(values)
            for row, place in enumerate(part):
                cells = slice(offsets[place], offsets[place + 1])
                at = number[cells] - first[place]
                values[row, at], usual[row, at] = n[cells], size[cells]
            entities = batch.column("entity").take(pa.array(part))
            yield Block(kind, entities, values, usual, lengths[part], first[part])


def _parts(mine: np.ndarray, lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Places in parts that make dense blocks of bounded size; lengths rise."""
    begin = 0
    while begin < len(mine):
        end = begin + 1
        while end < len(mine) and (end + 1 - begin) * lengths[mine[end]] <= _CELLS:
            end += 1
        yield mine[begin:end]
        begin = end


def scored_block(
    block: Block, knobs: dict[str, float | int], seasonal: tuple[str, ...]
) -> Iterator[pa.RecordBatch]:
    """What is odd in a block, by method, and besides how many periods were judged (rows without an entity).

    Args:
        knobs: span, k and season; see Rules.
        seasonal: kinds of entities that STL watches too.
    """
    for method in METHODS if block.kind in seasonal else METHODS[:2]:
        found = score_block(block.values, block.lengths, method, usual=block.usual, **knobs)  # type: ignore[arg-type]
        period = block.first[found["row"]] + found["at"]
        odd = found["p_value"] <= _KEPT
        entities = block.entities.take(pa.array(found["row"][odd]))
        figures = {name: found[name][odd] for name in _FIGURES}
        yield _rows(block.kind, method, entities, period[odd], figures, np.zeros(int(odd.sum()), np.int64))
        numbers, tests = np.unique(period, return_counts=True)
        nobody = pa.nulls(len(numbers), pa.string())
        nothing = {name: np.full(len(numbers), np.nan) for name in _FIGURES}
        yield _rows(block.kind, method, nobody, numbers, nothing, tests)


def _rows(
    kind: str,
    method: str,
    entities: pa.Array,
    period: np.ndarray,
    figures: dict[str, np.ndarray],
    tests: np.ndarray,
) -> pa.RecordBatch:
    columns = [
        pa.array([kind] * len(period), pa.string()),
        entities,
        pa.array(period.astype(np.int32)),
        pa.array([method] * len(period), pa.string()),
        *(pa.array(figures[name], from_pandas=True) for name in _FIGURES),
        pa.array(tests, pa.int64()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)
