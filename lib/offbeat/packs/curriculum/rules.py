"""What the questions go by: the config's `rules`, checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from offbeat.packs.curriculum.tables import ACCESSES
from offbeat.packs.knobs import refuse, unknown

UNKNOWN_COHORT = "Unknown cohort"


@dataclass(frozen=True)
class Rules:
    """What the questions go by.

    Attributes:
        programs: names of the programs, by id.
        staff: name of the cohort that holds the staff.
        hardly: accesses in class up to which a student hardly accessed.
        false_discoveries: share of false ones among lessons, counts and the like that are called odd.
        far_more: how many times more than expected a lesson must be used to stand out.
        ranked_from: accesses to lessons from which a cohort's ranks say something.
        fast_s: seconds between two pages below which nobody reads.
        burst: pages on one day from which a robot is thought of.
        swaps: changes of address to and fro within ten minutes, and `swap_days` days with them, from which an account
            is thought to be shared.
        probes: odd addresses tried on one day from which it is no accident.
        silence_days: days without access after which a return from a new network is noted.
        crossings: accesses to another program's pages after the shut-off from which that is noted.
        rare: accesses up to which a path is rarely used.
        period: day, week or month: what counts are taken over. span: periods of the past that a band rests on.
        k: deviations between the middle and the outer band. season: periods of a season (STL).
        count_entities: kinds of entities whose counts are watched; stl_entities: those that STL watches too.
        pairs: columns of accesses for discrete anomalies, `value` or `value | group`.
    """

    programs: Mapping[int, str] = field(default_factory=dict)
    staff: str = "Staff"
    hardly: int = 10
    false_discoveries: float = 0.01
    far_more: float = 3.0
    ranked_from: int = 200
    fast_s: float = 10.0
    burst: int = 40
    swaps: int = 6
    swap_days: int = 3
    probes: int = 8
    silence_days: int = 180
    crossings: int = 3
    rare: int = 5
    period: str = "day"
    span: int = 28
    k: float = 6.0
    season: int = 7
    count_entities: tuple[str, ...] = ("user", "ip", "cohort", "page")
    stl_entities: tuple[str, ...] = ("cohort",)
    pairs: tuple[str, ...] = ("ip", "page | program", "hour | phase")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Rules:
        """Rules from the config.

        Raises:
            UsageError: a key is unknown or a value can't be; all are named.
        """
        known = {each.name: each for each in dataclasses.fields(cls)}
        problems = [unknown(key, known) for key in given if key not in known]
        values: dict[str, Any] = {}
        for key, value in given.items():
            if key not in known:
                continue
            try:
                values[key] = _checked(key, value, getattr(cls(), key))
            except (TypeError, ValueError):
                problems.append(f"{key}: can't be {value!r}; the default is {getattr(cls(), key)!r}")
        refuse("rules", problems)
        return cls(**values)


def _checked(key: str, value: Any, default: Any) -> Any:
    """The value in the type of its default.

    Raises:
        ValueError, TypeError: it can't be.
    """
    if key == "programs":
        return {int(number): str(name) for number, name in dict(value).items()}
    if key == "period" and value not in ("day", "week", "month"):
        raise ValueError(value)
    if isinstance(default, tuple):
        texts = tuple(str(each) for each in ([value] if isinstance(value, str) else value))
        named = {name.strip() for text in texts for name in text.split("|")}
        if not texts or not named <= set(ACCESSES.column_names):
            raise ValueError(value)
        return texts
    if isinstance(default, str):
        if not isinstance(value, str):
            raise TypeError(value)
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError(value)
    return int(value) if isinstance(default, int) else float(value)
