"""Which pages there are: the house's by the tables they need, and the files beside the index, whoever wrote them."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import quote

from offbeat.reports.data import PageRef
from offbeat.tables.contract import ANOMALIES, EVALUATIONS, EVENTS, SESSIONS
from offbeat.tables.lake import Lake

INDEX, ANOMALIES_PAGE, EVALUATION_PAGE = "index.html", "anomalies.html", "evaluation.html"
EXPLORATION_PAGE = "exploration.html"
_TITLE = re.compile(r"<title>(.*?)(?: · offbeat)?</title>", re.DOTALL)
_SUBTITLE = re.compile(r'<p class="subtitle">(.*?)</p>', re.DOTALL)
_HEAD_BYTES = 200_000  # a title stands at a page's top, a subtitle after its styles


def find_pages(folder: Path) -> tuple[PageRef, ...]:
    """Every page in the folder but the index, by name; a file without a title is called by its name."""
    files = sorted(folder.glob("*.html")) if folder.is_dir() else []
    return tuple(_described(file) for file in files if file.name != INDEX)


def house_pages(lake: Lake, *, scored: bool) -> tuple[PageRef, ...]:
    """The pages that the step `report` writes of this lake, by the tables that are there.

    Args:
        scored: whether there is a champion, whose anomalies and evaluation they show.
    """
    pages = [PageRef("The run", INDEX)]
    if lake.exists(EVENTS) or lake.exists(SESSIONS):
        pages.append(PageRef("Exploration", EXPLORATION_PAGE))
    if scored and lake.exists(ANOMALIES):
        pages.append(PageRef("All anomalies", ANOMALIES_PAGE))
    if scored and lake.exists(EVALUATIONS):
        pages.append(PageRef("Evaluation", EVALUATION_PAGE))
    return tuple(pages)


def other_pages(pages: tuple[PageRef, ...], folder: Path, *, own: str) -> tuple[PageRef, ...]:
    """Those pages, and what else lies in the folder, but for the page itself: what its head links to."""
    known = {page.link for page in pages}
    beside = tuple(PageRef(page.title, page.link) for page in find_pages(folder) if page.link not in known)
    return tuple(page for page in (*pages, *beside) if page.link != own)


def _described(file: Path) -> PageRef:
    with file.open(encoding="utf-8", errors="replace") as stream:
        head = stream.read(_HEAD_BYTES)
    title, subtitle = _TITLE.search(head), _SUBTITLE.search(head)
    return PageRef(
        html.unescape(title[1]).strip() if title and title[1].strip() else file.stem,
        quote(file.name),
        html.unescape(subtitle[1]).strip() if subtitle else "",
    )
