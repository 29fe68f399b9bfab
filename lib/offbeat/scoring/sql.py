"""A model as a SQL function: scores the events of any query, beside the tables under their plain names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.pandas.functions import pandas_udf

from offbeat.detectors.encoding import encode_sessions
from offbeat.errors import UsageError
from offbeat.scoring.carrier import Carrier, carry
from offbeat.tables.lake import Lake
from offbeat.tables.views import open_views
from offbeat.training.artifact import Artifact, pack_artifact
from offbeat.training.registry import Registry

FUNCTION = "offbeat_score"


def register(
    spark: SparkSession,
    lake: Lake | str,
    *,
    name: str | None = None,
    version: str | None = None,
    models: str | None = None,
) -> str:
    """Make `offbeat_score(events)` known to this Spark session, and each table of the lake under its plain name.

    `offbeat_score(events)` takes an array of event names for a whole session without times; `offbeat_score(events,
    times)` takes the times as well, for a detector that looks at gaps. It gives the score that `session_scores` has for
    such a session: higher is stranger. Null events give null.

    Args:
        lake: a lake, or where it is.
        name: the config's name, whose champion scores; may be left out where the lake has models of one config alone.
        version: model version; the champion where not given.
        models: folder of the models, as `output.models` names it, where the lake is a catalog.

    Returns:
        The model version that scores.

    Raises:
        UsageError: there is no model, or it is not clear which.
    """
    lake = Lake(spark, lake) if isinstance(lake, str) else lake
    registry = Registry(lake, name or only_name(lake, models), folder=models)
    version = version or registry.champion()
    if version is None:
        raise UsageError(f"models {registry.folder}: no champion yet; run train first")
    carrier = carry(spark, version, pack_artifact(registry.path(version)))
    scored: Any = pandas_udf(_scoring(carrier), "float")  # type: ignore[call-overload]
    spark.udf.register(FUNCTION, scored)
    open_views(lake)
    return version


def only_name(lake: Lake, models: str | None = None) -> str:
    """The one config that the lake has models of.

    Raises:
        UsageError: there is none, or more than one.
    """
    base = Path(models) if models else lake.files
    folder = base / "models" if base is not None else None
    found = (
        sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder and folder.is_dir() else []
    )
    if len(found) != 1:
        known = ", ".join(found) or "none"
        raise UsageError(f"lake {lake.location}: which config's models? give name=…; there are: {known}")
    return found[0]


def _scoring(carrier: Carrier) -> Any:
    def offbeat_score(*columns: pd.Series) -> pd.Series:
        return score_arrays(carrier.model(), *columns)

    return offbeat_score


def score_arrays(model: Artifact, events: pd.Series, times: pd.Series | None = None) -> pd.Series:
    """The model's score of each array of events, taken for a whole session; null where the array is.

    Args:
        events: arrays of names. times: arrays of instants of the same lengths; unknown where not given.
    """
    there = events.notna().to_numpy()
    scores = np.full(len(events), np.nan, np.float32)
    if there.any():
        names = [[None if each is None else str(each) for each in row] for row in events[there]]
        rows = _sessions(names, None if times is None else times[there])
        sequences = encode_sessions(rows, model.vocabulary, model.detector.takes)
        scores[there] = model.detector.score(sequences)
    given: list[float | None] = [
        float(score) if known else None for score, known in zip(scores, there, strict=True)
    ]
    return pd.Series(given, dtype="object")


def _sessions(names: list[list[str | None]], times: pd.Series | None) -> pa.Table:
    """Closed sessions of these events, as rows of the table sessions give them to a detector."""
    lengths = [len(row) for row in names]
    if times is None:
        instants: list[Any] = [[None] * n for n in lengths]
    else:
        instants = [[None] * n if row is None else list(row) for row, n in zip(times, lengths, strict=True)]
        if [len(row) for row in instants] != lengths:
            raise UsageError(f"{FUNCTION}: events and times of a session have different lengths")
    return pa.table(
        {
            "events": pa.array(names, pa.list_(pa.string())),
            "times": pa.array(instants, pa.list_(pa.timestamp("us", "UTC"))),
            "state": pa.array(["closed"] * len(names), pa.string()),
            "continues": pa.array([False] * len(names), pa.bool_()),
        }
    )
