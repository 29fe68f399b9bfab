"""Judging the models of installs on clicks later than all that they learnt from, into evaluations and the pictures."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.evaluation.intervals import bootstrap_intervals, rate_intervals
from offbeat.evaluation.metrics import (
    Number,
    Ranking,
    average_precision,
    confusion,
    recall_at_k,
    roc_auc,
)
from offbeat.packs.installs import pictures
from offbeat.packs.installs.networks import judge_networks
from offbeat.packs.installs.rates import Rates
from offbeat.packs.installs.scoring import load_champion, registry_of, weight_of
from offbeat.packs.installs.table import ClickTable, Split, judged_rows, load_table, train_rows
from offbeat.packs.installs.tables import INSTALL_CHARTS
from offbeat.packs.installs.train import COPIES, assert_honest
from offbeat.packs.installs.training import BASELINE, FIGURES, SHOWN, judge_probabilities
from offbeat.packs.installs.visitors import OF_INDEPENDENT, OF_VISITORS, Visitors
from offbeat.tables import Lake
from offbeat.tables.contract import EVALUATIONS
from offbeat.tabular import SavedModel, fit, load_model

log = logging.getLogger(__name__)

HONEST, LEAKY = "honest", "leaky"
_BRIER_DRAWS = 500


@dataclass(frozen=True)
class Judged:
    """What a model said of the test's clicks.

    Attributes:
        given: probability of each, [n].
        note: what to know when reading its figures.
        basis: honest, or leaky where the model was given what is known only later.
    """

    name: str
    given: np.ndarray
    seconds: float = 0.0
    note: str = ""
    basis: str = HONEST


def evaluate_installs(lake: Lake, conf: Config, *, run_id: str) -> dict[str, Any]:
    """Judge every model that was fitted with the champion.

    Returns:
        The champion's figures, the baseline's beside them, and the AUC that the leak would have given.

    Raises:
        UsageError: nothing is trained yet.
        GuardFailed: a visitor is on both sides of the split.
    """
    registry = registry_of(lake, conf)
    version = registry.champion()
    if version is None:
        raise UsageError(f"lake {lake.location}: no model of installs yet; run train first")
    champion = load_champion(registry.path(version))
    table = load_table(lake, conf, also=tuple(name for name in COPIES if _is_kept(conf, name)))
    split = Split(**champion.record["split"])
    assert_honest(table, split)
    test = table.take(judged_rows(table, split))
    models = {
        name: load_model(registry.path(one))
        for name, one in champion.record["beside"].items()
        if name not in champion.record.get("networks", ())
    }
    judged = [_said(name, model, test) for name, model in models.items()]
    networks = judge_networks(registry, champion.record, table, split)
    judged += [Judged(one.name, one.given, one.seconds, one.note) for one in networks]
    leak = _leaky(table, split)
    rows = [row for one in (*judged, *leak) for row in _rows(one, test.installed, conf)]
    given = {one.name: one.given for one in judged}
    best = champion.record["model"]
    visitors = Visitors.of(given[best], test.visitor, test.installed, weight_of(champion))
    rows += _visitor_rows(best, visitors, conf)
    stamps = {"run_id": run_id, "model_version": version}
    lake.merge(
        EVALUATIONS, lake.spark.createDataFrame([{**stamps, **row} for row in rows], EVALUATIONS.schema)
    )
    _draw(
        lake,
        conf,
        version,
        run_id,
        pictures.Seen(
            table,
            split,
            test,
            models,
            given,
            tuple(networks),
            best,
            visitors,
        ),
    )
    return _summary(judged, leak, best, test, version) | _visitor_summary(visitors)


def _is_kept(conf: Config, name: str) -> bool:
    return all(name in source.columns.covariates for source in conf.source)


def _said(name: str, saved: SavedModel, test: ClickTable) -> Judged:
    rows = np.column_stack([test.features, Rates.from_arrays(saved.extra).apply(test.fields)])
    note = "the baseline: logistic regression on four target rates and a count" if name == BASELINE else ""
    return Judged(name, saved.model.predict(rows), float(saved.record["seconds"]), note)


def _leaky(table: ClickTable, split: Split) -> list[Judged]:
    """What a model would reach that is given whether there is a time of install: the guard refuses it elsewhere."""
    found = []
    for name in COPIES:
        if name not in table.extra:
            continue
        there = np.array([value is not None for value in table.extra[name]], float)[:, None]
        train, test = train_rows(table, split), judged_rows(table, split)
        model = fit("logistic", there[train], table.installed[train], weights=np.ones(len(train)))
        note = f"given whether {name} is there, which is known only at the install; a run with it is refused"
        found.append(Judged(f"leaky_{name}", model.predict(there[test]), note=note, basis=LEAKY))
    return found


def _rows(one: Judged, labels: np.ndarray, conf: Config) -> Iterator[dict[str, Any]]:
    """Rows of EVALUATIONS but for run and version."""
    base = {
        "detector": one.name, "split": "test", "subset": "all", "verdict_rule": "flagged", "basis": one.basis,
        "seconds": one.seconds, "note": one.note,
    }  # fmt: skip
    shown = SHOWN * len(labels)
    of_ranking: dict[str, Callable[[Ranking], Number]] = {
        "roc_auc": roc_auc,
        "pr_auc": average_precision,
        "recall_at_1pct": lambda ranking: recall_at_k(ranking, shown),
    }
    intervals = bootstrap_intervals(
        labels, one.given, of_ranking, resamples=conf.evaluate.resamples, seed=conf.model.seed
    )
    figures = judge_probabilities(labels, one.given)
    for name, interval in intervals.items():
        yield {**base, "metric": name, "value": figures[name], "low": interval.low, "high": interval.high}
    low, high = _brier_interval(labels, one.given, seed=conf.model.seed)
    yield {**base, "metric": "brier", "value": figures["brier"], "low": low, "high": high}
    counts = confusion(labels, one.given > pictures.threshold_of(conf.tabular.cost))
    reach = rate_intervals(counts, resamples=conf.evaluate.resamples, seed=conf.model.seed)
    for name, value in (("precision", counts.precision), ("recall", counts.recall), ("fpr", counts.fpr)):
        ends = {"low": _finite(reach[name].low), "high": _finite(reach[name].high)}
        yield {**base, "metric": name, "value": float(value), **ends}


def _visitor_rows(champion: str, visitors: Visitors, conf: Config) -> Iterator[dict[str, Any]]:
    """The champion's figures by visitor, and what independent clicks would say."""
    note = "probability of at least one install of a visitor's clicks"
    for subset, given in ((OF_VISITORS, visitors.given), (OF_INDEPENDENT, visitors.independent)):
        for row in _rows(Judged(champion, given, note=note), visitors.installed, conf):
            yield {**row, "subset": subset}


def _visitor_summary(visitors: Visitors) -> dict[str, Any]:
    found = {"judged_visitors": len(visitors.installed), "visitors_installed": int(visitors.installed.sum())}
    return found | {
        "visitors_expected": float(visitors.given.sum()),
        "visitors_expected_independent": float(visitors.independent.sum()),
        "visitor_brier": judge_probabilities(visitors.installed, visitors.given)["brier"],
        "visitor_brier_independent": judge_probabilities(visitors.installed, visitors.independent)["brier"],
    }


def _finite(value: float) -> float | None:
    """None for what is not known: a precision of nothing called has no interval."""
    return value if math.isfinite(value) else None


def _brier_interval(labels: np.ndarray, given: np.ndarray, *, seed: int) -> tuple[float, float]:
    """Percentile bootstrap of a mean of squares, drawn within each label."""
    rng = np.random.default_rng(seed)
    square = (given - labels) ** 2
    drawn = np.zeros(_BRIER_DRAWS)
    for label in (0, 1):
        part = square[labels == label]
        if len(part):
            # The mean of many squares is near normal; of few installs it is drawn as it is.
            small = len(part) <= 10_000  # noqa: PLR2004 - rows that are drawn one by one
            drawn += (
                part[rng.integers(len(part), size=(_BRIER_DRAWS, len(part)))].sum(axis=1)
                if small
                else part.sum() + rng.normal(0, part.std() * np.sqrt(len(part)), _BRIER_DRAWS)
            )
    low, high = np.percentile(drawn / max(1, len(labels)), [2.5, 97.5])
    return float(low), float(high)


def _draw(lake: Lake, conf: Config, version: str, run_id: str, seen: pictures.Seen) -> None:
    points = pictures.points_of(seen, cost=conf.tabular.cost, seed=conf.model.seed)
    rows = [{**point, "model_version": version, "run_id": run_id} for point in points]
    frame = lake.spark.createDataFrame(rows, INSTALL_CHARTS.schema)
    lake.overwrite(INSTALL_CHARTS, frame, where=f"model_version = '{version}'")


def _summary(
    judged: list[Judged], leak: list[Judged], champion: str, test: ClickTable, version: str
) -> dict[str, Any]:
    by_name = {one.name: judge_probabilities(test.installed, one.given) for one in (*judged, *leak)}
    found: dict[str, Any] = {"judged_clicks": len(test), "judged_installs": int(test.installed.sum())}
    found["install_model"] = version
    found |= {f"install_{name}": by_name[champion][name] for name in FIGURES}
    if BASELINE in by_name:
        found |= {f"baseline_{name}": by_name[BASELINE][name] for name in FIGURES}
    found |= {f"{one.name}_roc_auc": by_name[one.name]["roc_auc"] for one in leak}
    found["clicks_shown"] = round(SHOWN * len(test))
    return found
