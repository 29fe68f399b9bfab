"""The simple detectors beside the network: same training sessions, same validation normals, same budget, same test."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from offbeat.detectors import Detector, create
from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.evaluation.judged import Judged, Row, Rules, Subject
from offbeat.evaluation.report import evaluate_detector
from offbeat.evaluation.subsets import hash_sequences, seen_before
from offbeat.scoring.verdicts import ANOMALOUS, UNKNOWN_EVENT, judge, unknown_share
from offbeat.training.calibration import calibrate

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """What came of one detector.

    Attributes:
        scores: float32, [n_test].
        threshold: set on the validation sessions for the budget.
        seconds: to fit, to calibrate and to score, in all.
    """

    scores: np.ndarray
    threshold: float
    seconds: float


def compare_detectors(  # noqa: PLR0913 - three samples, and how they are judged
    train: Sequences,
    validation: Sequences,
    test: Sequences,
    labels: np.ndarray,
    names: Sequence[str],
    *,
    vocabulary: Vocabulary,
    subject: Subject,
    rules: Rules,
    kinds: np.ndarray | None = None,
) -> list[Row]:
    """Rows of the table `evaluations` for each detector, with the seconds that it took.

    Args:
        train: sessions that every detector learns from, and from nothing else.
        validation: sessions that set the thresholds.
        test: sessions to be judged; whole ones, none that is still open.
        labels: of the test sessions: 1 abnormal, 0 normal, NaN unlabelled.
        names: detectors as `detectors.create` knows them, run with the settings that they have by default.
        vocabulary: that encoded all three, fitted on the training part.
        subject: run, model and split that the rows go under; its detector and seconds are replaced.
        rules: budget, verdicts, scaling and draws; its seed is the detectors' too.
        kinds: of the faults, see `Judged`.

    Raises: UsageError: there is no such detector.
    """
    hashes = hash_sequences(test)
    seen = seen_before(hashes, hash_sequences(train))
    rows: list[Row] = []
    for name in names:
        attempt = try_detector(name, train, validation, test, vocabulary=vocabulary, rules=rules)
        verdicts = verdicts_of(attempt, test, rules)
        judged = Judged(
            labels=labels,
            scores=attempt.scores,
            threshold=attempt.threshold,
            sequence_hash=hashes,
            seen_in_training=seen,
            unknown=verdicts == UNKNOWN_EVENT,
            flags=verdicts == ANOMALOUS,
            kinds=kinds,
        )
        rows += evaluate_detector(judged, replace(subject, detector=name, seconds=attempt.seconds), rules)
    return rows


def try_detector(
    name: str,
    train: Sequences,
    validation: Sequences,
    test: Sequences,
    *,
    vocabulary: Vocabulary,
    rules: Rules,
) -> Attempt:
    """Fit a detector, set its threshold on the validation sessions, score the test.

    Raises: UsageError: there is no such detector.
    """
    began = time.monotonic()
    detector, threshold = fit_detector(name, train, validation, vocabulary, rules)
    scores = detector.score(test)
    seconds = time.monotonic() - began
    log.info("%s: fitted, calibrated and scored in %.1f s", name, seconds)
    return Attempt(scores, threshold, seconds)


def fit_detector(
    name: str, train: Sequences, validation: Sequences, vocabulary: Vocabulary, rules: Rules
) -> tuple[Detector, float]:
    """A detector with the settings that it has by default, and its threshold for the budget.

    Raises: UsageError: there is no such detector.
    """
    detector = create(name)
    detector.fit(train, validation, vocabulary=vocabulary, seed=rules.seed)
    mixed = rules.mixed
    if detector.supervised and validation.labels is not None and (validation.labels == 0).any():
        validation, mixed = (
            validation.take(validation.labels == 0),
            False,
        )  # who learns from labels knows them
    found = calibrate(detector, validation, budget=rules.budget, seed=rules.seed, mixed=mixed)
    return detector, float(found.threshold)


def verdicts_of(attempt: Attempt, test: Sequences, rules: Rules) -> np.ndarray:
    """The verdicts that the step `score` would give; array of str, [n_test]."""
    return judge(
        attempt.scores,
        threshold=attempt.threshold,
        lengths=test.lengths,
        unknown_share=unknown_share(test),
        is_open=np.zeros(len(test), bool),
        min_events=rules.min_events,
        unknown_limit=rules.unknown_limit,
    )
