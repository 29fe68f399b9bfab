"""Which columns a source has, and refusals where the config and they don't fit."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from pyspark.sql import SparkSession
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DataType,
    DecimalType,
    IntegralType,
    MapType,
    NumericType,
    StringType,
    StructType,
)

from offbeat.config import Columns, Source
from offbeat.errors import InputRefused, UsageError
from offbeat.ingest.formats import sequences, xes
from offbeat.ingest.rows import Rows
from offbeat.ingest.times import AUTO, NanosText, assert_format, is_time_type

_SHOWN_COLUMNS = 30
_NESTED = (ArrayType, BinaryType, MapType, StructType)


def columns_of(source: Source) -> Columns:
    """Which columns of a source are what; a format that says so itself needs no words in the config."""
    if source.format == "sequences":
        return sequences.columns(source.columns)
    return xes.columns(source.columns) if source.format == "xes" else source.columns


def named_columns(columns: Columns) -> list[str]:
    """Every column that the config names, once, in order."""
    single = (columns.time, columns.event_id, columns.label, columns.position)
    named = [
        *columns.entity,
        *columns.event,
        *columns.covariates,
        *(name for name in single if name is not None),
    ]
    return list(dict.fromkeys(named))


def assert_settings(spark: SparkSession, source: Source) -> None:
    """Refuse what a config says of times and order, where it can't be meant.

    Raises:
        UsageError: the pattern or the zone of times is none, or nothing says what orders the events.
    """
    columns = columns_of(source)
    if columns.order == "position" and columns.position is None:
        raise UsageError(
            f"source {source.path}: order: position needs the column that orders: source.columns.position"
        )
    if columns.time is not None and (source.time_format, source.time_zone) != (AUTO, "UTC"):
        assert_format(spark, time_format=source.time_format, time_zone=source.time_zone)


def assert_columns(columns: Columns, present: Sequence[str], source: Source) -> None:
    """Refuse a source that lacks a column.

    Raises:
        InputRefused: one is not there; the message names those that are, the nearest first.
    """
    for name in named_columns(columns):
        if name not in present:
            near = difflib.get_close_matches(name, present, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}? " if near else ""
            shown = ", ".join(present[:_SHOWN_COLUMNS]) + (" …" if len(present) > _SHOWN_COLUMNS else "")
            raise InputRefused(
                f"source {source.path}: no column {name}; {hint}columns there: {shown}; "
                "name the right one under source.columns"
            )


def assert_types(columns: Columns, types: Mapping[str, DataType], source: Source) -> None:
    """Refuse a column whose type can't be what the config says it is.

    Raises:
        InputRefused: a time that is a boolean, an entity that is a list, and the like.
    """
    wanted = dict.fromkeys(named_columns(columns), "text or a number")
    if columns.time:
        wanted[columns.time] = "a timestamp, a date, text or a number"
    for name, what in wanted.items():
        kind = types.get(name, StringType())
        wrong = not is_time_type(kind) if name == columns.time else isinstance(kind, _NESTED)
        if wrong:
            raise InputRefused(
                f"source {source.path}: column {name} is {kind.simpleString()}, expected {what}; "
                "give the column its type again, or name another one under source.columns"
            )


def kinds_of(groups: Sequence[Rows], source: Source, *, before: Mapping[str, str] | None) -> dict[str, str]:
    """What kind of values the columns that are taken have, where the format has types.

    Args:
        groups: rows of the source's files, alike within a group.
        before: the kinds that the source's files had last.

    Raises:
        InputRefused: the kind of a column has changed, which would give other entities or times.
    """
    kinds = dict(before or {})
    for rows in groups:
        for name in named_columns(columns_of(source)):
            if name not in rows.types:
                continue
            kind = _kind(rows.types[name])
            if kinds.setdefault(name, kind) != kind:
                raise InputRefused(
                    f"source {source.path}: column {name} is {kind} ({rows.types[name].simpleString()}), and was "
                    f"{kinds[name]} before; give it its type again, or take the new files as a source of their own"
                )
    return kinds


def _kind(kind: DataType) -> str:
    if isinstance(kind, NumericType):
        whole = isinstance(kind, IntegralType) or (isinstance(kind, DecimalType) and kind.scale == 0)
        return "whole number" if whole else "fraction"
    if isinstance(kind, NanosText):
        return kind.kind
    return "text" if isinstance(kind, StringType) else kind.simpleString()
