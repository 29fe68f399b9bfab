"""What a generated catalogue is like: the settings under `generate.settings`, checked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from offbeat.packs.knobs import is_number, refuse, refuse_unknown

_SHARES = (
    "older", "films", "franchises", "metascores", "seasonal", "namesakes", "respelled",
    "ratings_of_charting", "ratings_of_others",
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What a generated catalogue is like; shares are of all titles.

    Attributes:
        start: Monday of the first week, `YYYY-MM-DD`.
        weeks: weeks that have a list.
        older: titles released before the first list.
        films: films among the titles; the rest are series.
        franchises: titles that continue another.
        metascores: titles whose Metascore was announced before release, whether they chart or not.
        seasonal: titles that belong to a season and come back in it.
        noise: spread of what nobody can know of a title's appeal.
        namesakes: titles that share their name with another.
        respelled: titles that the lists spell otherwise than the catalogue.
        ratings_of_charting, ratings_of_others: titles that the second source has.
    """

    start: str = "2022-01-03"
    weeks: int = 130
    older: float = 0.3
    films: float = 0.7
    franchises: float = 0.1
    metascores: float = 0.6
    seasonal: float = 0.06
    noise: float = 0.9
    namesakes: float = 0.01
    respelled: float = 0.1
    ratings_of_charting: float = 0.95
    ratings_of_others: float = 0.03

    def __post_init__(self) -> None:
        problems = [
            f"{name}: expected a share from 0 to 1, got {getattr(self, name)!r}"
            for name in _SHARES
            if not is_number(getattr(self, name)) or not 0 <= getattr(self, name) <= 1
        ]
        if not _is_date(self.start):
            problems.append(f"start: expected a day like 2022-01-03, got {self.start!r}")
        if type(self.weeks) is not int or not 26 <= self.weeks <= 2000:  # noqa: PLR2004 - half a year to a life
            problems.append(f"weeks: expected a whole number from 26 to 2000, got {self.weeks!r}")
        if not is_number(self.noise) or self.noise < 0:
            problems.append(f"noise: expected a number from 0 on, got {self.noise!r}")
        refuse("generate.settings", problems)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Settings:
        """The settings of a config.

        Raises:
            UsageError: a key is unknown or a value can't be meant.
        """
        refuse_unknown("generate.settings", given, (each.name for each in fields(cls)))
        values = dict(given)
        if isinstance(values.get("start"), dt.date):
            values["start"] = values["start"].isoformat()
        return cls(**values)


def _is_date(text: Any) -> bool:
    try:
        dt.date.fromisoformat(text)
    except (TypeError, ValueError):
        return False
    return True
