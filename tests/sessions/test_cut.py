"""The cut itself, without Spark: an ordered log, in batches of any size, gives what the oracle says."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offbeat.sessions import pieces
from offbeat.sessions.cut import Cutter
from offbeat.sessions.rules import Rules
from tests.sessions.logs import clock_of, event, oracle_rules
from tests.sessions.oracle import sessions_of

TYPES = {
    "entity": pa.string(),
    "role": pa.string(),
    "event_time": pa.timestamp("us", "UTC"),
    "event": pa.string(),
    "event_id": pa.string(),
    "label": pa.int32(),
    "covariates": pa.map_(pa.string(), pa.string()),
}
YEAR_1_US, YEAR_9999_US = -62_135_596_800_000_000, 253_402_300_799_999_999
EXTREMES = st.sampled_from([YEAR_1_US, YEAR_1_US + 9, YEAR_9999_US])
TIMES = st.integers(0, 60) | st.integers(-20, 20) | st.integers(0, 9)
VALUES = st.fixed_dictionaries(
    {
        "entity": st.sampled_from("aaab"),
        "at_us": st.one_of(TIMES, TIMES, TIMES, TIMES, st.none(), EXTREMES),
        "name": st.sampled_from(["play", "stop", "beat"]),
        "role": st.sampled_from(["both"] * 9 + ["train"]),
        "label": st.sampled_from([None, None, 0, 1]),
        "covariates": st.none() | st.dictionaries(st.sampled_from("qrp"), st.none() | st.sampled_from("xyz")),
    }
)
RULES = st.builds(
    Rules,
    gap_us=st.sampled_from([None, 0, 1, 10, 10]),
    ignore=st.sampled_from([(), (), ("beat",), ("beat", "stop")]),
    max_events=st.sampled_from([None, None, 1, 2, 3, 7]),
    max_duration_us=st.sampled_from([None, None, 0, 5, 25]),
)


def to_batch(rows: list[dict]) -> pa.RecordBatch:
    columns = [pa.array([_value(row[name]) for row in rows], type_) for name, type_ in TYPES.items()]
    return pa.RecordBatch.from_arrays(columns, names=list(TYPES))


def _value(value):
    return list(value.items()) if isinstance(value, dict) else value


def cut(rows: list[dict], bounds: list[int], rules: Rules) -> dict[str, dict]:
    """Sessions, by first event, of ordered rows that come in batches which end at the bounds."""
    cutter = Cutter(rules, clock_of(rows))
    edges = [0, *sorted(bound for bound in bounds if bound < len(rows)), len(rows)]
    done = [cutter.push(to_batch(rows[first:last])) for first, last in pairwise(edges)]
    found = [row for batch in [*done, cutter.finish()] if batch is not None for row in to_rows(batch)]
    by_first = {row["event_ids"][0]: row for row in found}
    assert len(by_first) == len(found)
    return by_first


def wanted(rows: list[dict], rules: Rules) -> dict[str, dict]:
    """What the oracle says; the cut alone makes no session_id."""
    found = sessions_of(rows, clock_of(rows), **oracle_rules(rules)).values()
    return {row["event_ids"][0]: {k: v for k, v in row.items() if k != "session_id"} for row in found}


def to_rows(batch: pa.RecordBatch) -> list[dict]:
    """Rows of a batch, times in microseconds (Python's own dates end where the extremes lie)."""
    plain = {name: batch.column(name) for name in batch.schema.names}
    for name in ("start", "end"):
        plain[name] = plain[name].cast(pa.int64())
    plain["times"] = plain["times"].cast(pa.list_(pa.int64()))
    rows = pa.RecordBatch.from_pydict(plain).to_pylist()
    return [row | {"covariates": dict(row["covariates"]) if row["covariates"] else None} for row in rows]


def in_order(row: dict) -> tuple:
    timed = row["event_time"] is not None
    return row["entity"], row["role"], timed, row["event_time"] if timed else 0, row["event_id"]


@settings(max_examples=300, deadline=None)
@given(st.lists(VALUES, max_size=40), st.lists(st.integers(1, 20), max_size=6), RULES)
def test_any_log_in_any_batches_equals_the_oracle(values, bounds, rules):
    rows = [
        event(f"{i:02}", value.pop("entity"), value.pop("at_us"), **value)
        for i, value in enumerate(map(dict, values))
    ]
    assert cut(sorted(rows, key=in_order), bounds, rules) == wanted(rows, rules)


TRICKY = [
    event("0", "a", 0, "beat"), event("1", "a", 1), event("2", "a", 6, "beat"), event("3", "a", 11),
    event("4", "a", 16), event("5", "a", 26, "beat"), event("6", "a", 27), event("7", "b", 20, "beat"),
    event("8", "b", 21), event("9", "b", 22),
]  # fmt: skip


@pytest.mark.parametrize("max_events, max_duration_us", [(None, None), (2, None), (3, 10), (None, 5)])
@pytest.mark.parametrize("gap_us", [10, None])
def test_every_way_to_part_a_log_into_batches(gap_us, max_events, max_duration_us):
    rules = Rules(gap_us, ignore=("beat",), max_events=max_events, max_duration_us=max_duration_us)
    want, places = wanted(TRICKY, rules), range(1, len(TRICKY))
    for chosen in range(2 ** len(places)):
        assert cut(TRICKY, [place for i, place in enumerate(places) if chosen >> i & 1], rules) == want


def test_covariates_come_by_name():
    rows = [
        event("1", "a", 1, covariates={"z": "1", "b": None}),
        event("2", "a", 2, covariates={"b": "2", "a": "3"}),
    ]
    assert list(cut(rows, [], Rules(gap_us=10))["1"]["covariates"].items()) == [
        ("a", "3"),
        ("b", "2"),
        ("z", "1"),
    ]


def test_more_than_one_array_holds_is_refused_and_not_cut_off(monkeypatch):
    class Chunks(list):  # more than 2 GiB of text stay in several
        combine_chunks = to_batches = lambda self: self

    batch = to_batch([event("1", "a", 0)])
    monkeypatch.setattr(pieces, "pa", SimpleNamespace(Table=SimpleNamespace(from_batches=Chunks)))
    with pytest.raises(OverflowError, match=r"more than 2 GiB .* sessions\.max_events"):
        pieces.joined([batch, batch])


def test_a_long_session_is_put_together_once():
    """A session over many batches takes time in proportion to its length."""
    batch = to_batch([event(f"{i:04}", "a", 0) for i in range(1000)])
    cutter = Cutter(Rules(gap_us=1), 0)
    assert all(cutter.push(batch) is None for _ in range(1000))
    done = cutter.finish()
    assert done.num_rows == 1
    assert done.column("n_events")[0].as_py() == 1_000_000
