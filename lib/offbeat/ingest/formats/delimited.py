"""CSV (RFC 4180): a header, fields between delimiters, quotes around what holds delimiters, quotes or line breaks.

Files with different headers are read apart, so that columns go by name in each. A line equal to its file's header is a
header wherever it stands. A row with another number of fields than the header is malformed.
"""

from __future__ import annotations

import csv
import io
import itertools
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from offbeat.config import Source
from offbeat.errors import InputRefused
from offbeat.ingest.files import SourceFile, is_local
from offbeat.ingest.formats import records
from offbeat.ingest.formats.lines import read_lines
from offbeat.ingest.formats.opened import can_unpack, open_file, read_streams
from offbeat.ingest.formats.records import Dialect, as_utf8
from offbeat.ingest.rows import Rows

_BAD = "_malformed"
_ARROW = pa.schema([("raw", pa.string()), ("source_file", pa.string()), ("line", pa.int64())])
_CHUNK_BYTES = 1 << 20
_HEADER_LINES = 100


def read(spark: SparkSession, source: Source, files: Sequence[SourceFile]) -> list[Rows]:
    """Read the rows of CSV files, one `Rows` per distinct header.

    Raises:
        InputRefused: a packed file is damaged.
    """
    groups: dict[tuple[str, bool], list[SourceFile]] = defaultdict(list)
    for file in files:
        if header := _header(spark, source, file):
            groups[header, _breaks_in_quotes(source, file)].append(file)
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
    """Read files in which a record can go over several lines: one task a file."""
    dialect, encoding = _dialect(source), source.options.get("encoding")
    titles = header if _has_header(source) else None

    def walk(path: str, stream: BinaryIO) -> Iterator[tuple[str, str, int]]:
        found = records.split(stream, dialect=dialect, encoding=encoding)
        return ((raw, path, number) for number, raw in found if raw != titles)

    rows = read_streams(spark, files, walk, _ARROW, "raw string, source_file string, line bigint")
    return parse(rows, source, header)


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
    titles = _titles(source, header)
    names: list[str] = []
    taken: Counter[str] = Counter()  # Spark takes `Id` and `id` for one name
    for index, title in enumerate(titles):
        name = title.strip() if _has_header(source) and title.strip() else f"_c{index}"
        taken[name.lower()] += 1
        names.append(name if taken[name.lower()] == 1 else f"{name}_{taken[name.lower()]}")
    return tuple(names)


def _titles(source: Source, header: str) -> list[str]:
    dialect = _dialect(source)
    return next(csv.reader(io.StringIO(header), delimiter=dialect.separator, quotechar=dialect.quote), [])


def _dialect(source: Source) -> Dialect:
    options = _options(source)
    return Dialect(options["sep"], options["quote"], options["escape"])


def _header(spark: SparkSession, source: Source, file: SourceFile) -> str:
    """Text of a file's first record; with `header: false` it only tells how many fields there are."""
    encoding = source.options.get("encoding")
    if not is_local(file.path):
        first = read_lines(spark, [file], encoding=encoding).where(F.trim("raw") != "").first()
        return str(first["raw"]) if first else ""
    try:
        with open_file(file.path) as stream:
            text = io.TextIOWrapper(stream, encoding=encoding or "iso-8859-1", errors="replace")
            lines = list(itertools.islice((line for line in text if line.strip()), _HEADER_LINES))
    except (EOFError, OSError, zlib.error) as error:
        raise InputRefused(
            f"source {file.path}: can't be read: {error}; give the whole file or leave it out"
        ) from None
    quote = _dialect(source).quote
    whole = next((n for n in range(1, len(lines) + 1) if "".join(lines[:n]).count(quote) % 2 == 0), 1)
    record = "".join(lines[:whole])
    return (record if encoding else as_utf8(record)).removeprefix("\ufeff").rstrip("\n")


def _breaks_in_quotes(source: Source, file: SourceFile) -> bool:
    """Whether a line break may stand inside quotes: then a line is not a record.

    Packed files are not looked through, since Spark can't split them anyway; remote ones neither: `multiLine: true`
    under source.options says it of them.
    """
    if source.options.get("multiLine", "").lower() in ("true", "false"):
        return source.options["multiLine"].lower() == "true"
    if can_unpack(file.path):
        return True
    if not is_local(file.path):
        return False
    quote = _options(source)["quote"].encode()
    rest = b""
    with Path(file.path).open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n") if quote in chunk or quote in rest else (b"",)
            if any(line.count(quote) % 2 for line in lines):
                return True
    return False
