"""The sample that models learn from, encoded on the driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.detectors import DETECTORS
from offbeat.detectors.base import Sequences
from offbeat.detectors.encoding import encode_sessions
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import InputRefused
from offbeat.scoring.feedback import without_known_faults
from offbeat.tables.contract import SESSIONS
from offbeat.tables.lake import Lake
from offbeat.training.sample import collect_sequences, sample_sessions
from offbeat.training.split import TRAIN, VALIDATION, SplitRule, make_split

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


def load_training_data(
    lake: Lake, conf: Config, *, rule: SplitRule | None = None, champion: str | None = None
) -> TrainingData:
    """The same sample at every call, for the same sessions and config.

    Args:
        rule: how sessions are parted; made anew where not given.
        champion: detector of the champion that the new model is compared with; labels come where it learnt from them.

    Raises:
        InputRefused: there are too few sessions to learn from.
    """
    sessions = training_sessions(lake)
    rule = rule or make_split(sessions, conf.model)
    parted = sessions.withColumn("part", rule.part()).where(F.col("part").isin(TRAIN, VALIDATION))
    covariates = tuple(dict.fromkeys((*covariates_of(conf.model.settings), *conf.score.segments)))
    learns_labels = any(
        is_supervised(name) for name in (conf.model.detector, *conf.model.rivals, champion) if name
    )
    columns = ["part", *(["covariates"] if covariates else []), *(["label"] if learns_labels else [])]
    rows = collect_sequences(sample_sessions(parted, conf.model.sample, seed=conf.model.seed), *columns)
    train, validation = (rows.filter(pc.equal(rows["part"], part)) for part in (TRAIN, VALIDATION))
    if min(train.num_rows, validation.num_rows) < _LEAST_SESSIONS:
        raise InputRefused(
            f"sessions: {train.num_rows} to train on and {validation.num_rows} to set the threshold with, expected at "
            f"least {_LEAST_SESSIONS} of each; take a longer log or change model.split"
        )
    vocabulary = Vocabulary.fit(event_counts(train))
    parts = [
        replace(
            encode_sessions(part, vocabulary, covariates),
            labels=_labels(part) if learns_labels else None,
            mixed=is_mixed(conf),
        )
        for part in (train, validation)
    ]
    return TrainingData(parts[0], parts[1], vocabulary, rule)


def covariates_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Covariates that a detector's settings name, those of an ensemble's members too."""
    own = settings.get("covariates", ())
    found = [own] if isinstance(own, str) else list(own) if isinstance(own, list | tuple) else []
    members = settings.get("settings", {})
    for inner in members.values() if isinstance(members, Mapping) else ():
        found += covariates_of(inner) if isinstance(inner, Mapping) else ()
    return tuple(name for name in dict.fromkeys(found) if isinstance(name, str))


def is_supervised(name: str) -> bool:
    """Whether a detector of that name learns from labels."""
    return name in DETECTORS and DETECTORS[name].supervised


def _labels(rows: pa.Table) -> np.ndarray:
    return np.asarray(rows["label"].cast(pa.float32()).to_numpy(), np.float32)


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
