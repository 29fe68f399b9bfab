"""Files that Python tasks read themselves, as streams, since their records can't be found from the middle of a file."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from offbeat.ingest.files import SourceFile, escaped, is_local
from offbeat.ingest.formats.lines import spread

_UNPACK: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open}
BATCH_ROWS = 5000
UNREADABLE = "offbeat can't read"  # by these words the driver finds the file in a task's traceback
Walk = Callable[[str, BinaryIO], Iterator[tuple[Any, ...]]]


def can_unpack(path: str) -> bool:
    """Whether a file is packed in a way that Python unpacks."""
    return Path(path).suffix in _UNPACK


def open_file(path: str, content: pa.Buffer | None = None) -> BinaryIO:
    """Open a file, or its content where that came along, and unpack it on the way."""
    whole: Any = path if content is None else io.BytesIO(content.to_pybytes())
    return cast("BinaryIO", _UNPACK.get(Path(path).suffix, _open_plain)(whole, "rb"))


def _open_plain(whole: Any, mode: str) -> Any:
    return Path(whole).open(mode) if isinstance(whole, str) else whole


def read_streams(
    spark: SparkSession,
    files: Sequence[SourceFile],
    walk: Walk,
    schema: pa.Schema,
    ddl: str,
) -> DataFrame:
    """Read files through a function from stream to rows, one task a file.

    A local file is read as a stream; a remote one comes to its task as a whole, at most 2 GB.

    Args:
        walk: gives the rows of one file, called with its path and stream.
        schema: of the rows, as Arrow has it.
        ddl: the same as Spark has it.
    """
    local = [(file.path, None) for file in files if is_local(file.path)]
    remote = [escaped(file.path) for file in files if not is_local(file.path)]
    opened = spark.createDataFrame(local, "path string, content binary").repartition(
        max(1, len(local)), "path"
    )
    if remote:
        opened = opened.unionByName(spark.read.format("binaryFile").load(remote).select("path", "content"))

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows: list[tuple[Any, ...]] = []
        for batch in batches:
            for path, content in zip(batch["path"].to_pylist(), batch["content"], strict=True):
                for row in _walked(walk, path, content.as_buffer() if content.is_valid else None):
                    rows.append(row)
                    if len(rows) == BATCH_ROWS:
                        yield _as_batch(rows, schema)
                        rows = []
        yield _as_batch(rows, schema)

    return spread(opened.mapInArrow(read, ddl), files)


def _walked(walk: Walk, path: str, content: pa.Buffer | None) -> Iterator[tuple[Any, ...]]:
    try:
        with open_file(path, content) as stream:
            yield from walk(path, stream)
    except (EOFError, OSError, zlib.error) as error:
        raise OSError(f"{UNREADABLE} {path}: {error}") from None


def _as_batch(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
