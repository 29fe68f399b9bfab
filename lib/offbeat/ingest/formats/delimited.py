"""CSV (RFC 4180): a header, fields between delimiters, quotes around what holds delimiters, quotes or line breaks.

Files with different headers are read apart, so that columns go by name in each. A line equal to its file's header is a
header wherever it stands. A row with another number of fields than the header is malformed.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from offbeat.config import Source
from offbeat.ingest.files import SourceFile, escaped, is_local
from offbeat.ingest.formats.lines import read_lines, source_file
from offbeat.ingest.rows import Rows

_BAD = "_malformed"
_CHUNK_BYTES = 1 << 20
_PACKED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open}


def read(spark: SparkSession, source: Source, files: Sequence[SourceFile]) -> list[Rows]:
    """Read the rows of CSV files, one `Rows` per distinct header."""
    groups: dict[tuple[str, bool], list[SourceFile]] = defaultdict(list)
    for file in files:
        if file.size_bytes:
            groups[_header(spark, source, file), _breaks_in_quotes(source, file)].append(file)
    return [
        _read_records(spark, source, group, header) if broken else _read_lines(spark, source, group, header)
        for (header, broken), group in groups.items()
    ]


def parse(lines: DataFrame, source: Source, header: str) -> Rows:
    """Parse rows of text (`raw`) that belong to a header."""
    names = _names(source, header)
    schema = _schema(names)
    parsed = F.from_csv("raw", schema.toDDL(), _options(source))
    frame = lines.withColumn("_parsed", parsed)
    fields = F.struct(*(F.col(f"_parsed.`{index}`").alias(name) for index, name in enumerate(names)))
    malformed = F.col(f"_parsed.{_BAD}").isNotNull()
    frame = frame.select("*", fields.alias("fields"), malformed.alias("malformed")).drop("_parsed")
    return Rows(frame, F.col("raw"), names, header=header)


def _read_lines(spark: SparkSession, source: Source, files: Sequence[SourceFile], header: str) -> Rows:
    numbered = source.columns.order == "line"
    lines = read_lines(spark, files, encoding=source.options.get("encoding"), numbered=numbered)
    blank = F.trim("raw") == ""
    is_header = (F.col("raw") == F.lit(header)) if _has_header(source) else F.lit(False)
    return parse(lines.where(~blank & ~is_header), source, header)


def _read_records(spark: SparkSession, source: Source, files: Sequence[SourceFile], header: str) -> Rows:
    """Read files in which a record can go over several lines: one task a file, since no line tells where it stands."""
    names = _names(source, header)
    given = source.options.get("encoding")
    options = _options(source) | {"multiLine": "true", "encoding": given or "ISO-8859-1"}
    columns = [F.col(f"`{index}`") for index in range(len(names))]
    records = spark.read.schema(_schema(names)).options(**options).csv([escaped(file.path) for file in files])
    line = F.monotonically_increasing_id().bitwiseAND(F.lit((1 << 33) - 1)).alias("line")
    frame = records.select(*columns, F.col(_BAD), source_file().alias("source_file"), line)
    values = [column if given else _as_utf8(column) for column in columns]
    if _has_header(source):
        titles = next(_records(source, header), [])
        frame = frame.where(~_equal(values, titles))
    fields = F.struct(*(value.alias(name) for value, name in zip(values, names, strict=True)))
    raw = F.coalesce(F.col(_BAD) if given else _as_utf8(F.col(_BAD)), _written(fields, source))
    frame = frame.select(
        "source_file",
        "line",
        fields.alias("fields"),
        F.col(_BAD).isNotNull().alias("malformed"),
        raw.alias("_raw"),
    )
    return Rows(frame, F.col("_raw"), names, header=header)


def _equal(values: Sequence[Column], titles: Sequence[str]) -> Column:
    same = F.lit(True)
    for value, title in zip(values, titles, strict=False):
        same &= F.coalesce(value, F.lit("")) == F.lit(title)
    return same


def _as_utf8(text: Column) -> Column:
    """Text that was read byte for byte, as the UTF-8 that it is; as ISO 8859-1 where it is none."""
    as_bytes = F.encode(text, "ISO-8859-1")
    # A byte order mark makes Spark read the file as UTF-8: then there are characters beyond one byte.
    beyond = text.rlike(r"[^\x00-\xFF]")
    return F.when(text.isNull() | beyond, text).otherwise(
        F.coalesce(F.try_validate_utf8(as_bytes.cast("string")), text)
    )


def _written(fields: Column, source: Source) -> Column:
    keep = {key: value for key, value in _options(source).items() if key in ("sep", "quote", "escape")}
    return F.to_csv(fields, keep)


def _options(source: Source) -> dict[str, str]:
    given = source.options
    return {
        "sep": given.get("sep", given.get("delimiter", ",")),
        "quote": given.get("quote", '"'),
        "escape": given.get("escape", given.get("quote", '"')),
        "header": "false",
        "mode": "PERMISSIVE",
        "columnNameOfCorruptRecord": _BAD,
    } | ({"nullValue": given["nullValue"]} if "nullValue" in given else {})


def _schema(names: Sequence[str]) -> StructType:
    # Named by number: names in a header may be empty, or the same twice.
    return StructType(
        [StructField(str(index), StringType()) for index in range(len(names))]
        + [StructField(_BAD, StringType())]
    )


def _has_header(source: Source) -> bool:
    return source.options.get("header", "true").lower() == "true"


def _names(source: Source, header: str) -> tuple[str, ...]:
    """Names of the fields: the header's, made distinct; `_c0`, `_c1` … where there is none."""
    titles = next(_records(source, header), [])
    names: list[str] = []
    for index, title in enumerate(titles):
        name = title.strip() if _has_header(source) and title.strip() else f"_c{index}"
        taken = [other for other in names if other == name or other.startswith(f"{name}_")]
        names.append(f"{name}_{len(taken) + 1}" if name in names else name)
    return tuple(names)


def _records(source: Source, text: str) -> Iterator[list[str]]:
    options = _options(source)
    return csv.reader(io.StringIO(text), delimiter=options["sep"], quotechar=options["quote"])


def _header(spark: SparkSession, source: Source, file: SourceFile) -> str:
    """Text of a file's first record; with `header: false` it only tells how many fields there are."""
    if not is_local(file.path):
        first = read_lines(spark, [file]).where(F.trim("raw") != "").first()
        return str(first["raw"]) if first else ""
    with _opened(file.path) as stream:
        text = ""
        for line in stream:
            text += _decoded(line, source)
            if text.strip() and text.count(_options(source)["quote"]) % 2 == 0:
                break
            text = text if text.strip() else ""
    return text.removeprefix("\ufeff").rstrip("\r\n")


def _decoded(line: bytes, source: Source) -> str:
    try:
        return line.decode(source.options.get("encoding", "utf-8"))
    except UnicodeDecodeError:
        return line.decode("iso-8859-1")


@contextmanager
def _opened(path: str) -> Iterator[io.BufferedIOBase]:
    with _PACKED.get(Path(path).suffix, open)(path, "rb") as stream:
        yield stream


def _breaks_in_quotes(source: Source, file: SourceFile) -> bool:
    """Whether a line break may stand inside quotes: then a line is not a record.

    Packed and remote files are not looked through: Spark can't split the packed ones anyway.
    """
    if source.options.get("multiLine", "").lower() in ("true", "false"):
        return source.options["multiLine"].lower() == "true"
    if not is_local(file.path) or Path(file.path).suffix in (".gz", ".bz2", ".zst", ".lz4", ".snappy"):
        return True
    quote = _options(source)["quote"].encode()
    rest = b""
    with Path(file.path).open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n") if quote in chunk or quote in rest else (b"",)
            if any(line.count(quote) % 2 for line in lines):
                return True
    return False
