"""Many titles as CSV: in with the form's fields as columns, out with an answer or an error per row."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterator
from typing import Any

from offbeat.serving.service import Service
from offbeat.serving.titles import Title, from_texts, shortened

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
        BatchRefused: not UTF-8, no header, a column missing, twice there or misspelt, or too many rows.
    """
    header, *rows = _rows(content)
    yield _line([*header, *_ANSWERS])
    for row in rows:
        whole = (row + [""] * len(header))[: len(header)]
        if len(row) > len(header):
            yield _line([*whole, *_wrong(_too_long(row, header))])
        else:
            yield _line([*whole, *_answered(dict(zip(header, whole, strict=True)), service)])


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
    header = _header(rows[0])
    if len(rows) - 1 > MAX_ROWS:
        raise BatchRefused(f"The file has {len(rows) - 1:,} titles; at most {MAX_ROWS:,} are taken at once.")
    return [header, *rows[1:]]


def _header(names: list[str]) -> list[str]:
    """Column names, the form's fields in their own spelling whatever the case; other columns pass through.

    Raises:
        BatchRefused: a needed column is missing, a field is there twice, or a name is almost a field's.
    """
    fields = list(Title.model_fields)
    header = [name.strip() for name in names]
    header = [name.lower().replace(" ", "_") if _is_field(name) else name for name in header]
    for name in header:
        near = difflib.get_close_matches(name.lower(), fields, 1, 0.8)
        if name not in fields and near and near[0] not in header:
            raise BatchRefused(f"Column {shortened(name)} is not known; did you mean {near[0]}?")
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise BatchRefused(f"Column {', '.join(missing)} is missing; needed are {', '.join(_NEEDED)}.")
    twice = [name for name in fields if header.count(name) > 1]
    if twice:
        raise BatchRefused(f"Column {', '.join(twice)} is there more than once.")
    return header


def _is_field(name: str) -> bool:
    return name.lower().replace(" ", "_") in Title.model_fields


def _too_long(row: list[str], header: list[str]) -> str:
    return (
        f"{len(row)} cells, the header has {len(header)}: put a list with commas in double quotes, "
        'as "Thriller, Drama"'
    )


def _wrong(text: str) -> list[Any]:
    """The answer's cells of a row that can't be answered."""
    return [""] * (len(_ANSWERS) - 1) + [text]


def _answered(row: dict[str, str], service: Service) -> list[Any]:
    if any(len(value) > _MAX_CELL for value in row.values()):
        return _wrong(f"a cell has more than {_MAX_CELL} letters")
    title, errors = from_texts({name: row.get(name, "") for name in Title.model_fields})
    if title is None:
        return _wrong("; ".join(f"{field}: {text}" for field, text in errors.items()))
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
