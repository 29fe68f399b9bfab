"""What the sources of a config hold, whatever their format: which files are there, and the rows in them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from offbeat.config import Config, Source
from offbeat.errors import InputRefused, UsageError
from offbeat.ingest import columns
from offbeat.ingest.files import NothingThere, SourceFile, list_files
from offbeat.ingest.formats import (
    database,
    delimited,
    json_lines,
    messages,
    pattern,
    sequences,
    tabular,
    xes,
)
from offbeat.ingest.formats.opened import UNREADABLE
from offbeat.ingest.rows import Rows
from offbeat.runtime import kafka_coordinate

_SAMPLE_ROWS = 1000
_UNREADABLE = re.compile(
    rf"(?:{UNREADABLE}|FAILED_READ_FILE\S* \w+ error while reading file:?) (.+?)[.]?\s*(?:\n|$|SQLSTATE)"
)


def name_of(source: Source) -> str:
    """What the source is called in tables and messages: its path, table or query as the config has it.

    Raises:
        UsageError: it has none of them.
    """
    if source.format == "jdbc":
        return database.name_of(source)
    if source.format == "kafka":
        return messages.name_of(source)
    if source.path is None:
        raise UsageError(f"config: a source of format {source.format} lacks its path; give source.path")
    return source.path


def needed_jars(conf: Config) -> list[str]:
    """Artifacts that Spark needs to read a config's sources and lookups, as group:artifact:version."""
    read = (*conf.source, *conf.lookups.values())
    needed = [jar for source in read for jar in database.needed_jars(source)]
    if any(source.format == "kafka" for source in conf.source):
        needed.append(kafka_coordinate())
    return list(dict.fromkeys(needed))


def find(spark: SparkSession, source: Source) -> list[SourceFile]:
    """List what a source holds now; files still without hashes, tables and queries with one.

    Raises:
        InputRefused: nothing is there, or several files where lines are counted.
    """
    if source.format == "kafka":
        raise InputRefused(
            f"source {name_of(source)}: Kafka has no end to read to; take it with `offbeat stream`"
        )
    if source.format == "delta":
        return [tabular.find_delta(spark, name_of(source))]
    if source.format == "jdbc":
        return [database.find(source)]
    files = list_files(spark, name_of(source))
    if source.columns.order == "line" and len(files) > 1:
        raise InputRefused(
            f"source {name_of(source)}: order: line needs one file, found {len(files)}; "
            "join them, or order by a column with order: position"
        )
    return files


def read(
    spark: SparkSession,
    source: Source,
    files: Sequence[SourceFile],
    *,
    salt: str,
    known: DataFrame | None,
    since: dt.datetime | None = None,
) -> list[Rows]:
    """Read the rows of a source's files, in groups of files that are alike.

    Args:
        salt: what keeps equal lines without ids of two sources apart.
        known: events of earlier batches; None where there are none.
        since: instant before which an incremental source is not read.

    Raises:
        InputRefused: a file isn't what its format says, or a column that the config names is in no row.
        UsageError: the config's times or order can't be meant.
    """
    columns.assert_settings(spark, source)
    if source.format == "sequences":
        return sequences.read(spark, source, files, salt=salt, known=known)
    if source.format == "delta":
        return [tabular.read_delta(spark, source, file) for file in files]
    if source.format == "jdbc":
        return [database.read(spark, source, since=since)]
    readers = {
        "csv": delimited.read,
        "json": json_lines.read,
        "parquet": tabular.read_parquet,
        "text": pattern.read,
        "xes": xes.read,
    }
    groups = readers[source.format](spark, source, files)
    for rows in groups:
        if rows.names is None:
            _assert_keys(rows, source)
    return groups


def _assert_keys(rows: Rows, source: Source) -> None:
    """Refuse rows none of which has a column that the config names; a sample answers for almost every source."""
    wanted = columns.named_columns(columns.columns_of(source))
    whole = rows.frame.where("NOT malformed")
    present = _keys(whole.limit(_SAMPLE_ROWS))
    if not present or all(_is_there(name, present) for name in wanted):
        return
    heads = [name for name in wanted if not _is_there(name, present)]
    found = whole.agg(
        *(F.bool_or(F.map_contains_key("fields", _head(name))).alias(name) for name in heads)
    ).first()
    later = [name for name in heads if found is not None and found[name]]
    there = [name for name in wanted if _is_there(name, present)]
    columns.assert_columns(columns.columns_of(source), [*present, *there, *later], source)


def _is_there(name: str, keys: Sequence[str]) -> bool:
    return name in keys or _head(name) in keys


def _head(name: str) -> str:
    """Name of the outermost object that `a.b` lies in."""
    return name.split(".", maxsplit=1)[0]


def _keys(rows: DataFrame) -> list[str]:
    """Names of the fields in a few rows, in order of their first appearance."""
    arrays = rows.select(F.map_keys("fields").alias("keys")).distinct().limit(100).collect()
    return list(dict.fromkeys(key for row in arrays for key in row["keys"]))


@contextmanager
def readable() -> Iterator[None]:
    """Refuse input where a task could not read a file: damaged, cut off while it was copied, not allowed.

    Raises:
        InputRefused: names the file.
    """
    try:
        yield
    except Exception as error:
        found = _UNREADABLE.search(str(error))
        if not found:
            raise
        raise InputRefused(
            f"source {found[1]}: can't be read; give the whole file, readable, or leave it out"
        ) from None


def no_rows(files: Sequence[SourceFile]) -> NothingThere:
    """Error that says that the files are there, but hold nothing."""
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return NothingThere(f"source {files[0].path}{more}: no rows in it; give files with rows as source.path")
