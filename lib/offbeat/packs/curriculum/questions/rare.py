"""Paths that are hardly accessed: typing errors and probes told from pages."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from offbeat.packs.curriculum.questions.kept import keep
from offbeat.packs.curriculum.rules import Rules

_ODD_CHARACTERS = r"[^A-Za-z0-9/._-]|\.\.|^\.|\.(php|asp|aspx|env|cgi)$|^wp-|admin|robots"
_NUMBER = r"\d|(?<=-)[ivx]+(?=/|$)"  # java-ii and java-iii are two topics, and so are 4.1 and 4.2
_TIMES = 2  # a path that is meant is used at least so many times as often
_PART_TIMES = 20  # and a part of a path
_LONG = 4  # letters: of three any is near to any


def rare_pages(accesses: DataFrame, rules: Rules) -> DataFrame:
    """Paths that are hardly accessed, typing errors and probes told from pages; the columns of the table rare_pages.

    A typing error is one letter, or two letters swapped, away from a path that is used at least twice as often, or has
    a part that is rare in all paths together and that is so near to a part used twenty times as often: the same slip
    befalls several. A probe has characters or endings that no page of a curriculum has, or a topic that one user alone
    ever asked for.
    """
    paths = keep(
        accesses.groupBy("raw_path", "page", "kind", "topic").agg(
            F.count(F.lit(1)).alias("accesses"),
            F.count_distinct("user").alias("users"),
            F.max("at").alias("last_access"),
        )
    )
    rare = paths.where(F.col("accesses") <= rules.rare)
    askers = (
        accesses.where("topic IS NOT NULL").groupBy("topic").agg(F.count_distinct("user").alias("_askers"))
    )
    told = rare.join(_meant(paths, rare, rules), "raw_path", "left").join(askers, "topic", "left")
    odd = F.lower("raw_path").rlike(_ODD_CHARACTERS) | (F.coalesce("_askers", F.lit(0)) <= 1)
    what = (
        F.when(F.col("kind") == "static", "static")
        .when(F.col("near").isNotNull(), "typing_error")
        .when(odd, "probe")
        .otherwise("page")
    )
    return told.withColumn("what", what)


def _meant(paths: DataFrame, rare: DataFrame, rules: Rules) -> DataFrame:
    """raw_path, near: what was meant by a rare path, where it looks like a typing error."""
    known = paths.where((F.col("accesses") >= _TIMES) & (F.col("kind") != "static")).select(
        F.col("raw_path").alias("near"), F.col("accesses").alias("_often")
    )
    whole = (
        rare.where(F.length("raw_path") >= _LONG)
        .join(F.broadcast(known), _is_slip("raw_path", "near"))
        .where(F.col("_often") >= _TIMES * F.col("accesses"))
        .select("raw_path", "near", "_often", F.lit(0).alias("_by"))
    )
    found = whole.unionByName(_meant_by_part(paths, rare, rules))
    first = Window.partitionBy("raw_path").orderBy("_by", F.desc("_often"), "near")
    ranked = found.withColumn("_n", F.row_number().over(first))
    return ranked.where("_n = 1").select("raw_path", "near")


def _meant_by_part(paths: DataFrame, rare: DataFrame, rules: Rules) -> DataFrame:
    """The same where the path that was meant is rare itself, by a part of it that others have as well."""
    each = F.posexplode(F.split("raw_path", "/")).alias("_at", "part")
    used = paths.select("accesses", each).groupBy("part").agg(F.sum("accesses").alias("_used"))
    several = rare.where(F.col("raw_path").contains("/")).select("raw_path", "accesses", each)
    lone = several.join(used, "part").where((F.length("part") >= _LONG) & (F.col("_used") <= rules.rare))
    known = used.where(F.col("_used") >= _PART_TIMES).select(
        F.col("part").alias("right"), F.col("_used").alias("_often")
    )
    mended = F.transform(
        F.split("raw_path", "/"), lambda part, at: F.when(at == F.col("_at"), F.col("right")).otherwise(part)
    )
    return (
        lone.join(F.broadcast(known), _is_slip("part", "right"))
        .where(F.col("_often") >= _PART_TIMES * F.col("_used"))
        .select("raw_path", F.array_join(mended, "/").alias("near"), "_often", F.lit(1).alias("_by"))
    )


def _is_slip(one: str, other: str) -> Column:
    """Whether two texts differ by one letter, or by two swapped, and not only by their numbers."""
    distance = F.levenshtein(one, other, 2)
    letters = [F.array_sort(F.split(text, "")) for text in (one, other)]
    swapped = (distance == 2) & (F.length(one) == F.length(other)) & (letters[0] == letters[1])  # noqa: PLR2004
    near = F.abs(F.length(one) - F.length(other)) <= 1
    bare = [F.regexp_replace(text, _NUMBER, "") for text in (one, other)]
    return near & ((distance == 1) | swapped) & (bare[0] != bare[1])
