"""Features of clicks: right by hand, the same as counting one by one, and blind to what comes later."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from offbeat.packs.installs.features import FIELDS, NEAR, near_features
from offbeat.packs.installs.history import Key

S = 1_000_000
HOUR = 3600 * S


def clicks_of(frame: pd.DataFrame) -> pa.Table:
    columns = {name: pa.array(frame[name].astype(str)) for name in FIELDS}
    return pa.table(columns | {"click_time": pa.array(frame["time"].to_numpy(), pa.int64())})


def random_clicks(n: int, seed: int) -> pd.DataFrame:
    """Clicks of few visitors with many ties in time."""
    rng = np.random.default_rng(seed)
    sizes = {"ip": 5, "app": 4, "device": 2, "os": 2, "channel": 3}
    frame = pd.DataFrame({name: rng.integers(size, size=n) for name, size in sizes.items()})
    return frame.assign(time=rng.integers(200_000, size=n) // 60 * 60 * S)


def counted(frame: pd.DataFrame, row: int) -> dict[str, float]:
    """The features of one click, by looking at each earlier click."""
    click = frame.iloc[row]
    ip = frame[(frame["time"] < click["time"]) & (frame["ip"] == click["ip"])]
    visitor = ip[(ip["device"] == click["device"]) & (ip["os"] == click["os"])]
    ip_app, visitor_app = (part[part["app"] == click["app"]] for part in (ip, visitor))
    ip_channel = ip[ip["channel"] == click["channel"]]

    def within(part, hours):
        return (part["time"] >= click["time"] - hours * HOUR).sum()

    def since(part):
        return (click["time"] - part["time"].max()) / S if len(part) else np.nan

    rank, last = 0, click["time"]
    for moment in sorted(visitor["time"], reverse=True):
        if last - moment > HOUR / 2:
            break
        rank, last = rank + 1, moment
    found = {
        "ip_1h": within(ip, 1), "ip_24h": within(ip, 24), "ip_before": len(ip), "ip_since": since(ip),
        "ip_apps": ip["app"].nunique(), "ip_channels": ip["channel"].nunique(),
        "visitor_1h": within(visitor, 1), "visitor_24h": within(visitor, 24), "visitor_before": len(visitor),
        "visitor_since": since(visitor), "visitor_apps": visitor["app"].nunique(), "visitor_rank": rank,
        "ip_app_24h": within(ip_app, 24), "ip_app_since": since(ip_app), "ip_channel_24h": within(ip_channel, 24),
        "visitor_app_before": len(visitor_app), "visitor_app_since": since(visitor_app),
    }  # fmt: skip
    return {name: np.log1p(value) for name, value in found.items()}


@pytest.mark.parametrize("seed", range(3))
def test_features_are_what_counting_one_by_one_gives(seed):
    frame = random_clicks(150, seed)
    made = near_features(clicks_of(frame))
    wanted = pd.DataFrame([counted(frame, row) for row in range(len(frame))])
    for name in NEAR:
        np.testing.assert_allclose(made[name], wanted[name], err_msg=name)


@pytest.mark.parametrize("seed", range(5))
def test_later_clicks_change_no_earlier_feature(seed):
    frame = random_clicks(300, seed)
    until = int(np.quantile(frame["time"], 0.6))
    early = frame[frame["time"] < until]
    alone, among = near_features(clicks_of(early)), near_features(clicks_of(frame))
    kept = (frame["time"] < until).to_numpy()
    for name in NEAR:
        np.testing.assert_array_equal(alone[name], among[name][kept], err_msg=name)


def test_the_order_of_rows_and_what_other_ips_do_mean_nothing():
    frame = random_clicks(300, 7)
    order = np.random.default_rng(0).permutation(len(frame))
    made, shuffled = near_features(clicks_of(frame)), near_features(clicks_of(frame.iloc[order]))
    one = (frame["ip"] == 2).to_numpy()
    alone = near_features(clicks_of(frame[one]))
    for name in NEAR:
        np.testing.assert_array_equal(made[name][order], shuffled[name], err_msg=name)
        np.testing.assert_array_equal(made[name][one], alone[name], err_msg=name)


def test_windows_end_where_they_say():
    key = Key(np.zeros(4, np.int64), np.array([0, HOUR, HOUR, 2 * HOUR + 1]))
    # Exactly an hour ago counts, an hour and a microsecond does not; the same moment is not earlier.
    assert key.within(HOUR).tolist() == [0, 1, 1, 0]
    assert key.before().tolist() == [0, 1, 1, 3]
    np.testing.assert_array_equal(key.since(), [np.nan, HOUR, HOUR, HOUR + 1])


def test_no_clicks_and_one_click_have_features():
    none = near_features(clicks_of(random_clicks(0, 0)))
    assert {len(values) for values in none.values()} == {0}
    one = near_features(clicks_of(random_clicks(1, 0)))
    assert one["ip_before"].tolist() == [0]
    assert np.isnan(one["ip_since"]).all()
