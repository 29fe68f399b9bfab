"""The step `train`: both questions and the weekly runs, as one model version."""

from __future__ import annotations

import datetime as dt
import json
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.evaluation.intervals import wilson_interval
from offbeat.packs.top10 import run_model
from offbeat.packs.top10.examples import BEFORE, QUESTIONS, people_of
from offbeat.packs.top10.learn import Learned, filled, learn
from offbeat.packs.top10.options import Options
from offbeat.packs.top10.samples import Parts, gather, split
from offbeat.packs.top10.tables import CHARTED, TITLE_EXAMPLES, TITLE_RUNS
from offbeat.tables import Lake
from offbeat.tabular import Model, load_model, save_model
from offbeat.tabular.ensembles import Bundle
from offbeat.training.registry import Registry

log = logging.getLogger(__name__)

_BACKGROUND = 4  # typical titles that a field is replaced by, to see what it does
_TRACKS = 6
_MOST_PEOPLE = 50_000
_MARGIN = 0.005  # of the Brier score: a champion stays where the new one is worse by more


def train(lake: Lake, conf: Config, *, run_id: str, run_date: dt.datetime) -> dict[str, Any]:  # noqa: ARG001 - as every step
    """Fit the models, keep the best of each question as one version, and promote it where it is not worse.

    Raises:
        GuardFailed: a field gives the label away, or a title is on both sides of the split.
        InputRefused: there are too few titles.
    """
    options = Options.of(conf.model.settings)
    parts, learned = {}, {}
    for question in QUESTIONS:
        found = gather(
            lake.read(TITLE_EXAMPLES), question, most=conf.model.sample.max_sessions, seed=conf.model.seed
        )
        parts[question] = split(
            found, by=conf.model.split.by, holdout=conf.model.split.holdout, seed=conf.model.seed
        )
        learned[question] = learn(parts[question].train, question, options, seed=conf.model.seed)
    extra = _people(lake.read(TITLE_EXAMPLES))
    if options.runs:
        extra |= run_model.train(lake.read(TITLE_RUNS), parts[BEFORE].cut, options, seed=conf.model.seed)
    last = lake.read(CHARTED).agg(F.max("last_week").alias("last")).collect()[0]["last"]
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
    version, record = save(registry.folder, parts, learned, conf=conf, last_week=last, extra=extra)
    promoted = _promote(registry, version, record)
    return {
        "model_version": version,
        "promoted": promoted,
        "training_titles": len(parts[BEFORE].train),
        "held_out_titles": len(parts[BEFORE].test),
        **{f"model_{q}": learned[q].champion for q in QUESTIONS},
    }


def save(
    folder: Path,
    parts: dict[str, Parts],
    learned: dict[str, Learned],
    *,
    conf: Config,
    last_week: dt.date,
    extra: dict[str, np.ndarray],
) -> tuple[str, dict[str, Any]]:
    """Write the models of both questions as one version; gives it, and what stands beside it.

    A question's champion goes by the question's name, the others by both: they are judged beside it.

    Args:
        parts, learned: by question.
        extra: people and, where there is one, the network of weekly runs.
    """
    options = Options.of(conf.model.settings)
    members: dict[str, Model] = {q: learned[q].models[learned[q].champion] for q in QUESTIONS}
    members |= {
        f"{q}:{name}": model
        for q in QUESTIONS
        for name, model in learned[q].models.items()
        if name != learned[q].champion
    }
    bundle = Bundle(tuple(members), tuple(members.values()))
    record = _record(conf, parts, learned, last_week)
    backgrounds = {
        f"background_{q}": _background(parts[q], learned[q], options, conf.model.seed) for q in QUESTIONS
    }
    columns = learned[BEFORE].encoding.columns
    version = save_model(
        folder, bundle, name="top10", columns=columns, record=record, extra=extra | backgrounds
    )
    return version, record


def _promote(registry: Registry, version: str, record: dict[str, Any]) -> bool:
    champion = registry.champion()
    if champion is not None and champion != version:
        before = load_model(registry.path(champion)).record
        if any(record["brier"][q] > before["brier"][q] + _MARGIN for q in QUESTIONS):
            log.warning("model %s is not promoted: its Brier score is worse than the champion's", version)
            return False
    registry.promote(version, reason="not worse on titles that it was not fitted on")
    return True


def _record(
    conf: Config, parts: dict[str, Parts], learned: dict[str, Learned], last_week: dt.date
) -> dict[str, Any]:
    """What stands beside the model: how it was made, and how often it was right."""
    options = Options.of(conf.model.settings)
    cuts = {q: parts[q].cut for q in QUESTIONS}
    return {
        "pack": "top10",
        "config_hash": conf.hash,
        "champions": {q: learned[q].champion for q in QUESTIONS},
        "brier": {q: learned[q].brier[learned[q].champion] for q in QUESTIONS},
        "knobs": {q: learned[q].knobs for q in QUESTIONS},
        "seconds": {q: learned[q].seconds for q in QUESTIONS},
        "encodings": {q: json.loads(learned[q].encoding.to_json()) for q in QUESTIONS},
        "split": {
            "by": conf.model.split.by,
            "holdout": conf.model.split.holdout,
            "seed": conf.model.seed,
            "cut": {q: cut.isoformat() if cut else None for q, cut in cuts.items()},
        },
        "fill": dict(options.fill),
        "last_week": last_week.isoformat(),
        "counts": {q: [len(parts[q].train), len(parts[q].test)] for q in QUESTIONS},
        "base": {q: float(parts[q].test.labels.mean()) for q in QUESTIONS},
        "tracks": {q: _tracks(parts[q], learned[q], options) for q in QUESTIONS},
    }


def _tracks(parts: Parts, learned: Learned, options: Options) -> list[dict[str, float | int]]:
    """Held-out titles in groups of like probability, and how many of each charted."""
    table = learned.encoding.table(filled(parts.test.numbers, options.fill), parts.test.texts)
    said = learned.models[learned.champion].predict(table)
    order = np.argsort(said, kind="stable")
    groups = [g for g in np.array_split(order, min(_TRACKS, max(1, len(order) // 10))) if len(g)]
    edges = [0.0, *((said[a[-1]] + said[b[0]]) / 2 for a, b in pairwise(groups)), 1.0]
    made: list[dict[str, float | int]] = []
    for place, group in enumerate(groups):
        charted = int(parts.test.labels[group].sum())
        low, high = wilson_interval(charted, len(group))
        made.append(
            {"low": float(edges[place]), "high": float(edges[place + 1]), "n": len(group), "charted": charted,
             "share_low": float(low), "share_high": float(high)}
        )  # fmt: skip
    return made


def _background(parts: Parts, learned: Learned, options: Options, seed: int) -> np.ndarray:
    """Typical training titles: near the middle of what the model says."""
    train = parts.train
    table = learned.encoding.table(filled(train.numbers, options.fill), train.texts)
    said = learned.models[learned.champion].predict(table)
    near = np.argsort(np.abs(said - np.median(said)), kind="stable")[: max(_BACKGROUND, len(said) // 10)]
    chosen: np.ndarray = table[np.random.default_rng(seed).permutation(near)[:_BACKGROUND]]
    return chosen


def _people(examples: DataFrame) -> dict[str, np.ndarray]:
    """People and companies with what they did so far; of very many, those with the most titles.

    A title of the last weeks counts as one, as it does for a title that comes after it.
    """
    counted = (
        people_of(examples.where(F.col("question") == BEFORE))
        .groupBy("role", "person")
        .agg(F.min("name").alias("name"), F.count("*").alias("tries"), F.count("known_on").alias("charted"))
        .orderBy(F.desc("tries"), "role", "person")
        .limit(_MOST_PEOPLE)
        .collect()
    )
    return {
        "people_role": np.array([row["role"] for row in counted], np.str_),
        "people_name": np.array([row["name"] for row in counted], np.str_),
        "people_tries": np.array([row["tries"] for row in counted], np.int32),
        "people_charted": np.array([row["charted"] for row in counted], np.int32),
    }
