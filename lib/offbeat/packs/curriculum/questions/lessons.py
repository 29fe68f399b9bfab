"""Which lessons are used: steadily, by one cohort far more than by others, hardly, after graduation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from offbeat.packs.curriculum.prepare import is_foreign
from offbeat.packs.curriculum.questions.discoveries import add_q_value
from offbeat.packs.curriculum.questions.kept import keep
from offbeat.packs.curriculum.rules import UNKNOWN_COHORT, Rules

_LESSONS = "kind IN ('lesson', 'topic')"
_TOP = 10


def lesson_activity(accesses: DataFrame, rules: Rules) -> DataFrame:
    """How much each cohort used each lesson, and where that is far more than the program's other cohorts did.

    A cohort's accesses to a lesson are set against what the other cohorts' share of it would make of the cohort's
    own total, so that large and busy cohorts are judged as small ones are. How far cohorts differ anyway is learnt from
    them: the test is a binomial one with the dispersion that they show; q values hold for all tests together. Staff
    teach and are no cohort among others: they are left out. Pages that the program has no part in are not tested (1 as
    p and q value): which cohorts opened those is a matter of when the doors were open, and a question of its own.

    Args:
        accesses: rows of the table accesses.

    Returns:
        The columns of the table lesson_activity.
    """
    lessons = accesses.where(_LESSONS).where(
        (F.col("cohort") != UNKNOWN_COHORT) & (F.col("cohort") != rules.staff)
    )
    counted = lessons.groupBy("cohort", "program", "page").agg(
        F.count(F.lit(1)).alias("accesses"),
        F.count_distinct("user").alias("users"),
        F.bool_or(is_foreign()).alias("_foreign"),
    )
    cohort, page = Window.partitionBy("cohort"), Window.partitionBy("program", "page")
    ranked = counted.withColumns(
        {
            "rank": F.row_number().over(cohort.orderBy(F.desc("accesses"), "page")),
            "_total": F.sum("accesses").over(cohort),
        }
    )
    totals = lessons.groupBy("program").agg(F.count(F.lit(1)).alias("_program_total"))
    shared = ranked.withColumns(
        {
            "share": F.col("accesses") / F.col("_total"),
            "_page_total": F.sum("accesses").over(page),
        }
    ).join(F.broadcast(totals), "program")
    others = F.col("_program_total") - F.col("_total")
    elsewhere = F.col("_page_total") - F.col("accesses")
    # Half an access more elsewhere: what nobody else opened is not expected to be nothing.
    expected = F.when(others > 0, F.col("_total") * (elsewhere + 0.5) / (others + 0.5)).otherwise(
        F.col("accesses")
    )
    least = rules.ranked_from
    shared = shared.withColumn("_sure", _surely_above(F.col("accesses"), F.col("_total")))
    judged = shared.withColumns(
        {
            "expected": expected,
            "others_highest": _highest_elsewhere("share", page, least),
            "_others_sure": _highest_elsewhere("_sure", page, least),
        }
    )
    judged = keep(judged.withColumn("ratio", (F.col("accesses") + 1) / (F.col("expected") + 1)))
    tested = add_q_value(keep(_tested(judged.where("NOT _foreign"))))
    sure = {"p_value": F.lit(1.0), "q_value": F.lit(1.0)}
    with_q = tested.unionByName(judged.where("_foreign").withColumns(sure))
    far = (
        (F.col("q_value") <= rules.false_discoveries)
        & (F.col("ratio") >= rules.far_more)
        & (F.col("share") >= 1.5 * F.coalesce("_others_sure", F.lit(0.0)))
        & (F.col("users") >= 3)  # noqa: PLR2004 - one or two people are no cohort
    )
    return with_q.withColumn("far_more", far)


def _highest_elsewhere(measure: str, page: WindowSpec, least: int) -> Column:
    """The highest value of the page's measure among the program's other cohorts that have accesses enough."""
    values = F.collect_list(F.struct(measure, "cohort", "_total")).over(page)
    others = F.filter(
        values, lambda one: (one["cohort"] != F.col("cohort")) & (one["_total"] >= F.lit(least))
    )
    return F.array_max(F.transform(others, lambda one: one[measure]))


def _surely_above(hits: Column, of: Column) -> Column:
    """Lower end of Wilson's 95 % interval of a share: three of a small cohort's few accesses may be chance."""
    z, share = 1.96, hits / of
    spread = z * F.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (share + z * z / (2 * of) - spread) / (1 + z * z / of)


def _tested(judged: DataFrame) -> DataFrame:
    """Add p_value, after learning how far cohorts of a program differ anyway."""
    excess = F.pow(F.col("accesses") - F.col("expected"), 2) - F.col("expected")
    per_page = judged.groupBy("program", "page").agg(
        (F.sum("expected").alias("_e")),
        F.count(F.lit(1)).alias("_n"),
        # Without the highest one: what is looked for must not widen what it is measured by.
        F.sort_array(F.collect_list(F.struct((excess / F.pow("expected", 2)).alias("v"))), asc=False).alias(
            "_all"
        ),
    )
    trimmed = F.slice(F.transform("_all", lambda one: one["v"]), 2, 100_000)
    own = per_page.where("_n >= 4 AND _e >= 20").select(
        "program",
        (F.aggregate(trimmed, F.lit(0.0), lambda a, b: a + b) / F.greatest(F.size(trimmed), F.lit(1))).alias(
            "d"
        ),
    )
    usual = own.groupBy("program").agg(
        F.greatest(F.percentile_approx("d", 0.75), F.lit(0.02)).alias("_dispersion")
    )
    joined = judged.join(F.broadcast(usual), "program", "left").fillna(0.25, ["_dispersion"])
    columns = [*judged.columns]
    schema = ", ".join(f"`{f.name}` {f.dataType.simpleString()}" for f in judged.schema)
    return joined.mapInPandas(_upper_tail, f"{schema}, p_value double").select(*columns, "p_value")


def _upper_tail(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Chance of so many of a lesson's accesses in one cohort, given the cohorts' totals: a beta-binomial tail."""
    from scipy.stats import betabinom

    for batch in batches:
        size = 1 / batch["_dispersion"].to_numpy(float)
        own, program = batch["_total"].to_numpy(float), batch["_program_total"].to_numpy(float)
        elsewhere = np.maximum((program - own) / own, 1e-6) * size
        p = betabinom.sf(batch["accesses"].to_numpy() - 1, batch["_page_total"].to_numpy(), size, elsewhere)
        yield batch.drop(columns="_dispersion").assign(p_value=np.clip(p, 0, 1))


def steady_lessons(activity: DataFrame, rules: Rules) -> DataFrame:
    """How steadily a program's cohorts use a lesson: its rank in each, a lesson that a cohort passed over comes last.

    Args:
        activity: as `lesson_activity` gives it.

    Returns:
        The columns of the table steady_lessons.
    """
    students = activity.where("program IS NOT NULL")
    cohorts = students.groupBy("program", "cohort").agg(
        F.sum("accesses").alias("_all"), (F.max("rank") + 1).alias("_last")
    )
    large = cohorts.where(F.col("_all") >= rules.ranked_from)
    # A program all of whose cohorts are small is ranked by all of them.
    programs = large.groupBy("program").agg(F.count(F.lit(1)).alias("_large"))
    kept = cohorts.join(F.broadcast(programs), "program", "left").where(
        (F.col("_all") >= rules.ranked_from) | F.col("_large").isNull()
    )
    pages = students.groupBy("program", "page").agg(F.sum("users").alias("users"))
    known = students.join(kept.select("program", "cohort"), ["program", "cohort"], "left_semi")
    grid = pages.join(F.broadcast(kept), "program").join(
        known.select("cohort", "page", "rank", F.col("accesses").alias("_n")), ["cohort", "page"], "left"
    )
    rank = F.coalesce("rank", "_last")
    ranked = grid.groupBy("program", "page").agg(
        F.sum(F.coalesce("_n", F.lit(0))).alias("accesses"),
        F.max("users").alias("users"),
        F.count("_n").alias("cohorts"),
        F.count(F.lit(1)).alias("of_cohorts"),
        F.avg(rank).alias("mean_rank"),
        F.coalesce(F.stddev(rank), F.lit(0.0)).alias("rank_spread"),
        F.max(rank).alias("worst_rank"),
        F.avg((rank <= _TOP).cast("double")).alias("in_top_ten"),
    )
    order = Window.partitionBy("program").orderBy("mean_rank", F.desc("accesses"), "page")
    return ranked.where("accesses > 0").withColumn("place", F.row_number().over(order))


def alumni_pages(accesses: DataFrame) -> DataFrame:
    """What graduates keep referring to, per program, and how long after; the columns of the table alumni_pages."""
    after = accesses.where(_LESSONS).where("phase = 'after' AND program IS NOT NULL")
    days = F.date_diff("day", "class_end").cast("double")
    counted = after.groupBy("program", "page").agg(
        F.count(F.lit(1)).alias("accesses"),
        F.count_distinct("user").alias("users"),
        F.percentile_approx(days, 0.5).alias("median_days_after"),
        F.percentile_approx(days, 0.9).alias("late_days_after"),
    )
    order = Window.partitionBy("program").orderBy(F.desc("users"), F.desc("accesses"), "page")
    return counted.withColumn("place", F.row_number().over(order))
