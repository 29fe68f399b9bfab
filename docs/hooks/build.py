"""What mkdocs calls while it builds the site: adds pages made of the code, refuses what is fetched from outside."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

import api
import reference
from shared_queries import with_queries

_API = "reference/api"
_FURTHER = "Further pages"
_DECISIONS = "decisions"
# What a browser fetches by itself; a link that a reader may follow is not among it.
_FETCHED = re.compile(r"<(?:script|img|iframe|source|video)\b[^>]*\bsrc=\"(?:https?:)?//|"
                      r"<link\b(?![^>]*\brel=\"(?:canonical|alternate)\")[^>]*\bhref=\"(?:https?:)?//|"
                      r"@import\s+(?:url\()?[\"']?(?:https?:)?//")  # fmt: skip


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made of the code, and give every page a place in the navigation."""
    for name, text in {**reference.pages(), **api.pages(_API)}.items():
        files.append(File.generated(config, name, content=text))
    config.nav = _complete(config.nav or [], [file.src_uri for file in files.documentation_pages()])
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the ready queries in where a page names them."""
    return with_queries(markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a page that fetches something from outside: the site opens without a network."""
    for page in sorted(Path(config.site_dir).rglob("*.html")):
        found = _FETCHED.search(page.read_text(encoding="utf-8"))
        if found:
            raise PluginError(f"{page}: fetches from outside: {found.group()[:120]}")


def _complete(nav: list[Any], pages: list[str]) -> list[Any]:
    """The navigation with API pages and decisions in their places, and every other page under a head of its own."""
    by_folder = {
        folder: sorted(page for page in pages if page.startswith(f"{folder}/"))
        for folder in (_API, _DECISIONS)
    }
    full = _filled(nav, by_folder)
    placed = set(_leaves(full))
    left = sorted(page for page in pages if page not in placed)
    return [*full, {_FURTHER: left}] if left else full


def _filled(nav: list[Any], by_folder: dict[str, list[str]]) -> list[Any]:
    filled: list[Any] = []
    for entry in nav:
        if isinstance(entry, dict):
            filled += [
                {title: by_folder[inner] if inner == _API else _filled(inner, by_folder)}
                for title, inner in entry.items()
            ]
        elif entry == f"{_DECISIONS}/index.md":
            filled += [entry, *(page for page in by_folder[_DECISIONS] if page != entry)]
        else:
            filled.append(entry)
    return filled


def _leaves(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    inner = nav.values() if isinstance(nav, dict) else nav
    return [leaf for entry in inner for leaf in _leaves(entry)]
