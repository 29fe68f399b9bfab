"""Fitting by name: which models there are, and their presets."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from offbeat.errors import UsageError
from offbeat.tabular.base import Model, as_table
from offbeat.tabular.ensembles import Stacking, Voting, said
from offbeat.tabular.linear import fit_bayes, fit_logistic
from offbeat.tabular.neighbours import fit_neighbours
from offbeat.tabular.network import fit_network
from offbeat.tabular.trees import fit_boosting, fit_forest

Fitter = Callable[..., Model]
_FOLDS = 5
_BAGS = 5
STUDY_FOREST = {"trees": 10, "depth": 4, "tried": 7, "min_split": 10, "min_leaf": 1}
"""The forest of the earlier study: 10 trees, 4 levels, 7 columns tried, splits from 10 rows on."""


def fit(
    name: str,
    features: np.ndarray,
    labels: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
) -> Model:
    """Fit a model.

    Args:
        name: one of `MODELS`.
        features: float, [n, columns], NaN where not known.
        labels: 0 or 1, [n]; both occur.
        groups: [n], int: rows of one group (a visitor, a title) stay on one side where folds are made.
        weights: what each row counts for; by default both labels count as much in all.
        settings: the model's own knobs.

    Raises:
        UsageError: the name or a setting is unknown, or only one label is there.
    """
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(MODELS)}"
        raise UsageError(f"model {name}: unknown; {hint}")
    table, truth = as_table(features), np.asarray(labels, np.int64)
    if len(np.unique(truth)) < 2:  # noqa: PLR2004 - yes and no
        raise UsageError(f"model {name}: the rows to fit on have one label only; take more rows")
    counts = balanced(truth) if weights is None else np.asarray(weights, np.float64)
    who = np.arange(len(truth)) if groups is None else np.asarray(groups)
    try:
        return MODELS[name](table, truth, counts, who, seed, dict(settings or {}))
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        raise UsageError(f"model {name}: {str(error).rpartition(') ')[2]}; see its settings") from None


def balanced(labels: np.ndarray) -> np.ndarray:
    """Weights under which both labels count as much in all, their mean 1: imbalance without resampling."""
    counts = np.bincount(labels, minlength=2)
    found: np.ndarray = len(labels) / (2.0 * np.maximum(1, counts))[labels]
    return found


def fold_of(groups: np.ndarray, folds: int, *, seed: int) -> np.ndarray:
    """Fold of each row, the same for all rows of a group; int, [n]."""
    distinct, place = np.unique(groups, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(distinct)) % folds
    found: np.ndarray = fold[place]
    return found


def _logistic(x: Any, y: Any, w: Any, _who: Any, _seed: int, settings: dict[str, Any]) -> Model:
    return fit_logistic(x, y, w, **settings)


def _bayes(x: Any, y: Any, w: Any, _who: Any, _seed: int, settings: dict[str, Any]) -> Model:
    return fit_bayes(x, y, w, **settings)


def _neighbours(x: Any, y: Any, _w: Any, _who: Any, seed: int, settings: dict[str, Any]) -> Model:
    return fit_neighbours(x, y, seed=seed, **settings)


def _forest(x: Any, y: Any, w: Any, _who: Any, seed: int, settings: dict[str, Any]) -> Model:
    return fit_forest(x, y, w, seed=seed, **settings)


def _study_forest(x: Any, y: Any, w: Any, _who: Any, seed: int, settings: dict[str, Any]) -> Model:
    return fit_forest(x, y, w, seed=seed, **{**STUDY_FOREST, **settings})


def _boosting(x: Any, y: Any, _w: Any, _who: Any, seed: int, settings: dict[str, Any]) -> Model:
    # Weights as large as a rare label asks for make boosting chase single rows; it needs none to rank.
    return fit_boosting(x, y, np.ones(len(y)), seed=seed, **settings)


def _network(x: Any, y: Any, _w: Any, _who: Any, seed: int, settings: dict[str, Any]) -> Model:
    return fit_network(x, y, np.ones(len(y)), seed=seed, **settings)


def _bagging(x: Any, y: Any, w: Any, who: Any, seed: int, settings: dict[str, Any]) -> Model:
    """The same model on samples of groups, drawn with replacement: a row counts as often as it was drawn."""
    name, bags = settings.pop("of", "boosting"), int(settings.pop("bags", _BAGS))
    distinct, place = np.unique(who, return_inverse=True)
    rng = np.random.default_rng(seed)
    members = []
    for bag in range(bags):
        times = rng.multinomial(len(distinct), np.full(len(distinct), 1 / len(distinct)))[place]
        rows = np.repeat(np.arange(len(y)), times)
        members.append(MODELS[name](x[rows], y[rows], w[rows], who[rows], seed + bag, dict(settings)))
    return Voting(tuple(members))


def _voting(x: Any, y: Any, w: Any, who: Any, seed: int, settings: dict[str, Any]) -> Model:
    names = settings.pop("of", _MEMBERS)
    return Voting(_members(names, x, y, w, who, seed))


def _stacking(x: Any, y: Any, w: Any, who: Any, seed: int, settings: dict[str, Any]) -> Model:
    """A logistic regression on what members say of groups that they have not seen."""
    names = settings.pop("of", _MEMBERS)
    fold = fold_of(who, _FOLDS, seed=seed)
    heard = np.zeros((len(y), len(names)))
    for one in range(_FOLDS):
        learn, ask = np.flatnonzero(fold != one), np.flatnonzero(fold == one)
        heard[ask] = said(_members(names, x[learn], y[learn], w[learn], who[learn], seed), x[ask])
    top = fit_logistic(heard, y, w, strength=0.1)
    return Stacking(_members(names, x, y, w, who, seed), top)


def _members(names: Sequence[str], x: Any, y: Any, w: Any, who: Any, seed: int) -> tuple[Model, ...]:
    return tuple(MODELS[name](x, y, w, who, seed, {}) for name in names)


_MEMBERS = ("logistic", "forest", "boosting")
MODELS: dict[str, Fitter] = {
    "logistic": _logistic,
    "naive_bayes": _bayes,
    "neighbours": _neighbours,
    "forest": _forest,
    "forest_study": _study_forest,
    "boosting": _boosting,
    "network": _network,
    "bagging": partial(_bagging),
    "voting": partial(_voting),
    "stacking": partial(_stacking),
}
"""Name of a model -> how it is fitted."""
