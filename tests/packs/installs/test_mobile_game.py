"""Sessions of a real game's log beside its own ids, which count how often the app was opened, not silences."""

import pandas as pd
import pyarrow as pa
import pytest

from offbeat.config.model import Sessions
from offbeat.sessions.cut import Cutter
from offbeat.sessions.order import in_order
from offbeat.sessions.rules import Rules


@pytest.fixture(scope="module")
def unlocks(data_dir) -> pd.DataFrame:
    path = data_dir / "mobile_game" / "toy_unlock.csv"
    if not path.is_file():
        pytest.skip("no log of a mobile game there")
    log = pd.read_csv(path, usecols=["USR_ID", "CLIENT_TIME", "SESSION_ID", "TOY_NAME"])
    return log.assign(
        time=pd.to_datetime(log["CLIENT_TIME"]), event_id=[f"{row:06d}" for row in range(len(log))]
    )


def cut(log: pd.DataFrame, sessions: Sessions) -> pd.Series:
    """The number of the session that holds each event, by event id."""
    n = len(log)
    events = pa.table(
        {
            "entity": pa.array(log["USR_ID"]), "role": pa.array(["events"] * n),
            "event_time": pa.array(log["time"]).cast(pa.timestamp("us", "UTC")),
            "event": pa.array(log["TOY_NAME"].astype(str)), "event_id": pa.array(log["event_id"]),
            "label": pa.nulls(n, pa.int32()), "covariates": pa.array([[]] * n, pa.map_(pa.string(), pa.string())),
        }
    )  # fmt: skip
    cutter = Cutter(Rules.of(sessions.model_copy(update={"order_by": ()})), None)
    done = [cutter.push(batch) for batch in in_order(iter(events.to_batches(max_chunksize=5000)))]
    pieces = pa.Table.from_batches([batch for batch in (*done, cutter.finish()) if batch is not None])
    ids = pieces["event_ids"].to_pylist()
    return pd.Series({event: number for number, events in enumerate(ids) for event in events})


def test_sessions_of_a_mobile_game_beside_its_own(unlocks):
    log = unlocks.assign(session=unlocks["event_id"].map(cut(unlocks, Sessions())))
    assert log["session"].notna().all()
    assert (log.groupby("session")["USR_ID"].nunique() == 1).all()
    log = log.sort_values(["USR_ID", "time", "event_id"])
    before = log.groupby("USR_ID").shift()
    own, ours = log["SESSION_ID"] == before["SESSION_ID"], log["session"] == before["session"]
    known = before["SESSION_ID"].notna()
    # Half an hour of silence ends a session; within one opening of the app it hardly ever comes, between two of them
    # in less than half of the cases: people come back sooner.
    assert ours[known & own].mean() == pytest.approx(0.994, abs=0.001)
    assert (~ours[known & ~own]).mean() == pytest.approx(0.434, abs=0.001)
    gap = log["time"] - before["time"]
    pd.testing.assert_series_equal(ours[known], gap[known] <= pd.Timedelta(minutes=30), check_names=False)
