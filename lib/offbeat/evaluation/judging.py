"""Rows of an evaluation: the champion and the detectors beside it, by labels, by synthetic faults, under stress."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from offbeat.config import Config
from offbeat.detectors.base import Sequences
from offbeat.detectors.encoding import encode_sessions
from offbeat.evaluation import synthetic
from offbeat.evaluation.compare import Attempt, compare_detectors, fit_detector, verdicts_of
from offbeat.evaluation.cost import is_network
from offbeat.evaluation.judged import HONEST, Judged, Row, Rules, Subject
from offbeat.evaluation.report import evaluate_detector
from offbeat.evaluation.stress import Bench, stress_detector
from offbeat.evaluation.subsets import hash_sequences, seen_before
from offbeat.evaluation.synthetic import SyntheticTest, make_synthetic, translated
from offbeat.scoring.verdicts import ANOMALOUS, UNKNOWN_EVENT
from offbeat.training.artifact import Artifact
from offbeat.training.run import TrainingData, is_mixed

log = logging.getLogger(__name__)

_TIMED = "interarrival"  # says nothing of a log without times


@dataclass(frozen=True)
class TestSet:
    """Sessions that the model has not seen, with what it said of them.

    Attributes:
        rows: sequences as in table sessions, with score, verdict and label.
        labels: 0 or 1 per session, NaN where there is none.
    """

    rows: pa.Table
    labels: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """A column as a NumPy array."""
        found: np.ndarray = self.rows[name].to_numpy()
        return found

    @property
    def has_both_kinds(self) -> bool:
        """Whether labels can judge: there is a normal and an abnormal session."""
        return {0.0, 1.0} <= set(self.labels[np.isfinite(self.labels)].tolist())


@dataclass(frozen=True)
class Evaluation:
    """The champion, the sessions it learnt from and those that judge it."""

    conf: Config
    model: Artifact
    data: TrainingData
    test: TestSet
    subject: Subject

    @cached_property
    def sequences(self) -> Sequences:
        """The test sessions in numbers of the training part."""
        return encode_sessions(self.test.rows, self.data.vocabulary, tuple(self.data.train.covariates))

    @cached_property
    def faulty(self) -> SyntheticTest:
        """The same with faults put in."""
        return make_synthetic(self.sequences, self.data.vocabulary, seed=self.conf.model.seed)

    @cached_property
    def rules(self) -> Rules:
        """How it is judged, by the config."""
        return Rules(
            budget=self.conf.score.alert_budget,
            scale_normals=self.conf.evaluate.scale_normals,
            mixed=is_mixed(self.conf),
            min_events=self.conf.score.min_events,
            unknown_limit=self.conf.score.unknown_limit,
            resamples=self.conf.evaluate.resamples,
            seed=self.conf.model.seed,
        )

    @cached_property
    def beside(self) -> list[str]:
        """Detectors that are set beside the champion."""
        gaps = self.sequences.gaps
        has_times = gaps is not None and bool(np.isfinite(gaps).any())
        names = [
            name for name in dict.fromkeys(self.conf.evaluate.detectors) if name != self.subject.detector
        ]
        return [name for name in names if has_times or name != _TIMED]


def judge_all(asked: Evaluation) -> list[Row]:
    """Rows of the champion and of the detectors beside it, by labels, by synthetic faults, or by both."""
    log.info("comparing with %s", ", ".join(asked.beside))
    rows: list[Row] = []
    if np.isfinite(asked.test.labels).any():
        rows += _by_labels(asked)
    if not asked.test.has_both_kinds:
        log.info("no labels of both kinds: faults are put into held-out sessions")
        rows += _by_synthetic_faults(asked)
    return rows + _stressed(asked, rows)


def _by_labels(asked: Evaluation) -> list[Row]:
    """Figures by the log's own labels, on what the step `score` has written."""
    hashes = hash_sequences(asked.sequences)
    verdicts = asked.test.column("verdict")
    judged = Judged(
        labels=asked.test.labels,
        scores=asked.test.column("score"),
        threshold=asked.model.calibration.threshold,
        sequence_hash=hashes,
        seen_in_training=seen_before(hashes, hash_sequences(asked.data.train)),
        unknown=verdicts == UNKNOWN_EVENT,
        flags=verdicts == ANOMALOUS,
        of_probability=asked.model.detector.supervised,
    )
    rows = evaluate_detector(judged, asked.subject, asked.rules)
    return rows + _compared(asked, asked.sequences, asked.test.labels, asked.subject)


def _by_synthetic_faults(asked: Evaluation) -> list[Row]:
    """Figures on held-out sessions and the same with a fault; the model scores both here, on the driver."""
    faulty, model, rules = asked.faulty, asked.model, replace(asked.rules, scale_normals=None)
    subject = replace(asked.subject, split=synthetic.SPLIT, remark=synthetic.REMARK)
    sequences = translated(faulty.sequences, asked.data.vocabulary, model.vocabulary)
    scores = model.detector.score(sequences)
    attempt = Attempt(scores, model.calibration.threshold, 0.0)
    verdicts = verdicts_of(attempt, sequences, rules)
    hashes = hash_sequences(faulty.sequences)
    judged = Judged(
        labels=faulty.labels,
        scores=scores,
        threshold=model.calibration.threshold,
        sequence_hash=hashes,
        seen_in_training=seen_before(hashes, hash_sequences(asked.data.train)),
        unknown=verdicts == UNKNOWN_EVENT,
        flags=verdicts == ANOMALOUS,
        kinds=faulty.kinds,
    )
    rows = evaluate_detector(judged, subject, rules)
    return rows + _compared(asked, faulty.sequences, faulty.labels, subject, kinds=faulty.kinds)


def _compared(
    asked: Evaluation,
    sequences: Sequences,
    labels: np.ndarray,
    subject: Subject,
    *,
    kinds: np.ndarray | None = None,
) -> list[Row]:
    return compare_detectors(
        asked.data.train,
        asked.data.validation,
        sequences,
        labels,
        asked.beside,
        vocabulary=asked.data.vocabulary,
        subject=subject,
        rules=asked.rules if kinds is None else replace(asked.rules, scale_normals=None),
        kinds=kinds,
    )


def _stressed(asked: Evaluation, rows: list[Row]) -> list[Row]:
    """Stress curves of the champion and of the best simple detector."""
    if not asked.conf.evaluate.stress:
        return []
    if asked.test.has_both_kinds:
        known = np.isfinite(asked.test.labels)
        test, labels, remark = asked.sequences.take(known), asked.test.labels[known], ""
    else:
        test, labels, remark = asked.faulty.sequences, asked.faulty.labels, synthetic.REMARK
    found: list[Row] = []
    for bench in _benches(asked, rows, test, labels):
        subject = replace(asked.subject, detector=bench.detector.name, remark=remark)
        found += stress_detector(bench, asked.conf.evaluate.stress, subject, asked.rules)
    return found


def _benches(asked: Evaluation, rows: list[Row], test: Sequences, labels: np.ndarray) -> list[Bench]:
    model, data = asked.model, asked.data
    best = _best_simple(rows)
    names = [model.detector.name, *([best] if best and best != model.detector.name else [])]
    benches = []
    for name in names:
        champion = name == model.detector.name
        if champion and model.vocabulary.hash == data.vocabulary.hash:
            detector, threshold = model.detector, model.calibration.threshold
        else:
            detector, threshold = fit_detector(
                name, data.train, data.validation, data.vocabulary, asked.rules
            )
        settings = dict(asked.conf.model.settings) if champion else {}
        benches.append(
            Bench(detector, threshold, data.train, data.validation, test, labels, data.vocabulary, settings)
        )
    return benches


def _best_simple(rows: list[Row]) -> str | None:
    """The simple detector with the highest PR-AUC; None where none was judged."""
    found = [
        (row["value"], row["detector"])
        for row in rows
        if (row["metric"], row["subset"], row["basis"]) == ("pr_auc", "all", HONEST)
        and row["value"] is not None
        and not is_network(row["detector"])
    ]
    return max(found)[1] if found else None
