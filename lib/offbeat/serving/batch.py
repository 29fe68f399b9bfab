"""Many titles as CSV: in with the form's fields as columns, out with an answer or an error per row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from offbeat.serving.service import Service
from offbeat.serving.titles import Title, from_texts

MAX_ROWS = 10_000
_ANSWERS = ("answer", "probability", "question", "for", "against", "error")
_NEEDED = ("year", "genre", "cast", "director")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MAX_CELL = 2000


class BatchRefused(Exception):
    """Raised for a file that can't be taken as a whole; the message is for whoever sent it."""


def answer_csv(content: bytes, service: Service) -> Iterator[str]:
    """The file's rows with their answers, as lines of CSV.

    Raises:
        BatchRefused: not UTF-8, no header, a needed column missing, or too many rows.
    """
    rows = _rows(content)
    yield _line([*rows[0], *(name for name in _ANSWERS)])
    for row in rows[1:]:
        yield _line([*row, *_answered(dict(zip(rows[0], row, strict=False)), service)])


def template() -> str:
    """A header and a row to start from."""
    fields = list(Title.model_fields)
    row = [
        "7.1",
        "68",
        "PG-13",
        "",
        "12000",
        "2025",
        "Thriller, Drama",
        "Ada Abbott, Bruno Berg",
        "Greta Berg",
    ]
    return _line(fields) + _line(row)


def _rows(content: bytes) -> list[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BatchRefused(f"The file is not UTF-8 (byte {error.start}); save it as CSV UTF-8.") from None
    if "\0" in text:
        raise BatchRefused("The file holds zero bytes: it is not a CSV file.")
    try:
        rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except csv.Error as error:
        raise BatchRefused(f"The file is not CSV: {error}.") from None
    if len(rows) < 2:  # noqa: PLR2004 - a header and a row
        raise BatchRefused("The file has no rows; it needs a header line and a line per title.")
    header = [name.strip() for name in rows[0]]
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise BatchRefused(f"Column {', '.join(missing)} is missing; needed are {', '.join(_NEEDED)}.")
    if len(rows) - 1 > MAX_ROWS:
        raise BatchRefused(f"The file has {len(rows) - 1:,} titles; at most {MAX_ROWS:,} are taken at once.")
    width = len(header)
    return [header, *((row + [""] * width)[:width] for row in rows[1:])]


def _answered(row: dict[str, str], service: Service) -> list[Any]:
    if any(len(value) > _MAX_CELL for value in row.values()):
        return ["", "", "", "", "", f"a cell has more than {_MAX_CELL} letters"]
    title, errors = from_texts({name: row.get(name, "") for name in Title.model_fields})
    if title is None:
        return ["", "", "", "", "", "; ".join(f"{field}: {text}" for field, text in errors.items())]
    found = service.ask(title).answer
    sides = [
        "; ".join(f"{r.field} ({r.text})" for r in found.reasons if (r.effect > 0) == side)
        for side in (True, False)
    ]
    return [found.text, f"{found.probability:.4f}", found.question, *sides, ""]


def _line(values: list[Any]) -> str:
    """A line of CSV in which no cell begins like a formula."""
    out = io.StringIO()
    texts = [str(value) for value in values]
    csv.writer(out).writerow([f"'{text}" if text.startswith(_FORMULA) else text for text in texts])
    return out.getvalue()
