"""The step `train`: a sample on the driver, a candidate or several, and which of them becomes champion."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.config import Config
from offbeat.detectors import create
from offbeat.detectors.base import Detector, Sequences
from offbeat.detectors.history import History
from offbeat.detectors.recurrent import Recurrent
from offbeat.tables.contract import TUNING
from offbeat.tables.lake import Lake
from offbeat.training.artifact import load_artifact, save_artifact
from offbeat.training.calibration import Calibration, calibrate
from offbeat.training.champion import Contender, compare
from offbeat.training.data import TrainingData, event_counts, is_mixed, load_training_data, training_sessions
from offbeat.training.forecast import fit_forecast
from offbeat.training.registry import Registry
from offbeat.training.split import describe
from offbeat.training.tune import tune

__all__ = ["TrainingData", "event_counts", "is_mixed", "load_training_data", "run", "training_sessions"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Trained:
    """A fitted candidate, in its folder."""

    version: str
    detector: Detector
    history: History
    calibration: Calibration
    figures: dict[str, Any]


def run(lake: Lake, conf: Config, *, run_id: str, trials: int = 0) -> dict[str, Any]:
    """Train a candidate, and its rivals, and let the best be champion where it is not worse than the champion.

    Args:
        lake: with the table sessions; the model goes under its models folder.
        run_id: kept with the model.
        trials: settings to try first; 0: train with those of the config.

    Returns:
        Counts, `model_version`, `champion`, loss and accuracy of both.

    Raises:
        InputRefused: there are too few sessions to learn from.
        UsageError: the detector or one of its settings is unknown.
    """
    names = tuple(dict.fromkeys((conf.model.detector, *conf.model.rivals)))
    for name in names:
        create(name)  # an unknown one is refused before anything is read
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
    data = load_training_data(lake, conf, champion=registry.detector())
    summary: dict[str, Any] = {
        "train_sessions": len(data.train),
        "validation_sessions": len(data.validation),
        "vocabulary": len(data.vocabulary),
    }
    for name in names:
        settings = settings_of(name, conf)
        if trials:
            tuned = tune(name, settings, data, conf.model, trials=trials, run_id=run_id)
            lake.ensure(TUNING)
            lake.merge(TUNING, lake.spark.createDataFrame(tuned.rows, TUNING.schema))
            settings = tuned.settings
            summary |= {"trials": summary.get("trials", 0) + len(tuned.rows), "settings": settings}
        trained = _train(registry, conf, data, name, settings, run_id)
        summary |= {"model_version": trained.version, "threshold": float(trained.calibration.threshold)}
        if trained.calibration.top_k is not None:
            summary["top_k"] = trained.calibration.top_k
        summary |= trained.figures | _promote(registry, trained, data, seed=conf.model.seed)
    return summary


def settings_of(name: str, conf: Config) -> dict[str, Any]:
    """The config's settings are the detector's, and those of a rival of its family: LSTM and GRU train alike.

    Another rival takes its own by default.
    """
    same = name == conf.model.detector or all(
        isinstance(create(each), Recurrent) for each in (name, conf.model.detector)
    )
    return conf.model.settings if same else {}


def _train(
    registry: Registry, conf: Config, data: TrainingData, name: str, settings: dict[str, Any], run_id: str
) -> _Trained:
    """Fit, set the threshold, save."""
    detector = create(name)
    detector.device = conf.model.device
    log.info("training %s on %s sessions, %s", name, f"{len(data.train):,}", describe(data.rule))
    began = time.monotonic()
    history = detector.fit(
        data.train,
        data.validation,
        vocabulary=data.vocabulary,
        seed=conf.model.seed,
        settings=settings,
        progress=_Progress(),
    )
    seconds = time.monotonic() - began
    log.info("trained in %.1f s; setting the threshold on %s sessions", seconds, len(data.validation))
    normals, mixed = _normals(detector, data.validation, mixed=is_mixed(conf))
    calibration = calibrate(
        detector,
        normals,
        budget=conf.score.alert_budget,
        seed=conf.model.seed,
        mixed=mixed,
        segments=conf.score.segments,
    )
    figures = _figures(detector, history, data.validation)
    version = save_artifact(
        registry.folder,
        detector=detector,
        vocabulary=data.vocabulary,
        calibration=calibration,
        history=history,
        train=data.train,
        validation=data.validation,
        forecast=fit_forecast(
            detector,
            normals,
            calibration.threshold,
            budget=conf.score.alert_budget,
            mixed=mixed,
            size=len(data.vocabulary),
            seed=conf.model.seed,
        ),
        metrics=figures,
        record={
            "split": data.rule.to_json(),
            "run_id": run_id,
            "config_hash": conf.hash,
            "seed": conf.model.seed,
        },
    )
    return _Trained(version, detector, history, calibration, figures)


def _normals(detector: Detector, validation: Sequences, *, mixed: bool) -> tuple[Sequences, bool]:
    """Sessions that set the threshold, and whether faulty ones may be among them.

    Who learns from labels may know by them which held-out sessions are normal; all others don't look at labels.
    """
    if not detector.supervised or validation.labels is None or not (validation.labels == 0).any():
        return validation, mixed
    return validation.take(validation.labels == 0), False


def _figures(detector: Detector, history: History, validation: Sequences) -> dict[str, Any]:
    """Loss and accuracy on the held-out sessions; for a classifier beside what the commoner label alone would reach."""
    if history.best_epoch < 0:
        return {}
    kept = {"val_loss": history.val_loss, "val_accuracy": history.val_accuracy}
    figures = {name: values[history.best_epoch] for name, values in kept.items()}
    if detector.supervised and validation.labels is not None:
        known = validation.labels[np.isfinite(validation.labels)]
        share = float(known.mean()) if len(known) else float("nan")
        figures["majority_accuracy"] = max(share, 1 - share)
    return {name: float(value) for name, value in figures.items() if np.isfinite(value)}


def _promote(registry: Registry, trained: _Trained, data: TrainingData, *, seed: int) -> dict[str, Any]:
    """Make the candidate champion where there is none, or where it tells faults at least as well.

    Both judge the candidate's validation sessions, which the candidate has not seen: by labels, or with faults put in.
    """
    champion = registry.champion()
    version = trained.version
    if champion in (None, version):
        told = ", ".join(f"{name} {value:.4f}" for name, value in trained.figures.items())
        registry.promote(version, reason=f"first model{': ' if told else ''}{told}")
        return {"champion": version}
    old = load_artifact(registry.path(champion))
    ours = Contender(version, trained.detector, data.vocabulary)
    theirs = Contender(champion, old.detector, old.vocabulary)
    found = compare(ours, theirs, data.validation, known=data.vocabulary, seed=seed)
    log.info("%s", found.reason)
    if found.is_better:
        registry.promote(version, reason=found.reason)
    registry.note(found.reason)
    return {"champion": registry.champion(), "because": found.reason, **found.figures}


class _Progress:
    """Training progress as log lines, at most one in a few seconds."""

    def __init__(self, every_s: float = 5.0) -> None:
        self._every_s = every_s
        self._last = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or now - self._last >= self._every_s:
            self._last = now
            log.info("%s: %d of %d", what, done, total)
