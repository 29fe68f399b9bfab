"""Series in Arrow lists give the same scores as one by one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from offbeat.packs.curriculum.questions.bands import score_series
from offbeat.packs.curriculum.questions.blocks import blocks_of, scored_block

KNOBS = {"span": 7, "k": 3.0, "season": 7}
TYPE = pa.list_(pa.struct([("number", pa.int32()), ("n", pa.int64()), ("usual", pa.float64())]))


def batch_of(series):
    rows = [
        [{"number": first + at, "n": n, "usual": 1.0} for at, n in enumerate(values) if n]
        for _, _, first, values in series
    ]
    columns = [[one[0] for one in series], [one[1] for one in series]]
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[0]), pa.array(columns[1]), pa.array(rows, TYPE)],
        names=["entity_kind", "entity", "counts"],
    )


def test_many_series_are_scored_as_one_by_one():
    rng = np.random.default_rng(0)
    series = [
        (
            "user" if n % 3 else "cohort",
            f"e{n}",
            int(rng.integers(0, 50)),
            [1, *rng.poisson(3, rng.integers(5, 40)), 30],
        )
        for n in range(25)
    ]
    batch = batch_of([("user", "cut off", 0, [1]), *series]).slice(1)
    rows = [
        row
        for block in blocks_of(batch)
        for part in scored_block(block, KNOBS, ("cohort",))
        for row in part.to_pylist()
    ]
    assert {row["method"] for row in rows if row["entity_kind"] == "user"} == {"bollinger", "ewma"}
    assert {row["method"] for row in rows if row["entity_kind"] == "cohort"} == {"bollinger", "ewma", "stl"}
    for kind, entity, first, values in series:
        for method in ("bollinger", "ewma"):
            found = score_series(np.array(values, float), method, **KNOBS)
            expected = {
                first + at: p
                for at, p in zip(found["at"].tolist(), found["p_value"], strict=True)
                if p <= 0.2
            }
            mine = [r for r in rows if r["entity"] == entity and r["method"] == method]
            assert {r["number"] for r in mine} == set(expected), (kind, entity, method)
            for row in mine:
                np.testing.assert_allclose(row["p_value"], expected[row["number"]])
    tests = sum(row["tests"] for row in rows if row["method"] == "ewma")
    judged = sum(len(score_series(np.array(v, float), "ewma", **KNOBS)["at"]) for *_, v in series)
    assert tests == judged
