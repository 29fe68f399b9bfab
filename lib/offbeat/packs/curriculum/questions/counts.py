"""Anomalies in counts: bands around what an entity's own past lets expect, and values that are seldom."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from offbeat.packs.curriculum.questions.blocks import SCORED, blocks_of, scored_block
from offbeat.packs.curriculum.questions.discoveries import add_q_value
from offbeat.packs.curriculum.questions.kept import keep
from offbeat.packs.curriculum.rules import UNKNOWN_COHORT, Rules

_RARE_ROWS = 500
_SMOOTHING = 0.5
_PERIOD_DAYS = {"day": 1, "week": 7}


def series(accesses: DataFrame, rules: Rules) -> DataFrame:
    """Accesses by entity and period, one row per entity: entity_kind, entity, first (period number), counts.

    `counts` holds a period's number, its accesses, where there are any, and what is usual by then, in order of time.
    """
    number = period_number(F.col("day"), rules.period)
    wanted = accesses.where("kind <> 'static'")
    parts = []
    for kind in rules.count_entities:
        rows = wanted.where(F.col(kind).isNotNull())
        if kind == "cohort":
            rows = rows.where(F.col("cohort") != UNKNOWN_COHORT)
        counted = rows.groupBy(F.col(kind).cast("string").alias("entity"), number.alias("number")).agg(
            F.count(F.lit(1)).alias("n")
        )
        parts.append(counted.select(F.lit(kind).alias("entity_kind"), "entity", "number", "n"))
    every = reduce(DataFrame.unionByName, parts)
    return series_of(keep(every))


def series_of(counted: DataFrame) -> DataFrame:
    """Series, as `series` gives them, of rows entity_kind, entity, number, n."""
    usual = _usual_sizes(counted)
    cells = F.sort_array(F.collect_list(F.struct("number", "n", "usual")))
    known = counted.join(F.broadcast(usual), ["entity_kind", "number"])
    return known.groupBy("entity_kind", "entity").agg(cells.alias("counts"))


def _usual_sizes(counted: DataFrame) -> DataFrame:
    """How large periods with accesses were before each period, by kind of entity; as many rows as the calendar has.

    The sum of squares over the sum: what one access finds in its entity's period, on average.
    """
    n = F.col("n").cast("double")
    by_period = counted.groupBy("entity_kind", "number").agg(
        F.sum(n).alias("_n"), F.sum(n * n).alias("_squares")
    )
    before = Window.partitionBy("entity_kind").orderBy("number").rowsBetween(Window.unboundedPreceding, -1)
    size = F.sum("_squares").over(before) / F.sum("_n").over(before)
    return by_period.select("entity_kind", "number", F.coalesce(size, F.lit(1.0)).alias("usual"))


def count_anomalies(found: DataFrame, rules: Rules) -> DataFrame:
    """Periods outside the bands of an entity's own past; the columns of the table count_anomalies.

    Each series is scored where it lies, none travels to the driver. A period's bands rest on earlier periods alone, and
    its q value on the entities tested in that period alone: later days change nothing that was said.

    Args:
        found: as `series` gives it.
    """
    knobs = {"span": rules.span, "k": rules.k, "season": rules.season}
    seasonal = tuple(rules.stl_entities)

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for block in blocks_of(batch):
                yield from scored_block(block, knobs, seasonal)

    scored = keep(found.mapInArrow(score, SCORED))
    family = ("entity_kind", "method", "number")
    counted = scored.withColumn("_of", F.sum("tests").over(Window.partitionBy(*family)))
    kept = counted.where("entity IS NOT NULL")
    judged = add_q_value(kept, *family, tests_in="_of")
    outside = (F.col("pct_b") > 1) & (F.col("q_value") <= rules.false_discoveries)
    return judged.where(outside).withColumn("period", period_start(F.col("number"), rules.period))


def count_jumps(anomalies: DataFrame) -> DataFrame:
    """Each jump of a user, cohort or page once, whatever methods saw it: `methods`, and `more` than was expected.

    Args:
        anomalies: rows of count_anomalies. Addresses are left out: they are many, and say little of anybody.
    """
    likeliest = F.struct("p_value", "method")
    return (
        anomalies.where("entity_kind <> 'ip'")
        .groupBy("entity_kind", "entity", "period")
        .agg(
            F.concat_ws(", ", F.sort_array(F.collect_set("method"))).alias("methods"),
            F.max("accesses").alias("accesses"),
            *(F.min_by(name, likeliest).alias(name) for name in ("expected", "upper", "pct_b", "q_value")),
        )
        .withColumn("more", F.col("accesses") - F.col("expected"))
    )


def period_number(day: Column, period: str) -> Column:
    """The number of a day's period since 1970."""
    if period == "month":
        return (F.year(day) - 1970) * 12 + F.month(day) - 1
    # The third of January 1970 plus two is a Monday: weeks begin on Mondays.
    days = F.date_diff(day, F.lit("1970-01-01").cast("date"))
    return F.floor((days + (3 if period == "week" else 0)) / _PERIOD_DAYS[period]).cast("int")


def period_start(number: Column, period: str) -> Column:
    """First day of the period with that number."""
    epoch = F.lit("1970-01-01").cast("date")
    if period == "month":
        return F.add_months(epoch, number)
    return F.date_add(epoch, number * _PERIOD_DAYS[period] - (3 if period == "week" else 0))


def rare_values(accesses: DataFrame, rules: Rules) -> DataFrame:
    """Values that are seldom, alone or in their group, the lowest probabilities of each pair of columns.

    P(value) and P(value | group) are counts with half an access added to each value, so that what came once is not
    taken for what never comes. The columns of the table rare_values.
    """
    parts = [_rare(accesses, pair) for pair in rules.pairs]
    return reduce(DataFrame.unionByName, parts)


def _rare(accesses: DataFrame, pair: str) -> DataFrame:
    value, _, group = (part.strip() for part in pair.partition("|"))
    given = F.coalesce(F.col(group).cast("string"), F.lit("(none)")) if group else F.lit("")
    cells = keep(
        accesses.where(F.col(value).isNotNull())
        .groupBy(F.col(value).cast("string").alias("value"), given.alias("given"))
        .agg(F.count(F.lit(1)).alias("accesses"))
    )
    alone = cells.groupBy("value").agg(F.sum("accesses").alias("_value"))
    groups = cells.groupBy("given").agg(F.sum("accesses").alias("_group"))
    total = alone.agg(F.sum("_value").alias("_all"), F.count(F.lit(1)).alias("_values"))
    joined = cells.join(alone, "value").join(F.broadcast(groups), "given").crossJoin(F.broadcast(total))
    spread = _SMOOTHING * F.col("_values")
    p_alone = (F.col("_value") + _SMOOTHING) / (F.col("_all") + spread)
    p_given = (F.col("accesses") + _SMOOTHING) / (F.col("_group") + spread) if group else p_alone
    named = joined.select(
        F.lit(pair).alias("pair"), "value", "given", "accesses", p_alone.alias("p_value_alone"),
        p_given.alias("p_given"), (p_given / p_alone).alias("lift"),
    )  # fmt: skip
    return named.orderBy("p_given", "lift", "value", "given").limit(_RARE_ROWS)
