"""What is judged, by what rules, and what the rows of an evaluation have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

HONEST, ORACLE, REFERENCE = "honest", "oracle", "reference"
FLAGGED, WITHOUT_UNKNOWN = "flagged", "without_unknown"

Row = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """What was judged, on what: the columns that all its rows share.

    Attributes:
        seconds: wall seconds that it took to fit and to score; None: not known.
        remark: begins the note of every row, such as that the faults are synthetic.
    """

    run_id: str
    model_version: str
    detector: str
    split: str = "test"
    seconds: float | None = None
    remark: str = ""


@dataclass(frozen=True)
class Rules:
    """How it is judged.

    Attributes:
        budget: share of normal sessions that the threshold was set to flag, on validation normals.
        scale_normals: normal sessions that the false-positive rate is scaled to; None: not scaled.
        resamples: draws per interval.
        seed: of the draws, and of the detectors that are set beside.
        mixed: whether the sessions that set the threshold may be faulty; see `training.calibration`.
        min_events, unknown_limit: what makes the verdicts short and unknown_event; see section `score` of a config.
    """

    budget: float
    scale_normals: float | None = None
    resamples: int = 1000
    seed: int = 0
    mixed: bool = False
    min_events: int = 2
    unknown_limit: float = 0.5


@dataclass(frozen=True)
class Judged:
    """Sessions of a test set, judged by one detector; all arrays are [n], in the same order.

    Attributes:
        labels: 1 abnormal, 0 normal, NaN or None unlabelled.
        scores: higher is stranger.
        threshold: a session that scores above it is anomalous; set without a look at these sessions.
        sequence_hash: of the event sequence; see `subsets.hash_sequences` and `frames.sequence_hash`.
        seen_in_training: bool: the sequence occurs in training.
        unknown: bool: the verdict is unknown_event. None: never.
        flags: bool: the verdict is anomalous. None: the score is above the threshold.
        kinds: str: kind of fault, where it is known; empty elsewhere. None: of none.
        of_probability: the score is -ln(1 - probability that the session is faulty), as a classifier's is.
    """

    labels: np.ndarray
    scores: np.ndarray
    threshold: float
    sequence_hash: np.ndarray
    seen_in_training: np.ndarray
    unknown: np.ndarray | None = None
    flags: np.ndarray | None = None
    kinds: np.ndarray | None = None
    of_probability: bool = False

    def flagged(self, rule: str) -> np.ndarray:
        """Which sessions are flagged, by verdict rule: `flagged` or `without_unknown`."""
        above = np.asarray(self.scores > self.threshold if self.flags is None else self.flags, bool)
        if self.unknown is None:
            return above
        return np.asarray(above | self.unknown if rule == FLAGGED else above & ~self.unknown, bool)
