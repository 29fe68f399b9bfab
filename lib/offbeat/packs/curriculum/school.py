"""The school that a log is generated of: its cohorts and pages, made up or like those of a folder."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from offbeat.errors import InputRefused
from offbeat.packs.curriculum.catalogue import Catalogue, builtin_catalogue, catalogue_like
from offbeat.packs.curriculum.settings import Settings

WEB, DATA = "web", "data"
_DATA_PROGRAM = 3
_STAFF_NAME = "Staff"
_FULL_CLASS_DAYS = 150
_TREES = [
    "Alder",
    "Birch",
    "Cedar",
    "Dogwood",
    "Elm",
    "Fir",
    "Ginkgo",
    "Hazel",
    "Ironwood",
    "Juniper",
    "Katsura",
    "Larch",
    "Maple",
    "Nutmeg",
    "Oak",
    "Pine",
    "Quince",
    "Rowan",
    "Spruce",
    "Teak",
    "Umbrella",
    "Viburnum",
    "Willow",
    "Yew",
    "Zelkova",
]
_STONES = ["Agate", "Beryl", "Citrine", "Diorite", "Emerald", "Flint", "Garnet", "Halite"]
_BIRDS = [
    "Avocet",
    "Bittern",
    "Crane",
    "Dunlin",
    "Egret",
    "Finch",
    "Grebe",
    "Heron",
    "Ibis",
    "Jay",
    "Kite",
    "Lark",
    "Merlin",
    "Nightjar",
    "Osprey",
    "Plover",
]


@dataclass(frozen=True)
class Cohort:
    """A class: who it is, when it runs, and how much of the log is its."""

    cohort_id: int
    name: str
    program_id: int
    start: dt.date
    end: dt.date
    rows: float
    users: int

    @property
    def is_staff(self) -> bool:
        """Whether these are the teachers."""
        return self.name == _STAFF_NAME

    @property
    def track(self) -> str:
        """Which catalogue they learn from."""
        return DATA if self.program_id == _DATA_PROGRAM else WEB


@dataclass(frozen=True)
class School:
    """Cohorts and catalogues by track; `source` says where they come from."""

    cohorts: tuple[Cohort, ...]
    catalogues: dict[str, Catalogue]
    source: str

    def opened(self, track: str) -> dt.date:
        """Day from which on a track's pages are there."""
        starts = [c.start for c in self.cohorts if c.track == track and not c.is_staff]
        return min(starts, default=dt.date.max)


def school_of(settings: Settings) -> School:
    """The school that the settings ask for.

    Raises:
        InputRefused: the folder that it shall look like lacks a file or a column.
    """
    folder = Path(settings.like) if settings.like else None
    if folder is None or not folder.is_dir():
        catalogues = {WEB: builtin_catalogue(WEB), DATA: builtin_catalogue(DATA)}
        return School(tuple(_made_up(settings)), catalogues, "made up")
    cohorts = _cohorts_like(folder)
    pages = _rows(folder / "top_pages.csv", ("scope", "rank", "path", "rows"))
    totals = {
        track: sum(c.rows for c in cohorts if c.track == track and not c.is_staff) for track in (WEB, DATA)
    }
    catalogues = {track: catalogue_like(track, pages, totals[track]) for track in (WEB, DATA)}
    return School(cohorts, catalogues, str(folder))


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            found = list(csv.DictReader(stream))
    except OSError as error:
        raise InputRefused(
            f"generate.settings.like: {path}: {error.strerror}; give a folder with this file, or null"
        ) from None
    missing = [name for name in columns if not found or name not in found[0]]
    if missing:
        raise InputRefused(f"generate.settings.like: {path}: no column {', '.join(missing)}")
    return found


def _cohorts_like(folder: Path) -> tuple[Cohort, ...]:
    columns = ("cohort_id", "name", "program_id", "start_date", "end_date")
    rows = _rows(folder / "cohort_activity.csv", (*columns, "rows_full_snapshot", "users_full_snapshot"))
    return tuple(
        Cohort(
            int(row["cohort_id"]),
            row["name"],
            int(row["program_id"]),
            dt.date.fromisoformat(row["start_date"]),
            dt.date.fromisoformat(row["end_date"]),
            float(row["rows_full_snapshot"]),
            int(row["users_full_snapshot"]),
        )
        for row in rows
    )


def _made_up(settings: Settings) -> list[Cohort]:
    """A school of our own: three programs whose classes follow each other through the log, and two older ones.

    Always the same one; the seed changes who does what, not the school.
    """
    rng = np.random.default_rng(20180126)
    last = settings.end.date()
    plan = [(1, "Old " + name, dt.date(2014, 2, 3), 160, 90) for name in _BIRDS[:10]]
    plan += [(4, "Front " + name, dt.date(2015, 3, 30), 220, 120) for name in _BIRDS[10:12]]
    plan += [(2, name, dt.date(2016, 9, 26), 67, _FULL_CLASS_DAYS) for name in _TREES]
    plan += [(3, name, dt.date(2019, 8, 19), 150, 165) for name in _STONES]
    made, number, turn = [], 0, dict.fromkeys((1, 2, 3, 4), 0)
    for program, name, since, every, days in plan:
        start = since + dt.timedelta(days=turn[program] * every + int(rng.integers(-6, 7)))
        turn[program] += 1
        if start >= last - dt.timedelta(days=7):
            continue
        number += 1
        end = start + dt.timedelta(days=days + int(rng.integers(0, 20)))
        made.append(_sized(Cohort(number, name, program, start, end, 0, 0), settings, rng))
    staff = dt.date(2014, 2, 4)
    return [*made, Cohort(number + 1, _STAFF_NAME, 2, staff, staff, 84_000, 51)]


def _sized(cohort: Cohort, settings: Settings, rng: np.random.Generator) -> Cohort:
    """The cohort with rows and users: a full class where it runs inside the log, a few alumni where it is older."""
    first, last = settings.begin.date(), settings.end.date()
    inside = (min(cohort.end, last) - max(cohort.start, first)).days / (cohort.end - cohort.start).days
    if inside <= 0:
        age = (first - cohort.end).days
        return Cohort(
            *_head(cohort),
            rows=float(rng.integers(60, 4000) / (1 + age / 400)),
            users=int(rng.integers(2, 14)),
        )
    rows = rng.uniform(22_000, 38_000) * inside
    return Cohort(*_head(cohort), rows=float(rows), users=int(rng.integers(20, 36)))


def _head(cohort: Cohort) -> tuple[int, str, int, dt.date, dt.date]:
    return cohort.cohort_id, cohort.name, cohort.program_id, cohort.start, cohort.end
