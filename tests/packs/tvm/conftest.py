"""Logs of this room, made once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from offbeat.packs.tvm.generate import write_log
from offbeat.packs.tvm.settings import Settings
from tests.packs.tvm.reading import COVARIATES

SESSION_COLUMNS = (
    "session_id string, entity string, start timestamp, end timestamp, events array<string>, "
    "times array<timestamp>, event_ids array<string>, covariates map<string,string>"
)


@pytest.fixture(scope="session")
def log(tmp_path_factory) -> Path:
    """A log of 60,000 events with faults."""
    folder = tmp_path_factory.mktemp("tvm") / "log"
    write_log(folder, rows=60_000, seed=7)
    return folder


@pytest.fixture(scope="session")
def clean_log(tmp_path_factory) -> Path:
    """A log of 60,000 events without faults, with much noise of the network."""
    folder = tmp_path_factory.mktemp("tvm") / "clean"
    noisy = Settings(plant=False, duplicates=0.02, late=0.02, offline=0.05, jitter_s=0.008)
    write_log(folder, rows=60_000, seed=7, settings=noisy)
    return folder


@pytest.fixture(scope="session")
def as_sessions(spark, tmp_path_factory):
    """Turns rows of `sessions_of`, or tuples of SESSION_COLUMNS, into a Spark frame."""

    def convert(rows):
        if not isinstance(rows, pd.DataFrame):
            return spark.createDataFrame(rows, SESSION_COLUMNS)
        pairs = [list(each.items()) for each in rows[COVARIATES].to_dict("records")]
        table = pa.Table.from_pandas(rows.drop(columns=COVARIATES), preserve_index=False)
        table = table.append_column("covariates", pa.array(pairs, pa.map_(pa.string(), pa.string())))
        path = tmp_path_factory.mktemp("sessions") / "sessions.parquet"
        pq.write_table(table, path, coerce_timestamps="us")
        return spark.read.parquet(str(path))

    return convert
