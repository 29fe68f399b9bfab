"""How these tests read a source: through its format and the contract, without a lake where none is needed."""

from __future__ import annotations

import datetime as dt
import functools
from pathlib import Path

import pytest

from offbeat.config import Config, Source

RUN_DATE = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


@pytest.fixture
def read(spark):
    """Rows of a source as dicts with the event's columns, its time as text in UTC, `reasons` and `raw`; in no order."""
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F

    from offbeat.ingest import contract, identity, sources

    def read_source(source: Source, *, known=None, dedupe: str = "id", once: bool = False) -> list[dict]:
        files = sources.find(spark, source)
        groups = sources.read(spark, source, files, salt="0", known=known)
        frames = [contract.apply(rows, source, newest=RUN_DATE) for rows in groups]
        rows = identity.add_event_id(functools.reduce(DataFrame.unionByName, frames), dedupe=dedupe)
        rows = identity.once(rows) if once else rows
        return [
            row.asDict()
            for row in rows.withColumn("event_time", F.col("event_time").cast("string")).collect()
        ]

    return read_source


@pytest.fixture
def make_source(tmp_path):
    """A source of a file with this content, or of this path; its columns are u, t and e unless told otherwise."""

    def make(
        content: bytes | str | None, kind: str = "csv", name: str = "log", *, path=None, **more
    ) -> Source:
        path = Path(path or tmp_path / name)
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        named = {} if kind == "sequences" else {"entity": "u", "time": "t", "event": "e"}
        columns = named | more.pop("columns", {})
        return Source.model_validate({"format": kind, "path": str(path), "columns": columns} | more)

    return make


@pytest.fixture
def make_config(tmp_path):
    """A config with a lake of its own in the test's folder."""

    def make(*sources: Source, **more) -> Config:
        given = {"name": "test", "lake": f"{tmp_path}/lake", "source": sources} | more
        return Config.model_validate(given)

    return make


@pytest.fixture
def ingest(spark):
    """Run the step and hand back its counts; they must add up."""
    from offbeat.ingest.run import run
    from offbeat.tables.lake import Lake

    def ingest_config(conf: Config, **options) -> dict[str, int]:
        counts = run(Lake(spark, conf.lake), conf, **({"run_date": RUN_DATE} | options))
        assert counts["rows_in"] == counts["events"] + counts["duplicates"] + counts["quarantined"]
        return counts

    return ingest_config


@pytest.fixture
def table(spark):
    """Rows of a table of a config's lake as dicts."""

    def rows_of(conf: Config, name: str) -> list[dict]:
        return [row.asDict() for row in spark.read.format("delta").load(f"{conf.lake}/{name}").collect()]

    return rows_of
