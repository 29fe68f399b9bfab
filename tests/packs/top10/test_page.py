"""The page's sections from plain values, and its pictures with their controls in a real browser."""

from __future__ import annotations

import ast
import datetime as dt

import numpy as np
import pytest

pytest.importorskip("playwright", reason="browser tests need playwright")

from offbeat.packs.top10 import sections
from offbeat.packs.top10.examples import BEFORE, EARLY
from offbeat.packs.top10.facts import Facts
from offbeat.packs.top10.judge import Place, figures, share_figure
from offbeat.packs.top10.leaks import leaky_figures, missingness_figures
from offbeat.packs.top10.learn import fields_of
from offbeat.packs.top10.options import Options
from offbeat.packs.top10.preset import AS_FILM, PRESET
from offbeat.packs.top10.samples import split
from offbeat.packs.top10.seasons import judge_seasons, months_of
from offbeat.packs.top10.shown import CLEANED, RAW, Group, Shown, rows_of
from offbeat.packs.top10.uses import hypotheses, quartiles, shares_by
from offbeat.reports.data import Head
from offbeat.reports.page import render_page
from offbeat.reports.write import write_page
from tests.system.browser import DESKTOP, PHONE, open_browser, opened, serious_faults

HOSTILE = "</script><img src=x onerror=alert(1)>"
RETURNS = [
    ("a", dt.date(2022, 10, 9)), ("a", dt.date(2023, 10, 8)), ("b", dt.date(2023, 5, 7)), ("b", dt.date(2023, 8, 6)),
    ("a", dt.date(2024, 10, 6)), ("b", dt.date(2024, 10, 6)), ("c", dt.date(2024, 2, 4)),
]  # fmt: skip


@pytest.fixture(scope="module")
def facts(made, before, early):
    options = Options(models=("logistic",), folds=2)
    parts = split(before, by="entity", holdout=0.3, seed=0)
    rows = []
    for question, examples in ((BEFORE, before), (EARLY, early)):
        place = Place(question, "title", "logistic", note="champion; 1 s")
        rows += figures(place, examples.labels, examples.labels * 0.2 + 0.3, seed=0)
    rows += leaky_figures(parts, "title", options, seed=0)
    rows += missingness_figures(parts, BEFORE, "title", fields_of(BEFORE, options), seed=0)
    runs = np.arange(len(early)) // 2  # pairs of rows belong together
    rows += figures(
        Place("comes_back", "time", "gru"), early.labels, early.labels * 0.5 + 0.1, seed=0, groups=runs
    )
    rows += judge_seasons(RETURNS, dt.date(2024, 1, 1), {"a": 10, "b": 10})
    study = np.arange(100) < 46
    rows += figures(Place(PRESET, "preset", "forest"), study.astype(int), study * 0.5, seed=0)
    films = Place(PRESET, "preset", AS_FILM, "reference")
    rows.append(share_figure(films, "share_charting", (np.arange(100) < 38).astype(int)))
    return Facts(
        by="entity",
        figures=rows,
        quality=[{"left_source": "lists", "source": "tmdb", "quality": "title_year_kind", "titles": 7}],
        unmatched=[
            {
                "left_source": "lists",
                "source": "tmdb",
                "reason": "ambiguous",
                "titles": 2,
                "examples": [HOSTILE, "b"],
            }
        ],
        shown=_shown(made),
        before=before,
        early=early,
        newest=[
            {
                "title": HOSTILE,
                "state": "listed",
                "first_week": "2023-01-01",
                "weeks_so_far": 3,
                "stays_next": 0.5,
                "weeks_more": 2.5,
                "comes_back": 0.1,
                "again": 0.7,
            }
        ],
        feature=[
            {
                "title": "A",
                "as_of": "2023-01-01",
                "probability": 0.8,
                "held_out": "yes",
                "why": "Genre (Drama)",
            }
        ],
        returning=[
            {"title": "B", "comes_back": 0.4, "weeks_so_far": 2, "season": "Dec", "last_week": "2023-01-01"}
        ],
        months=[{"month": "12", "returns": 4}],
    )


def _shown(made):
    weeks = made.weekly.groupby("show_title").agg(n=("week", "size"), hours=("weekly_hours_viewed", "sum"))
    known = {row["title"]: row for row in made.catalogue.to_dict("records")}
    found = [Shown(RAW, HOSTILE, 99, 1e9, ("Drama",), (HOSTILE,), (HOSTILE,), 50.0)]
    for name, row in weeks.iterrows():
        for view in (RAW, CLEANED):
            more = known.get(name)
            if more is None:
                found.append(Shown(view, name, int(row["n"]), float(row["hours"])))
                continue
            genres, cast = (tuple(ast.literal_eval(more[field])) for field in ("genres", "cast"))
            meta = None if more["metascore"] != more["metascore"] else float(more["metascore"])
            found.append(
                Shown(view, name, int(row["n"]), float(row["hours"]), genres, (more["director"],), cast, meta)
            )
    return found


@pytest.fixture(scope="module")
def page(facts, tmp_path_factory):
    html = render_page(Head(title="top10", run_id="r"), sections.build(facts))
    return write_page(tmp_path_factory.mktemp("page") / "index.html", html)


def test_five_uses_and_every_leak_are_on_the_page(page):
    text = page.read_text(encoding="utf-8")
    assert (
        text.count("Use 1:")
        + text.count("Use 2:")
        + text.count("Use 3:")
        + text.count("Use 4:")
        + text.count("Use 5:")
        == 10
    )
    assert "weekly_hours_viewed is 0 for" in text
    assert "46 of 100 titles matched by title alone, 38 of them as films" in text
    assert "Season: of 2 held-out returns of titles that had come back before, 1 fell" in text
    assert "Of 2 seasonal titles, 1 had come back in their true month" in text
    assert "ends of runs" in text
    assert HOSTILE not in text
    assert page.stat().st_size < 2_000_000


def test_months_are_learned_from_earlier_returns_alone():
    assert months_of(RETURNS[:4]) == {"a": [10], "b": [5, 8]}
    own, usual, truth = judge_seasons(RETURNS, dt.date(2024, 1, 1), {"a": 10, "b": 10})
    # Of two later returns, a's is in October again, b's not in May or August; half of all earlier ones are in each.
    assert (own["value"], own["n"], own["positives"]) == (0.5, 2, 1)
    assert own["low"] < 0.5 < own["high"]
    assert usual["value"] == 0.5
    assert (truth["value"], truth["n"]) == (0.5, 2)
    assert judge_seasons(RETURNS[:4], dt.date(2024, 1, 1), {}) == []


def test_rows_that_belong_together_are_drawn_together():
    rng = np.random.default_rng(0)
    runs = np.repeat(np.arange(60), 20)
    labels = np.repeat((rng.random(60) < 0.5).astype(int), 20)
    scores = np.repeat(rng.random(60), 20) * 0.5 + labels * 0.1
    place = Place("stays_next_week", "time", "gru")
    apart, together = (
        {
            row["metric"]: row["high"] - row["low"]
            for row in figures(place, labels, scores, seed=0, groups=g)
            if row["low"]
        }
        for g in (None, runs)
    )
    assert all(together[name] > 2 * apart[name] for name in ("roc_auc", "brier"))


def test_a_directors_bubble_is_found_by_every_title_and_name():
    group = Group(CLEANED, "d", [Shown(CLEANED, f"t{i}", 1, 1.0, cast=(f"c{i:02}",)) for i in range(20)])
    (row,) = rows_of([group])
    assert "t19" not in row["which"]
    assert "c19" not in row["cast"]
    assert row["all_titles"].endswith("t19")
    assert row["all_cast"].endswith("c19")


def test_hypotheses_say_what_the_titles_say(before, early):
    found = {each.claim: each for each in hypotheses(before, early)}
    hours = found["More hours in the first week: listed again"]
    assert hours.verdict == "holds"
    assert hours.low < hours.with_share - hours.without_share < hours.high
    assert found["A high Metascore (70 and more) charts more often"].verdict == "holds"
    again = [row["share"] for row in quartiles(early)]
    assert again[3] > again[0]
    genres = shares_by(before, lambda texts: texts["genre"])
    assert [row["low"] for row in genres] == sorted((row["low"] for row in genres), reverse=True)


@pytest.mark.system
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_pictures_are_drawn_offline_and_their_controls_work(page, width):
    with open_browser() as browser, opened(browser, page, width=width) as seen:
        wanted, drawn = seen.charts()
        assert wanted == drawn >= 6
        assert seen.requests == []
        assert seen.overflow() == 0
        assert seen.troubles == []
        assert serious_faults(seen.page) == []
        titles = seen.page.locator("#titles-chart, [id^=titles]").first
        labels = seen.page.locator("figure:has-text('Titles by weeks and hours') svg")
        first = labels.inner_html()
        assert titles.count() == 1
        seen.page.locator("figure:has-text('Titles by weeks and hours') select").first.select_option(RAW)
        seen.page.wait_for_timeout(300)
        assert labels.inner_html() != first
        bubbles = seen.page.locator("figure:has-text('Directors by Metascore and weeks')")
        before = bubbles.locator("svg path[aria-label], svg .mark-symbol path").count()
        bubbles.locator("input[type=search]").first.fill("zzzz no such title")
        seen.page.wait_for_timeout(300)
        assert before > 10
        assert bubbles.locator("svg path[aria-label], svg .mark-symbol path").count() == 0
