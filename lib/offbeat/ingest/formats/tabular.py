"""Tables whose columns have types: Parquet files, Delta tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DataType

from offbeat.config import Source
from offbeat.errors import InputRefused
from offbeat.ingest.files import SourceFile, escaped, is_local, query_hash
from offbeat.ingest.formats.lines import source_file
from offbeat.ingest.rows import Rows
from offbeat.ingest.times import NanosText
from offbeat.spark import set_if_allowed
from offbeat.tables.table import quoted

_NANOS_AS_LONG = "spark.sql.legacy.parquet.nanosAsLong"
_NANOS = 10**9


@dataclass(frozen=True)
class _Kind:
    """What files that are read together have in common.

    Attributes:
        schema: as text; empty where it isn't known before Spark reads it.
        nanos: columns of times with nanoseconds, and whether they are instants.
    """

    schema: str = ""
    nanos: tuple[tuple[str, bool], ...] = ()


def read_parquet(spark: SparkSession, source: Source, files: Sequence[SourceFile]) -> list[Rows]:
    """Read Parquet files, one `Rows` per distinct schema.

    Raises:
        InputRefused: a file is not Parquet, or has nanoseconds where they can't be read.
    """
    groups: dict[_Kind, list[SourceFile]] = defaultdict(list)
    for file in files:
        groups[_kind_of(file)].append(file)
    return [_read_alike(spark, source, group, dict(kind.nanos)) for kind, group in groups.items()]


def _read_alike(
    spark: SparkSession, source: Source, files: Sequence[SourceFile], nanos: Mapping[str, bool]
) -> Rows:
    table = _load(spark, source, files, nanos)
    line = ["_metadata.row_index"] if source.columns.order == "line" else []
    fields = (
        (_written_out(name, zoned=nanos[name]) if name in nanos else F.col(quoted(name))).alias(name)
        for name in table.columns  # before the metadata column joins in
    )
    frame = table.select(
        source_file().alias("source_file"),
        F.struct(*fields).alias("fields"),
        F.lit(False).alias("malformed"),
        *(F.col(one).alias("line") for one in line),
    )
    return as_rows(frame, table, source, {name: NanosText(zoned=zoned) for name, zoned in nanos.items()})


def _load(
    spark: SparkSession, source: Source, files: Sequence[SourceFile], nanos: Mapping[str, bool]
) -> DataFrame:
    # Without the setting Spark refuses nanoseconds; with it they are whole numbers, whatever they say of their zone.
    set_if_allowed(spark, _NANOS_AS_LONG, str(bool(nanos)).lower())
    try:
        return spark.read.options(**source.options).parquet(*(escaped(file.path) for file in files))
    except Exception as error:
        if "TIMESTAMP(NANOS" not in str(error):
            raise
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        raise InputRefused(
            f"source {files[0].path}{more}: times in nanoseconds, which can't be read here; write microseconds "
            "(pandas: to_parquet(…, coerce_timestamps='us'))"
        ) from None


def _written_out(name: str, *, zoned: bool) -> Column:
    """Nanoseconds since 1970 as ISO 8601."""
    since = F.col(quoted(name))
    rest = F.pmod(since, F.lit(_NANOS))
    whole = F.try_subtract(since, rest) / F.lit(_NANOS).cast("decimal(10,0)")
    second = F.timestamp_seconds(whole.cast("bigint"))
    digits = F.lpad(rest.cast("string"), 9, "0")
    zone = F.lit("Z" if zoned else "")
    return F.concat(F.date_format(second, "yyyy-MM-dd HH:mm:ss"), F.lit("."), digits, zone)


def as_rows(
    frame: DataFrame, table: DataFrame, source: Source, others: Mapping[str, DataType] | None = None
) -> Rows:
    """Rows of a frame whose `fields` are the columns of a table.

    Args:
        others: types of the fields that have another one than their column.
    """
    types = {field.name: field.dataType for field in table.schema} | dict(others or {})
    rows = Rows(frame, F.lit(None), tuple(table.columns), types)
    return replace(rows, raw=rows.as_json(source.columns.time))


def _kind_of(file: SourceFile) -> _Kind:
    if not is_local(file.path):
        return _Kind()
    try:
        schema = pq.read_schema(file.path).remove_metadata()
    except (pa.ArrowInvalid, OSError) as error:
        raise InputRefused(f"source {file.path}: not a Parquet file: {str(error).splitlines()[0]}") from None
    nanos = [one for one in schema if pa.types.is_timestamp(one.type) and one.type.unit == "ns"]
    return _Kind(str(schema), tuple((one.name, one.type.tz is not None) for one in nanos))


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


def read_delta(spark: SparkSession, source: Source, file: SourceFile) -> Rows:
    """Read a Delta table as it is now: all of it, since events that were taken before are known by their ids."""
    table = spark.read.table(_reference(file.path))
    fields = F.struct(*(F.col(quoted(name)) for name in table.columns))
    frame = table.select(
        F.lit(file.path).alias("source_file"), fields.alias("fields"), F.lit(False).alias("malformed")
    )
    return as_rows(frame, table, source)


def _reference(name: str) -> str:
    return f"delta.{quoted(name)}" if "/" in name else ".".join(quoted(part) for part in name.split("."))
