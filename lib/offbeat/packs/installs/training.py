"""Fitting the models of installs on the driver: each on earlier clicks, calibrated and compared on later ones."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.config import Tabular
from offbeat.errors import UsageError
from offbeat.evaluation.metrics import average_precision, rank_sessions, recall_at_k, roc_auc
from offbeat.evaluation.probabilities import brier_score
from offbeat.packs.installs.features import FEATURES
from offbeat.packs.installs.rates import NAMES, Rates, out_of_fold
from offbeat.packs.installs.table import ClickTable, Split, fit_rows, train_rows, validation_rows
from offbeat.packs.installs.visitors import fit_weight
from offbeat.tabular import MODELS as TABULAR
from offbeat.tabular import Calibrated, Model, calibrate, fit
from offbeat.tabular.ensembles import Columns, Stacking, Voting, said
from offbeat.tabular.linear import fit_logistic

log = logging.getLogger(__name__)

BASELINE = "logistic_baseline"
_BASELINE_COLUMNS = ("rate_app", "rate_channel", "rate_os", "rate_device", "ip_before")
_TOGETHER = (BASELINE, "forest", "boosting")  # what votes, and what is stacked
MODELS = (
    BASELINE, "logistic", "forest_study", "forest", "boosting", "naive_bayes", "neighbours", "bagging", "voting",
    "stacking",
)  # fmt: skip
"""Models that are fitted by default, in order; voting and stacking rest on those before them."""

SHOWN = 0.01  # share of the clicks that are shown: where recall is read


@dataclass(frozen=True)
class Design:
    """From clicks to the rows that models take.

    Attributes:
        rates: target rates of what was learnt from.
        columns: names of the columns, in order.
    """

    rates: Rates
    columns: tuple[str, ...]

    def rows(self, table: ClickTable) -> np.ndarray:
        """Rows of clicks that were not learnt from; float64, [n, columns]."""
        return np.column_stack([table.features, self.rates.apply(table.fields)])


@dataclass(frozen=True)
class Fitted:
    """A model with what validation said of it.

    Attributes:
        model: calibrated; fitted on all training clicks.
        earlier: fitted on the earlier of them alone, with the same calibration: what validation judged.
        validation: metrics on the later ones.
        visitor_weight: how much more than its likeliest click a visitor's others tell; see `visitors`.
        seconds: to fit both.
    """

    name: str
    model: Calibrated
    earlier: Calibrated
    validation: dict[str, float]
    visitor_weight: float
    seconds: float


@dataclass(frozen=True)
class _Part:
    """Clicks to fit on, or to judge by."""

    x: np.ndarray
    y: np.ndarray
    visitor: np.ndarray

    @classmethod
    def of(cls, table: ClickTable, x: np.ndarray) -> _Part:
        """Clicks with their rows; visitors are numbered anew, without gaps."""
        return cls(x, table.installed, np.unique(table.visitor, return_inverse=True)[1])


def make_design(table: ClickTable, extra: tuple[str, ...], *, seed: int) -> tuple[Design, np.ndarray]:
    """The design of clicks to learn from, and their own rows, in which no label reaches its own features."""
    design = Design(Rates.fit(table.fields, table.installed), (*FEATURES, *extra, *NAMES))
    rates = out_of_fold(table.fields, table.installed, table.visitor, seed=seed)
    return design, np.column_stack([table.features, rates])


def fit_all(table: ClickTable, split: Split, conf: Tabular, *, seed: int) -> tuple[Design, list[Fitted]]:
    """Fit, calibrate and compare every model that is asked for.

    Each is fitted on the earlier training clicks, calibrated on the later ones, then fitted once more on all of them:
    with so few installs a fifth more of them counts.

    Raises:
        UsageError: a model is unknown.
    """
    names = conf.models or MODELS
    for name in (*names, *conf.settings):
        if name not in MODELS and name not in TABULAR:
            raise UsageError(f"config tabular.models: no model {name}; known here: {', '.join(MODELS)}")
    early, late, whole = (table.take(rows(table, split)) for rows in (fit_rows, validation_rows, train_rows))
    first, x = make_design(early, conf.features, seed=seed)
    judged = _Part.of(late, first.rows(late))
    final, x_whole = make_design(whole, conf.features, seed=seed)
    parts = [_Part(x, early.installed, early.visitor), _Part(x_whole, whole.installed, whole.visitor)]
    fitted = list(_fitted(names, parts, judged, conf, final.columns, seed))
    return final, fitted


def _fitted(
    names: tuple[str, ...],
    parts: list[_Part],
    judged: _Part,
    conf: Tabular,
    columns: tuple[str, ...],
    seed: int,
) -> Iterator[Fitted]:
    members: dict[str, list[Model]] = {}
    for name in _in_order(names):
        began = time.monotonic()
        settings = conf.settings.get(name, {})
        if name in ("voting", "stacking"):
            pair = _together(name, members, judged)
        else:
            pair = [_fit_one(name, part, columns, settings, seed) for part in parts]
        members[name] = pair
        given = _unseen(pair[0], judged, seed) if isinstance(pair[0], Stacking) else pair[0].predict(judged.x)
        earlier = calibrate(pair[0], given, judged.y, kind=conf.calibration)
        seconds = time.monotonic() - began
        adjusted = earlier.adjust(given)
        figures = judge_probabilities(judged.y, adjusted)
        log.info("%s: %s, %.1f s", name, ", ".join(f"{k} {v:.4f}" for k, v in figures.items()), seconds)
        if name in names:
            weight = fit_weight(adjusted, judged.visitor, judged.y)
            yield Fitted(
                name, dataclasses.replace(earlier, member=pair[1]), earlier, figures, weight, seconds
            )


def _in_order(names: tuple[str, ...]) -> list[str]:
    """The models to fit, those that others rest on first."""
    needed = set(names)
    if needed & {"voting", "stacking"}:
        needed |= set(_TOGETHER)
    return [name for name in (*MODELS, *sorted(set(names) - set(MODELS))) if name in needed]


def _fit_one(
    name: str, part: _Part, columns: tuple[str, ...], settings: Mapping[str, Any], seed: int
) -> Model:
    how: dict[str, Any] = {"groups": part.visitor, "weights": np.ones(len(part.y)), "seed": seed}
    if name == BASELINE:
        chosen = np.array([columns.index(column) for column in _BASELINE_COLUMNS])
        return Columns(fit("logistic", part.x[:, chosen], part.y, settings=settings, **how), chosen)
    return fit(name, part.x, part.y, settings=settings, **how)


def _together(name: str, members: dict[str, list[Model]], judged: _Part) -> list[Model]:
    """Voting or stacking of models that are fitted already; what is on top learns from the later clicks."""
    pairs = [members[one] for one in _TOGETHER]
    early, whole = (tuple(pair[place] for pair in pairs) for place in (0, 1))
    if name == "voting":
        return [Voting(early), Voting(whole)]
    top = fit_logistic(said(early, judged.x), judged.y, np.ones(len(judged.y)), strength=0.1)
    return [Stacking(early, top), Stacking(whole, top)]


def _unseen(model: Stacking, judged: _Part, seed: int) -> np.ndarray:
    """What a stacked model says of validation clicks when its top has not learnt from them: half by half."""
    labels = judged.y
    heard = said(model.members, judged.x)
    half = np.zeros(len(labels), bool)
    for label in (0, 1):  # each half gets its share of the few installs
        rows = np.random.default_rng(seed).permutation(np.flatnonzero(labels == label))
        half[rows[: len(rows) // 2]] = True
    given = np.zeros(len(labels))
    for learn in (half, ~half):
        top = fit_logistic(heard[learn], labels[learn], np.ones(int(learn.sum())), strength=0.1)
        given[~learn] = top.predict(heard[~learn])
    return given


FIGURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "roc_auc": lambda labels, given: float(roc_auc(rank_sessions(labels, given))),
    "pr_auc": lambda labels, given: float(average_precision(rank_sessions(labels, given))),
    "recall_at_1pct": lambda labels, given: float(
        recall_at_k(rank_sessions(labels, given), SHOWN * len(labels))
    ),
    "brier": brier_score,
}
"""Name of a metric -> how it is read off labels and probabilities."""


def judge_probabilities(labels: np.ndarray, given: np.ndarray) -> dict[str, float]:
    """The figures of `FIGURES`."""
    return {name: figure(labels, given) for name, figure in FIGURES.items()}


def choose(fitted: list[Fitted], champion: str) -> Fitted:
    """The model that scores: the one that is named, or the best on validation by the mean of its ranking's figures.

    Raises:
        UsageError: no such model was fitted.
    """
    if champion != "auto":
        for one in fitted:
            if one.name == champion:
                return one
        raise UsageError(
            f"config tabular.champion: no model {champion}; fitted are {', '.join(one.name for one in fitted)}"
        )
    ranking = ("roc_auc", "pr_auc", "recall_at_1pct")
    return max(fitted, key=lambda one: sum(one.validation[name] for name in ranking))
