"""The generated catalogue: its shape, its truth, and settings that can't be meant."""

from __future__ import annotations

import csv

import pytest

from offbeat.errors import UsageError
from offbeat.evaluation.metrics import area_under_roc
from offbeat.packs.top10.generate import write_data
from offbeat.packs.top10.settings import Settings
from tests.packs.top10.making import SETTINGS


def test_lists_have_ten_ranks_per_category_and_week(made):
    sizes = made.weekly.groupby(["week", "category"])["weekly_rank"].apply(list)
    assert all(ranks == list(range(1, len(ranks) + 1)) for ranks in sizes)
    assert sizes.map(len).max() == 10
    assert made.weekly["week"].nunique() == SETTINGS.weeks


def test_truth_agrees_with_the_lists_and_is_worth_knowing(made):
    truth = made.truth
    assert truth["charts"].sum() == (truth["weeks_charted"] > 0).sum()
    assert truth["weeks_charted"].sum() == len(made.weekly)
    assert area_under_roc(truth["charts"].to_numpy(), truth["known_appeal"].to_numpy()) > 0.7


def test_what_waits_for_a_careless_reader_is_in_it(made):
    """Snapshots rose by charting; the second source has what charted; Metascore is missing alike for both."""
    charts = made.truth["charts"] == 1
    votes = made.catalogue["votes"]
    assert votes[charts].median() > 1.5 * votes[~charts].median()
    assert (
        abs(
            made.catalogue["metascore"].isna()[charts].mean()
            - made.catalogue["metascore"].isna()[~charts].mean()
        )
        < 0.06
    )
    assert 0.9 * charts.sum() < len(made.ratings) < 1.2 * charts.sum()


def test_the_same_request_gives_the_same_bytes_and_is_done_once(tmp_path):
    first = write_data(tmp_path / "a", titles=300, seed=5, settings=Settings(weeks=30))
    again = write_data(tmp_path / "a", titles=300, seed=5, settings=Settings(weeks=30))
    write_data(tmp_path / "b", titles=300, seed=5, settings=Settings(weeks=30))
    assert (first["written"], again["written"]) == (True, False)
    for name in ("weekly.tsv", "catalogue.csv", "ratings.csv", "truth.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    with (tmp_path / "a" / "weekly.tsv").open(encoding="utf-8") as lines:
        assert len(list(csv.DictReader(lines, delimiter="\t"))) == first["rows"]


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="something else"):
        write_data(tmp_path, titles=300, seed=0, settings=Settings())
    assert (tmp_path / "mine.txt").read_text() == "x"


@pytest.mark.parametrize(
    "given, words",
    [
        ({"wekks": 30}, "did you mean weeks"),
        ({"weeks": 3}, "from 26 to 2000"),
        ({"older": 1.5}, "share from 0 to 1"),
        ({"start": "soon"}, "a day like"),
        ({"noise": -1}, "from 0 on"),
    ],
)
def test_settings_that_cant_be_meant(given, words):
    with pytest.raises(UsageError, match=words):
        Settings.of(given)


def test_too_few_titles_are_refused(tmp_path):
    with pytest.raises(UsageError, match="expected 200 to"):
        write_data(tmp_path / "x", titles=20, seed=0, settings=Settings())
