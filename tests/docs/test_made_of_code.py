"""The pages made of the code say all that the code says; they are made at build time, so none can go stale."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from offbeat.cli import VERBS
from offbeat.config import Config
from offbeat.packs import all_tables

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def hooks():
    """The modules that mkdocs loads, by name."""
    sys.path.insert(0, str(DOCS / "hooks"))
    try:
        yield {
            name: importlib.import_module(name) for name in ("api", "reference", "shared_queries", "build")
        }
    finally:
        sys.path.remove(str(DOCS / "hooks"))


def sections(model):
    yield model
    for field in model.model_fields.values():
        for inner in inner_models(field.annotation):
            yield from sections(inner)


def inner_models(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in getattr(annotation, "__args__", ()) for found in inner_models(inner)]


def test_the_config_page_tells_every_key_and_what_it_means(hooks):
    page = hooks["reference"].config_page()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for section in set(sections(Config)):
        for key in section.model_fields:
            assert any(line.startswith(f"| `{key}` |") for line in rows), f"{section.__name__}.{key}"
    assert [line for line in rows if line.endswith("|  |")] == []  # a key without a meaning
    assert "| `gap` | duration or `null` | `30 minutes` |" in page
    assert "| `alert_budget` | number, > 0, < 1 | `0.01` |" in page
    assert "| `late` | `rekey` \\| `quarantine` | `rekey` |" in page
    assert set(re.findall(r"\(#([\w-]+)\)", page)) <= set(re.findall(r"\{: #([\w-]+) \}", page))


def test_the_page_of_tables_tells_every_column_key_and_constraint(hooks):
    page = hooks["reference"].tables_page()
    for table in all_tables().values():
        told = page.split(f"{{: #{table.name} }}")[1].split("\n## ")[0]
        assert all(f"| `{column.name}` | `{column.type}` |" in told for column in table.columns), table.name
        assert all(condition in told for condition in table.checks.values()), table.name
        assert all(f"`{name}`" in told for name in table.key), table.name
    assert "Change data feed is on." in page


def test_the_page_of_commands_tells_every_verb(hooks):
    page = hooks["reference"].commands_page()
    assert re.findall(r"\{: #(\w+) \}", page) == list(VERBS)
    assert "| `--set KEY=VALUE` | override path.to.key=value |" in page
    assert "| `word {false_alarm,fault}` |" in page


def test_every_room_of_the_library_has_a_page(hooks):
    pages = hooks["api"].pages("reference/api")
    rooms = {path.parent.name for path in (DOCS.parent / "lib" / "offbeat").glob("*/__init__.py")}
    assert {f"reference/api/{room}.md" for room in rooms} <= set(pages)
    assert "::: offbeat.tables.contract" in pages["reference/api/tables.md"]


def test_ready_queries_come_from_the_files_that_are_tested(hooks):
    page = (DOCS / "queries.md").read_text(encoding="utf-8")
    marks = re.findall(r"<!-- query: (\w+) -->", page)
    assert sorted(marks) == sorted(["verdicts", *(path.stem for path in (DOCS / "queries").glob("*.sql"))])
    made = hooks["build"].on_page_markdown(page)
    assert "<!-- query:" not in made
    assert "LEFT JOIN verdicts v ON" in made
    assert "def trend(lake: Frames)" in made
    with pytest.raises(Exception, match="no ready query nothing"):
        hooks["shared_queries"].with_queries("<!-- query: nothing -->")


def test_a_page_without_a_place_in_the_navigation_gets_one(hooks):
    nav = [{"Start": ["index.md"]}, {"Reference": [{"API": "reference/api"}]}]
    pages = ["index.md", "reference/api/a.md", "lonely.md"]
    assert hooks["build"]._complete(nav, pages) == [
        {"Start": ["index.md"]},
        {"Reference": [{"API": ["reference/api/a.md"]}]},
        {"Further pages": ["lonely.md"]},
    ]


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://a/b.js">',
        '<link rel="stylesheet" href="//a/b.css">',
        '<img alt="" src="http://a/b.png">',
    ],
)
def test_a_page_that_fetches_from_outside_is_refused(hooks, html, tmp_path):
    config = type("config", (), {"site_dir": str(tmp_path)})
    (tmp_path / "a.html").write_text('<a href="https://a/">a link</a><script src="b.js"></script>')
    hooks["build"].on_post_build(config)
    (tmp_path / "b.html").write_text(html)
    with pytest.raises(Exception, match=r"b\.html: fetches from outside"):
        hooks["build"].on_post_build(config)
