"""How a model travels to the executors, and that it is loaded once per Python worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from offbeat.spark import has_context
from offbeat.training.artifact import Artifact, load_artifact_bytes

Loader = Callable[[bytes], Artifact]

# One per Python worker process: lives as long as the worker, which Spark reuses from task to task.
_LOADED: dict[str, Artifact] = {}
_MOST_LOADED = 2


@dataclass(frozen=True)
class Carrier:
    """A packed model on its way: pickled with the UDF, opened on the worker.

    Attributes:
        version: model version, the cache's key.
        payload: a broadcast variable, or the bytes themselves.
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
    """Send a packed model to the executors: by broadcast, or in the closure where there is no SparkContext.

    A closure carries up to 200 MB; a model of these detectors is a few.
    """
    payload = spark.sparkContext.broadcast(packed) if has_context(spark) else packed
    return Carrier(version, payload, loader)
