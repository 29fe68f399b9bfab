"""What a generated log of a course is like: the settings under `generate.settings`, checked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from offbeat.packs.knobs import is_number, refuse, refuse_unknown

BASE_ROWS = 900_000
"""Rows at which classes have the size that a school really has; fewer rows mean smaller classes, more larger ones."""

_SHARES = ("null_share", "duplicates", "crossing", "leak")
_COUNTS = ("scrapers", "sharers", "dropouts", "movers", "repeaters", "rare_paths", "probers", "outages")


@dataclass(frozen=True)
class Settings:
    """What a generated log is like.

    Attributes:
        like: folder with cohorts.csv, cohort_activity.csv and top_pages.csv that the log shall look like; where it is
            null or not there, a school of our own is made up.
        first, last: the log's first and last instant, `YYYY-MM-DD HH:MM:SS`.
        remote: day from which on everybody works from home.
        plant: whether anything is planted.
        shutoff: day on which cross-program access is shut off; null: one in autumn 2019, by the seed.
        crossing: share of accesses that go to the other program before it, and `leak` after it.
        null_share: share of rows without a cohort.
        duplicates: share of rows that are written twice.
        scrapers, sharers, dropouts, movers, repeaters, probers: how many users do that, in a log of `BASE_ROWS`; some
            fewer in a smaller one.
        rare_paths: paths that are accessed once, typing errors most of them.
        outages: half days without any access.
        chunk_rows: about how many rows are made at once; a log of one chunk is one file in order of time.
    """

    like: str | None = None
    first: str = "2018-01-26 09:55:03"
    last: str = "2021-04-21 16:41:51"
    remote: str = "2020-03-16"
    plant: bool = True
    shutoff: str | None = None
    crossing: float = 0.05
    leak: float = 0.0005
    null_share: float = 0.0588
    duplicates: float = 0.0039
    scrapers: int = 4
    sharers: int = 4
    dropouts: int = 8
    movers: int = 14
    repeaters: int = 20
    rare_paths: int = 400
    probers: int = 2
    outages: int = 1
    chunk_rows: int = 3_000_000

    def __post_init__(self) -> None:
        problems = [
            f"{name}: expected a share from 0 to 0.5, got {getattr(self, name)!r}"
            for name in _SHARES
            if not is_number(getattr(self, name)) or not 0 <= getattr(self, name) <= 0.5  # noqa: PLR2004
        ]
        problems += [
            f"{name}: expected a whole number from 0 to 1000, got {getattr(self, name)!r}"
            for name in _COUNTS
            if type(getattr(self, name)) is not int or not 0 <= getattr(self, name) <= 1000  # noqa: PLR2004
        ]
        if type(self.chunk_rows) is not int or self.chunk_rows < 10_000:  # noqa: PLR2004
            problems.append(f"chunk_rows: expected a whole number from 10000 on, got {self.chunk_rows!r}")
        problems += self._bad_times()
        refuse("generate.settings", problems)

    @classmethod
    def of(cls, given: Mapping[str, Any], *, plant: bool = True) -> Settings:
        """Settings from the config's `generate.settings`.

        Raises:
            UsageError: a key is unknown or a value can't be; all are named.
        """
        refuse_unknown(
            "generate.settings", given, (each.name for each in fields(cls) if each.name != "plant")
        )
        texts = ("first", "last", "remote", "shutoff")  # YAML makes dates of them
        as_text = {key: str(value) for key, value in given.items() if key in texts and value is not None}
        return cls(**{**given, **as_text, "plant": plant})

    @property
    def begin(self) -> dt.datetime:
        """The first instant, UTC."""
        return _instant(self.first)

    @property
    def end(self) -> dt.datetime:
        """The last instant, UTC."""
        return _instant(self.last)

    def _bad_times(self) -> list[str]:
        problems = []
        for name in ("first", "last", "remote", "shutoff"):
            text = getattr(self, name)
            try:
                if text is not None:
                    _instant(text)
            except (TypeError, ValueError):
                problems.append(f"{name}: expected a day or instant as YYYY-MM-DD HH:MM:SS, got {text!r}")
        if not problems and (self.end - self.begin).days < 365:  # noqa: PLR2004 - classes last half a year
            problems.append("last: expected at least a year after first")
        return problems


def _instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.timezone.utc)
