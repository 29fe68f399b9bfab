"""Fits the models of one question on training titles, and chooses the one that answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from offbeat.evaluation.probabilities import brier_score
from offbeat.packs.top10.examples import EARLY
from offbeat.packs.top10.features import HOURS, PLAIN, Encoding, fit_encoding
from offbeat.packs.top10.guard import assert_features
from offbeat.packs.top10.options import Options
from offbeat.packs.top10.samples import Examples
from offbeat.tabular import Calibrated, Model, calibrate, fit
from offbeat.tabular.fit import fold_of
from offbeat.tabular.network import tune_network

log = logging.getLogger(__name__)

# Small trees, many titles: a form has to answer, with reasons, in a few milliseconds.
_KNOBS: dict[str, dict[str, float | int]] = {
    "boosting": {"rounds": 120, "rate": 0.05, "leaves": 8, "min_leaf": 20},
    "forest": {"trees": 120, "depth": 8, "min_leaf": 5},
    "logistic": {"strength": 0.05},
}


@dataclass(frozen=True)
class Learned:
    """The models of one question.

    Attributes:
        models: name to the fitted and calibrated model.
        brier: name to its Brier score on training titles that it was not fitted on; the smallest is champion.
        seconds: name to how long it took.
    """

    question: str
    encoding: Encoding
    models: dict[str, Calibrated]
    brier: dict[str, float]
    champion: str
    seconds: dict[str, float]
    knobs: dict[str, dict[str, float | int]] = field(default_factory=dict)


def fields_of(question: str, options: Options) -> tuple[str, ...]:
    """Number fields that a question's models may use, with those that the config adds."""
    own = (*PLAIN, HOURS) if question == EARLY else PLAIN
    return tuple(dict.fromkeys((*own, *options.extra_features)))


def filled(numbers: Sequence[Mapping[str, float]], fill: Mapping[str, float]) -> list[Mapping[str, float]]:
    """Rows with values put where they are missing; as they are without `fill`."""
    return [{**fill, **row} for row in numbers] if fill else list(numbers)


def learn(
    train: Examples,
    question: str,
    options: Options,
    *,
    seed: int,
    guarded: bool = True,
    fields: Sequence[str] | None = None,
    knobs: Mapping[str, dict[str, float | int]] | None = None,
) -> Learned:
    """Fit, calibrate and compare the models.

    Args:
        guarded: False only for figures that are shown as leaky.
        fields: number fields, where not those of the question.
        knobs: settings found earlier, in place of a search.

    Raises:
        GuardFailed: a field gives the label away.
    """
    used = tuple(fields) if fields is not None else fields_of(question, options)
    numbers = filled(train.numbers, options.fill)
    if guarded:
        assert_features(question, used, numbers, train.texts, train.labels)
    encoding = fit_encoding(numbers, train.texts, train.labels, fields=used)
    table = encoding.table(numbers, train.texts)
    groups = np.unique(train.groups.astype(str), return_inverse=True)[1]
    found = Learned(question, encoding, {}, {}, "", {}, dict(knobs or {}))
    for name in options.models:
        start = time.monotonic()
        if name not in found.knobs:
            found.knobs[name] = _knobs(name, table, train.labels, groups, options, seed)
        said = _out_of_fold(name, table, train.labels, groups, found.knobs[name], options.folds, seed)
        model = _fit(name, table, train.labels, groups, found.knobs[name], seed)
        found.models[name] = calibrate(model, said, train.labels, kind="platt")
        found.brier[name] = brier_score(train.labels, found.models[name].adjust(said))
        found.seconds[name] = round(time.monotonic() - start, 3)
        log.info(
            "%s %s: Brier %.4f out of fold, %.1f s", question, name, found.brier[name], found.seconds[name]
        )
    best = min(found.brier, key=lambda name: (found.brier[name], name))
    return Learned(question, encoding, found.models, found.brier, best, found.seconds, found.knobs)


def _knobs(
    name: str, table: np.ndarray, labels: np.ndarray, groups: np.ndarray, options: Options, seed: int
) -> dict[str, float | int]:
    if name == "network":
        return tune_network(table, labels, np.ones(len(labels)), groups, seed=seed, trials=options.trials)
    return dict(_KNOBS.get(name, {}))


def _fit(
    name: str,
    table: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    knobs: Mapping[str, float | int],
    seed: int,
) -> Model:
    return fit(name, table, labels, groups=groups, weights=np.ones(len(labels)), seed=seed, settings=knobs)


def _out_of_fold(
    name: str,
    table: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    knobs: Mapping[str, float | int],
    folds: int,
    seed: int,
) -> np.ndarray:
    """What models say of the titles that they were not fitted on."""
    fold = fold_of(groups, folds, seed=seed)
    said = np.zeros(len(labels))
    for one in range(folds):
        learn_on, ask = fold != one, fold == one
        model = _fit(name, table[learn_on], labels[learn_on], groups[learn_on], knobs, seed)
        said[ask] = model.predict(table[ask])
    return said
