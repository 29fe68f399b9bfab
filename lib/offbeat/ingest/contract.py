"""Rows as they came to rows of the contract, with every reason why one does not meet it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from offbeat.config import Columns, Source
from offbeat.ingest.columns import assert_columns, assert_types, columns_of, named_columns
from offbeat.ingest.labels import as_label
from offbeat.ingest.pseudonyms import hide
from offbeat.ingest.rows import Rows
from offbeat.ingest.times import beyond_micros, parse_time


def apply(
    rows: Rows,
    source: Source,
    *,
    newest: dt.datetime,
    oldest: dt.datetime | None = None,
    keep: Sequence[str] = (),
) -> DataFrame:
    """Cast rows to the contract.

    Args:
        newest: instant after which a time lies in the future.
        oldest: where given, instant before which a time is late.
        keep: further columns of the rows to carry along.

    Returns:
        entity, event_time, position, event, label, covariates, role, source_file, given_id (string, null where the
        config names no column), time_rest (digits beyond the microsecond), reasons (array of strings, empty where the
        row is an event); raw, raw_header (strings) and raw_line (bigint), null for an event.

    Raises:
        InputRefused: a column that the config names isn't there, or has a type that can't be what it should be.
    """
    columns = columns_of(source)
    rows = hide(rows, source)
    if rows.names is not None:
        assert_columns(columns, rows.names, source)
        assert_types(columns, rows.types, source)
    frame = rows.frame.withColumns(_values(rows, source, columns))
    reasons = F.when(F.col("malformed"), F.array(F.lit("malformed_row"))).otherwise(
        _reasons(columns, newest, oldest)
    )
    frame = frame.withColumn("reasons", reasons)
    bad = F.size("reasons") > 0
    return frame.select(
        *("entity", "event_time", "position", "event", "label", "covariates"),
        *("source_file", "given_id", "time_rest", "reasons"),
        F.lit(source.role).alias("role"),
        F.when(bad, rows.raw).alias("raw"),
        F.when(bad, F.lit(rows.header)).alias("raw_header"),
        (F.when(bad, F.col("line")) if columns.order == "line" else F.lit(None))
        .cast("bigint")
        .alias("raw_line"),
        *keep,
    )


def _values(rows: Rows, source: Source, columns: Columns) -> dict[str, Column]:
    time = F.lit(None).cast("timestamp")
    time_text, time_rest = F.lit(None).cast("string"), F.lit("")
    if columns.time is not None:
        kind = rows.types.get(columns.time, StringType())
        raw_time = rows.value(columns.time)
        time = parse_time(raw_time, kind, time_format=source.time_format, time_zone=source.time_zone)
        time_rest = beyond_micros(raw_time, kind)
        time_text = _filled(rows.text(columns.time))
    entity = [_filled(rows.text(name)) for name in columns.entity]
    return {
        "entity": _joined(entity, whole=True),
        "event_time": time,
        "_time_text": time_text,
        "event": _joined([_filled(rows.text(name)) for name in columns.event], whole=False),
        "position": _position(rows, columns),
        "_position_text": _optional(rows, columns.position),
        "label": _label(rows, columns, source),
        "_label_text": _optional(rows, columns.label),
        "covariates": _covariates(rows, columns, source),
        "given_id": _optional(rows, columns.event_id),
        "time_rest": time_rest,
    }


def _reasons(columns: Columns, newest: dt.datetime, oldest: dt.datetime | None) -> Column:
    """Every reason why a row is no event; an empty array where there is none."""
    found: list[tuple[Column, str]] = [
        (F.col("entity").isNull(), "null_entity"),
        (F.col("event").isNull(), "null_event"),
    ]
    if columns.time is not None:
        given, time = F.col("_time_text"), F.col("event_time")
        found.append((given.isNull(), "null_time"))
        found.append((given.isNotNull() & time.isNull(), "unparsable_time"))
        found.append((time > F.lit(newest), "future_time"))
        if oldest is not None:
            found.append((time < F.lit(oldest), "late"))
    for name, text, value in (("label", "_label_text", "label"), ("position", "_position_text", "position")):
        if getattr(columns, name) is not None:
            found.append((F.col(text).isNotNull() & F.col(value).isNull(), f"bad_{name}"))
    if columns.order == "position":
        found.append((F.col("_position_text").isNull(), "null_position"))
    if columns.event_id is not None:
        found.append((F.col("given_id").isNull(), "null_event_id"))
    return F.array_compact(F.array(*(F.when(condition, F.lit(reason)) for condition, reason in found)))


def _filled(text: Column) -> Column:
    """The text; null where there is nothing but blanks in it."""
    return F.when(F.trim(text) != "", text)


def _optional(rows: Rows, name: str | None) -> Column:
    return F.lit(None).cast("string") if name is None else _filled(rows.text(name))


def _joined(parts: Sequence[Column], *, whole: bool) -> Column:
    r"""One text of several, joined by `|`, with `|` in a part as `\|` and `\` as `\\`; one part stays as it is.

    Args:
        whole: null where one part is null; else null where all are, and a part that is null is empty.
    """
    if len(parts) == 1:
        return parts[0]
    escaped = [F.regexp_replace(part, r"([\\|])", r"\\$1") for part in parts]
    filled = escaped if whole else [F.coalesce(part, F.lit("")) for part in escaped]
    text = F.concat(filled[0], *(piece for part in filled[1:] for piece in (F.lit("|"), part)))
    return text if whole else F.when(F.coalesce(*parts).isNotNull(), text)


def _position(rows: Rows, columns: Columns) -> Column:
    if columns.order == "line":
        return F.col("line")
    if columns.position is None:
        return F.lit(None).cast("bigint")
    return F.trim(rows.text(columns.position)).try_cast("bigint")


def _label(rows: Rows, columns: Columns, source: Source) -> Column:
    if columns.label is None:
        return F.lit(source.label).cast("int")
    return as_label(rows.text(columns.label))


def _covariates(rows: Rows, columns: Columns, source: Source) -> Column:
    """Further columns as text, by name in alphabetical order; nulls are left out."""
    keep = source.new_columns == "keep" and source.format != "sequences"
    if rows.names is None:
        return _from_map(rows, columns, keep=keep)
    used = set(named_columns(columns)) - set(columns.covariates)
    names = sorted(set(rows.names) - used if keep else set(columns.covariates))
    if not names:
        return F.lit(None).cast("map<string,string>")
    pairs = F.map_from_arrays(F.array(*map(F.lit, names)), F.array(*(rows.text(name) for name in names)))
    return F.map_filter(pairs, lambda _, value: value.isNotNull())


def _from_map(rows: Rows, columns: Columns, *, keep: bool) -> Column:
    if keep:
        used = sorted(set(named_columns(columns)) - set(columns.covariates))
        return F.map_filter("fields", lambda name, value: ~name.isin(*used) & value.isNotNull())
    if not columns.covariates:
        return F.lit(None).cast("map<string,string>")
    names = sorted(set(columns.covariates))
    pairs = F.map_from_arrays(F.array(*map(F.lit, names)), F.array(*map(rows.value, names)))
    return F.map_filter(pairs, lambda _, value: value.isNotNull())
