"""Better settings for a detector, searched on the validation sessions alone, within a stated time."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from offbeat.config import Model
from offbeat.detectors import create
from offbeat.detectors.history import History
from offbeat.errors import InputRefused, UsageError
from offbeat.training.champion import separation
from offbeat.training.data import TrainingData

log = logging.getLogger(__name__)

Row = dict[str, Any]
_DONE, _LATE, _FAILED = "done", "out of time", "failed"
_FULL_EVENTS = 5_000_000  # fed by a full training where the settings don't say


@dataclass(frozen=True)
class Tuned:
    """What the search found.

    Attributes:
        settings: the best, to train with in full.
        rows: of the table tuning, one for each trial.
    """

    settings: dict[str, Any]
    rows: list[Row]


class _OutOfTimeError(Exception):
    """The time for the search is over."""


def tune(
    name: str, settings: Mapping[str, Any], data: TrainingData, model: Model, *, trials: int, run_id: str
) -> Tuned:
    """Try settings around those of the config; the config's own are the first trial.

    A trial is fed a share of the events that a full training takes (`model.tune.effort`). It is judged by the PR-AUC
    with which it tells validation sessions from the same ones with an injected fault; a classifier by its validation
    loss. After `model.tune.limit` seconds no trial goes on.

    Args:
        name: detector.
        settings: of the config; what is searched replaces them.
        data: training and validation sessions; no other is looked at.
        model: limits and seed.
        trials: most trials.
        run_id: written beside each.

    Raises:
        UsageError: the detector has no settings to search.
        InputRefused: no trial came to an end.
    """
    import optuna

    if name not in _SPACES:
        raise UsageError(
            f"train --tune: {name} has no settings to search; known: {', '.join(sorted(_SPACES))}"
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = _Search(name, settings, data, model, run_id)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=model.seed))
    study.enqueue_trial(search.own)
    study.optimize(search.attempt, n_trials=trials, timeout=model.tune.limit)
    best = max(
        (row for row in search.rows if row["outcome"] == _DONE and row["value"] is not None),
        key=lambda row: row["value"],
        default=None,
    )
    if best is None:
        reason = "none began"
        if search.rows:
            reason = (
                search.rows[0]["note"]
                or "no figure tells one from another: sessions are too short for a fault"
            )
        raise InputRefused(
            f"train --tune: no trial came to an end ({reason}); raise model.tune.limit, or lower model.tune.effort"
        )
    best["chosen"] = True
    chosen = {**settings, **json.loads(best["settings"])}
    log.info("tuned %s: trial %d of %d, %.4f", name, best["trial"], len(search.rows), best["value"])
    return Tuned(chosen, search.rows)


class _Search:
    """Runs trials and notes what came of each."""

    def __init__(
        self, name: str, settings: Mapping[str, Any], data: TrainingData, model: Model, run_id: str
    ) -> None:
        self.name, self.settings, self.data, self.model, self.run_id = name, settings, data, model, run_id
        self.own = _own(name, settings)
        self.ends = time.monotonic() + model.tune.limit
        self.rows: list[Row] = []

    def attempt(self, trial: Any) -> float:
        """One trial.

        Raises: TrialPruned: it came to nothing.
        """
        import optuna

        chosen = {key: pick(trial, key, self.own[key]) for key, pick in _SPACES[self.name].items()}
        began = time.monotonic()
        value, history, outcome, note = -math.inf, History(), _DONE, None
        try:
            value, history = self._value(chosen)
        except _OutOfTimeError:
            outcome, note = _LATE, f"the {self.model.tune.limit:.0f} s of model.tune.limit were over"
            trial.study.stop()
        except InputRefused as error:
            outcome, note = _FAILED, str(error)
        at = history.best_epoch
        self.rows.append(
            {
                "run_id": self.run_id,
                "trial": trial.number,
                "detector": self.name,
                "settings": json.dumps(chosen, sort_keys=True),
                "value": value if math.isfinite(value) else None,
                "val_loss": _known(history.val_loss, at),
                "val_accuracy": _known(history.val_accuracy, at),
                "seconds": time.monotonic() - began,
                "outcome": outcome,
                "chosen": False,
                "note": note,
            }
        )
        log.info("trial %d: %s, %s", trial.number, outcome, f"{value:.4f}, {chosen}")
        if outcome != _DONE or not math.isfinite(value):
            raise optuna.TrialPruned
        return value

    def _value(self, chosen: Mapping[str, Any]) -> tuple[float, History]:
        detector = create(self.name)
        detector.device = self.model.device
        full = self.settings.get("max_events", _FULL_EVENTS)
        effort = {"max_events": max(1, int(full * self.model.tune.effort))}
        data = self.data
        history = detector.fit(
            data.train,
            data.validation,
            vocabulary=data.vocabulary,
            seed=self.model.seed,
            settings={**self.settings, **chosen, **effort},
            progress=self._watch,
        )
        if detector.supervised:
            return -history.val_loss[history.best_epoch], history
        known = data.vocabulary
        return separation(detector, known, data.validation, known=known, seed=self.model.seed), history

    def _watch(self, _what: str, _done: int, _total: int) -> None:
        if time.monotonic() > self.ends:
            raise _OutOfTimeError


def _known(values: list[float], at: int) -> float | None:
    return values[at] if at >= 0 and math.isfinite(values[at]) else None


def _one_of(*values: Any) -> Callable[[Any, str, Any], Any]:
    return lambda trial, key, own: trial.suggest_categorical(key, list(dict.fromkeys((*values, own))))


def _between(low: float, high: float, *, log_scale: bool = False) -> Callable[[Any, str, Any], Any]:
    return lambda trial, key, own: trial.suggest_float(key, min(low, own), max(high, own), log=log_scale)


_NEXT_EVENT = {
    "units": _one_of(32, 48, 64, 96, 128),
    "layers": _one_of(1, 2, 3),
    "embedding": _one_of(8, 16, 32, 64),
    "dropout": _between(0.0, 0.4),
    "learning_rate": _between(0.001, 0.01, log_scale=True),
    "count_power": _between(0.0, 1.0),
    "batch": _one_of(32, 64, 128, 256),
}
_LABELLED = {
    "units": _one_of(16, 32, 64, 128),
    "layers": _one_of(1, 2),
    "embedding": _one_of(8, 16, 32, 64),
    "learning_rate": _between(0.001, 0.02, log_scale=True),
    "batch": _one_of(16, 32, 64, 128),
}
_SPACES: dict[str, dict[str, Callable[[Any, str, Any], Any]]] = {
    "lstm": _NEXT_EVENT,
    "gru": _NEXT_EVENT,
    "lstm_classifier": _LABELLED,
    "gru_classifier": _LABELLED,
}
_OWN_NEXT_EVENT = {
    "units": 64, "layers": 2, "embedding": 32, "dropout": 0.0, "learning_rate": 0.003, "count_power": 0.5, "batch": 32,
}  # fmt: skip
_OWN_LABELLED = {"units": 32, "layers": 1, "embedding": 16, "learning_rate": 0.005, "batch": 64}


def _own(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The config's own settings, and what the detector takes where it is silent: what the first trial tries."""
    usual = _OWN_NEXT_EVENT if _SPACES[name] is _NEXT_EVENT else _OWN_LABELLED
    return {key: settings.get(key, value) for key, value in usual.items()}
