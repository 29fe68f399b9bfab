"""The logs and lakes that the benchmark works on, each made once per folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.machine_log import write_machine_log
from offbeat.config import Config
from offbeat.tables.contract import EVENTS
from offbeat.tables.lake import Lake

EVENTS_AN_ENTITY = 50
SKEW = 0.2  # share of all events that one entity has in the skewed log
_START_US = 1_740_960_000_000_000  # 2025-03-03
_DAY_US = 86_400_000_000
_BURSTS = 4
_BURST_US = 25 * 60 * 1_000_000


@dataclass(frozen=True)
class Work:
    """Where a part works and on how much.

    Attributes:
        folder: of everything that is made for this size.
        rows: events.
        config: path of the config; its lake, source and log are put into `folder`.
        overrides: further `--set`.
        repeats: how often each thing is timed; the best counts.
    """

    folder: Path
    rows: int
    config: str
    overrides: Sequence[str]
    repeats: int

    @property
    def log(self) -> Path:
        """The generated log."""
        return self.folder / "log"

    def conf(self, lake: str, *more: str) -> Config:
        """The config, with everything it reads and writes in this folder."""
        own = [
            f"generate.path={self.log}",
            f"generate.rows={self.rows}",
            f"source.0.path={self.log / 'events'}",
        ]
        return Config.load(
            self.config, overrides=[*own, *self.overrides, *more], lake=str(self.folder / lake)
        )


def ensure_log(work: Work) -> dict[str, Any]:
    """Make the pack's log where it is not there."""
    from offbeat.packs.tvm.generate import write_log
    from offbeat.packs.tvm.settings import Settings

    wanted = work.conf("lake").generate
    settings = Settings.of(wanted.settings, plant=wanted.plant)
    return write_log(work.log, rows=wanted.rows, seed=wanted.seed, settings=settings)


def ensure_events(spark: SparkSession, work: Work) -> Lake:
    """A lake with the generated log as its events, taken without ingest's checks where ingest was not timed."""
    conf = work.conf("lake")
    lake = Lake(spark, conf.lake)
    if not lake.exists(EVENTS):
        ensure_log(work)
        columns = conf.source[0].columns
        raw = spark.read.parquet(str(work.log / "events")).dropDuplicates([str(columns.event_id)])
        named = {"event_id": columns.event_id, "event_time": columns.time}
        rows = raw.select(
            F.col(columns.entity[0]).alias("entity"),
            F.col(columns.event[0]).alias("event"),
            *(F.col(str(source)).alias(name) for name, source in named.items()),
            F.create_map(*(part for name in columns.covariates for part in (F.lit(name), F.col(name)))).alias(
                "covariates"
            ),
        )
        lake.append(EVENTS, _filled(rows))
    return lake


def ensure_hashed(spark: SparkSession, folder: Path, *, rows: int, skewed: bool = False) -> Lake:
    """A lake of `rows` events that hash functions made: bursts of events, gaps of hours between them.

    Args:
        skewed: one entity has a fifth of the events.
    """
    lake = Lake(spark, str(folder))
    if not lake.exists(EVENTS):
        lake.append(EVENTS, _filled(hashed_events(spark, rows, skewed=skewed)))
    return lake


def hashed_events(spark: SparkSession, rows: int, *, skewed: bool) -> DataFrame:
    """See `ensure_hashed`."""
    entity = F.pmod(F.xxhash64("id", F.lit(1)), F.lit(max(1, rows // EVENTS_AN_ENTITY)))
    if skewed:
        entity = F.when(F.pmod("id", F.lit(round(1 / SKEW))) == 0, -1).otherwise(entity)
    burst = F.pmod(F.xxhash64("id", F.lit(2)), F.lit(_BURSTS))
    at = (
        F.lit(_START_US)
        + burst * F.lit(2 * _DAY_US)
        + F.pmod(F.xxhash64("entity", burst), F.lit(_DAY_US))
        + F.pmod(F.xxhash64("id", F.lit(3)), F.lit(_BURST_US))
    )
    return (
        spark.range(rows)
        .withColumn("entity", entity)
        .select(
            F.substring(F.sha2(F.col("id").cast("string").cast("binary"), 256), 1, 32).alias("event_id"),
            F.concat(F.lit("device-"), F.col("entity").cast("string")).alias("entity"),
            F.timestamp_micros(at).alias("event_time"),
            F.concat(F.lit("event_"), F.pmod(F.xxhash64("id", F.lit(4)), F.lit(30)).cast("string")).alias(
                "event"
            ),
        )
    )


def ensure_machine(spark: SparkSession, folder: Path, *, rows: int) -> Lake:
    """A lake whose sessions resemble each other; see `machine_log`."""
    lake = Lake(spark, str(folder / "lake"))
    if not lake.exists(EVENTS):
        shutil.rmtree(folder / "log", ignore_errors=True)
        write_machine_log(folder / "log", rows=rows)
        lake.append(EVENTS, _filled(spark.read.parquet(str(folder / "log"))))
    return lake


def _filled(rows: DataFrame) -> DataFrame:
    """The columns of events that the log lacks."""
    known = {"role": F.lit("both"), "ingest_batch": F.lit("bench")}
    columns = [
        (F.col(c.name) if c.name in rows.columns else known.get(c.name, F.lit(None)))
        .cast(c.type)
        .alias(c.name)
        for c in EVENTS.columns
    ]
    return rows.select(*columns)
