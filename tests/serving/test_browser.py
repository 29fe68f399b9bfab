"""The form in a real browser: filled, submitted, read; every error; upload; keyboard, phone, and fit for all."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import pytest

pytest.importorskip("playwright", reason="browser tests need playwright")

from offbeat.packs.top10.answers import NO, YES
from tests.serving.listening import listening
from tests.system.browser import DESKTOP, PHONE, open_browser

pytestmark = pytest.mark.system

FILLED = {
    "year": "2023", "genre": "Thriller", "director": "Greta Berg", "rating_label": "PG-13",
    "metascore": "68", "imdb_rating": "7.1", "votes": "12000",
}  # fmt: skip


@pytest.fixture(scope="module")
def address(form_lake) -> Iterator[str]:
    with listening(form_lake) as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    with open_browser() as started:
        yield started


@pytest.fixture
def page(browser, request):
    width = getattr(request, "param", DESKTOP)
    context = browser.new_context(viewport={"width": width, "height": 900}, has_touch=width == PHONE)
    opened = context.new_page()
    opened.troubles = []
    opened.on(
        "console", lambda message: opened.troubles.append(message.text) if message.type == "error" else None
    )
    opened.on("pageerror", lambda error: opened.troubles.append(str(error)))
    yield opened
    context.close()


def fill(page, **changes):
    for name, value in {**FILLED, **changes}.items():
        page.locator(f"#{name}").fill(value)
    page.get_by_label("Cast member 1").fill("Ada Abbott")


def faults(page):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {fault['nodes'][0]['html'][:200]}" for fault in found]


@pytest.mark.parametrize("page", [DESKTOP, PHONE], indirect=True)
def test_fill_submit_and_read_the_answer(page, address):
    page.goto(address)
    fill(page)
    page.get_by_role("button", name="Will it make the Top 10?").click()
    verdict = page.locator("#verdict").inner_text()
    assert verdict in (YES, NO)
    answer = page.locator("#answer").inner_text()
    assert "Probability: " in answer
    assert "How often such answers were right: of " in answer
    assert "What spoke for it" in answer
    assert "IMDb votes: not used" in answer
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert faults(page) == []
    assert page.troubles == []


def test_with_hours_the_second_model_answers(page, address):
    page.goto(address)
    fill(page, weekly_hours_viewed="30000000")
    page.get_by_role("button", name="Will it make the Top 10?").click()
    assert "after its first week in the lists" in page.locator("#answer").inner_text()


@pytest.mark.parametrize("page", [DESKTOP, PHONE], indirect=True)
def test_every_error_stands_beside_its_field_and_is_led_to(page, address):
    page.goto(address)
    wrong = {
        "year": "19", "genre": "<b>", "director": "=1", "rating_label": "{x}", "metascore": "0", "imdb_rating": "ten",
        "votes": "-1", "weekly_hours_viewed": "0",
    }  # fmt: skip
    for name, value in wrong.items():
        page.locator(f"#{name}").fill(value)
    page.get_by_role("button", name="Will it make the Top 10?").click()
    for name, value in wrong.items():
        assert page.locator(f"#{name}-error").is_visible()
        assert page.locator(f"#{name}").get_attribute("aria-invalid") == "true"
        assert f"{name}-error" in page.locator(f"#{name}").get_attribute("aria-describedby")
        assert page.locator(f"#{name}").input_value() == value
    assert page.locator("#cast-error").is_visible()
    assert page.get_by_role("alert").get_by_role("link").count() == len(wrong) + 1
    assert page.title().startswith("Error: ")
    page.get_by_role("alert").get_by_role("link", name="IMDb rating").click()
    assert page.evaluate("document.activeElement.id") == "imdb_rating"
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert [
        t for t in page.troubles if "422" not in t
    ] == []  # the browser logs the status of the page itself


def test_names_run_nothing(page, address):
    page.goto(address)
    fill(page, director='"><script>document.title="owned"</script>')
    page.get_by_role("button", name="Will it make the Top 10?").click()
    assert "owned" not in page.title()
    assert "no markup" in page.locator("#director-error").inner_text()


def test_known_names_are_offered(page, address):
    page.goto(address)
    assert page.locator("#director-names option").count() > 50
    assert page.locator("#cast-names option").count() > 50
    assert page.locator("#director").get_attribute("list") == "director-names"


def test_the_keyboard_is_enough(page, address):
    page.goto(address)
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()")
        reached.append(name)
        value = {**FILLED, "cast": "Ada Abbott"}.get(name)
        if value and reached.count(name) == 1:
            page.keyboard.type(value)
        if name == "Will it make the Top 10?":
            page.keyboard.press("Enter")
            break
    assert reached[0] == "Skip to the content"
    assert page.locator("#verdict").inner_text() in (YES, NO)


def test_upload_and_download_and_a_refused_file(page, address, tmp_path):
    titles = tmp_path / "titles.csv"
    titles.write_text(
        "year,genre,cast,director,metascore\n2023,Drama,Ada Abbott,Greta Berg,80\n2023,Drama,,Greta Berg,80\n"
    )
    page.goto(f"{address}/batch")
    page.get_by_label("CSV file").set_input_files(titles)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Answer them all").click()
    rows = list(csv.DictReader(waiting.value.path().read_text(encoding="utf-8").splitlines()))
    assert rows[0]["answer"] in (YES, NO)
    assert rows[1]["error"] == "cast: this is needed"
    titles.write_text("year,genre\n2023,Drama\n")
    page.get_by_label("CSV file").set_input_files(titles)
    page.get_by_role("button", name="Answer them all").click()
    assert "Column cast, director is missing" in page.get_by_role("alert").inner_text()
    assert faults(page) == []


@pytest.mark.parametrize("path", ["", "/batch", "/model"])
@pytest.mark.parametrize("page", [DESKTOP, PHONE], indirect=True)
def test_every_page_is_quiet_narrow_and_fit_for_all(page, address, path):
    page.goto(address + path)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert faults(page) == []
    assert page.troubles == []
