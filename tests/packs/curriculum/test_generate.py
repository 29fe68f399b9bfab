"""The generated log against the real figures, where they are there, and against itself."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from offbeat.errors import InputRefused, UsageError
from offbeat.packs.curriculum.generate import write_log
from offbeat.packs.curriculum.plants import rare_paths
from offbeat.packs.curriculum.settings import Settings

COLUMNS = ["day", "clock", "path", "user", "cohort", "ip"]


def read(folder):
    parts = [
        pd.read_csv(path, sep=" ", names=COLUMNS, quoting=3, keep_default_na=False)
        for path in sorted(folder.glob("access-*.txt"))
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def codeup(data_dir):
    folder = data_dir / "codeup"
    if not folder.is_dir():
        pytest.skip(f"no real figures in {folder}")
    return folder


@pytest.fixture(scope="module")
def like_real(codeup, tmp_path_factory):
    folder = tmp_path_factory.mktemp("curriculum") / "log"
    write_log(folder, rows=900_223, seed=3, settings=Settings(like=str(codeup)))
    return read(folder)


def test_rows_and_users_of_each_cohort_are_those_of_the_real_log(like_real, codeup):
    real = pd.read_csv(codeup / "cohort_activity.csv").set_index("cohort_id")
    real = real[real["rows_full_snapshot"] > 0]
    known = like_real[like_real["cohort"] != ""]
    made = known.groupby(known["cohort"].astype(int)).agg(rows=("user", "size"), users=("user", "nunique"))
    assert set(made.index) == set(real.index)
    off = (made["rows"] / real["rows_full_snapshot"] - 1).abs()
    # A single row more is more than 2 % of a cohort that has four.
    assert ((off <= 0.02) | ((made["rows"] - real["rows_full_snapshot"]).abs() <= 1)).all()
    assert ((made["users"] / real["users_full_snapshot"] - 1).abs() <= 0.02).all()
    assert len(like_real) == pytest.approx(900_223, rel=0.002)


def test_the_popular_pages_are_as_popular_as_in_the_real_log(like_real, codeup):
    pages = pd.read_csv(codeup / "top_pages.csv")
    real = pages[pages["scope"] == "students_only_full_snapshot"].set_index("path")["rows"]
    students = like_real[(like_real["cohort"] != "") & (like_real["cohort"] != "28")]
    made = students["path"].value_counts().reindex(real.index).fillna(0)
    assert real.rank().corr(made.rank()) >= 0.95
    lessons = students[~students["path"].isin(["/", "search/search_index.json"])]["path"].value_counts()
    assert set(lessons.index[:40]) <= set(real.index)


def test_hours_weekdays_null_cohorts_and_oddities_are_as_in_the_real_log(like_real):
    assert (like_real["cohort"] == "").mean() == pytest.approx(0.0588, abs=0.0005)
    assert like_real.loc[like_real["cohort"] == "", "user"].nunique() == pytest.approx(78, abs=2)
    assert like_real["user"].nunique() == pytest.approx(981, rel=0.02)
    at = pd.to_datetime(like_real["day"] + " " + like_real["clock"])
    assert at.min() >= pd.Timestamp("2018-01-26 09:55:03")
    assert at.max() <= pd.Timestamp("2021-04-21 16:41:51")
    hours = at.dt.hour.value_counts(normalize=True)
    assert hours[[9, 10, 11, 13, 14]].min() > 2 * hours[[20, 21, 22]].max()
    assert (at.dt.weekday >= 5).mean() == pytest.approx(0.09, abs=0.03)
    assert like_real.duplicated().sum() == pytest.approx(3_518, rel=0.3)
    assert (like_real["path"] == "").sum() == 1
    assert like_real["ip"].value_counts().iloc[:2].sum() / len(like_real) == pytest.approx(0.38, abs=0.06)
    assert (at.dt.year == 2020).sum() > 1.3 * (at.dt.year == 2018).sum()  # growth
    assert like_real["path"].str.endswith((".jpg", ".svg", ".jpeg")).mean() > 0.005
    assert (like_real["path"].value_counts() == 1).sum() > 200


def test_nobody_comes_before_the_class_begins(like_real, codeup):
    starts = pd.read_csv(codeup / "cohorts.csv").set_index("id")["start_date"]
    known = like_real[like_real["cohort"] != ""]
    assert (known["day"] >= known["cohort"].astype(int).map(starts)).all()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curriculum") / "small"
    counts = write_log(folder, rows=20_000, seed=5)
    return folder, counts


def test_the_same_request_gives_the_same_log_and_another_seed_another(small, tmp_path):
    folder, counts = small
    assert not write_log(folder, rows=20_000, seed=5)["written"]
    again, other = tmp_path / "again", tmp_path / "other"
    write_log(again, rows=20_000, seed=5)
    write_log(other, rows=20_000, seed=6)
    texts = [(one / "access-00000.txt").read_bytes() for one in (folder, again, other)]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]
    assert counts["rows"] == pytest.approx(20_000, rel=0.01)


def test_the_truth_names_users_and_paths_that_are_in_the_log(small):
    folder, counts = small
    rows, truth = read(folder), pq.read_table(folder / "truth").to_pandas()
    kinds = set(truth["kind"])
    assert {"scraper", "sharer", "dropout", "prober", "hot_lesson", "shutoff", "rare_path", "outage"} <= kinds
    assert {"staff_move", "hidden_cohort"} <= kinds
    users = truth.loc[truth["entity_kind"] == "user", "entity"]
    assert set(users) <= set(rows["user"].astype(str))
    paths = rows["path"].value_counts()
    assert (paths[truth.loc[truth["kind"] == "rare_path", "entity"]] == 1).all()
    outage = truth[truth["kind"] == "outage"].iloc[0]
    at = pd.to_datetime(rows["day"] + " " + rows["clock"], utc=True)
    assert not ((at >= outage["start"]) & (at < outage["end"])).any()
    assert counts["planted"]["rare_path"] == (truth["kind"] == "rare_path").sum()
    hidden = truth.loc[truth["kind"] == "hidden_cohort", "entity"]
    assert (rows.loc[rows["user"].astype(str).isin(hidden), "cohort"] == "").all()


def test_a_log_of_several_chunks_has_the_same_people(small, tmp_path):
    folder, counts = small
    chunked = write_log(tmp_path / "chunks", rows=20_000, seed=5, settings=Settings(chunk_rows=10_000))
    assert chunked["files"] == 2
    assert chunked["users"] == counts["users"]
    one, two = read(folder), read(tmp_path / "chunks")
    assert len(two) == pytest.approx(len(one), rel=0.005)
    sizes = one.groupby("user").size() - two.groupby("user").size()
    assert np.abs(sizes).max() <= 12  # rows that are written twice fall elsewhere


def test_no_more_paths_are_misspelt_than_there_are_ways_to():
    known = ["java-i/loops", "html-css"]
    assert len(rare_paths(known, 100_000, 1)) == 20
    assert rare_paths(known, 5, 1) == rare_paths(known, 100_000, 1)[:5]


def test_without_plants_nothing_is_told_but_hidden_cohorts(tmp_path):
    write_log(tmp_path / "log", rows=15_000, seed=1, settings=Settings(plant=False))
    truth = pq.read_table(tmp_path / "log" / "truth").to_pandas()
    assert set(truth["kind"]) == {"hidden_cohort"}


def test_a_folder_of_somebody_else_stays(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="it holds something else"):
        write_log(tmp_path, rows=15_000, seed=1)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_school_that_lacks_a_table_is_refused(tmp_path):
    (tmp_path / "school").mkdir()
    with pytest.raises(InputRefused, match=r"cohort_activity.csv"):
        write_log(tmp_path / "log", rows=15_000, seed=1, settings=Settings(like=str(tmp_path / "school")))


@pytest.mark.parametrize(
    "given,told",
    [
        ({"scraper": 3}, "did you mean scrapers"),
        ({"crossing": 2}, "crossing: expected a share"),
        ({"first": "yesterday"}, "first: expected a day"),
        ({"last": "2018-02-01"}, "last: expected at least a year"),
        ({"dropouts": 1.5}, "dropouts: expected a whole number"),
    ],
)
def test_settings_that_cannot_be_are_named(given, told):
    with pytest.raises(UsageError, match=told):
        Settings.of(given)


def test_the_manifest_says_what_was_asked_for(small):
    manifest = json.loads((small[0] / "log.json").read_text())
    assert manifest["request"]["rows"] == 20_000
    assert manifest["request"]["school"] == "made up"
