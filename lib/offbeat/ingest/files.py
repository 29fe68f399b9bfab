"""Which files a source has, and what tells their contents apart: a hash of the bytes, never the name."""

from __future__ import annotations

import glob
import hashlib
import itertools
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from pyspark.sql import SparkSession

from offbeat.errors import InputRefused

_CHUNK_BYTES = 1 << 20
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")


class NothingThere(InputRefused):
    """Raised where a source has no file yet, or none with a row in it; a stream waits for one."""


@dataclass(frozen=True)
class SourceFile:
    """A file, or a query that stands for one.

    Attributes:
        path: absolute path, URL or name of a query.
        size_bytes: None for a query.
        modified_ms: milliseconds since 1970; None for a query.
        content_hash: SHA-256 of the bytes, hex; empty until it is known.
    """

    path: str
    size_bytes: int | None = None
    modified_ms: int | None = None
    content_hash: str = ""


def is_local(path: str) -> bool:
    """Whether a path is one that Python can open: it carries no scheme but `file:`."""
    return path.startswith("file:") or not _SCHEME.match(path)


def local_path(path: str) -> str:
    """Absolute form of a local path, without `file:`."""
    return str(Path(re.sub(r"^file:/+", "/", path)).expanduser().absolute())


def list_files(spark: SparkSession, pattern: str) -> list[SourceFile]:
    """List the files of a path, folder or glob, by name; hidden ones (`_` or `.` first) are left out, as Spark does.

    Raises:
        InputRefused: nothing is there.
    """
    found = _list_local(local_path(pattern)) if is_local(pattern) else _list_remote(spark, pattern)
    if not found:
        raise NothingThere(
            f"source {pattern}: no file there; give an existing file, folder or glob as source.path"
        )
    return sorted(found, key=lambda file: file.path)


def _list_local(pattern: str) -> list[SourceFile]:
    if os.path.lexists(pattern):
        paths = [pattern]
    else:  # the glob is a whole path, which Path.glob does not take
        paths = [path for one in _without_braces(pattern) for path in glob.glob(one, recursive=True)]  # noqa: PTH207
    files = set(itertools.chain.from_iterable(map(_files_below, paths)))
    return [_stat(path) for path in files]


def _without_braces(pattern: str) -> list[str]:
    """Globs that together mean a glob with `{a,b}`, which Spark's globs have and Python's lack."""
    braces = _BRACES.search(pattern)
    if not braces:
        return [pattern]
    before, after = pattern[: braces.start()], pattern[braces.end() :]
    return [one for choice in braces[1].split(",") for one in _without_braces(before + choice + after)]


def _files_below(path: str) -> Iterator[str]:
    if not Path(path).is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        yield from (f"{folder}/{name}" for name in names if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    # A folder of a partition may begin with `_` and have a value: Spark reads it.
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def _stat(path: str) -> SourceFile:
    try:
        stat = Path(path).stat()
    except OSError as error:
        raise InputRefused(
            f"source {path}: {error.strerror}; make it readable or leave it out of source.path"
        ) from None
    return SourceFile(path, stat.st_size, stat.st_mtime_ns // 1_000_000)


def _list_remote(spark: SparkSession, pattern: str) -> list[SourceFile]:
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    try:  # the column `content` isn't asked for, so no file is read
        rows = (
            reader.load(pattern)
            .selectExpr("path", "length", "unix_millis(modificationTime) AS modified")
            .collect()
        )
    except Exception as error:
        if "PATH_NOT_FOUND" in str(error):
            return []
        raise
    return [SourceFile(row["path"], row["length"], row["modified"]) for row in rows]


def add_hashes(files: list[SourceFile]) -> list[SourceFile]:
    """Give each file the hash of its content, read once in chunks of 1 MiB.

    A remote file is known by name, size and time of change: its bytes would have to come to the driver.

    Raises:
        InputRefused: a file can't be read.
    """
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:  # hashing and reading let go of Python's lock
        return list(pool.map(_with_hash, files))


def _with_hash(file: SourceFile) -> SourceFile:
    if not is_local(file.path):
        return replace(file, content_hash=query_hash(file.path, file.size_bytes, file.modified_ms))
    digest = hashlib.sha256()
    try:
        with Path(file.path).open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise InputRefused(f"source {file.path}: {error.strerror}; make it readable") from None
    return replace(file, content_hash=digest.hexdigest())


def query_hash(*parts: object) -> str:
    """Hash that stands for the content of a query, or of a table's version."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def escaped(path: str) -> str:
    """A path as Spark's readers take it, which would read `*`, `[` or `{` in a name as a glob."""
    return re.sub(r"([\\*?\[\]{}])", r"\\\1", path)
