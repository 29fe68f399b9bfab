"""The clicks of a config: those of the lake, and those of a file that is to be scored."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from offbeat.config import Config, Source
from offbeat.errors import InputRefused, UsageError
from offbeat.ingest import contract, limit, sources
from offbeat.ingest.files import SourceFile
from offbeat.ingest.job import as_utc
from offbeat.ingest.rows import Rows
from offbeat.packs.installs.features import FIELDS
from offbeat.spark import keep, let_go
from offbeat.tables import Lake
from offbeat.tables.contract import EVENTS

KNOWN_AFTER = {"attributed_time": "at the install"}
"""Columns of a click log that are known only after the outcome, and when."""

WHOLE = r"^\s*-?\d+\s*$"
_SHOWN = 30


OUTPUT = ("csv", "id", "per", "models", "pages")
"""Keys that `output` may have."""

PER = ("visitor", "row")
"""What a line of the csv may be."""


def lake_clicks(lake: Lake, conf: Config) -> DataFrame:
    """The clicks in the lake, each once.

    Returns:
        `click_id`, `FIELDS` (strings), `click_time`, `installed` (int, null where not known), and the columns named
        under `tabular.features`.

    Raises:
        UsageError: the config does not take the columns of a click, or nothing is ingested yet.
    """
    assert_config(conf)
    return _clicks(lake.read(EVENTS), conf.tabular.features).dropDuplicates(["click_id"])


def assert_config(conf: Config) -> None:
    """Refuse a config under which events lack what a click is made of, or that asks for an output there is none of.

    Raises:
        UsageError: names the columns to add, or the key of `output` that is wrong.
    """
    for key in conf.output:
        if key not in OUTPUT:
            near = difflib.get_close_matches(key, OUTPUT, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"config output.{key}: no such key{hint}; known: {', '.join(OUTPUT)}")
    per = conf.output.get("per", PER[0])
    if per not in PER:
        raise UsageError(f"config output.per: expected {' or '.join(PER)}, got {per!r}")
    for source in conf.source:
        lacking = [
            name for name in (*FIELDS, *conf.tabular.features) if name not in source.columns.covariates
        ]
        if lacking:
            raise UsageError(
                f"config source.columns.covariates: the pack installs needs {', '.join(lacking)} there, so that "
                "each click carries them"
            )


def read_clicks(
    lake: Lake, conf: Config, *, run_date: dt.datetime, whole: Sequence[str]
) -> tuple[DataFrame, int, int]:
    """The clicks that the config's sources hold, row by row, through the contract; nothing is written.

    A file to be scored may lack the label and what is known only after the outcome.

    Args:
        whole: fields that are whole numbers in training.

    Returns:
        As `lake_clicks`, one row per row of the files, with `position` (its line, where there is one file) and `extra`:
        the columns that `output.id` names, as a map. How many rows these are, and how many are no clicks and left out.

    Raises:
        InputRefused: a column is missing, unknown or of another type, or too many rows are no clicks.
    """
    assert_config(conf)
    newest = as_utc(run_date) + dt.timedelta(seconds=conf.quarantine.future_skew)
    frames, files = [], []
    for place, source in enumerate(conf.source):
        found = sources.find(lake.spark, source)
        files += found
        numbered = _numbered(source, len(found))
        for rows in sources.read(lake.spark, numbered, found, salt=str(place), known=None):
            lighter = _for_scoring(rows, numbered, conf)
            frames.append(_with_ids(contract.apply(rows, lighter, newest=newest, keep=("fields",)), conf))
    if not frames:
        raise sources.no_rows(files)
    rows_in = reduce(DataFrame.unionByName, frames)
    # Kept for the checks alone: a file that is mended under the same name must be read again.
    keep(rows_in)
    try:
        with sources.readable():
            taken, refused = _assert_rows(rows_in, conf, whole, files)
    finally:
        let_go(rows_in)
    good = rows_in.where(F.size("reasons") == 0)
    return _clicks(good, conf.tabular.features, "position", F.col("_extra").alias("extra")), taken, refused


def _numbered(source: Source, files: int) -> Source:
    """The source with its lines numbered, where it is one file whose lines can be."""
    if files != 1 or source.format != "csv" or source.columns.order is not None or source.columns.position:
        return source
    return source.model_copy(update={"columns": source.columns.model_copy(update={"order": "line"})})


def _clicks(events: DataFrame, extra: Sequence[str], *keep: str | Column) -> DataFrame:
    fields = {name: F.col("covariates").getItem(name) for name in FIELDS}
    more = [F.col("covariates").getItem(name).alias(name) for name in extra if name not in FIELDS]
    time = F.unix_micros("event_time").cast("string")
    text = F.concat_ws("|", *(F.coalesce(column, F.lit("")) for column in fields.values()), time)
    digest = F.substring(F.sha2(text, 256), 1, 32)
    columns = [F.coalesce(F.trim(column), F.lit("")).alias(name) for name, column in fields.items()]
    return events.select(
        digest.alias("click_id"),
        *columns,
        F.col("event_time").alias("click_time"),
        F.col("label").alias("installed"),
        *more,
        *keep,
    )


def _for_scoring(rows: Rows, source: Source, conf: Config) -> Source:
    """The source without the columns that a file to be scored need not have; refuses ones that nothing knows."""
    if rows.names is None:
        return source
    columns = source.columns
    absent = {name for name in (columns.label, *KNOWN_AFTER) if name is not None and name not in rows.names}
    covariates = tuple(name for name in columns.covariates if name not in absent)
    label = None if columns.label in absent else columns.label
    known = {
        *columns.entity, *columns.event, *columns.covariates, columns.time, columns.event_id, columns.position,
        columns.label, *KNOWN_AFTER, *id_columns(conf),
    }  # fmt: skip
    lighter = source.model_copy(
        update={"columns": columns.model_copy(update={"label": label, "covariates": covariates})}
    )
    missing = [name for name in FIELDS if name not in rows.names]
    if not missing and "new_columns" not in source.model_fields_set:
        _assert_none_more(rows.names, known, source)
    return lighter


def _assert_none_more(names: Sequence[str], known: set[str | None], source: Source) -> None:
    for name in names:
        if name not in known:
            expected = sorted(one for one in known if one is not None)
            near = difflib.get_close_matches(name, expected, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}? " if near else ""
            raise InputRefused(
                f"source {source.path}: column {name} was not in the training data; {hint}take it out, name it in "
                f"output.id, or set source.new_columns: ignore; columns known: {', '.join(expected[:_SHOWN])}"
            )


def id_columns(conf: Config) -> tuple[str, ...]:
    """The columns that make a row's id in the csv: `output.id`, by default ip, device and os."""
    named = conf.output.get("id") or ("ip", "device", "os")
    return (named,) if isinstance(named, str) else tuple(named)


def _with_ids(rows: DataFrame, conf: Config) -> DataFrame:
    """Carry the id columns along that the contract does not take."""
    names = [name for name in id_columns(conf) if name not in FIELDS]
    fields = rows.schema["fields"].dataType
    present = fields.names if isinstance(fields, StructType) else names  # a json row has names of its own
    for name in names:
        if name not in present:
            raise InputRefused(
                f"config output.id: no column {name} in the file; columns there: {', '.join(sorted(present))}"
            )
    pairs: list[Column] = []
    for name in names:
        pairs += [F.lit(name), F.col("fields").getItem(name).cast("string")]
    extra = F.create_map(*pairs) if pairs else F.lit(None)
    return rows.withColumn("_extra", extra.cast("map<string,string>")).drop("fields")


def _assert_rows(
    rows: DataFrame, conf: Config, whole: Sequence[str], files: Sequence[SourceFile]
) -> tuple[int, int]:
    """Refuse files without rows, with too many rows that are no clicks, or with a field of another kind.

    Returns:
        How many rows are clicks, and how many are none.
    """
    is_good = F.size("reasons") == 0
    other = [
        F.count_if(
            is_good
            & F.col("covariates").getItem(name).isNotNull()
            & ~F.col("covariates").getItem(name).rlike(WHOLE)
        ).alias(name)
        for name in whole
    ]
    counted = rows.agg(
        F.count(F.lit(1)).alias("rows_"), F.count_if(~is_good).alias("bad_"), *other
    ).collect()[0]
    if not counted["rows_"]:
        raise sources.no_rows(files)
    limit.assert_below(rows, total=counted["rows_"], bad=counted["bad_"], share=conf.quarantine.limit)
    for name in whole:
        if counted[name] > conf.quarantine.limit * counted["rows_"]:
            value = F.col("covariates").getItem(name)
            example = rows.where(is_good & value.isNotNull() & ~value.rlike(WHOLE)).select(value).first()
            raise InputRefused(
                f"source {conf.source[0].path}: column {name} is no whole number in {counted[name]:,} of "
                f"{counted['rows_']:,} rows, like {example[0] if example else ''!a}, and was one in training; "
                "give the column its type again"
            )
    return int(counted["rows_"] - counted["bad_"]), int(counted["bad_"])


def whole_fields(clicks: DataFrame) -> list[str]:
    """The fields that hold whole numbers in every row."""
    facts = clicks.agg(*(F.bool_and(F.col(name).rlike(WHOLE)).alias(name) for name in FIELDS)).collect()[0]
    return [name for name in FIELDS if facts[name]]
