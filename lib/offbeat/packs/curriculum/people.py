"""Who uses the curriculum: students, staff, people without a cohort, and what is planted in them."""

from __future__ import annotations

import datetime as dt
from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from offbeat.packs.curriculum.school import Cohort, School
from offbeat.packs.curriculum.settings import BASE_ROWS, Settings

_DAY = 86_400
_NULL_USERS = 78  # of a school of usual size
_LEAST_ROWS = 45  # of a student, so that one who hardly comes is one who was planted


@dataclass(frozen=True)
class Stint:
    """A user's time in one cohort. Times are seconds since 1970.

    Attributes:
        written: the cohort id in the log; None where it stays empty.
        rows: how many rows are theirs.
        begin, stop: first and last possible access.
        plant: what is planted in them: scraper, sharer, dropout, prober; empty: nothing.
    """

    user: int
    cohort: Cohort
    written: int | None
    rows: int
    begin: int
    stop: int
    plant: str = ""
    seed: int = 0


@dataclass
class Planted:
    """Rows of the truth, as they come."""

    rows: list[dict[str, object]] = field(default_factory=list)

    def add(
        self, kind: str, entity_kind: str, entity: object, start: int, end: int, detail: str = ""
    ) -> None:
        """One planted thing; times in seconds since 1970."""
        self.rows.append(
            {"kind": kind, "entity_kind": entity_kind, "entity": str(entity), "start": start, "end": end,
             "detail": detail}
        )  # fmt: skip


def seconds(day: dt.date) -> int:
    """Midnight of a day, in seconds since 1970."""
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.timezone.utc).timestamp())


def size_factor(rows: int) -> float:
    """How large classes are: as at a real school from `BASE_ROWS` rows on a full scale, smaller in a smaller log."""
    scale = rows / BASE_ROWS
    return scale if scale > 1.05 else min(1.0, scale**0.5)  # noqa: PLR2004 - a real log has just over BASE_ROWS


def make_people(school: School, settings: Settings, rows: int, seed: int) -> tuple[list[Stint], Planted]:
    """Everybody, by user id in order of their first day, and the truth about them."""
    rng = np.random.default_rng([seed, 1])
    first, last = int(settings.begin.timestamp()), int(settings.end.timestamp())
    stints: list[Stint] = []
    with_cohort = rows * (1 - settings.null_share)
    total = sum(cohort.rows for cohort in school.cohorts)
    factor = size_factor(rows)
    for cohort in school.cohorts:
        share = cohort.rows / total * with_cohort
        if round(share) and cohort.users:
            stints += _class_of(cohort, round(share), factor, (first, last), rng)
    stints += _without_cohort(school, stints, round(rows * settings.null_share), factor, rng)
    planted = Planted()
    if settings.plant:
        stints = _plant(stints, settings, factor, rng)
        stints = _move(stints, settings, factor, rng)
    stints = _numbered(stints, rng)
    _tell(stints, planted)
    return stints, planted


def _class_of(
    cohort: Cohort, rows: int, factor: float, log: tuple[int, int], rng: np.random.Generator
) -> list[Stint]:
    """The stints of a cohort, its rows shared among its users as unevenly as people are."""
    users = max(1, round(cohort.users * factor))
    least = 1
    if runs_inside(cohort, log) and not cohort.is_staff:
        users = max(min(users, rows // _LEAST_ROWS), 1)
        least = min(_LEAST_ROWS // 2, rows // users)
    users = min(users, rows)
    parts = rng.dirichlet(np.full(users, 3.0)) * (rows - least * users)
    counts = least + np.floor(parts).astype(int)
    counts[: rows - counts.sum()] += 1
    begin = log[0] if cohort.is_staff else max(log[0], seconds(cohort.start))
    return [Stint(0, cohort, cohort.cohort_id, int(n), begin, log[1]) for n in counts]


def runs_inside(cohort: Cohort, log: tuple[int, int]) -> bool:
    """Whether the class has lessons within the log."""
    return not cohort.is_staff and seconds(cohort.end) > log[0] and seconds(cohort.start) < log[1]


def _without_cohort(
    school: School, stints: list[Stint], rows: int, factor: float, rng: np.random.Generator
) -> list[Stint]:
    """Users whose cohort is not written: each lives the life of one that is there."""
    active = [s for s in stints if not s.cohort.is_staff and s.rows >= _LEAST_ROWS and s.cohort.rows > 0]
    users = min(max(3, round(_NULL_USERS * factor)), max(1, rows // _LEAST_ROWS))
    if not active or rows < 1 or not school.cohorts:
        return []
    weights = np.array([s.rows for s in active], float)
    models = rng.choice(len(active), size=users, p=weights / weights.sum())
    counts = np.floor(rng.dirichlet(np.full(users, 3.0)) * max(rows - 20 * users, 0)).astype(int) + 20
    return [replace(active[m], written=None, rows=int(n)) for m, n in zip(models, counts, strict=True)]


def _plant(stints: list[Stint], settings: Settings, factor: float, rng: np.random.Generator) -> list[Stint]:
    """Choose who scrapes, shares, drops out or probes; rows that a drop-out does not use go to the others."""
    log = (int(settings.begin.timestamp()), int(settings.end.timestamp()))
    wanted = {
        "scraper": settings.scrapers, "sharer": settings.sharers, "dropout": settings.dropouts,
        "prober": settings.probers,
    }  # fmt: skip
    fit = [
        number
        for number, s in enumerate(stints)
        if s.written is not None and runs_inside(s.cohort, log) and seconds(s.cohort.end) < log[1]
        and seconds(s.cohort.start) >= log[0]
    ]  # fmt: skip
    order = list(rng.permutation(fit))
    made = list(stints)
    classes: dict[int | None, list[int]] = {}
    for at, one in enumerate(stints):
        classes.setdefault(one.written, []).append(at)
    for kind, number in wanted.items():
        for _ in range(max(1, round(number * factor)) if number else 0):
            place = _next(order, made, kind)
            if place is None:
                break
            made[place] = replace(made[place], plant=kind)
            if kind == "dropout":
                made = _give_rows(made, place, classes[made[place].written], int(rng.integers(1, 11)))
    return made


def _next(order: list[int], stints: list[Stint], kind: str) -> int | None:
    """The next one who has rows enough for what is to be planted."""
    least = {"scraper": 400, "sharer": 150, "dropout": 0, "prober": 60}[kind]
    for at, place in enumerate(order):
        if stints[place].rows >= least:
            return order.pop(at)
    best = max(range(len(order)), key=lambda at: stints[order[at]].rows, default=None)
    return None if best is None else order.pop(best)


def _give_rows(stints: list[Stint], place: int, of_class: list[int], keep: int) -> list[Stint]:
    """Leave a drop-out few rows; classmates get the rest, so that the cohort's total holds."""
    one = stints[place]
    mates = [n for n in of_class if n != place and not stints[n].plant]
    if not mates:
        return stints
    rest, made = one.rows - keep, list(stints)
    for number, mate in enumerate(mates):
        more = rest // len(mates) + (number < rest % len(mates))
        made[mate] = replace(made[mate], rows=made[mate].rows + more)
    made[place] = replace(one, rows=keep)
    return made


def _move(stints: list[Stint], settings: Settings, factor: float, rng: np.random.Generator) -> list[Stint]:
    """Join stints into people: students who become staff, and students who repeat with a later cohort.

    The first stint gets the number of the joint person in `seed` (below zero), which `_numbered` reads.
    """
    last = int(settings.end.timestamp())
    made, joint = list(stints), 0
    staff = [n for n, s in enumerate(made) if s.cohort.is_staff]
    former = [
        n for n, s in enumerate(made)
        if not s.cohort.is_staff and not s.plant and s.written is not None
        and s.begin <= seconds(s.cohort.start) and seconds(s.cohort.end) < last - 90 * _DAY
    ]  # fmt: skip
    chosen = rng.permutation(former)
    movers = min(
        len(staff) // 2, len(former), max(1, round(settings.movers * factor)) if settings.movers else 0
    )
    for at in range(movers):
        old, new = int(chosen[at]), staff[at]
        joint += 1
        change = seconds(made[old].cohort.end) + int(rng.integers(7, 60)) * _DAY
        made[old] = replace(made[old], stop=change - _DAY, seed=-joint)
        made[new] = replace(made[new], begin=change, seed=-joint)
    return _repeat(made, [int(n) for n in chosen[movers:]], settings, factor, joint)


def _repeat(
    stints: list[Stint], former: list[int], settings: Settings, factor: float, joint: int
) -> list[Stint]:
    """Let some students leave early and come again with a later cohort of their program."""
    wanted = round(settings.repeaters * factor)
    free: dict[int, deque[int]] = {}
    for number, one in enumerate(stints):
        if one.written is not None and not one.cohort.is_staff and not one.plant:
            free.setdefault(one.written, deque()).append(number)
    for old in former:
        if wanted <= 0:
            break
        one = stints[old]
        later = _later_class(one, stints, free)
        if later is None:
            continue
        joint, wanted = joint + 1, wanted - 1
        stop = seconds(stints[later].cohort.start) - 2 * _DAY
        stints[old] = replace(one, stop=stop, seed=-joint)
        stints[later] = replace(stints[later], seed=-joint)
    return stints


def _later_class(one: Stint, stints: list[Stint], free: dict[int, deque[int]]) -> int | None:
    """The first one in a class of the same program that began while this one ran, of those that are alone (`free`)."""
    for written, numbers in free.items():
        while numbers and stints[numbers[0]].seed != 0:  # joined to somebody since
            numbers.popleft()
        if not numbers or written == one.written:
            continue
        cohort = stints[numbers[0]].cohort
        begins = one.begin + 40 * _DAY < seconds(cohort.start) < seconds(one.cohort.end)
        if begins and cohort.program_id == one.cohort.program_id:
            return numbers[0]
    return None


def _numbered(stints: list[Stint], rng: np.random.Generator) -> list[Stint]:
    """Give user ids by the first day, as a school does; stints of one person share theirs."""
    jitter = rng.uniform(0, 5 * _DAY, len(stints))
    order = sorted(range(len(stints)), key=lambda n: stints[n].begin + jitter[n])
    ids: dict[int, int] = {}
    made: list[Stint] = []
    for number, place in enumerate(order):
        one = stints[place]
        key = one.seed if one.seed < 0 else number + 1
        ids.setdefault(key, len(ids) + 1)
        made.append(replace(one, user=ids[key], seed=number))
    return made


def _tell(stints: list[Stint], planted: Planted) -> None:
    """Write who moved and who has which hidden cohort; the rest is told where its rows are made."""
    by_user: dict[int, list[Stint]] = {}
    for one in stints:
        by_user.setdefault(one.user, []).append(one)
        if one.written is None:
            planted.add("hidden_cohort", "user", one.user, one.begin, one.stop, str(one.cohort.cohort_id))
    for user, mine in by_user.items():
        new = next((s for s in mine if s.cohort.is_staff), None)
        if new is not None and len(mine) > 1:
            planted.add("staff_move", "user", user, new.begin, new.stop, str(mine[0].cohort.cohort_id))
