"""What makes an event the same one: its id, and what happens to rows that share one."""

from __future__ import annotations

from typing import Literal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

Dedupe = Literal["id", "exact", "none"]
_HASH_DIGITS = 32  # 128 bits
_CONTRACT = ("entity", "event_time", "event", "label", "position", "covariates")
_MARK = "#"
_FEW_KEYS = 1_000_000  # so many numbers travel to every task


def add_event_id(rows: DataFrame, *, dedupe: Dedupe) -> DataFrame:
    """Add `event_id`; drop `given_id` and `time_rest`.

    The id is the given one; else a hash of entity, time, event, label, position and covariates, and never of file or
    line. With `exact` a given id is followed by that hash, so that rows are the same only where all of it is. With
    `none` a copy number follows later (`add_copy_numbers`).
    """
    digest = _digest()
    given = F.col("given_id")
    if dedupe == "exact":
        given = F.concat(given, F.lit(_MARK), digest)
    return rows.withColumn("event_id", F.coalesce(given, digest)).drop("given_id", "time_rest")


def _digest() -> Column:
    parts = [_part(name) for name in _CONTRACT]
    return F.substring(F.sha2(F.concat(*parts).cast("binary"), 256), 1, _HASH_DIGITS)


def _part(name: str) -> Column:
    """A value with its length before it, so that no two lists of values give the same text."""
    value = F.col(name)
    if name == "event_time":
        text = F.concat(F.unix_micros(value).cast("string"), F.col("time_rest"))
    elif name == "covariates":
        text = F.to_json(F.array_sort(F.map_entries(value)))  # whatever order a map has
    else:
        text = value.cast("string")
    return F.coalesce(F.concat(F.length(text).cast("string"), F.lit(":"), text), F.lit("-"))


def add_copy_numbers(rows: DataFrame, known: DataFrame | None) -> DataFrame:
    """Make `event_id` distinct by a copy number, for `dedupe: none`: the n-th copy of a row is always `<id>#n`.

    Args:
        rows: has `event_id`.
        known: event_id of the events that are there already; their copies are counted on.
    """
    copy = F.row_number().over(Window.partitionBy("event_id").orderBy("source_file")) - 1
    if known is not None:
        base = F.regexp_replace("event_id", rf"{_MARK}\d+$", "")
        before = known.groupBy(base.alias("event_id")).agg(F.count("*").alias("_before"))
        rows = rows.join(before, "event_id", "left")
        copy = copy + F.coalesce("_before", F.lit(0))
    numbered = F.concat("event_id", F.lit(_MARK), copy.cast("string"))
    return rows.withColumn("event_id", numbered).drop("_before")


def once(rows: DataFrame) -> DataFrame:
    """Keep one row of each event_id: the first by the contract's columns, whatever file or partition it is in.

    Only rows whose id occurs more than once are moved and sorted; they are counted first, by a hash that is quick.
    """
    key = F.xxhash64("event_id")
    repeated = rows.groupBy(key.alias("_key")).count().where("count > 1").select("_key")
    many = repeated.limit(_FEW_KEYS + 1).count()
    if many == 0:
        return rows
    if many > _FEW_KEYS:
        return _firsts(rows)
    keyed, few = rows.withColumn("_key", key), F.broadcast(repeated)
    single = keyed.join(few, "_key", "left_anti")
    return single.unionByName(_firsts(keyed.join(few, "_key", "left_semi"))).drop("_key")


def _firsts(rows: DataFrame) -> DataFrame:
    order: list[Column | str] = [
        "event_time",
        "entity",
        "event",
        "label",
        "position",
        F.to_json("covariates"),
        "role",
        "source_file",
    ]
    place = F.row_number().over(Window.partitionBy("event_id").orderBy(*order))
    return rows.withColumn("_place", place).where("_place = 1").drop("_place")


def unknown(rows: DataFrame, known: DataFrame) -> DataFrame:
    """Keep the rows whose event_id is not among the known ones."""
    return rows.join(known.select("event_id"), "event_id", "left_anti")
