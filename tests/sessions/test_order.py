"""The order in the workers: the same whether a partition fits the budget or goes over the disk in many runs."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offbeat.sessions.order import in_order

YEAR_1_US, YEAR_9999_US = -62_135_596_800_000_000, 253_402_300_799_999_999
SCHEMA = pa.schema(
    {
        "entity": pa.string(),
        "role": pa.string(),
        "event_time": pa.timestamp("us", "UTC"),
        "event_id": pa.string(),
        "_tie0": pa.int64(),
        "_tie1": pa.string(),
        "covariates": pa.map_(pa.string(), pa.string()),
    }
)
ROWS = st.tuples(
    st.sampled_from(["a", "b", "é", "\U0001f600", "", "z"]),
    st.sampled_from(["both", "score"]),
    st.none() | st.integers(-3, 3) | st.sampled_from([YEAR_1_US, YEAR_9999_US]),
    st.none() | st.integers(-1, 1),
    st.none() | st.sampled_from(["x", "Y", ""]),
)


def to_batches(rows: list[tuple], size: int) -> list[pa.RecordBatch]:
    table = pa.Table.from_arrays(
        [
            pa.array([value for *_, value in column], type_)
            for column, type_ in zip(_columns(rows), SCHEMA.types, strict=True)
        ],
        schema=SCHEMA,
    )
    return table.to_batches(max_chunksize=size)


def _columns(rows):
    full = [(e, r, t, f"{i:03}", n, x, [("k", str(i))]) for i, (e, r, t, n, x) in enumerate(rows)]
    return [[(value,) for value in column] for column in zip(*full, strict=True)] if full else [[]] * 7


def key(numbered: tuple[int, tuple]) -> tuple:
    i, (entity, role, at, *ties) = numbered
    return (entity, role, at is not None, at or 0, *((tie is not None, tie) for tie in ties), f"{i:03}")


@settings(max_examples=300, deadline=None)
@given(st.lists(ROWS, max_size=60), st.integers(1, 20), st.sampled_from([0, 500, 2000, 10**9]))
def test_any_rows_in_any_batches_within_any_budget(rows, size, budget_bytes):
    found = list(in_order(iter(to_batches(rows, size)), budget_bytes=budget_bytes))
    wanted = [i for i, _ in sorted(enumerate(rows), key=key)]
    assert [int(event_id) for batch in found for event_id in batch.column("event_id").to_pylist()] == wanted
    assert [covariates[0][1] for batch in found for covariates in batch.column("covariates").to_pylist()] == [
        str(i) for i in wanted
    ]


@pytest.mark.parametrize("budget_bytes", [2**20, 2**40])
def test_memory_is_bounded_by_the_budget(budget_bytes):
    """A partition of 40 MB, half of it one entity's, is held whole only where the budget allows it."""

    def batches():
        for i in range(200):
            n = 2000
            ids = pa.array([f"{(i * n + j) * 7919 % 400_000:020}" for j in range(n)])
            entity = pa.array(["heavy" if j % 2 else str(j) for j in range(n)])
            at = pa.array([(i * n + j) * 7919 % 400_000 for j in range(n)], pa.timestamp("us", "UTC"))
            nulls = [pa.nulls(n, SCHEMA.field(name).type) for name in ("_tie0", "_tie1", "covariates")]
            yield pa.RecordBatch.from_arrays([entity, pa.array(["both"] * n), at, ids, *nulls], schema=SCHEMA)

    most, rows, last = 0, 0, ("", -1)
    for batch in in_order(batches(), budget_bytes=budget_bytes):
        rows += batch.num_rows
        first = (batch.column("entity")[0].as_py(), batch.column("event_time")[0].value)
        assert last < first
        last = (batch.column("entity")[-1].as_py(), batch.column("event_time")[-1].value)
        most = max(most, pa.total_allocated_bytes())
    assert rows == 400_000
    assert (most < 16 * 2**20) == (budget_bytes == 2**20)
