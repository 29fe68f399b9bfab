"""The first rows of a csv, json or parquet log, read without Spark, for `offbeat init`."""

from __future__ import annotations

import csv
import io
import itertools
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from offbeat.errors import InputRefused
from offbeat.ingest.formats.opened import open_file

_SAMPLE_BYTES = 4 << 20
_SAMPLE_ROWS = 20_000
_SNIFFED_BYTES = 1 << 16
_FEWEST_COLUMNS = 2
_CONTROL = bytes(set(range(32)) - {9, 10, 12, 13, 27})


@dataclass(frozen=True)
class Sample:
    """First rows of a log.

    Attributes:
        path: the file that was looked at.
        format: csv, json or parquet.
        options: options of the reader that the file needs.
        columns: values by name, as long as each other.
    """

    path: Path
    format: str
    options: dict[str, str]
    columns: dict[str, list[object]]


def read_sample(path: Path) -> Sample:
    """Read the first rows of a log, at most 4 MiB of text.

    Raises:
        InputRefused: the file is missing, empty, or neither csv, json lines nor parquet.
    """
    if not path.exists():
        raise InputRefused(f"init {path}: no such file; give an existing csv, json or parquet log")
    if path.is_dir():
        inside = sorted(one for one in path.iterdir() if one.is_file() and one.name[0] not in "._")
        if not inside:
            raise InputRefused(f"init {path}: no files in this folder; give a log")
        path = inside[0]
    head = _head(path)
    if not head.strip():
        raise InputRefused(f"init {path}: the file is empty; give a log with rows")
    if head[:4] == b"PAR1":
        return _parquet(path)
    if any(byte in _CONTROL for byte in head[:_SNIFFED_BYTES]):
        raise InputRefused(f"init {path}: neither text nor Parquet; give a csv, json or parquet log")
    text = _as_text(head)
    found = _json(path, text) if text.lstrip()[:1] in ("{", "[") else _csv(path, text)
    if not any(found.columns.values()):
        raise InputRefused(f"init {path}: no rows in it; give a log with rows")
    return found


def _head(path: Path) -> bytes:
    try:
        with open_file(str(path)) as stream:
            return stream.read(_SAMPLE_BYTES)
    except (EOFError, OSError, zlib.error) as error:
        raise InputRefused(f"init {path}: can't be read: {error}; give a whole, readable log") from None


def _as_text(head: bytes) -> str:
    whole = (
        head if len(head) < _SAMPLE_BYTES else head[: head.rfind(b"\n") + 1]
    )  # the last line may be cut off
    try:
        return whole.decode("utf-8-sig")
    except UnicodeDecodeError:
        return whole.decode("iso-8859-1")


def _json(path: Path, text: str) -> Sample:
    rows: list[dict[str, Any]] = []
    for line in itertools.islice((line for line in text.splitlines() if line.strip()), _SAMPLE_ROWS):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(dict(_flat(row)))
    if not rows:
        raise InputRefused(f"init {path}: JSON, but not an object per line; write it as JSON lines")
    names = dict.fromkeys(name for row in rows for name in row)
    return Sample(path, "json", {}, {name: [row.get(name) for row in rows] for name in names})


def _flat(row: dict[str, Any], head: str = "") -> Iterator[tuple[str, object]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{head}{name}.")
        else:
            yield head + name, json.dumps(value) if isinstance(value, list) else value


def _csv(path: Path, text: str) -> Sample:
    first = text.lstrip().split("\n", 1)[0]
    separator = max(",;\t|", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    titles = next((row for row in rows if row), [])
    names = [title.strip() for title in titles]
    found = [row for row in itertools.islice(rows, _SAMPLE_ROWS) if row]
    whole = [row for row in found if len(row) == len(names)]
    if len(names) < _FEWEST_COLUMNS or 2 * len(whole) < len(found):
        raise InputRefused(
            f"init {path}: neither csv with a header, json lines nor parquet; for other text write a config with "
            "format: text and a pattern, see conf/ for examples"
        )
    columns: dict[str, list[object]] = {
        n: [row[place] or None for row in whole] for place, n in enumerate(names)
    }
    return Sample(path, "csv", {} if separator == "," else {"sep": separator}, columns)


def _parquet(path: Path) -> Sample:
    try:
        batches = pq.ParquetFile(path).iter_batches(batch_size=_SAMPLE_ROWS)
        first = next(batches, None)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputRefused(f"init {path}: not a whole Parquet file: {str(error).splitlines()[0]}") from None
    if first is None or not first.num_rows:
        raise InputRefused(f"init {path}: no rows in it; give a log with rows")
    return Sample(path, "parquet", {}, {name: first[name].to_pylist() for name in first.schema.names})
