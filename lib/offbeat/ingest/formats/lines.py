"""Lines of text files, whatever bytes they hold, with the file and, where wanted, the number of each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from offbeat.ingest.files import SourceFile, escaped
from offbeat.spark import set_if_allowed

_BYTE_ORDER_MARK = "\ufeff"
_PACKED = (".gz", ".lz4", ".snappy", ".zst", ".deflate")
_WORTH_SPREADING_BYTES = 16 << 20


def source_file() -> Column:
    """Path or URL of the file that a row was read from, as `SourceFile.path` has it."""
    # Spark gives a URL with %20; a plus sign in it is one, though url_decode takes it for a blank.
    quoted = F.col("_metadata.file_path")
    decoded = F.when(
        quoted.contains("%"), F.url_decode(F.replace(quoted, F.lit("+"), F.lit("%2B")))
    ).otherwise(quoted)
    return F.regexp_replace(decoded, "^file:/+", "/")


def read_lines(
    spark: SparkSession, files: Sequence[SourceFile], *, encoding: str | None = None, numbered: bool = False
) -> DataFrame:
    r"""Read lines that end in \n, \r\n or \r, packed files unpacked; no byte is lost.

    A line that is not UTF-8 is read as ISO 8859-1, where every byte is a character, so that two lines that differ
    stay different.

    Args:
        encoding: encoding of the files where it is known, one in which \n is a byte of its own.
        numbered: whether to number the lines of the one file.

    Returns:
        `raw` string, `source_file` string, `line` bigint from 0 where numbered.
    """
    lines = spark.read.text([escaped(file.path) for file in files])
    if numbered:
        lines = _numbered(lines)
    if encoding is not None:  # else Spark knows seven of them
        set_if_allowed(spark, "spark.sql.legacy.javaCharsets", "true")
    raw = _text(F.col("value"), encoding)
    whole = F.when(raw.startswith(_BYTE_ORDER_MARK), F.substr(raw, F.lit(2))).otherwise(raw)
    columns: list[Column | str] = [
        whole.alias("raw"),
        source_file().alias("source_file"),
        *(["line"] if numbered else []),
    ]
    return spread(lines.select(*columns), [file for file in files if Path(file.path).suffix in _PACKED])


def spread(rows: DataFrame, unsplit: Sequence[SourceFile]) -> DataFrame:
    """Share the rows of few large files, which Spark reads in a task each, among as many tasks as a shuffle has.

    Args:
        unsplit: the files that are read in a task each.
    """
    tasks = int(rows.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
    if len(unsplit) >= tasks or sum(file.size_bytes or 0 for file in unsplit) < _WORTH_SPREADING_BYTES:
        return rows
    return rows.repartition(tasks)


def _text(value: Column, encoding: str | None) -> Column:
    as_bytes = value.cast("binary")
    if encoding is not None and encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
        return F.decode(as_bytes, encoding)
    return F.coalesce(F.try_validate_utf8(value), F.decode(as_bytes, "ISO-8859-1"))


def _numbered(lines: DataFrame) -> DataFrame:
    """Add `line`: Spark reads a file in splits, so the lines of the splits before are counted first."""
    placed = lines.select("*", "_metadata", F.monotonically_increasing_id().alias("_id"))
    start = F.col("_metadata.file_block_start")
    splits = (
        placed.groupBy(start.alias("start"))
        .agg(F.min("_id").alias("first"), F.count("*").alias("n"))
        .collect()
    )
    splits.sort(key=lambda split: split["start"])
    before = [0, *accumulate(split["n"] for split in splits)]
    shift = F.lit(None)
    for split, offset in zip(splits, before, strict=False):
        shift = F.when(start == split["start"], F.lit(offset - split["first"])).otherwise(shift)
    return placed.withColumn("line", F.col("_id") + shift)
