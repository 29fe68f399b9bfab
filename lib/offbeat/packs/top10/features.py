"""From what is known of a title to a row of numbers: one code for training, Spark's scoring and the form.

What is not known is NaN in every column that would say it; nothing is filled in. Names that training saw rarely go
into no column of their own. People and companies count by their earlier charting, drawn towards the mean of all.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Numbers = Mapping[str, float]
Texts = Mapping[str, Sequence[str]]

PLAIN = ("runtime_min", "metascore", "age_years", "month", "cast_size", "title_words", "franchise")
CATEGORIES = {"kind": 2, "genre": 24, "language": 10, "rating_label": 10}
"""Field of names -> most columns that it gets."""
ROLES = ("director", "cast", "company")
HOURS = "weekly_hours_viewed"
LATE = {
    "imdb_rating": "with the ratings of those who watched it",
    "votes": "with the votes of those who watched it",
    "popularity": "from a crawl after it charted",
    "revenue": "after release",
    "budget": "from a crawl after it charted",
    HOURS: "at the end of its first week",
}
"""Fields that a question before release may not use -> when they become known."""
_RARE = 15  # titles that a name needs for a column of its own
_DRAWN = 4.0  # titles of the mean that are added to a person's own


@dataclass(frozen=True)
class Encoding:
    """How titles become rows, fitted on training titles alone.

    Attributes:
        columns: names of the columns, in order; `genre=Drama` is 1 where a title has that name.
        base: share of charting titles in training.
        fields: number fields used, in order.
        names: field of names to those with a column.
    """

    columns: tuple[str, ...]
    base: float
    fields: tuple[str, ...]
    names: dict[str, tuple[str, ...]]
    roles: tuple[str, ...]

    def row(self, numbers: Numbers, texts: Texts) -> list[float]:
        """One title as a row."""
        nan = float("nan")
        made = [_number(field, numbers.get(field)) for field in self.fields]
        for field, known in self.names.items():
            has = texts.get(field)
            if not has:
                made.extend([nan] * len(known))
            else:
                folded = {name.casefold() for name in has}
                made.extend([1.0 if name.casefold() in folded else 0.0 for name in known])
        for role in self.roles:
            tries, charted = numbers.get(f"{role}_tries"), numbers.get(f"{role}_charted")
            if tries is None or charted is None:
                made.extend((nan, nan))
            else:
                made.append((charted + _DRAWN * self.base) / (tries + _DRAWN))
                made.append(float(np.log1p(tries)))
        return made

    def table(self, numbers: Sequence[Numbers], texts: Sequence[Texts]) -> np.ndarray:
        """Titles as rows; float64, [n, columns]."""
        rows = [self.row(n, t) for n, t in zip(numbers, texts, strict=True)]
        return np.asarray(rows, np.float64).reshape(len(rows), len(self.columns))

    def to_json(self) -> str:
        """The encoding as text."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Encoding:
        """What `to_json` gave."""
        data: dict[str, Any] = json.loads(text)
        names = {field: tuple(known) for field, known in data["names"].items()}
        ordered = {field: names[field] for field in CATEGORIES if field in names}
        return cls(tuple(data["columns"]), data["base"], tuple(data["fields"]), ordered, tuple(data["roles"]))


def fit_encoding(
    numbers: Sequence[Numbers], texts: Sequence[Texts], labels: np.ndarray, *, fields: Sequence[str]
) -> Encoding:
    """Fit on training titles: which names get a column, and the mean that people are drawn towards.

    Args:
        fields: number fields to use; one that no training title has gets no column.
    """
    used = tuple(f for f in fields if any(f in row for row in numbers))
    names = {}
    for field, most in CATEGORIES.items():
        counts = Counter(name for row in texts for name in set(row.get(field, ())))
        often = sorted((-n, name) for name, n in counts.items() if n >= _RARE)[:most]
        if often:
            names[field] = tuple(name for _, name in often)
    roles = tuple(role for role in ROLES if any(f"{role}_tries" in row for row in numbers))
    columns = [*used, *(f"{field}={name}" for field, known in names.items() for name in known)]
    columns += [f"{role}_{what}" for role in roles for what in ("rate", "tries")]
    return Encoding(tuple(columns), float(np.mean(labels)), used, names, roles)


def field_of(column: str) -> str:
    """The field that a column belongs to: what people know it by."""
    if "=" in column:
        return column.partition("=")[0]
    for role in ROLES:
        if column in (f"{role}_rate", f"{role}_tries"):
            return role
    return {"age_years": "year", "cast_size": "cast", "month": "month"}.get(column, column)


def _number(field: str, value: float | None) -> float:
    if value is None:
        return float("nan")
    return (
        float(np.log1p(value))
        if field in (HOURS, "votes", "popularity", "budget", "revenue")
        else float(value)
    )
