"""The step `evaluate`: every model on titles it has not seen, by time and by title, beside what is simpler."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import numpy as np

from offbeat.config import Config
from offbeat.errors import InputRefused
from offbeat.packs.top10 import run_model
from offbeat.packs.top10.examples import BEFORE, QUESTIONS
from offbeat.packs.top10.judge import Place, figures, single
from offbeat.packs.top10.leaks import leaky_figures, missingness_figures
from offbeat.packs.top10.learn import fields_of, filled, learn
from offbeat.packs.top10.options import Options
from offbeat.packs.top10.preset import preset_figures
from offbeat.packs.top10.samples import Examples, Parts, gather, split
from offbeat.packs.top10.score import champion_of
from offbeat.packs.top10.tables import CHARTED, TITLE_EXAMPLES, TITLE_FIGURES, TITLE_RUNS, TITLE_TRUTH, TITLES
from offbeat.tables import Lake
from offbeat.tabular import load_model

log = logging.getLogger(__name__)

_SPLITS = ("time", "title")


def evaluate(lake: Lake, conf: Config, *, run_id: str, run_date: dt.datetime) -> dict[str, Any]:  # noqa: ARG001 - as every step
    """Write title_figures of the champion."""
    registry, version = champion_of(lake, conf)
    saved = load_model(registry.path(version))
    options, seed = Options.of(conf.model.settings), conf.model.seed
    rows = []
    for question in QUESTIONS:
        whole = gather(lake.read(TITLE_EXAMPLES), question, most=conf.model.sample.max_sessions, seed=seed)
        for by in _SPLITS:
            try:
                parts = split(
                    whole, by=by if by == "time" else "entity", holdout=conf.model.split.holdout, seed=seed
                )
            except InputRefused as error:
                log.warning("evaluate: %s", error)
                continue
            rows += _of_split(parts, question, by, options, saved.record["knobs"][question], seed=seed)
            if question == BEFORE:
                rows += leaky_figures(parts, by, options, seed=seed) + _ceiling(lake, parts.test, by, seed)
    if options.preset:
        rows += preset_figures(lake.read(TITLES), lake.read(CHARTED), source=options.preset, seed=seed)
    if options.runs:
        rows += _run_figures(lake, conf, options, seed)
    frame = lake.spark.createDataFrame(
        [{**row, "model_version": version} for row in rows], TITLE_FIGURES.schema
    )
    lake.overwrite(TITLE_FIGURES, frame, where=f"model_version = '{version}'")
    return {
        "model_version": version,
        "figures": len(rows),
        "earns_its_cost": verdict(rows, conf.model.split.by),
    }


def _of_split(
    parts: Parts, question: str, by: str, options: Options, knobs: Any, *, seed: int
) -> list[dict[str, Any]]:
    test = parts.test
    found = learn(parts.train, question, options, seed=seed, knobs=knobs)
    table = found.encoding.table(filled(test.numbers, options.fill), test.texts)
    rows = []
    for name, model in found.models.items():
        note = f"champion; {found.seconds[name]} s" if name == found.champion else f"{found.seconds[name]} s"
        rows += figures(Place(question, by, name, note=note), test.labels, model.predict(table), seed=seed)
    base = np.full(len(test), parts.train.labels.mean())
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


def _run_figures(lake: Lake, conf: Config, options: Options, seed: int) -> list[dict[str, Any]]:
    """The network of weekly runs on runs that began after the cut, beside the share of all runs."""
    runs = run_model.gather_runs(lake.read(TITLE_RUNS))
    starts = np.sort(runs.start)
    cut = int(starts[int(len(starts) * (1 - conf.model.split.holdout))])
    day = dt.date(1970, 1, 1) + dt.timedelta(days=cut)
    weights = run_model.fit_runs(
        run_model.gather_runs(lake.read(TITLE_RUNS), until=day), epochs=options.epochs, seed=seed
    )
    if not weights:
        return []
    test = runs.start >= cut
    said = run_model.states(weights, runs.inputs[test])
    made: list[dict[str, Any]] = []
    for place, (name, goals) in enumerate(
        (("stays_next_week", runs.stays[test]), ("comes_back", runs.back[test]))
    ):
        known = goals >= 0
        if name == "comes_back":  # once a run: at its last week
            last = np.zeros_like(known)
            last[np.arange(len(known)), runs.length[test] - 1] = True
            known &= last
        labels, scores = goals[known].astype(int), said[..., place][known]
        if len(np.unique(labels)) < 2:  # noqa: PLR2004 - yes and no
            continue
        made += figures(Place(name, "time", "gru", note=f"runs from {day} on"), labels, scores, seed=seed)
        learned = runs.stays if name == "stays_next_week" else runs.back
        base = float((learned[~test][learned[~test] >= 0]).mean())
        made += figures(
            Place(name, "time", "base_rate", "reference", "the share of earlier runs"),
            labels,
            np.full(len(labels), base),
            seed=seed,
        )
        ranks = -runs.inputs[test][..., 0][known]
        made += figures(
            Place(name, "time", "rank_rule", "reference", "the better its rank, the surer"),
            labels,
            ranks.astype(float),
            seed=seed,
            probabilities=False,
        )
    return made + _weeks_figures(weights, runs, test & ~runs.listed, day)


def _weeks_figures(
    weights: dict[str, np.ndarray], runs: run_model.Runs, over: np.ndarray, day: dt.date
) -> list[dict[str, Any]]:
    """How many weeks the number of further weeks is off, after the first week of later runs that have ended."""
    if not over.any():
        return []
    first = runs.inputs[over].copy()
    first[:, 1:] = 0
    truth = runs.length[over] - 1
    ended = (runs.start < (day - dt.date(1970, 1, 1)).days) & ~runs.listed
    usual = float(np.median(runs.length[ended] - 1)) if ended.any() else 0.0
    said = {
        ("gru", "honest", f"runs from {day} on, after their first week"): run_model.weeks_more(
            weights, first, np.ones(len(first), int)
        ),
        ("median", "reference", "the median of earlier runs"): np.full(len(truth), usual),
    }
    stayed = (truth > 0).astype(int)
    made = []
    for (name, basis, note), n in said.items():
        place = Place("weeks_more", "time", name, basis, note)
        made.append(single(place, "mean_error_weeks", float(np.abs(n - truth).mean()), stayed))
    return made


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
