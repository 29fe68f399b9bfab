"""Which pages there are: the files beside the index, whoever wrote them, by the title and subtitle that they carry."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import quote

from offbeat.reports.data import PageRef

INDEX, ANOMALIES_PAGE, EVALUATION_PAGE = "index.html", "anomalies.html", "evaluation.html"
_TITLE = re.compile(r"<title>(.*?)(?: · offbeat)?</title>", re.DOTALL)
_SUBTITLE = re.compile(r'<p class="subtitle">(.*?)</p>', re.DOTALL)
_HEAD_BYTES = 200_000  # a title stands at a page's top, a subtitle after its styles


def find_pages(folder: Path) -> tuple[PageRef, ...]:
    """Every page in the folder but the index, by name; a file without a title is called by its name."""
    files = sorted(folder.glob("*.html")) if folder.is_dir() else []
    return tuple(_described(file) for file in files if file.name != INDEX)


def _described(file: Path) -> PageRef:
    with file.open(encoding="utf-8", errors="replace") as stream:
        head = stream.read(_HEAD_BYTES)
    title, subtitle = _TITLE.search(head), _SUBTITLE.search(head)
    return PageRef(
        html.unescape(title[1]).strip() if title and title[1].strip() else file.stem,
        quote(file.name),
        html.unescape(subtitle[1]).strip() if subtitle else "",
    )
