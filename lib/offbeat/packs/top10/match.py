"""Joins titles of two sources by normalized title, year and kind; what has not one match is named with its reason."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

QUALITIES = ("title_year_kind", "title_kind", "original_title", "title")
"""What agrees, the best first."""


def match_titles(left: DataFrame, right: DataFrame) -> DataFrame:
    """For each title of `left`, the one of each source in `right` that it is, or why there is none.

    Of the candidates with its name those of the other kind, or of a year that can't be, fall away; of what is left the
    best quality counts. Two of that quality are ambiguous: neither is taken.

    Args:
        left: left_source, left_id, title, norm_title, norm_original, kind, not_before and not_after (dates between
            which a candidate may have come out; null: no bound).
        right: rows of the table titles.

    Returns:
        left_source, left_id, title, source, title_id (null where there is none), quality, candidates (ids), reason.
    """
    names = right.select(
        "source",
        "title_id",
        F.col("kind").alias("_kind"),
        F.coalesce("release_date", F.make_date("year", F.lit(1), F.lit(1))).alias("_from"),
        F.coalesce("release_date", F.make_date("year", F.lit(12), F.lit(31))).alias("_to"),
        F.explode(_spellings()).alias("name"),
    ).select(
        "source",
        "title_id",
        "_kind",
        "_from",
        "_to",
        F.col("name.name").alias("_name"),
        F.col("name.original").alias("_original"),
    )
    wanted = left.crossJoin(F.broadcast(right.select("source").distinct()))
    joined = wanted.join(
        names.withColumnRenamed("source", "_source"),
        (F.col("norm_title") == F.col("_name")) & (F.col("source") == F.col("_source")),
        "left",
    )
    judged = joined.withColumn("_grade", _grade())
    best = Window.partitionBy("left_source", "left_id", "source")
    found = judged.withColumn("_best", F.min("_grade").over(best))
    at_best = F.when(F.col("_grade") == F.col("_best"), F.col("title_id"))
    grouped = found.groupBy("left_source", "left_id", "source").agg(
        F.first("title").alias("title"),
        F.array_sort(F.collect_set(at_best)).alias("_ids"),
        F.array_sort(F.collect_set("title_id")).alias("candidates"),
        F.first("_best").alias("_best"),
        F.bool_or(_other_kind()).alias("_other_kind"),
    )
    return _verdict(grouped)


def _spellings() -> Column:
    own = F.struct(F.col("norm_title").alias("name"), F.lit(False).alias("original"))
    original = F.struct(F.col("norm_original").alias("name"), F.lit(True).alias("original"))
    differs = F.col("norm_original").isNotNull() & (F.col("norm_original") != F.col("norm_title"))
    return F.when(differs, F.array(own, original)).otherwise(F.array(own))


def _other_kind() -> Column:
    return F.coalesce(F.col("kind") != F.col("_kind"), F.lit(False))


def _grade() -> Column:
    """Place in QUALITIES; null for what can't be it."""
    too_early, too_late = F.col("_to") < F.col("not_before"), F.col("_from") > F.col("not_after")
    cannot = _other_kind() | F.coalesce(too_early, F.lit(False)) | F.coalesce(too_late, F.lit(False))
    dated = F.col("_from").isNotNull() & F.coalesce("not_after", "not_before").isNotNull()
    same_kind = F.coalesce(F.col("kind") == F.col("_kind"), F.lit(False))
    grade = F.when(F.col("_original"), 2).when(same_kind & dated, 0).when(same_kind, 1).otherwise(3)
    return F.when(F.col("title_id").isNotNull() & ~cannot, grade)


def _verdict(grouped: DataFrame) -> DataFrame:
    one = F.size("_ids") == 1
    qualities = F.array(*(F.lit(q) for q in QUALITIES))
    reason = (
        F.when(one, F.lit(None))
        .when(F.size("_ids") > 1, "ambiguous")
        .when(F.size("candidates") == 0, "not_in_catalogue")
        .when(F.col("_other_kind"), "other_kind")
        .otherwise("other_year")
    )
    return grouped.select(
        "left_source",
        "left_id",
        "title",
        "source",
        F.when(one, F.col("_ids")[0]).alias("title_id"),
        F.when(one, F.get(qualities, F.col("_best"))).alias("quality"),
        "candidates",
        reason.alias("reason"),
    )
