"""What a plain reading of a generated log gives, in pandas: rows, sessions by the contract's rule, codes in order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from offbeat.packs.tvm.machine import codes_of

GAP = pd.Timedelta(minutes=30)
COVARIATES = ["partner", "title", "platform", "app_version"]


def read_events(folder: Path) -> pd.DataFrame:
    """The log's rows, each once."""
    return pq.read_table(folder / "events").to_pandas().drop_duplicates()


def read_truth(folder: Path) -> pd.DataFrame:
    return pq.read_table(folder / "truth").to_pandas()


def sessions_of(events: pd.DataFrame) -> pd.DataFrame:
    """Runs of a device's events without a silence longer than 30 minutes."""
    events = events.sort_values(["device_id", "event_time"])
    silent = events.groupby("device_id")["event_time"].diff() > GAP
    new = silent | (events["device_id"] != events["device_id"].shift())
    grouped = events.assign(session_id=np.cumsum(new).map("s{}".format)).groupby("session_id", sort=False)
    return grouped.agg(
        entity=("device_id", "first"),
        start=("event_time", "first"),
        end=("event_time", "last"),
        events=("event", list),
        times=("event_time", list),
        event_ids=("event_id", list),
        **{name: (name, "first") for name in COVARIATES},
    ).reset_index()


def logged_codes(events: pd.DataFrame, truth: pd.DataFrame) -> list[list[int]]:
    """Codes of each true session's events in the order of their logged times."""
    rows = truth[["session_key", "event_ids"]].explode("event_ids")
    rows = rows.merge(events[["event_id", "event_time", "event"]], left_on="event_ids", right_on="event_id")
    by_key = rows.sort_values("event_time").groupby("session_key")["event"].agg(list)
    return [codes_of(by_key[key]) for key in truth["session_key"]]
