"""Logs of this room, made once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
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
def as_sessions(spark):
    """Turns rows of `sessions_of`, or tuples of SESSION_COLUMNS, into a Spark frame."""

    def convert(rows):
        if isinstance(rows, pd.DataFrame):
            rows = rows.assign(covariates=rows[COVARIATES].to_dict("records")).drop(columns=COVARIATES)
            names = [column.split()[0] for column in SESSION_COLUMNS.split(", ")]
            rows = list(rows[names].astype(object).itertuples(index=False, name=None))
        return spark.createDataFrame(rows, SESSION_COLUMNS)

    return convert
