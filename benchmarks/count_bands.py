"""`python -m benchmarks.count_bands --entities 10000000`: seconds that the bands take for so many entities' series."""

from __future__ import annotations

import argparse
import time

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from offbeat.packs.curriculum.questions.counts import count_anomalies
from offbeat.packs.curriculum.rules import Rules
from offbeat.spark import open_session

_DAYS = 60
_MOST_ACTIVE_DAYS = 12
_USUAL = 11 / 3  # sum of squares over sum, of one to five accesses


def series(spark: SparkSession, entities: int) -> DataFrame:
    """Series of made-up users: some days with a few accesses each, one in ten thousand with a jump on the last."""
    ids = spark.range(entities)
    day = F.expr(f"sequence(0, {_MOST_ACTIVE_DAYS - 1})")
    numbers = F.transform(
        day,
        lambda d: (18_000 + d * (_DAYS // _MOST_ACTIVE_DAYS) + F.abs(F.xxhash64("id", d)) % 4).cast("int"),
    )
    jump = F.col("id") % 10_000 == 0
    counts = F.transform(
        numbers,
        lambda number: F.struct(
            number.alias("number"),
            (
                1
                + F.abs(F.xxhash64("id", number)) % 5
                + F.when(jump & (number >= 18_000 + _DAYS - _DAYS // _MOST_ACTIVE_DAYS), 200).otherwise(0)
            ).alias("n"),
            F.lit(_USUAL).alias("usual"),
        ),
    )
    return ids.select(
        F.lit("user").alias("entity_kind"), F.col("id").cast("string").alias("entity"), counts.alias("counts")
    )


def main() -> None:
    """Time the bands and say how many of the jumps they found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=10_000_000)
    entities = parser.parse_args().entities
    spark = open_session("offbeat bench")
    began = time.monotonic()
    found = count_anomalies(series(spark, entities), Rules()).select("entity").distinct().persist()
    number = found.count()
    right = found.where(F.col("entity").cast("bigint") % 10_000 == 0).count()
    seconds = time.monotonic() - began
    print(
        f"{entities:,} entities in {seconds:.1f} s ({entities / seconds:,.0f} a second); "
        f"{right:,} of {-(-entities // 10_000):,} jumps found, {number - right:,} others"
    )


if __name__ == "__main__":
    main()
