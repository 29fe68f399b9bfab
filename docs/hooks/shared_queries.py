"""Ready queries: put into a page where it names them, from the files that the tests run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from mkdocs.exceptions import PluginError

from offbeat.tables.views import VERDICTS, VERDICTS_SQL

FOLDER = Path(__file__).parents[1] / "queries"
_MARK = re.compile(r"^<!-- query: (\w+) -->$", re.MULTILINE)


def with_queries(markdown: str) -> str:
    """The page with each query that it names, as SQL (Spark and DuckDB take the same) and for Polars."""
    return _MARK.sub(lambda mark: _tabs(mark[1]), markdown)


def sql_of(name: str) -> str:
    """A ready query.

    Raises:
        PluginError: there is none of that name.
    """
    if name == VERDICTS:
        return VERDICTS_SQL
    path = FOLDER / f"{name}.sql"
    if not path.is_file():
        raise PluginError(f"no ready query {name}: {path} is not there")
    return path.read_text(encoding="utf-8").rstrip()


def polars_of(name: str) -> str:
    """The function of polars_queries.py that does the same.

    Raises:
        PluginError: there is none of that name.
    """
    text = (FOLDER / "polars_queries.py").read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return ast.get_source_segment(text, node) or ""
    raise PluginError(f"no ready query {name} in polars_queries.py")


def _tabs(name: str) -> str:
    tabs = [("Spark SQL, DuckDB", "sql", sql_of(name)), ("Polars", "python", polars_of(name))]
    return "\n\n".join(_tab(*tab) for tab in tabs)


def _tab(title: str, language: str, text: str) -> str:
    lines = [f"```{language}", *text.splitlines(), "```"]
    return f'=== "{title}"\n\n' + "\n".join(f"    {line}".rstrip() for line in lines)
