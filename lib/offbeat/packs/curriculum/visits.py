"""One user's time with one cohort, as rows: visits over the course, the pages of the place in it, and from where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offbeat.packs.curriculum.calendar import Calendar
from offbeat.packs.curriculum.catalogue import Catalogue
from offbeat.packs.curriculum.people import Stint, seconds

_DAY = 86_400
_LONGEST_GAP_S = 1500
_SCHOOL = ("10.97.19.58", "10.97.19.61")
_SHARED = ("10.192.117.210", "10.71.217.33", "10.12.208.194")  # where many sit: a library, a shared office
_MOBILE = 0.05
_SECOND_SCHOOL_IP = 0.18
_IN_CLASS = 0.86  # share of a graduate's rows that lie in the course


@dataclass(frozen=True)
class Scene:
    """What all users share.

    Attributes:
        catalogues: by track. index: path to its number in the log.
        crossing: instants between which the other track's pages are open to all; share of them before and after.
        hot: cohort id, page's path and share of the cohort's rows that go to it besides.
        remote: instant from which on everybody works from home.
    """

    catalogues: dict[str, Catalogue]
    index: dict[str, int]
    calendar: Calendar
    crossing: tuple[int, int, float, float]
    hot: tuple[int, str, float] | None
    remote: int


@dataclass
class Rows:
    """Rows of a log, column by column: instants in seconds, page numbers, IPs as numbers."""

    time: np.ndarray
    page: np.ndarray
    ip: np.ndarray

    @classmethod
    def joined(cls, parts: list[Rows]) -> Rows:
        """All rows of several."""
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("time", "page", "ip")))

    def __len__(self) -> int:
        return len(self.time)


def ip_number(text: str) -> int:
    """An IPv4 address as a number."""
    a, b, c, d = (int(part) for part in text.split("."))
    return (a << 24) + (b << 16) + (c << 8) + d


def stint_rows(stint: Stint, scene: Scene, seed: int) -> Rows:
    """The rows of a stint, exactly `stint.rows` of them, in order of time."""
    rng = np.random.default_rng([seed, 2, stint.seed])
    homes = _Homes(rng, stint)
    parts: list[Rows] = []
    for number, begin, end, in_class in _periods(stint, scene.calendar, rng):
        if number:
            fade = 0.0 if in_class or stint.cohort.is_staff else 200.0
            parts.append(_period(stint, scene, homes, rng, (number, begin, end, in_class, fade)))
    return Rows.joined(parts)


def _periods(stint: Stint, calendar: Calendar, rng: np.random.Generator) -> list[tuple[int, int, int, bool]]:
    """Number of rows, begin, end and whether it is in class, for the course and the time after."""
    if stint.cohort.is_staff:
        return [(stint.rows, stint.begin, stint.stop, True)]
    begin = max(stint.begin, calendar.bounds[0])
    over = min(seconds(stint.cohort.end), stint.stop)
    if stint.plant == "dropout":
        late = rng.random() < 0.3  # noqa: PLR2004 - most are gone after two days
        since = begin + int(rng.integers(20, 60)) * _DAY * late
        return [(stint.rows, since, min(since + 2 * _DAY, stint.stop), True)]
    if over <= begin + _DAY:
        return [(stint.rows, begin, stint.stop, False)]
    after = 0 if stint.stop <= over + 7 * _DAY else int(stint.rows * (1 - _IN_CLASS) * rng.uniform(0.2, 1.8))
    return [(stint.rows - after, begin, over, True), (after, over + _DAY, stint.stop, False)]


class _Homes:
    """The networks of one user."""

    def __init__(self, rng: np.random.Generator, stint: Stint) -> None:
        self.home = _address(rng)
        self.stranger = _address(rng)
        self.mobile = np.array([_address(rng) for _ in range(max(1, min(5, stint.rows // 60)))])
        self.shared = ip_number(_SHARED[int(rng.integers(0, len(_SHARED)))])

    def of(self, starts: np.ndarray, scene: Scene, rng: np.random.Generator, *, in_class: bool) -> np.ndarray:
        """The IP of each visit."""
        luck = rng.random(len(starts))
        away = np.where(
            luck < _MOBILE,
            self.mobile[rng.integers(0, len(self.mobile), len(starts))],
            self.shared,
        )
        ip = np.where(luck < 0.08, away, self.home)  # noqa: PLR2004
        once = np.flatnonzero(luck > 0.998)  # noqa: PLR2004 - a hotel, a train, a friend
        ip[once] = [_address(rng) for _ in once]
        if in_class:
            at_school = scene.calendar.is_school_time(starts) & (starts < scene.remote) & (luck > 0.04)  # noqa: PLR2004
            school = np.array([ip_number(text) for text in _SCHOOL])[
                (rng.random(len(starts)) < _SECOND_SCHOOL_IP).astype(int)
            ]
            ip = np.where(at_school, school, ip)
        return ip


def _address(rng: np.random.Generator) -> int:
    """An address in one of the networks of the town and its surroundings."""
    network = int(rng.integers(0, 60))
    return (24 + network % 75 << 24) + ((network * 37 + 11) % 256 << 16) + int(rng.integers(256, 65_000))


def _period(
    stint: Stint,
    scene: Scene,
    homes: _Homes,
    rng: np.random.Generator,
    period: tuple[int, int, int, bool, float],
) -> Rows:
    number, begin, end, in_class, fade = period
    pages = _pages(stint, scene, rng, number)
    starts, sizes = _visits(scene.calendar, rng, period, number)
    time, visit = _laid_out(rng, starts, sizes, number)
    ip = homes.of(starts, scene, rng, in_class=in_class)[visit]
    if stint.plant == "sharer" and in_class:
        time, ip = _shared(time, visit, ip, homes, rng)
    order = np.argsort(time, kind="stable")
    time, ip, visit = time[order], ip[order], visit[order]
    page = _opened(pages, visit, scene, rng)
    page = _crossed(stint, page, time, scene, rng)
    time = np.clip(
        time, max(begin, scene.calendar.bounds[0]), min(end + _DAY - 1, stint.stop, scene.calendar.bounds[1])
    )
    del fade
    return Rows(time, *_with_pictures(page, time, ip, stint, scene, rng))


def _pages(stint: Stint, scene: Scene, rng: np.random.Generator, number: int) -> np.ndarray:
    """Page numbers of the stint's own catalogue in the order of the course: what is popular comes as often as it is."""
    catalogue = scene.catalogues[stint.cohort.track]
    drawn = rng.choice(len(catalogue.paths), size=number, p=catalogue.weight)
    if scene.hot is not None and scene.hot[0] == stint.written and scene.hot[1] in catalogue.paths:
        drawn[rng.random(number) < scene.hot[2]] = catalogue.paths.index(scene.hot[1])
    place = catalogue.place[drawn]
    anywhere = np.isnan(place) | (rng.random(number) < 0.15)  # noqa: PLR2004 - one looks back, and ahead
    place = np.where(anywhere, rng.random(number), place + rng.normal(0, 0.02, number))
    numbers = np.array([scene.index[path] for path in catalogue.paths])
    return numbers[drawn[np.argsort(place, kind="stable")]]


def _visits(
    calendar: Calendar, rng: np.random.Generator, period: tuple[int, int, int, bool, float], number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Starts and sizes of the visits that hold so many rows."""
    _, begin, end, in_class, fade = period
    sizes = np.minimum(1 + rng.lognormal(0.7, 1.0, number).astype(int), 43)
    many = int(np.searchsorted(np.cumsum(sizes), number)) + 1
    sizes = sizes[:many]
    sizes[-1] -= sizes.sum() - number
    return calendar.instants(rng, many, begin, end, in_class=in_class, fade_days=fade), sizes


def _laid_out(
    rng: np.random.Generator, starts: np.ndarray, sizes: np.ndarray, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Instants of the rows and the visit of each; a visit begins after the one before has ended."""
    visit = np.repeat(np.arange(len(sizes)), sizes)
    gaps = np.clip(rng.lognormal(np.log(60), 1.3, number), 1, _LONGEST_GAP_S).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    gaps[first] = 0
    run = np.cumsum(gaps)
    inside = run - run[first][visit]
    lengths = inside[np.cumsum(sizes) - 1] + 120
    before = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    begun = before + np.maximum.accumulate(starts - before)
    return begun[visit] + inside, visit


def _shared(
    time: np.ndarray, visit: np.ndarray, ip: np.ndarray, homes: _Homes, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Let a second person use the account: in most visits every other row comes from elsewhere."""
    second = (rng.random(visit.max() + 1) < 0.9)[visit] & (rng.random(len(time)) < 0.5)  # noqa: PLR2004
    return time, np.where(second, homes.stranger, ip)


def _opened(pages: np.ndarray, visit: np.ndarray, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Pages with those of an index at the beginning of their visit, in most visits."""
    index = {scene.index[name] for name in ("/", "toc") if name in scene.index}
    is_index = np.isin(pages, list(index)) & (rng.random(len(pages)) < 0.8)  # noqa: PLR2004
    order = np.lexsort((np.arange(len(pages)), ~is_index, visit))
    return pages[order]


def _crossed(
    stint: Stint, page: np.ndarray, time: np.ndarray, scene: Scene, rng: np.random.Generator
) -> np.ndarray:
    """Some pages replaced by the other track's, as far as its doors are open; staff go where they like."""
    opened, shut, share, leak = scene.crossing
    other = scene.catalogues["data" if stint.cohort.track == "web" else "web"]
    rate = np.where(time < shut, share, leak)
    rate = np.where(time < opened, 0.0, 0.2 if stint.cohort.is_staff else rate)
    cross = rng.random(len(page)) < rate
    if cross.any():
        lessons = np.nan_to_num(other.place, nan=-1) >= 0
        weight = np.where(lessons, other.weight, 0)
        drawn = rng.choice(len(other.paths), size=int(cross.sum()), p=weight / weight.sum())
        page = page.copy()
        page[cross] = [scene.index[other.paths[number]] for number in drawn]
    return page


def _with_pictures(
    page: np.ndarray, time: np.ndarray, ip: np.ndarray, stint: Stint, scene: Scene, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Turn later rows into the pictures that a page brings, in its second; the number of rows stays."""
    catalogue = scene.catalogues[stint.cohort.track]
    for at, found in catalogue.pictures.items():
        hits = np.flatnonzero(page == scene.index[catalogue.paths[at]])
        for number, (path, probability) in enumerate(found):
            spots = hits + 1 + number
            spots = spots[(spots < len(page)) & (rng.random(len(hits)) < probability)]
            page[spots], time[spots], ip[spots] = (
                scene.index[path],
                time[spots - 1 - number],
                ip[spots - 1 - number],
            )
    return page, ip
