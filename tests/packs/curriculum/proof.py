"""What the questions find of what was planted in a generated log, without a lake between."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from offbeat.packs.curriculum.generate import write_log
from offbeat.packs.curriculum.prepare import clean_cohorts, prepare_accesses
from offbeat.packs.curriculum.questions import crossing, lessons, likely, rare, students, suspicious
from offbeat.packs.curriculum.rules import Rules
from offbeat.packs.curriculum.settings import Settings

RULES = Rules(programs={1: "PHP full stack", 2: "Java full stack", 3: "data science", 4: "front end"})
COLUMNS = "day string, clock string, path string, user string, cohort_id string, ip string"


@dataclass
class Found:
    """What was planted, what was found, and among how many entities."""

    planted: set[str]
    found: set[str]
    entities: int
    note: str = ""

    @property
    def recall(self) -> float:
        return len(self.planted & self.found) / len(self.planted) if self.planted else 1.0

    @property
    def false_alarms(self) -> int:
        return len(self.found - self.planted)


@dataclass
class Log:
    """A generated log as accesses, with its truth."""

    accesses: DataFrame
    cohorts: DataFrame
    truth: pd.DataFrame
    users: int = 0
    names: dict[str, str] = field(default_factory=dict)

    def planted(self, kind: str) -> set[str]:
        return set(self.truth.loc[self.truth["kind"] == kind, "entity"])

    def one(self, kind: str) -> pd.Series:
        return self.truth[self.truth["kind"] == kind].iloc[0]


def events_of(spark: SparkSession, pattern: str) -> DataFrame:
    """Events of a text log as ingest makes them: equal rows once, no row without a path."""
    lines = spark.read.csv(pattern, schema=COLUMNS, sep=" ", quote="", escape="").distinct()
    covariates = F.map_filter(
        F.create_map(F.lit("cohort_id"), "cohort_id", F.lit("ip"), "ip"), lambda _, value: value.isNotNull()
    )
    return lines.where("path IS NOT NULL").select(
        F.sha2(F.concat_ws("|", *lines.columns), 256).alias("event_id"),
        F.col("user").alias("entity"),
        F.to_timestamp(F.concat_ws(" ", "day", "clock")).alias("event_time"),
        F.col("path").alias("event"),
        covariates.alias("covariates"),
    )


def cohorts_of(spark: SparkSession, path: Path | str) -> DataFrame:
    return clean_cohorts(spark.read.csv(str(path), header=True), RULES)


def make_log(spark: SparkSession, folder: Path, *, rows: int, seed: int, **settings) -> Log:
    write_log(folder, rows=rows, seed=seed, settings=Settings(**settings))
    cohorts = cohorts_of(spark, folder / "cohorts.csv")
    accesses = prepare_accesses(events_of(spark, f"{folder}/access-*.txt"), cohorts, RULES).persist()
    truth = pq.read_table(folder / "truth").to_pandas()
    names = {str(row["cohort_id"]): row["cohort"] for row in cohorts.collect()}
    return Log(accesses, cohorts, truth, accesses.select("user").distinct().count(), names)


def prove(log: Log) -> dict[str, Found]:
    """By kind of plant: what was found of it."""
    return {**_people(log), **_alarms(log), **_lessons(log)}


def _people(log: Log) -> dict[str, Found]:
    student = students.student_access(log.accesses, RULES).where("hardly").select("user").toPandas()
    moves = students.user_moves(log.accesses, RULES).where("what = 'to_staff'").toPandas()
    return {
        "dropout": Found(log.planted("dropout"), set(student["user"]), log.users),
        "staff_move": Found(log.planted("staff_move"), set(moves["user"]), log.users),
    }


def _alarms(log: Log) -> dict[str, Found]:
    daily = crossing.crossings(log.accesses).persist()
    shut = crossing.shutoff(daily).persist()
    found = suspicious.suspicious_activity(log.accesses, shut, RULES).where("level = 'alarm'").toPandas()
    made = {}
    for kind, name in (("scraper", "scraping"), ("sharer", "shared_account"), ("prober", "probing")):
        mine = {row.entity for row in found.itertuples() if name in list(row.kinds)}
        made[kind] = Found(log.planted(kind), mine, log.users)
    return made | _shutoff(log, shut.toPandas(), daily.count())


def _shutoff(log: Log, shut: pd.DataFrame, days: int) -> dict[str, Found]:
    """The day within a week, and whether the interval holds it; a sharp fall on another day is a false alarm."""
    planted = log.one("shutoff")["start"].date()
    sharp = shut[shut["is_sharp"]]
    if sharp.empty:
        return {
            "shutoff": Found({str(planted)}, set(), days, "none"),
            "interval": Found({"holds"}, set(), days),
        }
    day, low, high = sharp.iloc[0][["day", "low", "high"]]
    said = planted if abs((day - planted).days) <= 7 else day
    return {
        "shutoff": Found({str(planted)}, {str(said)}, days, f"{planted}: {day} ({low} to {high})"),
        "interval": Found({"holds"}, {"holds"} if low <= planted <= high else set(), days),
    }


def _lessons(log: Log) -> dict[str, Found]:
    activity = lessons.lesson_activity(log.accesses, RULES).persist()
    far = activity.where("far_more").select("cohort", "page").toPandas()
    hot = log.one("hot_lesson")
    page = log.accesses.where(F.col("raw_path") == hot["detail"]).select("page").first()
    planted = {f"{log.names[hot['entity']]}: {page['page'] if page else hot['detail']}"}
    found = {f"{row.cohort}: {row.page}" for row in far.itertuples()}
    return {"hot_lesson": Found(planted, found, activity.count()), **_rare(log)}


def _rare(log: Log) -> dict[str, Found]:
    """Paths accessed once, and which of them are told to be typing errors; entities are all paths of the log."""
    paths = log.accesses.groupBy("raw_path").agg(F.count("*").alias("n")).toPandas()
    # Pages of the long tail and probes are accessed once as well: who says so is right, of others it is false.
    once = set(paths.loc[paths["n"] == 1, "raw_path"])
    listing = rare.rare_pages(log.accesses, RULES).toPandas()
    said = listing[listing["accesses"] == 1]
    planted = log.planted("rare_path")
    listed = (set(said["raw_path"]) & planted) | (set(said["raw_path"]) - once)
    errors = set(listing.loc[listing["what"] == "typing_error", "raw_path"])
    return {
        "rare_path": Found(planted, listed, len(paths), f"{len(said)} accessed once"),
        "typing_error": Found(planted, errors, len(paths)),
    }


def likely_right(log: Log) -> tuple[int, int, int]:
    """Hidden users; those of whom a cohort is said with 0.8 or more; how many of these are right."""
    said = likely.likely_cohorts(log.accesses, RULES).where("place = 1 AND probability >= 0.8").toPandas()
    hidden = log.truth[log.truth["kind"] == "hidden_cohort"].set_index("entity")["detail"].map(log.names)
    right = sum(hidden.get(row.user) == row.cohort for row in said.itertuples())
    return len(hidden), len(said), right
