"""The step `evaluate`: every model on titles it has not seen, by time and by title, beside what is simpler.

For the split that `train` made, the saved models are judged, those that score and answer; for the other split, models
are fitted and tuned anew, since the saved ones have seen its test titles. The notes of the figures say which.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import InputRefused
from offbeat.packs.top10.examples import BEFORE, QUESTIONS
from offbeat.packs.top10.features import Encoding
from offbeat.packs.top10.judge import Place, figures, single
from offbeat.packs.top10.leaks import leaky_figures, missingness_figures
from offbeat.packs.top10.learn import fields_of, filled, learn
from offbeat.packs.top10.options import Options
from offbeat.packs.top10.prepare import LISTS
from offbeat.packs.top10.preset import preset_figures
from offbeat.packs.top10.run_figures import day_of, run_figures
from offbeat.packs.top10.samples import Examples, Parts, gather, split
from offbeat.packs.top10.score import champion_of
from offbeat.packs.top10.seasons import season_figures
from offbeat.packs.top10.tables import (
    CHARTED,
    TITLE_EXAMPLES,
    TITLE_FIGURES,
    TITLE_MATCHES,
    TITLE_RUNS,
    TITLE_TRUTH,
    TITLES,
)
from offbeat.tables import Lake
from offbeat.tabular import Model, SavedModel, load_model
from offbeat.tabular.ensembles import Bundle

log = logging.getLogger(__name__)

_SPLITS = ("time", "title")
_SEASONS = {"autumn": 10, "winter": 12}  # of the generator


def evaluate(lake: Lake, conf: Config, *, run_id: str, run_date: dt.datetime) -> dict[str, Any]:  # noqa: ARG001 - as every step
    """Write title_figures of the champion."""
    registry, version = champion_of(lake, conf)
    saved = load_model(registry.path(version))
    options, made = Options.of(conf.model.settings), saved.record["split"]
    seed = int(made["seed"])
    rows = []
    for question in QUESTIONS:
        whole = gather(lake.read(TITLE_EXAMPLES), question, most=conf.model.sample.max_sessions, seed=seed)
        for by in _SPLITS:
            own = (by == "time") == (made["by"] == "time")
            try:
                parts = _split_again(whole, made, question) if own else _other_split(whole, conf, by, seed)
            except InputRefused as error:
                log.warning("evaluate: %s", error)
                continue
            judged = _saved(saved, question) if own else _refitted(parts, question, options, seed)
            rows += _of_split(judged, parts, question, by, options, seed=seed)
            if question == BEFORE:
                rows += leaky_figures(parts, by, options, seed=seed) + _ceiling(lake, parts.test, by, seed)
    if options.preset:
        rows += preset_figures(lake.read(TITLES), lake.read(CHARTED), source=options.preset, seed=seed)
    rows += run_figures(lake.read(TITLE_RUNS), saved, options)
    day = day_of(lake.read(TITLE_RUNS), saved)
    rows += season_figures(lake.read(CHARTED), day, _true_months(lake))
    frame = lake.spark.createDataFrame(
        [{**row, "model_version": version} for row in rows], TITLE_FIGURES.schema
    )
    lake.overwrite(TITLE_FIGURES, frame, where=f"model_version = '{version}'")
    return {
        "model_version": version,
        "figures": len(rows),
        "earns_its_cost": verdict(rows, made["by"]),
    }


@dataclass(frozen=True)
class _Judged:
    """Models of a question, the champion among them, and how they came to be."""

    encoding: Encoding
    models: Mapping[str, Model]
    champion: str
    seconds: Mapping[str, float]
    how: str
    fill: Mapping[str, float]


def _saved(saved: SavedModel, question: str) -> _Judged:
    """The models as they were saved: the champion goes by the question's name, the others by both."""
    bundle, record = saved.model, saved.record
    if not isinstance(bundle, Bundle):
        raise TypeError(f"model {saved.version}: not one of the pack top10")
    models = {record["champions"][question]: bundle.named(question)}
    models |= {
        name.partition(":")[2]: bundle.named(name) for name in bundle.names if name.startswith(f"{question}:")
    }
    encoding = Encoding.from_json(json.dumps(record["encodings"][question]))
    champion, seconds = record["champions"][question], record["seconds"][question]
    return _Judged(encoding, models, champion, seconds, "as saved", record["fill"])


def _refitted(parts: Parts, question: str, options: Options, seed: int) -> _Judged:
    """Models fitted and tuned on this split's own training titles."""
    found = learn(parts.train, question, options, seed=seed)
    how = "fitted anew for this split"
    return _Judged(found.encoding, found.models, found.champion, found.seconds, how, options.fill)


def _split_again(whole: Examples, made: Mapping[str, Any], question: str) -> Parts:
    """The split that the saved models were fitted by."""
    cut = made["cut"][question]
    day = dt.date.fromisoformat(cut) if cut else None
    return split(whole, by=made["by"], holdout=float(made["holdout"]), seed=int(made["seed"]), cut=day)


def _other_split(whole: Examples, conf: Config, by: str, seed: int) -> Parts:
    return split(whole, by="time" if by == "time" else "entity", holdout=conf.model.split.holdout, seed=seed)


def _of_split(
    judged: _Judged, parts: Parts, question: str, by: str, options: Options, *, seed: int
) -> list[dict[str, Any]]:
    test = parts.test
    table = judged.encoding.table(filled(test.numbers, judged.fill), test.texts)
    rows = []
    for name, model in judged.models.items():
        note = f"{judged.how}; {judged.seconds[name]} s to fit"
        note = f"champion; {note}" if name == judged.champion else note
        rows += figures(Place(question, by, name, note=note), test.labels, model.predict(table), seed=seed)
    base = np.full(len(test), judged.encoding.base)
    rows += figures(
        Place(question, by, "base_rate", "reference", "says the share of training titles to every title"),
        test.labels,
        base,
        seed=seed,
    )
    rule = np.array([row.get("franchise", 0.0) for row in test.numbers])
    rows += figures(
        Place(question, by, "franchise_rule", "reference", "franchise or sequel: yes"),
        test.labels,
        rule,
        seed=seed,
    )
    rows += missingness_figures(parts, question, by, fields_of(question, options), seed=seed)
    cut = f"titles from {parts.cut} on" if parts.cut else "titles by a hash of their name"
    rows.append(
        single(
            Place(question, by, "test", "reference", cut),
            "share_charting",
            float(test.labels.mean()),
            test.labels,
        )
    )
    return rows


def _ceiling(lake: Lake, test: Examples, by: str, seed: int) -> list[dict[str, Any]]:
    """What the truth that is known before release would reach: no model can do better than by chance."""
    if not lake.exists(TITLE_TRUTH):
        return []
    truth = {
        row["title_id"]: row["known_appeal"]
        for row in lake.read(TITLE_TRUTH).select("title_id", "known_appeal").collect()
    }
    if not all(each in truth for each in test.ids):
        return []
    known = np.array([truth[each] for each in test.ids])
    place = Place(
        BEFORE,
        by,
        "known_truth",
        "reference",
        "the generator's own appeal, as far as it is known before release",
    )
    return figures(place, test.labels, known, seed=seed, probabilities=False)


def _true_months(lake: Lake) -> dict[str, int]:
    """Month in which a generated title of the lists really comes back, by chart_id."""
    if not lake.exists(TITLE_TRUTH):
        return {}
    listed = lake.read(TITLE_MATCHES).where(F.col("left_source") == LISTS)
    pairs = listed.select(F.col("left_id").alias("chart_id"), "title_id")
    rows = pairs.join(lake.read(TITLE_TRUTH).select("title_id", "seasonal"), "title_id").collect()
    return {row["chart_id"]: _SEASONS[row["seasonal"]] for row in rows if row["seasonal"] in _SEASONS}


def verdict(rows: list[dict[str, Any]], by: str) -> str:
    """Whether a model beats what is simpler, in a sentence computed from its figures."""
    split_name = "time" if by == "time" else "title"
    mine = {
        (r["model"], r["metric"]): r for r in rows if r["question"] == BEFORE and r["split"] == split_name
    }
    champion = next(
        (
            m
            for (m, metric), r in mine.items()
            if metric == "pr_auc" and (r["note"] or "").startswith("champion")
        ),
        None,
    )
    if champion is None:
        return "No titles were left to judge the model on."
    got, rule = mine[champion, "pr_auc"], mine["franchise_rule", "pr_auc"]
    base = mine["base_rate", "pr_auc"]
    interval = f"95 % {got['low']:.3f}–{got['high']:.3f}"
    ahead = got["low"] is not None and got["low"] > max(rule["value"], base["value"])
    words = (
        "is ahead of the base rate and of the franchise rule by more than chance"
        if ahead
        else "is not ahead of both the base rate and the franchise rule by more than chance"
    )
    return (
        f"Before release, split by {split_name}: {champion} {words} (PR-AUC {got['value']:.3f}, {interval}; "
        f"base rate {base['value']:.3f}, franchise rule {rule['value']:.3f}; "
        f"{got['n']} titles, {got['positives']} charting)."
    )
