"""The first rows of a config's sources as `ingest` would take them, without writing anything."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.ingest import contract, identity, sources
from offbeat.ingest.job import as_utc

_SHOWN = (
    "entity",
    "event_time",
    "position",
    "event",
    "label",
    "covariates",
    "role",
    "event_id",
    "source_file",
    "reasons",
    "raw",
)


def preview(
    spark: SparkSession, conf: Config, *, run_date: dt.datetime, rows: int = 10
) -> list[dict[str, Any]]:
    """Take the first rows of each source through its contract.

    Args:
        run_date: what future times are judged against.
        rows: how many rows of each source.

    Returns:
        A dict per row: the columns of an event (its time as text, UTC), `reasons` (empty where the row is one) and
        `raw` (where it is none).

    Raises:
        InputRefused: nothing at a source, no rows in it, or a column not there.
    """
    newest = as_utc(run_date) + dt.timedelta(seconds=conf.quarantine.future_skew)
    shown: list[dict[str, Any]] = []
    for place, source in enumerate(conf.source):
        files = sources.find(spark, source)
        found: list[dict[str, Any]] = []
        for group in sources.read(spark, source, files, salt=str(place), known=None):
            taken = identity.add_event_id(
                contract.apply(group, source, newest=newest), dedupe=conf.sessions.dedupe
            )
            wanted = (
                taken.withColumn("event_time", F.col("event_time").cast("string"))
                .select(*_SHOWN)
                .limit(rows - len(found))
            )
            with sources.readable():
                found += [row.asDict(recursive=True) for row in wanted.collect()] if len(found) < rows else []
        if not found:
            raise sources.no_rows(files)
        shown += found
    return shown
