"""Benjamini-Hochberg: which of many tests to believe, in Spark."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

_BELIEVABLE = 0.2


def add_q_value(tests: DataFrame, *by: str, tests_in: str | None = None) -> DataFrame:
    """Add q_value: the share of false discoveries among tests whose p value is at most this one's.

    Tests above `_BELIEVABLE` are never discoveries at a level that anyone uses; they get a q value of 1 and are not
    sorted, so that a hundred million tests leave few to sort.

    Args:
        tests: has p_value.
        by: columns whose values part the tests into families of their own.
        tests_in: column with the number of tests of the family; by default it is the number of rows.
    """
    family = Window.partitionBy(*by) if by else Window.partitionBy(F.lit(0))
    if tests_in is None:
        total = tests.groupBy(*by).agg(F.count(F.lit(1)).alias("_tests"))
        tests = tests.join(F.broadcast(total), list(by)) if by else tests.crossJoin(F.broadcast(total))
    number: Column = F.col(tests_in or "_tests")
    small = (
        tests.where(F.col("p_value") <= _BELIEVABLE)
        .groupBy(*by, "p_value")
        .agg(F.count(F.lit(1)).alias("_equal"), F.max(number).alias("_number"))
    )
    rank = F.sum("_equal").over(family.orderBy("p_value"))
    raw = small.withColumn("_raw", F.col("p_value") * F.col("_number") / rank)
    q = F.least(F.lit(1.0), F.min("_raw").over(family.orderBy(F.desc("p_value"))))
    values = raw.withColumn("q_value", q).select(*by, "p_value", "q_value")
    joined = tests.join(values, [*by, "p_value"], "left")
    return joined.withColumn("q_value", F.coalesce("q_value", F.lit(1.0))).drop("_tests")
