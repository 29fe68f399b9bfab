"""What else the log says: growth, seasons, classes, programs, outages, reused ids, bad data."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from offbeat.packs.curriculum.rules import UNKNOWN_COHORT, Rules

_OUTAGE_HOURS = 3
_LOST = 14.0  # users in an hour that would have been usual: by chance none comes once in a million times
_NEAR_HOURS = (12, 24)  # before and after, that tell how lively these days are
_KNOWN_USERS = 3  # that would be usual in them; of fewer nothing can be told
_REUSED_DAYS = 270


def activity(accesses: DataFrame, cohorts: DataFrame, rules: Rules) -> DataFrame:
    """Accesses and users by month and program; the columns of the table activity."""
    program = (
        F.when(F.col("cohort") == rules.staff, F.lit(rules.staff))
        .when(F.col("program").isNull(), F.lit(UNKNOWN_COHORT))
        .otherwise(F.col("program"))
    )
    month = F.trunc("day", "month")
    used = accesses.groupBy(month.alias("month"), program.alias("program")).agg(
        F.count(F.lit(1)).alias("accesses"), F.count_distinct("user").alias("users")
    )
    started = (
        cohorts.where(F.col("cohort") != rules.staff)
        .groupBy(F.trunc("class_start", "month").alias("month"), "program")
        .agg(F.count(F.lit(1)).alias("classes_started"))
    )
    return used.join(started, ["month", "program"], "left").fillna(0, ["classes_started"])


def findings(accesses: DataFrame, cohorts: DataFrame, ingested: DataFrame, rules: Rules) -> DataFrame:
    """Outages, programs added, classes per year, seasons, reused ids, bad data; the columns of the table findings.

    Args:
        ingested: rows of the table ingested, for what never became an access.
    """
    parts = [
        outages(accesses),
        _programs(accesses),
        _classes(cohorts, rules),
        _seasons(accesses),
        _reused(accesses),
        _bad_data(accesses, cohorts, ingested),
    ]
    return reduce(DataFrame.unionByName, parts)


def outages(accesses: DataFrame) -> DataFrame:
    """Stretches of hours in which nothing was logged though the weeks around would have had many accesses.

    Users are counted, since one user's accesses come and go together. What is usual at an hour of the week is the
    median of the eight weeks around, times how lively the half days and days before and after are, the quietest of
    them: in the holidays a few come, and that none comes for hours is no outage.
    """
    hours = accesses.groupBy(F.date_trunc("hour", "at").alias("hour")).agg(
        F.count_distinct("user").alias("n")
    )
    bounds = hours.agg(F.min("hour").alias("a"), F.max("hour").alias("b"))
    grid = bounds.select(F.explode(F.sequence("a", "b", F.expr("INTERVAL 1 HOUR"))).alias("hour"))
    series = grid.join(hours, "hour", "left").fillna(0, ["n"])
    series = series.withColumn("_number", F.floor(F.unix_seconds("hour") / 3600))
    around = Window.partitionBy(F.col("_number") % 168).orderBy("_number").rowsBetween(-4, 4)
    usual = series.withColumn("usual", F.percentile("n", 0.5).over(around))
    in_order = Window.partitionBy(F.lit(0)).orderBy("_number")
    known = usual.withColumns(
        {
            "_before": F.least(*(_as_usual(in_order.rowsBetween(-hours, -1)) for hours in _NEAR_HOURS)),
            "_after": F.least(*(_as_usual(in_order.rowsBetween(1, hours)) for hours in _NEAR_HOURS)),
        }
    )
    silent = known.where("n = 0 AND usual > 0")
    run = F.col("_number") - F.row_number().over(Window.partitionBy(F.lit(0)).orderBy("_number"))
    runs = silent.withColumn("_run", run).groupBy("_run").agg(
        F.min("hour").alias("start"), F.count(F.lit(1)).alias("hours"), F.sum("usual").alias("lost"),
        F.min_by("_before", "hour").alias("_before"), F.max_by("_after", "hour").alias("_after"),
    )  # fmt: skip
    lively = F.least(F.coalesce(F.least("_before", "_after"), F.lit(0.0)), F.lit(1.0))
    lost = runs.withColumn("lost", F.col("lost") * lively)
    found = lost.where((F.col("hours") >= _OUTAGE_HOURS) & (F.col("lost") >= _LOST))
    return _finding(
        found, "outage", F.date_format("start", "yyyy-MM-dd HH:00"), F.col("hours"),
        F.concat(
            F.lit("no access for "), F.col("hours"), F.lit(" hours; usual are "), F.round("lost").cast("int"),
            F.lit(" visits"),
        ),
    )  # fmt: skip


def _as_usual(hours: WindowSpec) -> Column:
    """Users of some hours over what is usual there; null where next to nobody is."""
    usual = F.sum("usual").over(hours)
    return F.when(usual >= _KNOWN_USERS, F.sum("n").over(hours) / usual)


def _programs(accesses: DataFrame) -> DataFrame:
    first = (
        accesses.where("program IS NOT NULL")
        .groupBy("program")
        .agg(F.min("day").alias("since"), F.count_distinct("cohort").alias("n"))
    )
    note = F.concat(F.lit("first access on "), F.col("since"))
    return _finding(first, "program", F.col("program"), F.col("n"), note)


def _classes(cohorts: DataFrame, rules: Rules) -> DataFrame:
    years = (
        cohorts.where(F.col("cohort") != rules.staff)
        .groupBy(F.year("class_start").alias("year"))
        .agg(F.count(F.lit(1)).alias("n"))
    )
    note = F.lit("classes that started in the year")
    return _finding(
        years.where("year IS NOT NULL"), "classes_per_year", F.col("year").cast("string"), F.col("n"), note
    )


def _seasons(accesses: DataFrame) -> DataFrame:
    days = accesses.groupBy("day").agg(F.count(F.lit(1)).alias("n"))
    by_weekday = days.groupBy(F.date_format("day", "EEEE").alias("what")).agg(F.avg("n").alias("n"))
    by_month = days.groupBy(F.date_format("day", "MM MMMM").alias("what")).agg(F.avg("n").alias("n"))
    note = F.lit("accesses per day with any")
    return _finding(by_weekday, "weekday", F.col("what"), F.round("n", 1), note).unionByName(
        _finding(by_month, "month", F.col("what"), F.round("n", 1), note)
    )


def _reused(accesses: DataFrame) -> DataFrame:
    """Ids that fall silent and come back in another cohort, from none of their former networks: another person's."""
    stays = (
        accesses.where(F.col("cohort") != UNKNOWN_COHORT)
        .groupBy("user", "cohort")
        .agg(
            F.min("at").alias("first"), F.max("at").alias("last"), F.collect_set("network").alias("networks")
        )
    )
    order = Window.partitionBy("user").orderBy("first")
    steps = stays.withColumns(
        {"_last": F.lag("last").over(order), "_networks": F.lag("networks").over(order)}
    )
    gap = F.date_diff(F.to_date("first"), F.to_date("_last"))
    reused = steps.where((gap >= _REUSED_DAYS) & ~F.arrays_overlap("networks", "_networks"))
    note = F.concat(F.lit("id used again in "), F.col("cohort"), F.lit(" after "), gap, F.lit(" days"))
    return _finding(reused, "id_reused", F.concat("user", F.lit(" / "), "cohort"), gap, note)


def _bad_data(accesses: DataFrame, cohorts: DataFrame, ingested: DataFrame) -> DataFrame:
    # A query is read whole again and again, and a file that has grown is: what the first reading found counts.
    first = F.struct("taken_at", "duplicates")
    readings = ingested.groupBy("source", "source_file").agg(
        *(F.min_by(name, first).alias(name) for name in ("duplicates", "quarantined"))
    )
    taken = (
        readings.agg(
            F.coalesce(F.sum("duplicates"), F.lit(0)).alias("duplicates"),
            F.coalesce(F.sum("quarantined"), F.lit(0)).alias("quarantined"),
        )
        .select(
            F.explode(
                F.array(
                    F.struct(F.lit("rows written twice").alias("what"), F.col("duplicates").alias("n")),
                    F.struct(
                        F.lit("rows without path, user or time").alias("what"),
                        F.col("quarantined").alias("n"),
                    ),
                )
            ).alias("one")
        )
        .select("one.what", "one.n")
    )
    unknown = accesses.agg(
        F.count_if(F.col("cohort_id").isNull()).alias("a"),
        F.count_if(F.col("cohort_id").isNotNull() & (F.col("cohort") == UNKNOWN_COHORT)).alias("b"),
        F.count_if(F.col("phase") == "before").alias("c"),
        F.count_if(F.col("kind") == "static").alias("d"),
    ).select(
        F.explode(
            F.array(
                *(
                    F.struct(F.lit(text).alias("what"), F.col(name).alias("n"))
                    for name, text in (
                        ("a", "accesses with an empty cohort"), ("b", "accesses with a cohort that the table lacks"),
                        ("c", "accesses before the class began"), ("d", "accesses to static files, set apart"),
                    )
                )
            )
        ).alias("one")
    ).select("one.what", "one.n")  # fmt: skip
    silent = cohorts.join(accesses.select("cohort_id").distinct(), "cohort_id", "left_anti").agg(
        F.lit("cohorts without any access").alias("what"), F.count(F.lit(1)).alias("n")
    )
    rows = taken.unionByName(unknown).unionByName(silent.select("what", "n"))
    return _finding(rows, "bad_data", F.col("what"), F.col("n"), F.col("what"))


def _finding(rows: DataFrame, kind: str, what: Column, number: Column, note: Column) -> DataFrame:
    return rows.select(
        F.lit(kind).alias("kind"),
        what.alias("what"),
        number.cast("double").alias("number"),
        note.alias("note"),
    )
