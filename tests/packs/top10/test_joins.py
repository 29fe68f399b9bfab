"""Titles in one spelling, joins with their quality, runs, and examples as of a day, in Spark."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import functions as F

from offbeat.packs.top10.examples import build_before, build_early, with_histories
from offbeat.packs.top10.match import match_titles
from offbeat.packs.top10.normalize import norm_title, normalize_title
from offbeat.packs.top10.tables import TITLES
from offbeat.packs.top10.weekly import build_charted, list_weeks, returns_of

pytestmark = pytest.mark.spark

SPELLINGS = (
    "Ìjọ̀gbọ̀n",
    "Pokémon: Détective & Co.",
    "The Queen's Gambit",
    "WALL·E",
    "오징어 게임",
    "ØLØ_x",
    "!!!",
    "Señorita 89",
)
_TEXTS = "left_source string, left_id string, title string, norm_title string, kind string"
LEFT = f"{_TEXTS}, not_before date, not_after date"


def day(text):
    return dt.date.fromisoformat(text)


def title(title_id, name, *, kind="film", released=None, year=None, **more):
    row = dict.fromkeys(TITLES.column_names)
    return row | {
        "source": "tmdb", "title_id": title_id, "title": name, "norm_title": name.lower(), "kind": kind, "year": year,
        "release_date": day(released) if released else None, "is_main": True, **more,
    }  # fmt: skip


def frame(spark, rows):
    return spark.createDataFrame(rows, TITLES.schema)


def test_spark_and_python_spell_titles_alike(spark):
    rows = (
        spark.createDataFrame([(t,) for t in SPELLINGS], "t string")
        .select("t", norm_title(F.col("t")).alias("n"))
        .collect()
    )
    assert {row["t"]: row["n"] for row in rows} == {t: normalize_title(t) for t in SPELLINGS}


def test_each_match_has_its_quality_and_each_other_its_reason(spark):
    catalogue = frame(
        spark,
        [
            title("1", "Plain", released="2022-01-01"),
            title("2", "Twin", released="2021-01-01"), title("3", "Twin", released="2020-01-01"),
            title("4", "Late", released="2024-01-01"),
            title("5", "Show", kind="tv"),
            title("6", "Undated"),
            title("7", "Kindless", kind=None, released="2020-01-01"),
            title("8", "Foreign", released="2020-01-01", norm_original="fremd"),
            title("9", "Remake", released="1990-01-01"), title("10", "Remake", released="2025-01-01"),
        ],
    )  # fmt: skip
    names = ("plain", "twin", "late", "show", "undated", "kindless", "fremd", "remake", "nowhere")
    left = spark.createDataFrame([("lists", n, n, n, "film", None, day("2023-01-01")) for n in names], LEFT)
    rows = {row["left_id"]: row for row in match_titles(left, catalogue).collect()}
    assert {n: (r["title_id"], r["quality"], r["reason"]) for n, r in rows.items()} == {
        "plain": ("1", "title_year_kind", None),
        "twin": (None, None, "ambiguous"),
        "late": (None, None, "other_year"),
        "show": (None, None, "other_kind"),
        "undated": ("6", "title_kind", None),
        "kindless": ("7", "title", None),
        "fremd": ("8", "original_title", None),
        "remake": ("9", "title_year_kind", None),
        "nowhere": (None, None, "not_in_catalogue"),
    }
    assert rows["twin"]["candidates"] == ["2", "3"]
    assert rows["nowhere"]["candidates"] == []


def test_weeks_of_seasons_are_one_title_and_missing_hours_stay_missing(spark):
    lines = [
        ("a", "TV (English)", "Show", "2023-01-01", "2", "5000"),
        ("b", "TV (English)", "SHOW", "2023-01-01", "7", "3000"),  # another season, written otherwise
        ("c", "TV (English)", "Show", "2023-01-08", "1", ""),
        ("d", "TV (English)", "Show", "2023-03-05", "4", "0"),
    ]
    # An earlier file spelled the line of March otherwise, and had another title in a place that is another's now.
    lines += [
        ("e", "TV (English)", "Sho", "2023-03-05", "4", "9"),
        ("f", "TV (English)", "Old", "2023-01-08", "1", "9"),
    ]
    events = spark.createDataFrame(
        [
            (
                i,
                {"category": c, "show_title": t, "weekly_hours_viewed": h},
                dt.datetime.fromisoformat(w),
                r,
                "old" if i in "ef" else "new",
                "weekly.tsv",
            )
            for i, c, t, w, r, h in lines
        ],
        "event_id string, covariates map<string,string>, event_time timestamp, event string, ingest_batch string, "
        "source_file string",
    )
    taken = [
        ("old", dt.datetime.fromisoformat("2023-03-06")),
        ("new", dt.datetime.fromisoformat("2023-03-13")),
    ]
    ingested = spark.createDataFrame(taken, "ingest_batch string, taken_at timestamp")
    charted = build_charted(list_weeks(events, ingested)).cache()
    (row,) = charted.collect()
    assert (row["chart_id"], row["n_weeks"], row["n_runs"], row["best_rank"]) == ("tv|show", 3, 2, 1)
    assert [(w["rank"], w["hours"]) for w in row["weeks"]] == [(2, 8000.0), (1, None), (4, None)]
    assert (row["hours_first_week"], row["hours_total"]) == (8000.0, 8000.0)
    assert returns_of(charted).collect() == []  # eight weeks away are a pause, more are a return


def test_examples_know_only_what_was_before_their_day(spark):
    people = {"director": ["Ada"], "genres": ["Drama"]}
    titles = frame(
        spark,
        [
            title("1", "old", released="2010-05-05", year=2010, metascore=70.0, **people),
            title("2", "first", released="2023-02-01", year=2023, **people),
            title("3", "second", released="2023-06-01", year=2023, **people),
            title("4", "undated", **people),
            title("5", "too new", released="2023-12-20", year=2023),
        ],
    )
    weeks = "array<struct<week:date,rank:int,hours:double>>"
    outcomes = spark.createDataFrame(
        [
            ("2", [(day("2023-02-05"), 3, 9e6), (day("2023-02-12"), 5, 4e6)], 9e6),
            ("3", [(day("2023-06-04"), 9, 2e6)], 2e6),
        ],
        f"title_id string, weeks {weeks}, hours_first_week double",
    )
    extras = spark.createDataFrame([], "title_id string, extras map<string,double>")
    first, last = F.lit(day("2023-01-02")), F.lit(day("2023-12-31"))
    before = build_before(titles, outcomes, extras, first, last)
    both = with_histories(before.unionByName(build_early(titles, outcomes, extras, last)), before)
    rows = {(row["question"], row["title_id"]): row for row in both.collect()}
    assert sorted(rows) == [("before_release", i) for i in "12345"] + [("early_viewership", i) for i in "23"]
    # What came out in the last four weeks is asked about; what became of it nobody knows yet.
    assert (rows["before_release", "5"]["label"], rows["before_release", "5"]["dated"]) == (None, True)
    asked = {i: rows["before_release", i] for i in "1234"}
    assert {i: (r["as_of"], r["label"], r["dated"]) for i, r in asked.items()} == {
        "1": (day("2023-01-02"), 0, False),
        "2": (day("2023-02-01"), 1, True),
        "3": (day("2023-06-01"), 1, True),
        "4": (day("2023-01-02"), 0, False),
    }
    tried = {i: (r["numbers"]["director_tries"], r["numbers"]["director_charted"]) for i, r in asked.items()}
    # The first knows the two older ones, not its own charting; the second knows that of the first.
    assert tried == {"1": (0.0, 0.0), "2": (2.0, 0.0), "3": (3.0, 1.0), "4": (0.0, 0.0)}
    assert asked["1"]["numbers"]["metascore"] == 70.0
    assert "metascore" not in asked["2"]["numbers"]
    early = rows["early_viewership", "2"]
    assert (early["as_of"], early["label"], early["numbers"]["weekly_hours_viewed"]) == (
        day("2023-02-05"),
        1,
        9e6,
    )
    assert rows["early_viewership", "3"]["label"] == 0
