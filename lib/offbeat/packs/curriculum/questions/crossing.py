"""When cross-program access was shut off: the change point of a share, with its interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.packs.curriculum.prepare import is_foreign

_SHARP = 0.5  # of the share before
_LEAST_DEVIANCE = 20.0  # one change point among a thousand days, at a chance far below 1 %
_DROP = 1.92  # half of chi square's 95 % point, one degree of freedom
_LEAST_DAYS = 14


def crossings(accesses: DataFrame) -> DataFrame:
    """Accesses of students and graduates by day, and how many went to another program's pages.

    Counted from the day on which there is something to cross to: the first access of a second program's own students.

    Returns:
        The columns of the table crossings.
    """
    people = accesses.where(
        "program IS NOT NULL AND phase <> 'staff' AND kind IN ('lesson', 'topic') AND page_programs IS NOT NULL"
    )
    foreign = is_foreign()
    pages = people.where(~foreign).groupBy("page_programs").agg(F.min("day").alias("_since"))
    # Before a second program has pages there is nothing to cross to, which is no lack of crossing.
    second = F.try_element_at(F.sort_array(F.collect_list("_since")), F.lit(2))
    since = pages.agg(F.coalesce(second, F.max("_since")).alias("_open"))
    counted = people.crossJoin(F.broadcast(since)).where("day >= _open").groupBy("day")
    return counted.agg(
        F.count(F.lit(1)).alias("accesses"),
        F.count_if(foreign).alias("crossed"),
        F.count_distinct(F.when(foreign, F.col("user"))).alias("crossers"),
    )


def shutoff(daily: DataFrame) -> DataFrame:
    """The day from which on cross-program access fell most, its 95 % interval, and how sharp; the table shutoff.

    The likelihood of two shares, one before and one after, is highest there; the interval holds the days whose
    likelihood is near it. Days vary more than chance allows, so the likelihood is tempered by how much they do.

    Args:
        daily: as `crossings` gives it. Its days are as many as the calendar has, so one task looks at them.
    """
    schema = "day date, low date, high date, share_before double, share_after double, deviance double, is_sharp boolean"
    return daily.withColumn("_all", F.lit(0)).groupBy("_all").applyInPandas(_change_point, schema)


def _change_point(daily: pd.DataFrame) -> pd.DataFrame:
    daily = daily.sort_values("day", ignore_index=True)
    columns = ["day", "low", "high", "share_before", "share_after", "deviance", "is_sharp"]
    n, x = daily["accesses"].to_numpy(float), daily["crossed"].to_numpy(float)
    if len(daily) < 2 * _LEAST_DAYS or x.sum() == 0:
        return pd.DataFrame(columns=columns)
    at, low, high, deviance = find_fall(n, x)
    before, after = x[:at].sum() / n[:at].sum(), x[at:].sum() / n[at:].sum()
    row = [
        daily["day"][at], daily["day"][low], daily["day"][high], before, after, deviance,
        bool(deviance >= _LEAST_DEVIANCE and after < _SHARP * before),
    ]  # fmt: skip
    return pd.DataFrame([row], columns=columns)


def find_fall(n: np.ndarray, x: np.ndarray) -> tuple[int, int, int, float]:
    """Place of the greatest fall of a share, the ends of its interval, and the gain over no fall (deviance).

    Args:
        n, x: trials and hits in order of time.
    """
    n_left, x_left = np.cumsum(n)[:-1], np.cumsum(x)[:-1]
    n_right, x_right = n.sum() - n_left, x.sum() - x_left
    gain = _loglik(n_left, x_left) + _loglik(n_right, x_right) - _loglik(n.sum(), x.sum())
    falls = x_left / n_left > x_right / n_right
    edge = np.arange(1, len(n))
    gain = np.where(falls & (edge >= _LEAST_DAYS) & (edge <= len(n) - _LEAST_DAYS), gain, 0.0)
    best = int(np.argmax(gain))
    at = best + 1
    gain = gain / _spread(n, x, at)
    near = np.flatnonzero(gain >= gain[best] - _DROP)
    return at, int(near.min()) + 1, int(near.max()) + 1, float(2 * gain[best])


def _loglik(n: np.ndarray | float, x: np.ndarray | float) -> np.ndarray:
    p = np.clip(np.asarray(x) / np.asarray(n), 1e-12, 1 - 1e-12)
    found: np.ndarray = x * np.log(p) + (n - x) * np.log1p(-p)
    return found


def _spread(n: np.ndarray, x: np.ndarray, at: int) -> float:
    """How much days vary about the two shares, over what chance gives; at least 1."""
    total, days = 0.0, 0
    for part in (slice(None, at), slice(at, None)):
        share = np.clip(x[part].sum() / n[part].sum(), 1e-9, 1 - 1e-9)
        expected = n[part] * share
        busy = expected >= 1
        total += float(((x[part] - expected)[busy] ** 2 / (expected * (1 - share))[busy]).sum())
        days += int(busy.sum())
    return max(1.0, total / max(days - 2, 1))


def crossed(accesses: DataFrame, found: DataFrame) -> DataFrame:
    """The accesses to another program's pages, with `after`: whether they lie after the shut-off.

    Args:
        found: as `shutoff` gives it; where it is empty, or no fall is sharp, there is no after.
    """
    foreign = accesses.where(is_foreign()).where("kind IN ('lesson', 'topic')")
    day = found.where("is_sharp").agg(F.min("day").alias("_shut"))
    after = F.coalesce(F.col("day") >= F.col("_shut"), F.lit(False))
    return foreign.crossJoin(F.broadcast(day)).withColumn("after", after).drop("_shut")


def crossers(accesses: DataFrame, found: DataFrame) -> DataFrame:
    """Who went to another program's pages, before and after the shut-off; the columns of the table crossers.

    Args:
        found: as `crossed` takes it.
    """
    return (
        crossed(accesses, found)
        .groupBy("user", "cohort", "program")
        .agg(
            F.count_if(~F.col("after")).alias("crossed_before"),
            F.count_if("after").alias("crossed_after"),
            F.max("at").alias("last_crossed"),
        )
    )


def add_crossers_after(found: DataFrame, people: DataFrame) -> DataFrame:
    """The shut-off with the number of users who crossed after it."""
    late = F.when(F.col("crossed_after") > 0, F.col("user"))
    after = people.agg(F.count_distinct(late).alias("crossers_after"))
    return found.crossJoin(F.broadcast(after))
