"""The generated click log: the same for the same request, in parts, with the truth that it was made from."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from offbeat.errors import UsageError
from offbeat.packs.installs.generate import write_log
from offbeat.packs.installs.settings import Settings

SMALL = Settings(chunk_clicks=5_000, install_rate=0.02)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installs") / "log"
    return folder, write_log(folder, rows=20_000, seed=3, settings=SMALL)


def read(folder) -> pd.DataFrame:
    return pd.concat([pd.read_csv(path) for path in sorted((folder / "clicks").glob("*.csv.gz"))])


def test_the_log_has_the_columns_of_the_real_one_and_about_the_rows_asked_for(made):
    folder, counts = made
    with gzip.open(folder / "clicks" / "part-00000.csv.gz", "rt") as stream:
        header = stream.readline().strip()
    assert header == "ip,app,device,os,channel,click_time,attributed_time,is_attributed"
    clicks = read(folder)
    assert len(clicks) == counts["clicks"]
    assert 17_000 < len(clicks) < 23_000
    assert counts["files"] == 4
    assert clicks["is_attributed"].sum() == counts["installs"]
    assert 0.008 < clicks["is_attributed"].mean() < 0.04
    times = pd.to_datetime(clicks["click_time"], format="%Y-%m-%d %H:%M:%S")
    assert times.min() >= pd.Timestamp("2025-03-03")
    assert times.max() < pd.Timestamp("2025-03-07")


def test_installs_come_later_than_their_clicks_and_those_after_the_end_are_not_in_the_log(made):
    folder, counts = made
    clicks = read(folder)
    assert (clicks["attributed_time"].notna() == (clicks["is_attributed"] == 1)).all()
    bought = clicks.dropna(subset=["attributed_time"])
    delay = pd.to_datetime(bought["attributed_time"]) - pd.to_datetime(bought["click_time"])
    assert (delay > pd.Timedelta(0)).all()
    assert 0.15 < (delay > pd.Timedelta(hours=1)).mean() < 0.5
    assert (pd.to_datetime(bought["attributed_time"]) < pd.Timestamp("2025-03-07")).all()
    assert counts["late_installs"] > 0


def test_the_truth_says_who_is_behind_each_address(made):
    folder, counts = made
    truth = pd.concat([pd.read_parquet(path) for path in sorted((folder / "truth").glob("*.parquet"))])
    clicks = read(folder)
    per_ip = clicks.groupby("ip")["is_attributed"].agg(["size", "sum"])
    assert truth["ip"].is_unique
    joined = truth.assign(ip=truth["ip"].astype(int)).set_index("ip").join(per_ip, how="outer")
    assert (joined["clicks"] == joined["size"]).all()
    assert (joined["installs"] == joined["sum"]).all()
    share = truth.groupby("kind")["clicks"].sum() / truth["clicks"].sum()
    assert 0.05 < share["farm"] < 0.25
    rate = truth.groupby("kind")["installs"].sum() / truth.groupby("kind")["clicks"].sum()
    assert rate["farm"] < 0.3 * rate["person"]
    assert counts["farms"] == (truth["kind"] == "farm").sum()
    assert 0.75 < counts["best_auc"] < 1
    expected = truth["expected_installs"].sum()
    assert abs(expected - counts["installs"] - counts["late_installs"]) < 4 * np.sqrt(expected)


def test_the_same_request_is_left_alone_and_gives_the_same_bytes_elsewhere(made, tmp_path):
    folder, counts = made
    assert write_log(folder, rows=20_000, seed=3, settings=SMALL) == {**counts, "written": False}
    again = write_log(tmp_path / "log", rows=20_000, seed=3, settings=SMALL)
    assert again == counts
    for path in (folder / "clicks").iterdir():
        assert gzip.decompress(path.read_bytes()) == gzip.decompress(
            (tmp_path / "log" / "clicks" / path.name).read_bytes()
        )
    other = write_log(tmp_path / "log", rows=20_000, seed=4, settings=SMALL)
    assert other["clicks"] != counts["clicks"]
    assert json.loads((tmp_path / "log" / "log.json").read_text())["request"]["seed"] == 4


def test_without_plant_there_is_no_farm(tmp_path):
    counts = write_log(tmp_path / "log", rows=5_000, seed=0, settings=Settings.of({}, plant=False))
    assert counts["farms"] == 0


def test_wrong_settings_and_foreign_folders_are_refused(tmp_path):
    with pytest.raises(UsageError, match="unknown key aps; did you mean apps"):
        Settings.of({"aps": 3})
    with pytest.raises(UsageError, match=r"install_rate: expected a number from 0\.0001 to 0\.5, got 3"):
        Settings.of({"install_rate": 3})
    with pytest.raises(UsageError, match="start: expected a day"):
        Settings.of({"start": "monday"})
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="something else than a generated log"):
        write_log(tmp_path, rows=1000, seed=0, settings=SMALL)
