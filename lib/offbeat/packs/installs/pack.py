"""The pack installs: who will install after an ad click, which visitors are click farms, what a segment is worth."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.evaluation import run as house_evaluation
from offbeat.packs.installs.bots import build_bots
from offbeat.packs.installs.evaluate import evaluate_installs
from offbeat.packs.installs.generate import write_log
from offbeat.packs.installs.marketing import build_segments, in_words, top_segments, training_end
from offbeat.packs.installs.report import write_report
from offbeat.packs.installs.scoring import registry_of, score_installs
from offbeat.packs.installs.settings import Settings
from offbeat.packs.installs.tables import BOTS, INSTALL_SCORES, INSTALL_SEGMENTS, INSTALL_TRUTH
from offbeat.packs.installs.train import train
from offbeat.packs.knobs import log_progress
from offbeat.scoring import run as house_scoring
from offbeat.tables import Lake
from offbeat.tables.contract import ANOMALIES, EVALUATIONS, SESSION_SCORES, SESSIONS
from offbeat.tabular import load_model
from offbeat.training.registry import Registry


def generate(lake: Lake, conf: Config) -> dict[str, Any]:
    """Write the log under `generate.path` and who is behind each address to install_truth; what is there stays.

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
    if counts["written"] or not lake.exists(INSTALL_TRUTH):
        truth = lake.spark.read.parquet(str(Path(wanted.path).absolute() / "truth"))
        lake.overwrite(INSTALL_TRUTH, truth)
    return {**counts, "path": wanted.path}


def score(lake: Lake, conf: Config, *, run_id: str, run_date: dt.datetime) -> dict[str, Any]:
    """Score sessions and clicks; then bots and segments."""
    summary: dict[str, Any] = {}
    if lake.exists(SESSIONS) and _sessions_model(lake, conf) is not None:
        summary |= house_scoring.run(lake, conf, run_id=run_id, run_date=run_date)
    summary |= score_installs(lake, conf, run_id=run_id, run_date=run_date)
    if "model_version" in summary:
        summary |= _write_bots(lake, conf, summary["model_version"], run_id)
    return summary | _write_segments(lake, conf, summary["install_model"])


def evaluate(lake: Lake, conf: Config, *, run_id: str, run_date: dt.datetime) -> dict[str, Any]:  # noqa: ARG001 - as every step
    """Judge the models of installs on later clicks, and where farms are known, the session model on them."""
    summary = evaluate_installs(lake, conf, run_id=run_id)
    farms = labels(lake)
    if farms is not None and conf.generate.plant:
        summary = house_evaluation.run(lake, conf, run_id=run_id, labels=farms) | summary
    return summary


def report(lake: Lake, conf: Config, *, run_id: str, run_date: dt.datetime) -> dict[str, Any]:  # noqa: ARG001 - as every step
    """Write the pages: sessions as everywhere, and installs."""
    return write_report(lake, conf, run_id=run_id)


STEPS = {"train": train, "score": score, "evaluate": evaluate, "report": report}


def after_score(lake: Lake, conf: Config, model_version: str) -> dict[str, Any]:  # noqa: ARG001 - as every pack
    """Nothing more: the pack's own step has written all."""
    return {}


def labels(lake: Lake) -> DataFrame | None:
    """Which sessions are of click farms, where the log was generated; None where nothing knows."""
    if not lake.exists(INSTALL_TRUTH):
        return None
    truth = lake.read(INSTALL_TRUTH).select(
        F.col("ip").alias("entity"), (F.col("kind") == "farm").cast("int").alias("faulty")
    )
    known = lake.read(SESSIONS).select("session_id", "entity").join(truth, "entity")
    return None if known.isEmpty() else known.select("session_id", "faulty")


def after_evaluate(lake: Lake, conf: Config, model_version: str) -> dict[str, Any]:  # noqa: ARG001 - as every pack
    """Nothing more: the pack's own step has written all."""
    return {}


def story(lake: Lake, conf: Config) -> list[str]:
    """Figures of the models of installs, the best segments, and the farms, as lines."""
    version = registry_of(lake, conf).champion()
    if version is None:
        return []
    told = [
        "",
        f"{'Installs, on later clicks':<28}{'ROC-AUC':>9}  {'95 % interval':<15}{'PR-AUC':>8}{'recall at 1 %':>15}",
    ]
    told += _figures(lake, version)
    if lake.exists(INSTALL_SEGMENTS):
        after = F.col("hour") >= training_end(load_model(registry_of(lake, conf).path(version)))
        segments = lake.read(INSTALL_SEGMENTS).where((F.col("model_version") == version) & after)
        told += ["", "Best segments, of the hours after training:"]
        told += [f"  {line}" for line in in_words(top_segments(segments))]
    sessions_model = _sessions_model(lake, conf)
    if lake.exists(BOTS) and sessions_model is not None:
        bots = lake.read(BOTS).where(F.col("model_version") == sessions_model)
        farms, all_bots = bots.where("is_farm").count(), bots.count()
        told += ["", f"Visitors out of the ordinary: {all_bots:,}, likely click farms: {farms:,}."]
    return told


def _figures(lake: Lake, version: str) -> list[str]:
    if not lake.exists(EVALUATIONS):
        return []
    rows = (
        lake.read(EVALUATIONS)
        .where(F.col("model_version") == version)
        .where("basis = 'honest' AND subset = 'all'")
        .collect()
    )
    found = {(row["detector"], row["metric"]): row for row in rows}
    names = sorted(
        {name for name, metric in found if metric == "roc_auc"},
        key=lambda name: -found[name, "roc_auc"]["value"],
    )
    lines = []
    for name in names:
        area = found[name, "roc_auc"]
        interval = f"{area['low']:.3f}–{area['high']:.3f}"
        others = [found[name, metric]["value"] for metric in ("pr_auc", "recall_at_1pct")]
        lines.append(f"  {name:<26}{area['value']:>9.4f}  {interval:<15}{others[0]:>8.4f}{others[1]:>15.4f}")
    return lines


def _sessions_model(lake: Lake, conf: Config) -> str | None:
    return Registry(lake, conf.name, folder=conf.output.get("models")).champion()


def _write_bots(lake: Lake, conf: Config, version: str, run_id: str) -> dict[str, Any]:
    install_model = registry_of(lake, conf).champion()
    scores = lake.read(INSTALL_SCORES).where(F.col("model_version") == F.lit(install_model))
    bots = build_bots(
        lake.read(SESSIONS),
        lake.read(SESSION_SCORES).where(F.col("model_version") == version),
        lake.read(ANOMALIES).where(F.col("model_version") == version),
        scores,
    ).withColumn("run_id", F.lit(run_id))
    lake.overwrite(BOTS, bots, where=f"model_version = '{version}'")
    row = (
        lake.read(BOTS)
        .where(F.col("model_version") == version)
        .agg(F.count(F.lit(1)).alias("bots"), F.count_if("is_farm").alias("farms"))
        .collect()[0]
    )
    return {"bots": int(row["bots"]), "likely_farms": int(row["farms"])}


def _write_segments(lake: Lake, conf: Config, version: str) -> dict[str, Any]:
    sessions_model, bots = _sessions_model(lake, conf), None
    if sessions_model is not None and lake.exists(BOTS):
        # Earlier session models called other visitors farms.
        bots = lake.read(BOTS).where(F.col("model_version") == sessions_model)
    scores = lake.read(INSTALL_SCORES).where(F.col("model_version") == version)
    lake.overwrite(INSTALL_SEGMENTS, build_segments(scores, bots), where=f"model_version = '{version}'")
    return {"segments": lake.read(INSTALL_SEGMENTS).where(F.col("model_version") == version).count()}
