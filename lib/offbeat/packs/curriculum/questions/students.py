"""Students who hardly accessed, how groups differ, who moved from cohort to cohort."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from offbeat.packs.curriculum.rules import UNKNOWN_COHORT, Rules

_READ = "kind <> 'static'"  # a picture that a page brings along is no access of its reader's
_GROUPS = {"during": "students", "after": "graduates", "staff": "staff"}


def student_access(accesses: DataFrame, rules: Rules) -> DataFrame:
    """Each student's use of the curriculum while the class ran; the columns of the table student_access.

    A class is looked at where the log holds its first day or more than half of it: what lies before the log begins
    can't be told from absence. Who was never seen in class but came after it is a student all the same.
    """
    bounds = accesses.agg(F.min("day").alias("_first"), F.max("day").alias("_last"))
    students = accesses.where("phase IN ('during', 'after')").crossJoin(F.broadcast(bounds))
    length = F.date_diff("class_end", "class_start") + 1
    ends = F.least("class_end", "_last")
    begins = F.greatest("class_start", "_first")
    seen = students.where(
        (F.date_diff(ends, begins) + 1) * 2 >= F.least(length, F.date_diff("_last", "class_start") + 1)
    )
    during = (F.col("phase") == "during") & F.expr(_READ)
    at = F.when(during, F.col("at"))
    made = seen.groupBy(
        "user", "cohort", "program", "class_start", "class_end", begins.alias("_from"), ends.alias("_to")
    ).agg(
        F.count_if(during).alias("accesses"),
        F.count_distinct(F.when(during, F.col("day"))).alias("days_active"),
        F.min(at).alias("first_access"),
        F.max(at).alias("last_access"),
        F.count_if((F.col("phase") == "after") & F.expr(_READ)).alias("accesses_after"),
    )
    days = F.greatest(F.date_diff("class_end", "class_start"), F.lit(1))
    place = {
        name: F.round(F.date_diff(F.to_date(column), "class_start") / days, 3)
        for name, column in (("course_from", "first_access"), ("course_to", "last_access"))
    }  # fmt: skip
    half = F.date_add("_from", F.floor(F.date_diff("_to", "_from") / 2).cast("int"))
    gone = F.coalesce(F.to_date("last_access") < half, F.lit(True))
    early = gone & (F.date_diff("_to", "_from") >= 14)  # noqa: PLR2004 - too soon to say
    return made.withColumns(place).withColumns(
        {"left_early": early, "hardly": F.col("accesses") <= rules.hardly}
    )


def group_access(accesses: DataFrame) -> DataFrame:
    """How access differs between students in class, graduates and staff; the columns of the table group_access.

    Each user counts once in a group. The test is Mann and Whitney's with ties, the effect Cliff's delta.
    """
    names = F.create_map(*(F.lit(text) for pair in _GROUPS.items() for text in pair))
    people = (
        accesses.where(_READ)
        .where(F.col("phase").isin(*_GROUPS))
        .groupBy("phase", "user")
        .agg(
            F.count(F.lit(1)).alias("n"),
            F.count_distinct("day").alias("days"),
            (F.date_diff(F.max("day"), F.min("day")) + 1).alias("span"),
        )
    )
    measures = people.select(
        names[F.col("phase")].alias("group"),
        F.explode(
            F.array(
                F.struct(
                    F.lit("accesses per active day").alias("measure"),
                    (F.col("n") / F.col("days")).alias("value"),
                ),
                F.struct(
                    F.lit("share of days with access").alias("measure"),
                    (F.col("days") / F.col("span")).alias("value"),
                ),
            )
        ).alias("m"),
    ).select("group", "m.measure", F.round("m.value", 3).alias("value"))
    counted = measures.groupBy("measure", "value", "group").agg(F.count(F.lit(1)).alias("n"))
    schema = (
        "measure string, group string, other string, n bigint, n_other bigint, median double, median_other double, "
        "effect double, p_value double"
    )
    return counted.groupBy("measure").applyInPandas(_compared, schema)


def _compared(counted: pd.DataFrame) -> pd.DataFrame:
    """All pairs of groups of one measure, from how often each value occurs."""
    table = counted.pivot_table(
        index="value", columns="group", values="n", fill_value=0, aggfunc="sum"
    ).sort_index()
    rows = []
    found = [name for name in _GROUPS.values() if name in table]
    for at, group in enumerate(found):
        for other in found[at + 1 :]:
            a, b = table[group].to_numpy(float), table[other].to_numpy(float)
            effect, p = rank_test(a, b)
            rows.append(
                {
                    "measure": str(counted["measure"].iloc[0]), "group": group, "other": other,
                    "n": int(a.sum()), "n_other": int(b.sum()),
                    "median": _median(table.index.to_numpy(float), a),
                    "median_other": _median(table.index.to_numpy(float), b),
                    "effect": effect, "p_value": p,
                }
            )  # fmt: skip
    columns = ["measure", "group", "other", "n", "n_other", "median", "median_other", "effect", "p_value"]
    return pd.DataFrame(rows, columns=columns)


def rank_test(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Cliff's delta and the p value of Mann and Whitney's test, from counts at the same ascending values."""
    n, m = a.sum(), b.sum()
    more = float((a * np.concatenate([[0], np.cumsum(b)[:-1]])).sum())
    ties = float((a * b).sum())
    u = more + ties / 2
    total, both = n + m, a + b
    spread = n * m / 12 * (total + 1 - ((both**3 - both).sum()) / (total * (total - 1))) if total > 1 else 0.0
    effect = 2 * u / (n * m) - 1
    if spread <= 0:
        return effect, 1.0
    z = max(abs(u - n * m / 2) - 0.5, 0.0) / math.sqrt(spread)
    return effect, math.erfc(z / math.sqrt(2))


def _median(values: np.ndarray, counts: np.ndarray) -> float:
    cumulated = np.cumsum(counts)
    return float(values[np.searchsorted(cumulated, cumulated[-1] / 2)])


def user_moves(accesses: DataFrame, rules: Rules) -> DataFrame:
    """Users found in more than one cohort, one row per step; the columns of the table user_moves."""
    stays = (
        accesses.where(F.col("cohort") != UNKNOWN_COHORT)
        .groupBy("user", "cohort", "program")
        .agg(F.min("at").alias("first"), F.max("at").alias("last"))
    )
    by_user = Window.partitionBy("user").orderBy("first", "cohort")
    steps = stays.withColumns(
        {f"_{name}": F.lag(name).over(by_user) for name in ("cohort", "program", "last")}
    ).where("_cohort IS NOT NULL")
    gap = (F.unix_seconds("first") - F.unix_seconds("_last")) / 86_400
    what = (
        F.when(gap < -7, "overlapping")  # noqa: PLR2004 - a week: two at a time is no move
        .when(F.col("cohort") == rules.staff, "to_staff")
        .when(F.col("program") != F.col("_program"), "to_other_program")
        .otherwise("to_later_class")
    )
    return steps.select(
        "user",
        F.col("_cohort").alias("from_cohort"),
        F.col("cohort").alias("to_cohort"),
        F.col("first").alias("moved"),
        what.alias("what"),
        F.round(gap, 2).alias("gap_days"),
    )
