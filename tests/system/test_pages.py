"""Every page, opened in a real browser: quiet, offline, drawn, narrow enough, and fit for all."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="browser tests need playwright")

from offbeat.reports import render_anomalies_page, render_run_page, write_page
from offbeat.reports.evaluation_page import render_evaluation_page
from offbeat.reports.exploration import render_exploration_page
from tests.reports import example, example_exploration
from tests.system.browser import DESKTOP, PHONE, Browser, open_browser, opened, serious_faults

pytestmark = pytest.mark.system

FULL = ("run", "anomalies", "evaluation", "exploration")
PAGES = (*FULL, "bare", "hostile", "hostile-exploration")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {
        "run": render_run_page(example.run_page_data()),
        "anomalies": render_anomalies_page(example.anomaly_page_data()),
        "evaluation": render_evaluation_page(example.evaluation_page_data()),
        "exploration": render_exploration_page(example_exploration.exploration_page_data()),
        "hostile-exploration": render_exploration_page(example_exploration.hostile_exploration_data()),
        "bare": render_run_page(example.bare_page_data()),
        "hostile": render_run_page(example.hostile_page_data()),
    }
    return {name: write_page(folder / f"{name}.html", html) for name, html in made.items()}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Where pictures of the pages are kept: OFFBEAT_ARTIFACTS, so that CI can hand them out."""
    folder = Path(os.environ.get("OFFBEAT_ARTIFACTS") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width, scheme", [(DESKTOP, "light"), (PHONE, "dark")])
def test_page_is_quiet_offline_drawn_and_narrow(browser, pages, pictures, name, width, scheme):
    with opened(browser, pages[name], width=width, scheme=scheme) as seen:
        wanted, drawn = seen.charts()
        seen.page.screenshot(path=pictures / f"{name}-{width}-{scheme}.png", full_page=True)
        assert seen.overflow() == 0
        seen.unfold()
        assert seen.overflow() == 0
        if name in FULL:  # the scheme changes colours alone, and they show on the full pages
            other = {"light": "dark", "dark": "light"}[scheme]
            seen.page.emulate_media(color_scheme=other)
            seen.page.screenshot(path=pictures / f"{name}-{width}-{other}.png", full_page=True)
        assert seen.troubles == []
        assert seen.requests == []
        assert drawn == wanted
        assert wanted >= (0 if name == "bare" else 1)


@pytest.mark.parametrize(
    "name, scheme",
    [
        ("run", "light"),
        ("anomalies", "dark"),
        ("hostile", "light"),
        ("bare", "dark"),
        ("evaluation", "dark"),
        ("exploration", "light"),
    ],
)
def test_axe_finds_no_serious_fault(browser, pages, name, scheme):
    with opened(browser, pages[name], scheme=scheme) as seen:
        seen.unfold()
        assert serious_faults(seen.page) == []


def test_names_from_the_log_run_nothing_and_are_shown(browser, pages):
    with opened(browser, pages["hostile"]) as seen:
        seen.unfold()
        assert seen.page.evaluate("document.querySelectorAll('img, script:not([data-chart])').length") == 3
        assert "</script><script>alert(1)</script>" in seen.page.inner_text("main")
        assert "<img src=x onerror=alert(1)>" in seen.page.inner_text("main")
        assert seen.troubles == []


def test_even_a_script_in_the_page_would_not_run(browser, pages, tmp_path):
    html = pages["run"].read_text(encoding="utf-8")
    broken = write_page(
        tmp_path / "x.html", html.replace("<footer>", "<script>document.title='owned'</script><footer>")
    )
    with opened(browser, broken) as seen:
        assert "owned" not in seen.page.title()
        assert any("Content Security Policy" in trouble for trouble in seen.troubles)


def test_table_sorts_by_value_and_back(browser, pages):
    with opened(browser, pages["anomalies"]) as seen:
        table = seen.page.locator(".table[data-name=causes]")
        header = table.get_by_role("columnheader", name="largest score")

        def scores() -> list[str]:
            return table.locator("tbody td:nth-child(6)").all_inner_texts()

        as_it_came = scores()
        header.get_by_role("button").click()
        assert (header.get_attribute("aria-sort"), scores()[0]) == ("descending", "11.2")
        header.get_by_role("button").press("Enter")
        assert (header.get_attribute("aria-sort"), scores()) == ("ascending", as_it_came[::-1])
        header.get_by_role("button").press("Enter")
        assert (header.get_attribute("aria-sort"), scores()) == (None, as_it_came)


def test_filter_keeps_the_rows_with_all_words_and_csv_has_what_is_left(browser, pages):
    with opened(browser, pages["run"]) as seen:
        seen.unfold()
        table = seen.page.locator(".table[data-name=evaluations]")
        table.get_by_role("searchbox").fill("lstm f1 honest")
        assert table.locator("output").inner_text() == "3 of 118 rows"
        with seen.page.expect_download() as waiting:
            table.get_by_role("button", name="Download CSV").click()
        assert waiting.value.suggested_filename == "evaluations.csv"
        rows = list(csv.reader(io.StringIO(waiting.value.path().read_text(encoding="utf-8-sig"))))
        assert rows[0][:4] == ["metric", "detector", "split", "sessions"]
        assert [(row[0], row[3], row[6]) for row in rows[1:]] == [  # as they are, not as they are shown
            ("f1", "all", "0.898"),
            ("f1", "distinct", "0.848"),
            ("f1", "never_seen", "0.8180000000000001"),
        ]


def test_csv_disarms_formulas(browser, pages):
    with opened(browser, pages["hostile"]) as seen:
        seen.unfold()
        table = seen.page.locator(".table[data-name=minutes-partner]")
        with seen.page.expect_download() as waiting:
            table.get_by_role("button", name="Download CSV").click()
        assert "'=HYPERLINK(1)" in waiting.value.path().read_text(encoding="utf-8-sig")


def test_theme_is_chosen_and_kept(browser, pages):
    with opened(browser, pages["run"], scheme="light") as seen:
        page = seen.page
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        button = page.get_by_role("button", name="Theme")
        button.click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light
        button.click()
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert dark != light
        page.reload()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_paper_is_light_and_open(browser, pages, pictures):
    with opened(browser, pages["run"], scheme="dark") as seen:
        seen.page.emulate_media(media="print", color_scheme="dark")
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        seen.page.pdf(path=pictures / "run.pdf", format="A4")
        assert (pictures / "run.pdf").stat().st_size > 50_000
        # Printing opens the folds that belong on paper, and closes them after; emulation alone sends no such event.
        folds = "Array.from(document.querySelectorAll('details[data-paper]'), (fold) => fold.open)"
        assert not any(seen.page.evaluate(folds))
        seen.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        opened_folds = seen.page.evaluate(folds)
        assert opened_folds
        assert all(opened_folds)
        assert seen.page.get_by_text("Struck through: not in the normal sequence").first.is_visible()
        seen.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        assert not any(seen.page.evaluate(folds))


def test_page_reads_without_scripts(browser, pages):
    with opened(browser, pages["run"], scripts=False) as seen:
        text = seen.page.inner_text("main")
        assert "quartile_75 came where quartile_50 was expected" in text
        assert "Charts, sorting and filters need JavaScript" in text
        assert seen.page.get_by_role("button").count() == 0


def test_keyboard_reaches_the_content_first(browser, pages):
    with opened(browser, pages["run"]) as seen:
        seen.page.keyboard.press("Tab")
        assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the content"
        seen.page.keyboard.press("Enter")
        assert seen.page.evaluate("document.activeElement.id") == "main"
