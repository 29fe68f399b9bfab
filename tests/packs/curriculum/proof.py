"""What the questions find of what was planted in a generated log, without a lake between."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from offbeat.packs.curriculum.generate import write_log
from offbeat.packs.curriculum.prepare import clean_cohorts, prepare_accesses
from offbeat.packs.curriculum.questions import (
    crossing,
    findings,
    kept,
    lessons,
    likely,
    rare,
    students,
    suspicious,
)
from offbeat.packs.curriculum.rules import Rules
from offbeat.packs.curriculum.settings import Settings

RULES = Rules(programs={1: "PHP full stack", 2: "Java full stack", 3: "data science", 4: "front end"})
COLUMNS = ["day", "clock", "path", "user", "cohort_id", "ip"]
AS_IT_IS: dict[str, Any] = {"quoting": csv.QUOTE_NONE, "keep_default_na": False}


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


def events_of(folder: Path) -> pa.Table:
    """Events of a text log as ingest makes them: equal rows once, no row without a path."""
    files = sorted(folder.glob("access-*.txt"))
    parts = (
        pd.read_csv(file, sep=" ", names=COLUMNS, dtype=str, na_values=[""], **AS_IT_IS) for file in files
    )
    lines = pd.concat(parts).drop_duplicates().dropna(subset=["path"]).reset_index(drop=True)
    pairs = zip(lines["cohort_id"], lines["ip"], strict=True)
    covariates = [
        [("cohort_id", cohort), ("ip", ip)] if isinstance(cohort, str) else [("ip", ip)]
        for cohort, ip in pairs
    ]
    return pa.table(
        {
            "event_id": [f"{number:09d}" for number in range(len(lines))],
            "entity": lines["user"],
            "event_time": pa.array(pd.to_datetime(lines["day"] + " " + lines["clock"], utc=True)),
            "event": lines["path"],
            "covariates": pa.array(covariates, pa.map_(pa.string(), pa.string())),
        }
    )


def cohorts_of(spark: SparkSession, path: Path | str) -> DataFrame:
    return clean_cohorts(spark.read.csv(str(path), header=True), RULES)


def make_log(spark: SparkSession, folder: Path, *, rows: int, seed: int, **settings) -> Log:
    write_log(folder, rows=rows, seed=seed, settings=Settings(**settings))
    cohorts = cohorts_of(spark, folder / "cohorts.csv")
    events = events_of(folder)
    pq.write_table(events, folder / "events.parquet", coerce_timestamps="us")
    # Written and read again: no question makes the accesses anew.
    prepared = prepare_accesses(spark.read.parquet(str(folder / "events.parquet")), cohorts, RULES)
    prepared.write.parquet(str(folder / "accesses"))
    accesses = spark.read.parquet(str(folder / "accesses")).persist()
    truth = pq.read_table(folder / "truth").to_pandas()
    names = {str(row["cohort_id"]): row["cohort"] for row in cohorts.collect()}
    return Log(accesses, cohorts, truth, events["entity"].to_pandas().nunique(), names)


def prove(log: Log) -> dict[str, Found]:
    """By kind of plant: what was found of it."""
    try:
        return {**_people(log), **_alarms(log), **_lessons(log), **_outages(log)}
    finally:
        kept.let_go()


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


def _outages(log: Log) -> dict[str, Found]:
    """An outage is found where what is told overlaps it; entities are days."""
    planted = log.one("outage")
    said = set()
    for row in findings.outages(log.accesses).select("what", "number").toPandas().itertuples():
        begin = pd.Timestamp(row.what, tz="UTC")
        hit = begin < planted["end"] and begin + pd.Timedelta(hours=row.number) > planted["start"]
        said.add("outage" if hit else row.what)
    days = log.accesses.select("day").distinct().count()
    return {"outage": Found({"outage"}, said, days, ", ".join(sorted(said)))}


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
