"""The sample of sessions that the driver trains on: the same rows at any partitioning."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.config import Sample
from offbeat.errors import UsageError

_HASH_SPACE = 1_000_000
_LEAST_PER_STRATUM = 100
_MOST_STRATA = 10_000
# Longer sessions are trained on by their first events: the driver's memory must not hang on one robot's session.
MOST_EVENTS = 2_000


def sample_sessions(sessions: DataFrame, sample: Sample, *, seed: int) -> DataFrame:
    """About `sample.max_sessions` sessions, chosen by hash of their id, from each stratum by its size.

    A small stratum keeps at least a hundred of its sessions.
    """
    strata = sessions.groupBy(_stratum(sample).alias("stratum")).count().limit(_MOST_STRATA).collect()
    total = sum(row["count"] for row in strata)
    if total <= sample.max_sessions:
        return sessions
    overall = sample.max_sessions / total
    shares = [(row["stratum"], min(1.0, max(overall, _LEAST_PER_STRATUM / row["count"]))) for row in strata]
    kept = sum(share * row["count"] for (_, share), row in zip(shares, strata, strict=True))
    excess = sample.max_sessions / kept
    spark = sessions.sparkSession
    chosen = spark.createDataFrame(
        [(name, share * excess) for name, share in shares], "stratum string, share double"
    )
    bucket = F.pmod(F.xxhash64("session_id", F.lit(seed)), F.lit(_HASH_SPACE))
    joined = sessions.withColumn("stratum", _stratum(sample)).join(F.broadcast(chosen), "stratum")
    return joined.where(bucket < F.col("share") * F.lit(_HASH_SPACE)).drop("stratum", "share")


def collect_sequences(sessions: DataFrame, *columns: str) -> pa.Table:
    """The sessions' sequences on the driver as Arrow, by session_id: for samples, whose size is bounded."""
    cut = F.size("events") > MOST_EVENTS
    wanted = [
        F.col("session_id"),
        F.slice("events", 1, MOST_EVENTS).alias("events"),
        F.slice("times", 1, MOST_EVENTS).alias("times"),
        F.col("continues"),
        F.when(cut, F.lit("cut")).otherwise(F.col("state")).alias("state"),
        *(F.col(name) for name in columns),
    ]
    return sessions.select(*wanted).toArrow().sort_by("session_id")


def _stratum(sample: Sample) -> Column:
    """The session's stratum as text: its day, or values of its covariates."""
    parts = [
        F.date_format("start", "yyyy-MM-dd") if name == "day" else F.col("covariates")[name]
        for name in _checked(sample.by)
    ]
    return F.concat_ws("|", *(F.coalesce(part, F.lit("")) for part in parts)) if parts else F.lit("")


def _checked(names: tuple[str, ...]) -> tuple[str, ...]:
    if any(not name for name in names):
        raise UsageError("model.sample.by: expected `day` or names of covariates, got an empty name")
    return names
