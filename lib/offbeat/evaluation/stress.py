"""Stress curves: how the figures fall when the log is not as clean, or not as it was, by a stated amount."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from offbeat.detectors import Detector, create
from offbeat.detectors.base import Sequences, joined
from offbeat.detectors.vocabulary import UNKNOWN, Vocabulary
from offbeat.evaluation import intervals, metrics
from offbeat.evaluation.judged import FLAGGED, HONEST, Row, Rules, Subject
from offbeat.training.calibration import calibrate
from offbeat.training.inject import inject_faults

log = logging.getLogger(__name__)

PREFIX = "stress_"
NOTES = {
    "label_noise": "share of the test labels that is wrong",
    "class_ratio": "share of abnormal sessions, normal ones weighted",
    "train_faults": "share of faulty sessions in training and in what sets the threshold; trained anew",
    "vocabulary_growth": "share of the events that training never saw",
    "drift": "share of the sessions in which the commonest pair of events comes the other way round",
}
LEVELS = {
    "label_noise": (0.0, 0.01, 0.05, 0.1, 0.2),
    "class_ratio": (0.001, 0.01, 0.05, 0.1, 0.25, 0.5),
    "train_faults": (0.0, 0.01, 0.02, 0.05, 0.1, 0.2),
    "vocabulary_growth": (0.0, 0.001, 0.01, 0.05, 0.1),
    "drift": (0.0, 0.05, 0.1, 0.25, 0.5),
}
_MOST_TRAINED, _MOST_JUDGED = 5_000, 10_000


@dataclass(frozen=True)
class Bench:
    """What is stressed: one detector, the sessions it learns from, and a test set with labels 0 and 1.

    Attributes:
        detector: fitted.
        threshold: set for the budget.
        settings: with which it is trained anew.
        vocabulary: in whose numbers all sessions are.
    """

    detector: Detector
    threshold: float
    train: Sequences
    validation: Sequences
    test: Sequences
    labels: np.ndarray
    vocabulary: Vocabulary
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Point:
    """What one level gives."""

    labels: np.ndarray
    scores: np.ndarray
    threshold: float
    normals: float | None = None


def stress_detector(bench: Bench, kinds: Sequence[str], subject: Subject, rules: Rules) -> list[Row]:
    """Rows of the table `evaluations`: split `stress_<kind>`, subset the level.

    Args:
        bench: large samples are cut, so that minutes are enough.
        kinds: of `NOTES`.
        subject: run, model, detector.
        rules: budget, seed, draws.
    """
    small = _cut(bench, rules.seed)
    rows: list[Row] = []
    for kind in kinds:
        log.info("stress of %s: %s", subject.detector, kind.replace("_", " "))
        for level in LEVELS[kind]:
            point = _STRESSES[kind](small, level, rules)
            rows += _rows(point, kind, level, subject)
    return rows


def _cut(bench: Bench, seed: int) -> Bench:
    rng = np.random.default_rng(seed)

    def some(n: int, most: int) -> np.ndarray:
        return np.sort(rng.choice(n, most, replace=False)) if n > most else np.arange(n)

    kept = some(len(bench.test), _MOST_JUDGED)
    return Bench(
        bench.detector,
        bench.threshold,
        bench.train.take(some(len(bench.train), _MOST_TRAINED)),
        bench.validation.take(some(len(bench.validation), _MOST_TRAINED)),
        bench.test.take(kept),
        bench.labels[kept],
        bench.vocabulary,
        bench.settings,
    )


def _label_noise(bench: Bench, level: float, rules: Rules) -> _Point:
    wrong = np.random.default_rng(rules.seed).random(len(bench.labels)) < level
    labels = np.where(wrong, 1 - bench.labels, bench.labels)
    return _Point(labels, bench.detector.score(bench.test), bench.threshold)


def _class_ratio(bench: Bench, level: float, rules: Rules) -> _Point:  # noqa: ARG001 - as the others
    normals = bench.labels.sum() * (1 - level) / level
    return _Point(bench.labels, bench.detector.score(bench.test), bench.threshold, float(normals))


def _train_faults(bench: Bench, level: float, rules: Rules) -> _Point:
    train, held = (_contaminated(part, level, bench, rules) for part in (bench.train, bench.validation))
    detector = create(bench.detector.name)
    detector.fit(train, held, vocabulary=bench.vocabulary, seed=rules.seed, settings=bench.settings)
    found = calibrate(detector, held, budget=rules.budget, seed=rules.seed, mixed=rules.mixed)
    return _Point(bench.labels, detector.score(bench.test), found.threshold)


def _contaminated(sequences: Sequences, level: float, bench: Bench, rules: Rules) -> Sequences:
    """The sessions, with a share of them replaced by faulty ones."""
    chosen = np.random.default_rng(rules.seed).random(len(sequences)) < level
    if not chosen.any():
        return sequences
    faulty, _ = inject_faults(
        sequences.take(chosen), vocabulary_size=len(bench.vocabulary), seed=rules.seed + 1
    )
    return joined(sequences.take(~chosen), faulty)


def _vocabulary_growth(bench: Bench, level: float, rules: Rules) -> _Point:
    new = np.random.default_rng(rules.seed).random(len(bench.test.ids)) < level
    ids = np.where(new, np.int32(UNKNOWN), bench.test.ids)
    return _Point(bench.labels, bench.detector.score(replace(bench.test, ids=ids)), bench.threshold)


def _drift(bench: Bench, level: float, rules: Rules) -> _Point:
    first, second = _commonest_pair(bench.train)
    test = bench.test
    drifting = np.random.default_rng(rules.seed).random(len(test)) < level
    at = np.flatnonzero((test.ids[:-1] == first) & (test.ids[1:] == second))
    session = test.session_of
    at = at[drifting[session[at]] & (session[at] == session[at + 1])]
    ids = test.ids.copy()
    ids[at], ids[at + 1] = second, first
    return _Point(bench.labels, bench.detector.score(replace(test, ids=ids)), bench.threshold)


def _commonest_pair(train: Sequences) -> tuple[int, int]:
    """The pair of different events that most often follow each other in a session; (0, 0) where there is none."""
    left, right = train.ids[:-1].astype(np.int64), train.ids[1:].astype(np.int64)
    session = train.session_of
    usable = (left != right) & (session[:-1] == session[1:])
    if not usable.any():
        return 0, 0
    size = int(train.ids.max()) + 1
    pair = int(np.bincount(left[usable] * size + right[usable]).argmax()) if size < 1 << 12 else None
    if pair is None:
        values, counts = np.unique(left[usable] * size + right[usable], return_counts=True)
        pair = int(values[counts.argmax()])
    return pair // size, pair % size


_STRESSES: dict[str, Callable[[Bench, float, Rules], _Point]] = {
    "label_noise": _label_noise,
    "class_ratio": _class_ratio,
    "train_faults": _train_faults,
    "vocabulary_growth": _vocabulary_growth,
    "drift": _drift,
}


def _rows(point: _Point, kind: str, level: float, subject: Subject) -> Iterator[Row]:
    counts = metrics.confusion(point.labels, point.scores > point.threshold)
    ranking = metrics.rank_sessions(point.labels, point.scores)
    shown = counts
    if point.normals is not None:
        shown, ranking = counts.scaled_to(point.normals), ranking.scaled_to(point.normals)
    nothing = (None, None)
    figures = {
        "recall": (counts.recall, intervals.wilson_interval(float(counts.tp), float(counts.abnormal))),
        "fpr": (counts.fpr, intervals.wilson_interval(float(counts.fp), float(counts.normal))),
        "precision": (shown.precision, nothing),
        "f1": (shown.f1, nothing),
        "pr_auc": (metrics.average_precision(ranking), nothing),
    }
    for metric, (value, (low, high)) in figures.items():
        yield {
            "run_id": subject.run_id,
            "model_version": subject.model_version,
            "detector": subject.detector,
            "split": f"{PREFIX}{kind}",
            "subset": f"{level:g}",
            "verdict_rule": FLAGGED,
            "metric": metric,
            "basis": HONEST,
            "value": float(value) if np.isfinite(value) else None,
            "low": low,
            "high": high,
            "seconds": None,
            "note": "; ".join(text for text in (subject.remark, NOTES[kind]) if text),
        }
