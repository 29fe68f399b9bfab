"""The step `train`: a sample on the driver, a candidate, and whether it becomes champion."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.detectors import create
from offbeat.detectors.base import Detector, Sequences
from offbeat.detectors.encoding import encode_sessions
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import InputRefused
from offbeat.scoring.feedback import without_known_faults
from offbeat.tables.contract import SESSIONS
from offbeat.tables.lake import Lake
from offbeat.training.artifact import load_artifact, save_artifact
from offbeat.training.calibration import calibrate
from offbeat.training.champion import separation
from offbeat.training.forecast import fit_forecast
from offbeat.training.registry import Registry
from offbeat.training.sample import collect_sequences, sample_sessions
from offbeat.training.split import TRAIN, VALIDATION, SplitRule, describe, make_split

log = logging.getLogger(__name__)

_LEAST_SESSIONS = 10  # fewer in either part say nothing of what is normal


@dataclass(frozen=True)
class TrainingData:
    """The sample on the driver, encoded.

    Attributes:
        vocabulary: of the training part alone.
        rule: how the sessions were parted.
    """

    train: Sequences
    validation: Sequences
    vocabulary: Vocabulary
    rule: SplitRule


def training_sessions(lake: Lake) -> DataFrame:
    """Sessions that a model may learn from: those that are whole, and that no person called a fault."""
    sessions = lake.read(SESSIONS).where((F.col("state") == "closed") & ~F.col("continues"))
    return without_known_faults(lake, sessions)


def load_training_data(lake: Lake, conf: Config, *, rule: SplitRule | None = None) -> TrainingData:
    """The same sample at every call, for the same sessions and config.

    Args:
        rule: how sessions are parted; made anew where not given.

    Raises:
        InputRefused: there are too few sessions to learn from.
    """
    sessions = training_sessions(lake)
    rule = rule or make_split(sessions, conf.model)
    parted = sessions.withColumn("part", rule.part()).where(F.col("part").isin(TRAIN, VALIDATION))
    rows = collect_sequences(sample_sessions(parted, conf.model.sample, seed=conf.model.seed), "part")
    train, validation = (rows.filter(pc.equal(rows["part"], part)) for part in (TRAIN, VALIDATION))
    if min(train.num_rows, validation.num_rows) < _LEAST_SESSIONS:
        raise InputRefused(
            f"sessions: {train.num_rows} to train on and {validation.num_rows} to set the threshold with, expected at "
            f"least {_LEAST_SESSIONS} of each; take a longer log or change model.split"
        )
    vocabulary = Vocabulary.fit(event_counts(train))
    return TrainingData(
        encode_sessions(train, vocabulary), encode_sessions(validation, vocabulary), vocabulary, rule
    )


def is_mixed(conf: Config) -> bool:
    """Whether sessions that set the threshold may be faulty: their source is not declared to be of normal ones.

    A source for training is; else `label: 0` of the source says so.
    """
    learnt = [source for source in conf.source if source.role == "train"] or [
        source for source in conf.source if source.role == "both"
    ]
    return not all(source.role == "train" or source.label == 0 for source in learnt)


def event_counts(rows: pa.Table) -> dict[str, int]:
    """How often each event occurs."""
    counted = pc.value_counts(rows["events"].combine_chunks().flatten())
    return {entry["values"]: entry["counts"] for entry in counted.to_pylist()}


def run(lake: Lake, conf: Config, *, run_id: str) -> dict[str, Any]:
    """Train a candidate and let it be champion where it is not worse.

    Args:
        lake: with the table sessions; the model goes under its models folder.
        run_id: kept with the model.

    Returns:
        Counts, `model_version`, `champion`, loss and accuracy.

    Raises:
        InputRefused: there are too few sessions to learn from.
        UsageError: the detector or one of its settings is unknown.
    """
    detector = create(conf.model.detector)
    detector.device = conf.model.device
    data = load_training_data(lake, conf)
    log.info("training %s on %s sessions, %s", detector.name, f"{len(data.train):,}", describe(data.rule))
    began = time.monotonic()
    history = detector.fit(
        data.train,
        data.validation,
        vocabulary=data.vocabulary,
        seed=conf.model.seed,
        settings=conf.model.settings,
        progress=_Progress(),
    )
    log.info(
        "trained in %.1f s; setting the threshold on %s sessions",
        time.monotonic() - began,
        len(data.validation),
    )
    calibration = calibrate(
        detector,
        data.validation,
        budget=conf.score.alert_budget,
        seed=conf.model.seed,
        mixed=is_mixed(conf),
    )
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
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
            data.validation,
            calibration.threshold,
            budget=conf.score.alert_budget,
            mixed=is_mixed(conf),
            size=len(data.vocabulary),
            seed=conf.model.seed,
        ),
        record={
            "split": data.rule.to_json(),
            "run_id": run_id,
            "config_hash": conf.hash,
            "seed": conf.model.seed,
        },
    )
    compared = _compare(registry, version, detector, data, seed=conf.model.seed)
    return {
        "train_sessions": len(data.train),
        "validation_sessions": len(data.validation),
        "vocabulary": len(data.vocabulary),
        "model_version": version,
        "threshold": float(calibration.threshold),
        **compared,
    }


def _compare(
    registry: Registry, version: str, detector: Detector, data: TrainingData, *, seed: int
) -> dict[str, Any]:
    """Make the candidate champion where there is none, or where it tells injected faults at least as well.

    Both judge the candidate's validation sessions, which the candidate has not seen, and the same ones with faults.
    """
    champion = registry.champion()
    if champion in (None, version):
        registry.promote(version, reason="first model")
        return {"champion": version}
    old = load_artifact(registry.path(champion))
    known = data.vocabulary
    ours = separation(detector, known, data.validation, known=known, seed=seed)
    theirs = separation(old.detector, old.vocabulary, data.validation, known=known, seed=seed)
    told = f"PR-AUC on injected faults {ours:.4f}, champion {champion} {theirs:.4f}"
    log.info("candidate %s: %s", version, told)
    if ours >= theirs:
        registry.promote(version, reason=told)
    return {"champion": registry.champion(), "candidate_pr_auc": ours, "champion_pr_auc": theirs}


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
