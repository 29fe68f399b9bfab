"""Where a lake lies: a folder, a URL or `catalog.schema`, and the paths and names of what is in it."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from offbeat.errors import UsageError
from offbeat.tables.table import Table, quoted


class Place:
    """A lake's place.

    Args:
        spark: an open session with Delta.
        location: folder, URL or `catalog.schema`.
        volume: folder of what is no table, where the lake is a catalog or remote storage.
    """

    def __init__(self, spark: SparkSession, location: str, *, volume: str | None = None) -> None:
        self.spark = spark
        self.is_folder = "/" in location or location.startswith(".")
        self.location = _absolute(location) if self.is_folder else location
        self.volume = None if volume is None else _absolute(volume).rstrip("/")

    def reference(self, table: Table) -> str:
        """The table's quoted name in SQL."""
        if self.is_folder:
            return f"delta.{quoted(self.path(table.name))}"
        return ".".join(quoted(part) for part in (*self.location.split("."), table.name))

    def path(self, *parts: str) -> str:
        """Path of something inside a lake that is a folder."""
        return "/".join((self.location.rstrip("/"), *parts))

    @property
    def local_folder(self) -> Path | None:
        """The lake's folder on this machine; None where it is a catalog or remote storage."""
        return Path(self.location) if self.is_folder and "://" not in self.location else None

    @property
    def files(self) -> Path | None:
        """The folder of models and pages, as Python opens it; None where none was given."""
        if self.volume is not None:
            return Path(self.volume.removeprefix("dbfs:"))
        return self.local_folder

    def checkpoint(self, name: str) -> str:
        """Folder that a stream keeps how far it is in.

        Raises:
            UsageError: the lake is a catalog, and no volume is named.
        """
        if self.volume is None and not self.is_folder:
            raise UsageError(
                f"lake {self.location}: checkpoints need a folder; set volume to a Volume or a shared folder"
            )
        return f"{self.volume}/checkpoints/{name}" if self.volume else self.path("checkpoints", name)


def _absolute(location: str) -> str:
    return location if "://" in location else str(Path(location).expanduser().absolute())
