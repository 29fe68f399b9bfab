"""How a model travels to the executors, and that it is loaded once per Python worker."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from offbeat.spark import has_context
from offbeat.training.artifact import Artifact, load_artifact_bytes

Loader = Callable[[bytes], Artifact]

# One per Python worker process: lives as long as the worker, which Spark reuses from task to task.
_LOADED: dict[str, Artifact] = {}
_MOST_LOADED = 2
# Each action over Spark Connect sends the closure again, whereas an artifact is sent once in a session.
_MOST_IN_CLOSURE = 4 << 20


@dataclass(frozen=True)
class Shipped:
    """A packed model that lies among the session's files on every worker."""

    name: str

    @property
    def value(self) -> bytes:
        """The packed model, read on a worker."""
        from pyspark import SparkFiles

        return Path(SparkFiles.get(self.name)).read_bytes()


@dataclass(frozen=True)
class Carrier:
    """A packed model on its way: pickled with the UDF, opened on the worker.

    Attributes:
        version: model version, the cache's key.
        payload: a broadcast variable, a file of the session, or the bytes themselves.
        loader: how bytes become a model; a test passes its own.
    """

    version: str
    payload: Any
    loader: Loader = load_artifact_bytes

    def model(self) -> Artifact:
        """The model, loaded at the first call in this worker."""
        if self.version not in _LOADED:
            while len(_LOADED) >= _MOST_LOADED:
                _LOADED.pop(next(iter(_LOADED)))
            data = self.payload if isinstance(self.payload, bytes) else self.payload.value
            _LOADED[self.version] = self.loader(data)
        return _LOADED[self.version]


def carry(
    spark: SparkSession, version: str, packed: bytes, *, loader: Loader = load_artifact_bytes
) -> Carrier:
    """Send a packed model to the executors.

    By broadcast; over Spark Connect, where there is no SparkContext, in the closure of the UDF, or as an artifact of
    the session where it is larger than a few MB.
    """
    if has_context(spark):
        return Carrier(version, spark.sparkContext.broadcast(packed), loader)
    carrier = Carrier(version, packed, loader)
    if len(packed) <= _MOST_IN_CLOSURE:
        return carrier
    carrier.model()  # here too it is asked for, and this process has no files of the session
    return Carrier(version, _ship(spark, packed), loader)


def _ship(spark: SparkSession, packed: bytes) -> Shipped:
    """Give a packed model to the session as a file; its name says its content, which a session takes once."""
    name = f"model-{hashlib.sha256(packed).hexdigest()[:16]}.zip"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, name)
        file.write_bytes(packed)
        spark.addArtifacts(str(file), file=True)
    return Shipped(name)
