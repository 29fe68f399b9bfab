"""When people work: weekdays, class hours, holidays, and how a share of a period becomes an instant."""

from __future__ import annotations

import datetime as dt

import numpy as np

_DAY = 86_400
_HOURS_CLASS = np.array(
    [2, 1, 1, 0.5, 0.5, 1, 3, 8, 40, 100, 90, 85, 45, 95, 85, 75, 55, 30, 20, 22, 24, 20, 12, 6], float
)  # of a day in class: peaks at 9 and 13, a dip at noon
_HOURS_HOME = np.array(
    [6, 3, 2, 1, 1, 2, 4, 9, 18, 30, 36, 38, 36, 38, 40, 38, 36, 32, 30, 34, 36, 32, 24, 12], float
)


class Calendar:
    """Weights of the days of a log, and instants drawn by them.

    Args:
        first, last: the log's bounds, seconds since 1970.
    """

    def __init__(self, first: int, last: int) -> None:
        self.first_day = first // _DAY
        self.bounds = (first, last)
        days = np.arange(self.first_day, last // _DAY + 1)
        self.weekday = (days + 3) % 7  # the first of January 1970 was a Thursday
        self.free = np.array([_is_holiday(dt.date(1970, 1, 1) + dt.timedelta(days=int(d))) for d in days])
        lesson = np.select([self.weekday == 5, self.weekday == 6], [0.12, 0.2], 1.0)  # noqa: PLR2004
        home = np.select([self.weekday >= 5], [0.6], 1.0)  # noqa: PLR2004 - Saturday and Sunday
        self._class = np.concatenate([[0], np.cumsum(np.where(self.free, 0.03, lesson))])
        self._home = np.concatenate([[0], np.cumsum(np.where(self.free, 0.4, home))])

    def instants(
        self,
        rng: np.random.Generator,
        number: int,
        begin: int,
        end: int,
        *,
        in_class: bool,
        fade_days: float = 0,
    ) -> np.ndarray:
        """Instants in order within `begin` to `end`.

        Args:
            fade_days: where given, interest halves in so many days.
        """
        begin, end = max(begin, self.bounds[0]), min(end, self.bounds[1])
        total = self._class if in_class else self._home
        low, high = begin // _DAY - self.first_day, min(end // _DAY - self.first_day + 1, len(total) - 1)
        share = rng.random(number)
        if fade_days:
            span = max(high - low, 1)
            rate = np.log(2) / fade_days
            share = -np.log1p(-share * (1 - np.exp(-rate * span))) / (rate * span)
        at = total[low] + share * (total[high] - total[low])
        day = np.clip(np.searchsorted(total, at, side="right") - 1, low, max(high - 1, low))
        off = (self.weekday[day] >= 5) | self.free[day] | (not in_class)  # noqa: PLR2004
        second = np.where(off, _draw(rng, _HOURS_HOME, number), _draw(rng, _HOURS_CLASS, number))
        instants = (day + self.first_day) * _DAY + second
        early, late = instants < begin, instants > end
        instants[early] = begin + rng.integers(0, 1 + min(6 * 3600, end - begin), early.sum())
        instants[late] = end - rng.integers(0, 1 + min(6 * 3600, end - begin), late.sum())
        return np.sort(instants)

    def is_school_time(self, instants: np.ndarray) -> np.ndarray:
        """Whether the instants lie in lessons: weekdays from 8 to 17."""
        day = instants // _DAY - self.first_day
        day = np.clip(day, 0, len(self.weekday) - 1)
        hour = instants % _DAY // 3600
        lessons: np.ndarray = (self.weekday[day] < 5) & ~self.free[day] & (hour >= 8) & (hour < 17)  # noqa: PLR2004
        return lessons


def _draw(rng: np.random.Generator, hours: np.ndarray, number: int) -> np.ndarray:
    hour = rng.choice(24, size=number, p=hours / hours.sum())
    return hour * 3600 + rng.integers(0, 3600, number)


def _is_holiday(day: dt.date) -> bool:
    """Around the new year, independence day, thanksgiving."""
    if (day.month, day.day) >= (12, 22) or (day.month, day.day) <= (1, 2) or (day.month, day.day) == (7, 4):
        return True
    return day.month == 11 and 22 <= day.day - (day.weekday() - 3) % 7 <= 28 and day.weekday() in (3, 4)  # noqa: PLR2004
