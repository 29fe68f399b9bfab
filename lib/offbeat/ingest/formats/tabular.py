"""Tables whose columns have types: Parquet files, Delta tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from offbeat.config import Source
from offbeat.errors import InputRefused
from offbeat.ingest.files import SourceFile, escaped, is_local, query_hash
from offbeat.ingest.formats.lines import source_file
from offbeat.ingest.rows import Rows
from offbeat.tables.table import quoted

# Fields that hold a time are written to quarantine with microseconds.
_AS_JSON = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}


def read_parquet(spark: SparkSession, source: Source, files: Sequence[SourceFile]) -> list[Rows]:
    """Read Parquet files, one `Rows` per distinct schema.

    Raises:
        InputRefused: a file is not Parquet.
    """
    groups: dict[str, list[SourceFile]] = defaultdict(list)
    for file in files:
        groups[_schema_of(file)].append(file)
    return [_read_alike(spark, source, group) for group in groups.values()]


def _read_alike(spark: SparkSession, source: Source, files: Sequence[SourceFile]) -> Rows:
    reader = spark.read.options(**source.options)
    table = reader.parquet(*(escaped(file.path) for file in files))
    names = table.columns  # before the metadata column joins in
    line = ["_metadata.row_index"] if source.columns.order == "line" else []
    frame = table.select(
        source_file().alias("source_file"),
        F.struct(*(F.col(quoted(name)) for name in names)).alias("fields"),
        F.lit(False).alias("malformed"),
        *(F.col(one).alias("line") for one in line),
    )
    return as_rows(frame, table)


def as_rows(frame: DataFrame, table: DataFrame) -> Rows:
    """Rows of a frame whose `fields` are the columns of a table."""
    types = {field.name: field.dataType for field in table.schema}
    return Rows(frame, F.to_json("fields", _AS_JSON), tuple(table.columns), types)


def _schema_of(file: SourceFile) -> str:
    if not is_local(file.path):
        return ""
    try:
        return str(pq.read_schema(file.path).remove_metadata())
    except (pa.ArrowInvalid, OSError) as error:
        raise InputRefused(f"source {file.path}: not a Parquet file: {str(error).splitlines()[0]}") from None


def find_delta(spark: SparkSession, name: str) -> SourceFile:
    """Look a Delta table up, by path or by name; its content is that of its newest version.

    Raises:
        InputRefused: there is no Delta table.
    """
    try:
        newest = spark.sql(f"DESCRIBE HISTORY {_reference(name)} LIMIT 1").first()
    except Exception as error:  # noqa: BLE001 - Delta and Spark have many ways to say that it is none
        reason = str(error).splitlines()[0]
        raise InputRefused(
            f"source {name}: not a Delta table: {reason}; give its path or catalog.schema.table"
        ) from None
    version = newest["version"] if newest is not None else -1
    return SourceFile(name, content_hash=query_hash("delta", name, version))


def read_delta(spark: SparkSession, file: SourceFile) -> Rows:
    """Read a Delta table as it is now: all of it, since events that were taken before are known by their ids."""
    table = spark.read.table(_reference(file.path))
    fields = F.struct(*(F.col(quoted(name)) for name in table.columns))
    frame = table.select(
        F.lit(file.path).alias("source_file"), fields.alias("fields"), F.lit(False).alias("malformed")
    )
    return as_rows(frame, table)


def _reference(name: str) -> str:
    return f"delta.{quoted(name)}" if "/" in name else ".".join(quoted(part) for part in name.split("."))
