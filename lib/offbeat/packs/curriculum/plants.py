"""What is put into rows that are made: scrapers, probes, rare paths, outages, rows written twice – each told."""

from __future__ import annotations

import numpy as np

from offbeat.packs.curriculum.people import Planted, Stint, seconds
from offbeat.packs.curriculum.school import School
from offbeat.packs.curriculum.settings import Settings
from offbeat.packs.curriculum.visits import Rows, Scene

_DAY = 86_400
_HOT_SHARE = 0.02  # of its cohort's rows
_PROBES = (
    "wp-admin",
    "admin.php",
    ".env",
    "'",
    "f",
    "%20",
    "login",
    "robots.txt",
    "..%2f..%2fetc",
    "test",
    "a/b/c",
    "1",
)
_OFTENEST_HOT = 0.006
_MISSPELT = 10  # times that each path can be misspelt, about: a short one has no more ways


def shutoff_of(settings: Settings, seed: int) -> int:
    """Instant of the shut-off of cross-program access."""
    if settings.shutoff is not None:
        return int(np.datetime64(settings.shutoff[:10], "s").astype(int))
    day = int(np.random.default_rng([seed, 3]).integers(0, 75))
    return int(np.datetime64("2019-10-01", "s").astype(int)) + day * _DAY


def hot_lesson(
    school: School, stints: list[Stint], settings: Settings, planted: Planted, seed: int
) -> tuple[int, str, float] | None:
    """A cohort and a lesson that it shall use far more than others."""
    rng = np.random.default_rng([seed, 4])
    first, last = int(settings.begin.timestamp()), int(settings.end.timestamp())
    fit = sorted(
        {
            s.written
            for s in stints
            if s.written is not None and not s.cohort.is_staff
            and seconds(s.cohort.start) >= first and seconds(s.cohort.end) < last
        }
    )  # fmt: skip
    if not settings.plant or not fit:
        return None
    chosen = int(rng.choice(fit))
    cohort = next(c for c in school.cohorts if c.cohort_id == chosen)
    catalogue = school.catalogues[cohort.track]
    lessons = [
        n
        for n, weight in enumerate(catalogue.weight)
        if weight < _OFTENEST_HOT and weight > _OFTENEST_HOT / 8 and "/" in catalogue.paths[n].strip("/")
        and n not in catalogue.pictures and "." not in catalogue.paths[n].rsplit("/", maxsplit=1)[-1]
    ]  # fmt: skip
    path = catalogue.paths[int(rng.choice(lessons))]
    planted.add("hot_lesson", "cohort", chosen, seconds(cohort.start), seconds(cohort.end), path)
    return chosen, path, _HOT_SHARE


def scraped(rows: Rows, stint: Stint, scene: Scene, planted: Planted, seed: int) -> Rows:
    """Make part of a user's rows one or two runs of a robot: page after page, at even gaps, mostly at night."""
    rng = np.random.default_rng([seed, 5, stint.seed])
    catalogue = scene.catalogues[stint.cohort.track]
    pages = np.array([scene.index[p] for p in sorted(catalogue.paths) if "." not in p])
    runs = int(rng.integers(1, 3))
    many = min(len(pages), int(len(rows) * 0.6) // runs, int(rng.integers(150, 320)))
    where = rng.permutation(len(rows))[: many * runs]
    last = min(stint.stop, seconds(stint.cohort.end))
    begun = []
    for number in range(runs):
        spots = np.sort(where[number * many : (number + 1) * many])
        day = rng.integers(stint.begin // _DAY + 10, last // _DAY - 5)
        start = int(day * _DAY + rng.integers(0, 5) * 3600 + rng.integers(0, 3600))
        step = int(rng.integers(1, 5))
        rows.time[spots] = start + step * np.arange(len(spots)) + (rng.random(len(spots)) < 0.05)  # noqa: PLR2004
        offset = int(rng.integers(0, len(pages)))
        rows.page[spots] = np.roll(pages, -offset)[: len(spots)]
        rows.ip[spots] = rows.ip[spots[0]]
        begun += [start, start + step * len(spots)]
    planted.add("scraper", "user", stint.user, min(begun), max(begun))
    return rows


def probed(rows: Rows, stint: Stint, scene: Scene, planted: Planted, seed: int) -> Rows:
    """Let a user try addresses that no curriculum has, on one day or two."""
    rng = np.random.default_rng([seed, 6, stint.seed])
    many = min(len(rows) // 2, int(rng.integers(15, 30)))
    day = int(rng.integers(stint.begin // _DAY + 10, min(stint.stop, seconds(stint.cohort.end)) // _DAY - 5))
    spots = rng.permutation(len(rows))[:many]
    numbers = [scene.index[f"{name}"] for name in probe_paths()]
    rows.page[spots] = rng.choice(numbers, size=many)
    rows.time[spots] = day * _DAY + 13 * 3600 + np.sort(rng.integers(0, 5 * 3600, many))
    rows.ip[spots] = rows.ip[spots[0]]
    planted.add("prober", "user", stint.user, day * _DAY, (day + 1) * _DAY)
    return rows


def probe_paths() -> list[str]:
    """Addresses that a prober tries."""
    return list(_PROBES)


def rare_paths(scene_paths: list[str], number: int, seed: int) -> list[str]:
    """Up to so many paths with a typing error, each unlike any path of the catalogue; fewer where it has no more."""
    rng = np.random.default_rng([seed, 7])
    known: set[str] = set(scene_paths)
    made: list[str] = []
    pages = np.array([p for p in scene_paths if len(p) > 6])  # noqa: PLR2004 - a word that one can misspell
    number = min(number, _MISSPELT * len(pages))
    while len(made) < number:
        path = str(rng.choice(pages))
        at = int(rng.integers(1, len(path) - 1))
        wrong = (
            path[:at] + path[at + 1 :]
            if rng.random() < 0.5  # noqa: PLR2004
            else path[:at] + path[at + 1] + path[at] + path[at + 2 :]
        )
        if wrong not in known and not wrong.endswith("/"):
            known.add(wrong)
            made.append(wrong)
    return made


def moved_by_outage(time: np.ndarray, outages: list[tuple[int, int]]) -> np.ndarray:
    """Rows that fall into an outage a day later."""
    for start, end in outages:
        time = np.where((time >= start) & (time < end), time + _DAY, time)
    return time


def outages_of(settings: Settings, seed: int, planted: Planted) -> list[tuple[int, int]]:
    """Half days on which nothing is logged: weekdays, from 9 to 14."""
    rng = np.random.default_rng([seed, 8])
    found: list[tuple[int, int]] = []
    first, last = (int(t.timestamp()) // _DAY for t in (settings.begin, settings.end))
    while settings.plant and len(found) < settings.outages:
        day = int(rng.integers(first + 200, last - 60))
        month = np.datetime64(day, "D").astype("datetime64[M]").astype(int) % 12 + 1
        if (day + 3) % 7 in (0, 1, 2) and month not in (1, 7, 11, 12):
            found.append((day * _DAY + 9 * 3600, day * _DAY + 14 * 3600))
    for start, end in found:
        planted.add("outage", "log", "log", start, end)
    return found
