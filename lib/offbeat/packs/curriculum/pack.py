"""The pack curriculum as the steps call it: a log with known truth, prepared accesses, questions, pages."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat import __version__
from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.ingest.pseudonyms import pseudonym_of
from offbeat.packs.curriculum.answering import Answering
from offbeat.packs.curriculum.generate import write_log
from offbeat.packs.curriculum.networks import score_beside
from offbeat.packs.curriculum.options import Output, read_cohorts
from offbeat.packs.curriculum.prepare import CleanEvents, clean_cohorts, prepare_accesses
from offbeat.packs.curriculum.presets import flat
from offbeat.packs.curriculum.rules import Rules
from offbeat.packs.curriculum.settings import Settings
from offbeat.packs.curriculum.tables import ACCESSES, ANSWERS, CURRICULUM_TRUTH
from offbeat.packs.knobs import log_progress
from offbeat.tables import Lake
from offbeat.tables.contract import ANOMALIES, EVENTS, INGESTED, SESSION_SCORES, SESSIONS

log = logging.getLogger(__name__)

_VERSION = "offbeat.events_version"
_MADE_OF = "offbeat.made_of"
_IN_SEQUENCE = ("scraper", "prober")  # what a session can betray


def generate(lake: Lake, conf: Config) -> dict[str, Any]:
    """Write the log under `generate.path` and its truth to the table curriculum_truth; what is there already stays.

    Raises:
        UsageError: no path is given, a setting is wrong, or the folder holds something else.
    """
    wanted = conf.generate
    if wanted.path is None:
        raise UsageError("config generate.path: missing; say which folder the log goes to")
    settings = Settings.of(wanted.settings, plant=wanted.plant)
    counts = write_log(
        wanted.path, rows=wanted.rows, seed=wanted.seed, settings=settings, progress=log_progress
    )
    if counts["written"] or not lake.exists(CURRICULUM_TRUTH):
        truth = lake.spark.read.parquet(str(Path(wanted.path).absolute() / "truth"))
        user = F.col("entity_kind") == "user"
        hidden = pseudonym_of(F.col("entity"), conf.source[0], conf.source[0].columns.entity[0])
        lake.overwrite(
            CURRICULUM_TRUTH, truth.withColumn("entity", F.when(user, hidden).otherwise(F.col("entity")))
        )
    return {**counts, "path": wanted.path}


def rewrite(lake: Lake, conf: Config) -> CleanEvents:  # noqa: ARG001 - as every pack
    """Pages in place of the paths that lead to them."""
    return CleanEvents()


def sessionize(lake: Lake, conf: Config, *, run_id: str, run_date: dt.datetime) -> dict[str, Any]:  # noqa: ARG001
    """Bring sessions up to the events as the house does, and prepare the accesses beside them."""
    from offbeat.sessions.run import run

    rules, output = Rules.of(conf.rules), Output.of(conf)
    cohorts = clean_cohorts(read_cohorts(lake, conf), rules)
    summary = run(lake, conf, run_date=run_date)
    return summary | _prepare(lake, cohorts, rules, output, conf.hash)


def _prepare(lake: Lake, cohorts: DataFrame, rules: Rules, output: Output, config: str) -> dict[str, Any]:
    """Write accesses, where events or config are others than last time, and the flat export."""
    state = f"{lake.table_id(EVENTS)}:{lake.version(EVENTS)}:{config}"
    if lake.exists(ACCESSES) and lake.property(ACCESSES, _VERSION) == state and output.export is None:
        return {"accesses": lake.read(ACCESSES).count()}
    lake.overwrite(ACCESSES, prepare_accesses(lake.read(EVENTS), cohorts, rules))
    lake.set_property(ACCESSES, _VERSION, state)
    accesses = lake.read(ACCESSES)
    if output.export is not None:
        _export(accesses, output)
    return {"accesses": accesses.count()}


def _export(accesses: DataFrame, output: Output) -> None:
    """The flat data set as CSV and Parquet, as many files as tasks."""
    rows, folder = flat(accesses, output.preset), str(output.export).rstrip("/")
    rows.write.mode("overwrite").parquet(f"{folder}/parquet")
    rows.write.mode("overwrite").csv(f"{folder}/csv", header=True, timestampFormat="yyyy-MM-dd HH:mm:ss")
    log.info("flat data set with preset %s under %s", output.preset, folder)


def after_score(lake: Lake, conf: Config, model_version: str) -> dict[str, Any]:
    """Let the rivals score, and answer every question into its table, where it is not answered from just that yet."""
    rules = Rules.of(conf.rules)
    cohorts = clean_cohorts(read_cohorts(lake, conf), rules)
    detectors = score_beside(lake, conf, model_version)
    state = _state(lake, cohorts, " ".join(detectors), conf.hash)
    if lake.exists(ANSWERS) and lake.property(ANSWERS, _MADE_OF) == state:
        return {}
    written = dict(Answering(lake, cohorts, rules, detectors).write())
    lake.set_property(ANSWERS, _MADE_OF, state)
    return written


def _state(lake: Lake, cohorts: DataFrame, models: str, config: str) -> str:
    """What the answers rest on: tables at their versions, cohorts, models, config and code."""
    read = (
        table for table in (ACCESSES, INGESTED, SESSIONS, SESSION_SCORES, ANOMALIES) if lake.exists(table)
    )
    versions = [f"{lake.table_id(table)}:{lake.version(table)}" for table in read]
    hashed = cohorts.select(F.xxhash64(*cohorts.columns).alias("hash"))
    row = hashed.agg(F.count("hash").alias("n"), F.bit_xor("hash").alias("all")).collect()[0]
    return " ".join((*versions, f"{row['n']}:{row['all']}", models, config, __version__))


def labels(lake: Lake) -> DataFrame | None:
    """Which sessions hold what was planted: a robot's or a prober's, by the table curriculum_truth."""
    if not lake.exists(CURRICULUM_TRUTH):
        return None
    planted = (
        lake.read(CURRICULUM_TRUTH)
        .where(F.col("kind").isin(*_IN_SEQUENCE))
        .select(F.col("entity").alias("_who"), F.col("start").alias("_from"), F.col("end").alias("_to"))
    )
    sessions = lake.read(SESSIONS).select("session_id", "entity", "start", "end")
    within = (
        (F.col("entity") == F.col("_who"))
        & (F.col("start") <= F.col("_to"))
        & (F.col("end") >= F.col("_from"))
    )
    faulty = F.max(F.col("_who").isNotNull().cast("int")).alias("faulty")
    return sessions.join(F.broadcast(planted), within, "left").groupBy("session_id").agg(faulty)


def after_evaluate(lake: Lake, conf: Config, model_version: str) -> dict[str, Any]:  # noqa: ARG001 - as every pack
    """Nothing: what was planted is for tests to compare with."""
    return {}


def report(lake: Lake, conf: Config, *, run_id: str, run_date: dt.datetime) -> dict[str, Any]:
    """Write the house's pages, and beside them the questions, a letter, one page for the wall, and a dictionary."""
    from offbeat.packs.curriculum.pages import write_pages
    from offbeat.reports.place import pages_folder
    from offbeat.reports.run import run
    from offbeat.reports.write import Pages

    if not lake.exists(ANSWERS):
        log.warning("no questions are answered yet; `offbeat score` does it")
        return run(lake, conf, run_id=run_id)
    pages = Pages(pages_folder(lake, conf))
    made = write_pages(lake, conf, pages, run_id=run_id, run_date=run_date)
    # The house's pages come last: their index links to what there is.
    return run(lake, conf, run_id=run_id, pages=pages) | made


def story(lake: Lake, conf: Config) -> list[str]:
    """The answers, for the terminal."""
    if not lake.exists(ANSWERS):
        return []
    rows = lake.read(ANSWERS).orderBy("question").collect()
    told = [f"  {row['title']}\n    {row['answer']}" for row in rows]
    return ["", f"What the access log of {conf.name} says:", *told, ""]


STEPS = {"sessionize": sessionize, "report": report}
