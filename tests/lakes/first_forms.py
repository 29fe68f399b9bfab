"""Columns of each table as it first landed, frozen in `first_forms.txt`: a line a table, added when one comes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from offbeat.tables import Col, Table


def first_forms() -> dict[str, tuple[Col, ...]]:
    """Name of a table -> its columns, without comments."""
    lines = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    named = (line.split(": ", 1) for line in lines)
    return {name: tuple(map(_column, columns.split("; "))) for name, columns in named}


def in_first_form(table: Table) -> Table:
    """A table with the columns that it first had, else as it is today."""
    comments = {column.name: column.comment for column in table.columns}
    columns = first_forms()[table.name]
    return replace(table, columns=tuple(replace(c, comment=comments.get(c.name, "")) for c in columns))


def _column(text: str) -> Col:
    name, kind = text.removesuffix(" NOT NULL").split(" ")
    return Col(name, kind, "", null=not text.endswith(" NOT NULL"))
