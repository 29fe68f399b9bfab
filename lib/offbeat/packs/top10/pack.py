"""The pack top10: will this title make the Netflix Top 10?"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.packs.top10.evaluate import evaluate
from offbeat.packs.top10.examples import QUESTIONS
from offbeat.packs.top10.generate import write_data
from offbeat.packs.top10.prepare import prepare
from offbeat.packs.top10.report import report
from offbeat.packs.top10.score import champion_of, score
from offbeat.packs.top10.settings import Settings
from offbeat.packs.top10.tables import TITLE_FIGURES, TITLE_TRUTH
from offbeat.packs.top10.train import train
from offbeat.sessions.run import run as sessionize_run
from offbeat.tables import Lake


def generate(lake: Lake, conf: Config) -> dict[str, Any]:
    """Write lists and catalogue under `generate.path`, and the truth to the table title_truth.

    Raises:
        UsageError: no path is given, a setting is wrong, or the folder holds something else.
    """
    wanted = conf.generate
    if wanted.path is None:
        raise UsageError("config generate.path: missing; say which folder lists and catalogue go to")
    counts = write_data(
        wanted.path, titles=wanted.rows, seed=wanted.seed, settings=Settings.of(wanted.settings)
    )
    truth = lake.spark.read.parquet(str(Path(wanted.path).absolute() / "truth.parquet"))
    if counts["written"] or not lake.exists(TITLE_TRUTH):
        lake.overwrite(TITLE_TRUTH, truth.withColumnRenamed("catalogue_id", "title_id"))
    return {**counts, "path": wanted.path}


def after_score(lake: Lake, conf: Config, model_version: str) -> dict[str, Any]:  # noqa: ARG001 - as every pack
    """Nothing: the pack scores in its own way."""
    return {}


def labels(lake: Lake) -> DataFrame | None:  # noqa: ARG001 - as every pack
    """None: no session is faulty here."""
    return None


def after_evaluate(lake: Lake, conf: Config, model_version: str) -> dict[str, Any]:  # noqa: ARG001 - as every pack
    """Nothing: the pack evaluates in its own way."""
    return {}


def sessionize(lake: Lake, conf: Config, *, run_id: str, run_date: dt.datetime) -> dict[str, Any]:  # noqa: ARG001 - as every step
    """The house's sessions (runs in the Top 10), then titles, joins and examples."""
    return sessionize_run(lake, conf, run_date=run_date) | prepare(lake, conf)


STEPS = {"sessionize": sessionize, "train": train, "score": score, "evaluate": evaluate, "report": report}


def story(lake: Lake, conf: Config) -> list[str]:
    """What the terminal says after a run: honest figures, and what the leaks would have given."""
    registry, version = champion_of(lake, conf)
    del registry
    by = "time" if conf.model.split.by == "time" else "title"
    wanted = (F.col("model_version") == version) & (F.col("split") == by) & (F.col("metric") == "roc_auc")
    rows = lake.read(TITLE_FIGURES).where(wanted & F.col("question").isin(*QUESTIONS)).collect()
    lines = ["", f"ROC-AUC on titles not seen, split by {by}:"]
    for row in sorted(rows, key=lambda r: (r["question"], r["basis"], -r["value"])):
        interval = f"{row['low']:.3f}–{row['high']:.3f}"
        what = row["model"].replace("_", " ")
        lines.append(
            f"  {row['question']:<18}{row['basis']:<10}{what:<24}{row['value']:.3f}  {interval}  n {row['n']:,}"
        )
    return lines
