"""The page's sections from plain values, and its pictures with their controls in a real browser."""

from __future__ import annotations

import ast

import pytest

pytest.importorskip("playwright", reason="browser tests need playwright")

from offbeat.packs.top10 import sections
from offbeat.packs.top10.examples import BEFORE, EARLY
from offbeat.packs.top10.facts import Facts
from offbeat.packs.top10.judge import Place, figures
from offbeat.packs.top10.leaks import leaky_figures, missingness_figures
from offbeat.packs.top10.learn import fields_of
from offbeat.packs.top10.options import Options
from offbeat.packs.top10.samples import split
from offbeat.packs.top10.shown import CLEANED, RAW, Shown
from offbeat.packs.top10.uses import hypotheses, quartiles, shares_by
from offbeat.reports.data import Head
from offbeat.reports.page import render_page
from offbeat.reports.write import write_page
from tests.system.browser import DESKTOP, PHONE, open_browser, opened, serious_faults

HOSTILE = "</script><img src=x onerror=alert(1)>"


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
    rows += figures(Place("comes_back", "time", "gru"), early.labels, early.labels * 0.5 + 0.1, seed=0)
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
        returning=[{"title": "B", "comes_back": 0.4, "weeks_so_far": 2, "season": "Dec"}],
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
    assert HOSTILE not in text
    assert page.stat().st_size < 2_000_000


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
