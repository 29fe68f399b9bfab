"""Tables and queries of databases: by JDBC, or SQLite by Python's own module.

User and password come from the environment (OFFBEAT_JDBC_USER, OFFBEAT_JDBC_PASSWORD). A query is read as a whole in
every run, since events that were taken before are known by their ids; `incremental` leaves old rows to the database.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4
from zoneinfo import ZoneInfo

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import TimestampNTZType, TimestampType

from offbeat.config import Source
from offbeat.errors import InputRefused, UsageError
from offbeat.ingest.files import SourceFile, query_hash
from offbeat.ingest.formats.tabular import as_rows
from offbeat.ingest.rows import Rows
from offbeat.redaction import redact_by_form
from offbeat.runtime import POSTGRESQL
from offbeat.tables.table import quoted

_SQLITE = "jdbc:sqlite:"
_BATCH_ROWS = 10_000
_DRIVERS = {"jdbc:postgresql:": "org.postgresql.Driver", "jdbc:mysql:": "com.mysql.cj.jdbc.Driver"}
_ENVIRONMENT = {"user": "OFFBEAT_JDBC_USER", "password": "OFFBEAT_JDBC_PASSWORD"}


def name_of(source: Source) -> str:
    """Database and table or query, without what follows `?` in the URL, which may hold a password.

    Raises:
        UsageError: the config names no database, or neither table nor query.
    """
    what = source.options.get("dbtable") or source.options.get("query")
    if what is None:
        raise UsageError(
            "config: a source of format jdbc needs source.options.dbtable or source.options.query"
        )
    place = re.sub(r"//[^/@]*@", "//", _url(source).partition("?")[0])
    return redact_by_form(f"{place} {' '.join(what.split())}")


def needed_jars(source: Source) -> list[str]:
    """Artifacts that Spark needs to read the source."""
    is_postgresql = (source.options.get("url") or source.path or "").startswith("jdbc:postgresql:")
    return [POSTGRESQL] if source.format == "jdbc" and is_postgresql else []


def find(source: Source) -> SourceFile:
    """Stand a query in for a file; what it holds now can't be known before it is read, so it is always new."""
    name = name_of(source)
    return SourceFile(name, content_hash=query_hash(name, uuid4().hex))


def read(spark: SparkSession, source: Source, *, since: dt.datetime | None = None) -> Rows:
    """Read the rows of a table or query.

    Args:
        since: where given, rows of an earlier time are left to the database.

    Raises:
        InputRefused: the database does not answer as asked.
        UsageError: there is no driver for it.
    """
    table = _read_sqlite(spark, source) if _url(source).startswith(_SQLITE) else _read_jdbc(spark, source)
    if source.incremental:
        table = table.where(_is_recent(table, source, since))
    fields = F.struct(*(F.col(quoted(name)) for name in table.columns))
    frame = table.select(
        fields.alias("fields"), F.lit(name_of(source)).alias("source_file"), F.lit(False).alias("malformed")
    )
    return as_rows(frame, table, source)


def _is_recent(table: DataFrame, source: Source, since: dt.datetime | None) -> Column:
    """Rows from an instant on, and those without a time, which quarantine has to know."""
    name = source.columns.time or ""
    kind = table.schema[name].dataType if name in table.columns else None
    if not isinstance(kind, TimestampType | TimestampNTZType):
        raise InputRefused(
            f"source {name_of(source)}: incremental needs a time that is a timestamp in the database; "
            "cast it in source.options.query, or leave incremental out"
        )
    if since is None:
        return F.lit(True)
    time, start = F.col(quoted(name)), F.lit(since)
    if isinstance(kind, TimestampNTZType):  # by the clock on the wall, an hour earlier for summer time's end
        on_wall = (since - dt.timedelta(hours=1)).astimezone(ZoneInfo(source.time_zone))
        start = F.lit(on_wall.replace(tzinfo=None).isoformat(" ")).cast("timestamp_ntz")
    return time.isNull() | (time >= start)


def _url(source: Source) -> str:
    url = source.options.get("url") or source.path
    if not url:
        raise UsageError(
            "config: a source of format jdbc needs source.options.url, like jdbc:postgresql://host/database"
        )
    return url if url.startswith("jdbc:") else _SQLITE + url


def _read_jdbc(spark: SparkSession, source: Source) -> DataFrame:
    url = _url(source)
    driver = next((name for prefix, name in _DRIVERS.items() if url.startswith(prefix)), None)
    given = {key: os.environ[variable] for key, variable in _ENVIRONMENT.items() if variable in os.environ}
    # Times without zone stay so: the config says which zone they are in.
    settings = {"preferTimestampNTZ": "true", "fetchsize": "10000"} | ({"driver": driver} if driver else {})
    try:
        return spark.read.format("jdbc").options(**(settings | given | source.options | {"url": url})).load()
    except Exception as error:  # noqa: BLE001 - drivers raise what they like
        told = _told(error)
        if "ClassNotFound" in str(error) or "No suitable driver" in str(error):
            raise UsageError(
                f"source {name_of(source)}: no JDBC driver for it; name its JAR in spark.jars or OFFBEAT_JARS"
            ) from None
        raise InputRefused(
            f"source {name_of(source)}: {told}; see source.options, OFFBEAT_JDBC_USER and OFFBEAT_JDBC_PASSWORD"
        ) from None


def _told(error: Any) -> str:
    """What the database said, in a line: Spark's own error only says where it was called."""
    while (cause := getattr(error, "_cause", None)) is not None:
        error = cause
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _read_sqlite(spark: SparkSession, source: Source) -> DataFrame:
    """Read SQLite in one task, row by row; every value as text, since its columns have no fixed types."""
    path = _url(source).removeprefix(_SQLITE)
    # The config's own words, read by the database of the one who wrote them.
    query = source.options.get("query") or f"SELECT * FROM {source.options['dbtable']}"  # noqa: S608
    try:
        with closing(_connect(path)) as database:
            found = database.execute(f"SELECT * FROM ({query}) LIMIT 0")  # noqa: S608
            titles = [column[0] for column in found.description]
    except sqlite3.Error as error:
        raise InputRefused(f"source {name_of(source)}: {error}; see source.options") from None

    def rows(_: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with closing(_connect(path)) as database:
            cursor = database.execute(query)
            while found := cursor.fetchmany(_BATCH_ROWS):
                texts = [[_text(value) for value in column] for column in zip(*found, strict=True)]
                yield pa.RecordBatch.from_arrays(
                    [pa.array(column, pa.string()) for column in texts], names=titles
                )

    schema = ", ".join(f"{quoted(title)} string" for title in titles)
    return spark.range(0, 1, 1, 1).mapInArrow(rows, schema)


def _connect(path: str) -> sqlite3.Connection:
    # For reading alone: else a file that is not there would be made.
    database = sqlite3.connect(f"file:{quote(str(Path(path).absolute()))}?mode=ro", uri=True)
    database.text_factory = _decoded
    return database


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return _decoded(value)
    return None if value is None else str(value)


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("iso-8859-1")
