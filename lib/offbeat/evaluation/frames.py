"""The guards and hashes of evaluation on DataFrames: counts come back to the driver, never the ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.evaluation.leakage import (
    MISSINGNESS_LIMIT,
    Missing,
    assert_missing_silent,
    overlap_found,
)


def sequence_hash(events: str = "events") -> Column:
    """A hash of a session's events in order, by their names; bigint, the same on every partition and run."""
    return F.xxhash64(F.size(events), F.col(events))


@dataclass(frozen=True)
class Shared:
    """Ids that several parts share.

    Attributes:
        parts: names of the parts, in order.
        count: ids that are in just these parts.
        examples: the first and the last of them.
    """

    parts: tuple[str, ...]
    count: int
    examples: tuple[str, ...]


def find_shared(rows: DataFrame, key: str | Column, *, part: str = "part") -> list[Shared]:
    """Ids that are in more than one part, counted; one row per combination of parts comes to the driver.

    Args:
        rows: with a column that names the part of each row.
        key: column or expression of the id; null is no id.
        part: that column.
    """
    named = F.col(key) if isinstance(key, str) else key
    ids = rows.select(named.cast("string").alias("id"), F.col(part).alias("part")).dropna()
    parts = F.sort_array(F.collect_set("part")).alias("parts")
    shared = ids.groupBy("id").agg(parts).where(F.size("parts") > 1)
    ends = F.min("id").alias("first"), F.max("id").alias("last")
    found = shared.groupBy("parts").agg(F.count("id").alias("n"), *ends).collect()
    return [
        Shared(tuple(row["parts"]), row["n"], tuple(dict.fromkeys((row["first"], row["last"]))))
        for row in sorted(found, key=lambda row: row["parts"])
    ]


def assert_parts_disjoint(
    rows: DataFrame, key: str | Column, *, part: str = "part", what: str = "session"
) -> None:
    """Nothing may be in two parts of a split; see `leakage.assert_disjoint`.

    Raises: GuardFailed: an id is in two parts.
    """
    found = find_shared(rows, key, part=part)
    if found:
        left, right = found[0].parts[0], " and in ".join(found[0].parts[1:])
        raise overlap_found(what, left, right, found[0].count, found[0].examples)


def assert_frames_disjoint(parts: Mapping[str, DataFrame], key: str, *, what: str = "session") -> None:
    """The same for parts that are DataFrames of their own.

    Raises: GuardFailed: an id is in two parts.
    """
    named = [frame.select(F.col(key).alias("id"), F.lit(name).alias("part")) for name, frame in parts.items()]
    assert_parts_disjoint(reduce(DataFrame.unionByName, named), "id", what=what)


def count_missing_by_label(
    rows: DataFrame, fields: Mapping[str, Column], *, label: str = "label"
) -> dict[str, Missing]:
    """How often each field is missing, by label, in one pass; rows without a label don't count.

    Args:
        fields: name to the expression that is null where the field is missing, such as
            `F.col("covariates")["platform"]`.
    """
    cases = [
        F.count_if((F.col(label) == kind) & value.isNull()).alias(f"{at}_{kind}")
        for at, value in enumerate(fields.values())
        for kind in (0, 1)
    ]
    totals = [F.count_if(F.col(label) == kind).alias(f"n_{kind}") for kind in (0, 1)]
    row = rows.agg(*totals, *cases).collect()[0]
    return {
        name: Missing(row[f"{at}_0"], row["n_0"], row[f"{at}_1"], row["n_1"])
        for at, name in enumerate(fields)
    }


def assert_fields_silent(
    rows: DataFrame, fields: Mapping[str, Column], *, label: str = "label", limit: float = MISSINGNESS_LIMIT
) -> None:
    """No field may be there or missing because of the label's source; see `leakage.assert_missing_silent`.

    Raises: GuardFailed: the absence of a field tells the label.
    """
    assert_missing_silent(count_missing_by_label(rows, fields, label=label), limit=limit)
