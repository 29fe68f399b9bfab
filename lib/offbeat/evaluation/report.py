"""A detector's figures as rows of the table `evaluations`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from offbeat.evaluation import intervals, metrics
from offbeat.evaluation.intervals import Interval
from offbeat.evaluation.judged import (
    FLAGGED,
    HONEST,
    ORACLE,
    REFERENCE,
    WITHOUT_UNKNOWN,
    Judged,
    Row,
    Rules,
    Subject,
)
from offbeat.evaluation.metrics import Number, Ranking
from offbeat.evaluation.subsets import ALL, subset_masks

CURVE = "precision_at_recall_"
CURVE_LEVELS = tuple(level / 20 for level in range(1, 21))
_ROUNDING = 1e-9

_COUNTS = {"true_positives": "tp", "false_positives": "fp", "false_negatives": "fn", "true_negatives": "tn"}
_NONE = Interval(math.nan, math.nan)
_IN_HINDSIGHT = "best threshold on the test set itself"
_Asked = tuple[Callable[[Ranking], Number], str, str | None]


@dataclass(frozen=True)
class _Part:
    """One subset of the labelled sessions, and who asks."""

    subject: Subject
    rules: Rules
    subset: str
    labels: np.ndarray
    scores: np.ndarray
    threshold: float

    @property
    def normals(self) -> float | None:
        """What to scale to. Only figures over all sessions are: nobody has counted a benchmark's distinct sequences."""
        return self.rules.scale_normals if self.subset == ALL else None


@dataclass(frozen=True)
class _Figure:
    """A metric and what goes with it."""

    metric: str
    value: float
    interval: Interval = _NONE
    basis: str = HONEST
    note: str | None = None
    rule: str = FLAGGED


def evaluate_detector(judged: Judged, subject: Subject, rules: Rules) -> list[Row]:
    """All figures of one detector on one split.

    Figures of flags come per subset (all, distinct, never_seen) and verdict rule; those of scores per subset, under the
    rule `flagged`; oracle figures beside the honest ones. Sessions without a label count in `sessions` and
    `flagged_share` alone. Where a class is empty, a figure that needs it has no value, and its note says why.

    Returns:
        Rows with the columns of the table `evaluations`; no two share its key.

    Raises:
        ValueError: a label that is neither 0 nor 1, or a score that is not finite.
    """
    truth = np.asarray(judged.labels, np.float64)
    labelled = ~np.isnan(truth)
    masks = subset_masks(
        judged.sequence_hash, judged.seen_in_training, np.nan_to_num(truth, nan=-1), judged.scores
    )
    rows: list[Row] = []
    for subset, mask in masks.items():
        chosen = mask & labelled
        labels, scores = metrics.as_labels(truth[chosen]), np.asarray(judged.scores)[chosen]
        part = _Part(subject, rules, subset, labels, scores, judged.threshold)
        figures = list(_sizes(part, judged.flagged(FLAGGED)[mask], unlabelled=int((mask & ~labelled).sum())))
        for rule in (FLAGGED, WITHOUT_UNKNOWN):
            figures += _flag_figures(part, judged.flagged(rule)[chosen], rule)
        figures += [*_budget_figures(part), *_score_figures(part), *_oracle_figures(part)]
        figures += _classifier_figures(part) if judged.of_probability and len(labels) else []
        if subset == ALL:
            figures += _kind_figures(judged, labelled) + _curve_figures(part)
        rows += [_row(part, figure) for figure in figures]
    return rows


def _sizes(part: _Part, flags: np.ndarray, *, unlabelled: int) -> Iterator[_Figure]:
    """What the figures rest on, labelled or not."""
    note = f"{unlabelled:,} of them have no label and count nowhere else" if unlabelled else None
    yield _Figure("sessions", float(len(flags)), basis=REFERENCE, note=note)
    yield _Figure("abnormal_sessions", float(part.labels.sum()), basis=REFERENCE)
    yield _Figure("alert_budget", part.rules.budget, basis=REFERENCE, note="share of validation normals")
    yield _Figure("threshold", part.threshold, note="set on validation normals for the alert budget")
    share = float(flags.mean()) if len(flags) else math.nan
    yield _Figure("flagged_share", share, intervals.wilson_interval(float(flags.sum()), len(flags)))


def _flag_figures(part: _Part, flags: np.ndarray, rule: str) -> Iterator[_Figure]:
    """Confusion matrix, and what is made of it."""
    counts = metrics.confusion(part.labels, flags)
    for name, cell in _COUNTS.items():
        yield _Figure(name, float(getattr(counts, cell)), rule=rule)
    found = intervals.rate_intervals(
        counts, normals=part.normals, resamples=part.rules.resamples, seed=part.rules.seed
    )
    for name, interval in found.items():
        if name.endswith("_scaled") and part.normals is not None:
            value = getattr(counts.scaled_to(part.normals), name.removesuffix("_scaled"))
            note = f"false-positive rate of {counts.normal:,.0f} normals, scaled to {part.normals:,.0f}"
        else:
            value, note = getattr(counts, name), None
        yield _Figure(name, float(value), interval, note=note, rule=rule)
    note = 'what saying "normal" to every session gives'
    yield _Figure(
        "accuracy_all_normal", float(counts.accuracy_all_normal), basis=REFERENCE, note=note, rule=rule
    )


def _score_figures(part: _Part) -> Iterator[_Figure]:
    """Figures of the ranking, which need no threshold, with the oracle's among them; all from the same resamples."""
    k = max(1, math.ceil(part.rules.budget * len(part.labels)))
    asked = _asked(k, part.normals)
    ranking = metrics.rank_sessions(part.labels, part.scores)
    found = intervals.bootstrap_intervals(
        part.labels,
        part.scores,
        {name: metric for name, (metric, _, _) in asked.items()},
        resamples=part.rules.resamples,
        seed=part.rules.seed,
    )
    for name, (metric, basis, note) in asked.items():
        named = name.removeprefix("oracle_")
        yield _Figure(named, float(metric(ranking)), found[name], basis=basis, note=note)


def _asked(k: int, normals: float | None) -> dict[str, _Asked]:
    asked: dict[str, _Asked] = {
        "pr_auc": (metrics.average_precision, HONEST, "average precision"),
        "roc_auc": (metrics.roc_auc, HONEST, None),
        "recall_at_k": (
            lambda ranking: metrics.recall_at_k(ranking, k),
            HONEST,
            f"among the {k:,} strangest sessions",
        ),
        "oracle_f1": (metrics.best_f1, ORACLE, _IN_HINDSIGHT),
    }
    if normals is not None:
        note = f"normals weighted to {normals:,.0f}"
        asked["pr_auc_scaled"] = (lambda r: metrics.average_precision(r.scaled_to(normals)), HONEST, note)
        asked["oracle_f1_scaled"] = (lambda r: metrics.best_f1(r.scaled_to(normals)), ORACLE, _IN_HINDSIGHT)
    return asked


def _kind_figures(judged: Judged, labelled: np.ndarray) -> list[_Figure]:
    """Recall of each kind of fault, at the threshold that was set."""
    if judged.kinds is None:
        return []
    flags = judged.flagged(FLAGGED)
    found = []
    for kind in sorted(set(judged.kinds[labelled].tolist()) - {""}):
        mine = flags[labelled & (judged.kinds == kind)]
        interval = intervals.wilson_interval(float(mine.sum()), float(len(mine)))
        note = f"of {len(mine):,} sessions with a fault of this kind"
        found.append(_Figure(f"recall_{kind}", float(mine.mean()), interval, note=note))
    return found


def _curve_figures(part: _Part) -> list[_Figure]:
    """The precision-recall curve as a few points: the highest precision that a recall, or a higher one, has."""
    if not part.labels.any() or part.labels.all():
        return []
    ranking = metrics.rank_sessions(part.labels, part.scores)
    if part.normals is not None:
        ranking = ranking.scaled_to(part.normals)
    recall, precision = ranking.tp / ranking.tp[-1], ranking.tp / (ranking.tp + ranking.fp)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    note = "a point of the precision-recall curve" + ("" if part.normals is None else ", normals scaled")
    return [
        _Figure(f"{CURVE}{level:.2f}", float(best[min(at, len(best) - 1)]), basis=REFERENCE, note=note)
        for level in CURVE_LEVELS
        for at in [int(np.searchsorted(recall, level - _ROUNDING))]
    ]


def _budget_figures(part: _Part) -> Iterator[_Figure]:
    """What the score alone finds at the threshold that was set for the alert budget."""
    above = metrics.confusion(part.labels, part.scores > part.threshold)
    note = f"by score alone, at the threshold for an alert budget of {part.rules.budget:.3%} of normals"
    for name in ("recall", "fpr"):
        hits, n = (above.tp, above.abnormal) if name == "recall" else (above.fp, above.normal)
        interval = intervals.wilson_interval(float(hits), float(n))
        yield _Figure(f"{name}_at_budget", float(getattr(above, name)), interval, note=note)


def _classifier_figures(part: _Part) -> Iterator[_Figure]:
    """What is usually told of a classifier: no alert budget, a session is faulty where that is likelier than not."""
    right = (part.scores > math.log(2)) == part.labels
    note = "where faulty is likelier than not, whatever the alert budget"
    interval = intervals.wilson_interval(float(right.sum()), len(right))
    yield _Figure("accuracy_at_half", float(right.mean()), interval, note=note)
    normal = np.asarray(part.scores, np.float64)  # -ln(1 - p)
    faulty = -np.log(np.maximum(-np.expm1(-normal), np.finfo(np.float32).tiny))  # -ln(p)
    loss = float(np.where(part.labels, faulty, normal).mean())
    yield _Figure("log_loss", loss, note="binary cross-entropy, nats per session")


def _oracle_figures(part: _Part) -> Iterator[_Figure]:
    """The best threshold in hindsight, by scaled F1 where that is asked: no one can set it who has no labels."""
    scaled = part.normals is not None
    weights = None if part.normals is None else metrics.scale_normals(part.labels, part.normals)
    point = metrics.oracle_best_f1(part.labels, part.scores, weights)
    if scaled and part.labels.all():
        point = None  # there is no normal session to scale
    note = "at the best scaled F1 on the test set itself" if scaled else _IN_HINDSIGHT
    yield _Figure("threshold", math.nan if point is None else point.threshold, basis=ORACLE, note=note)
    for name, metric in (("precision_scaled" if scaled else "precision", "precision"), ("recall", "recall")):
        value = math.nan if point is None else float(getattr(point.confusion, metric))
        yield _Figure(name, value, basis=ORACLE, note=note)


def _row(part: _Part, figure: _Figure) -> Row:
    value, low, high = (_known(number) for number in (figure.value, *figure.interval))
    return {
        "run_id": part.subject.run_id,
        "model_version": part.subject.model_version,
        "detector": part.subject.detector,
        "split": part.subject.split,
        "subset": part.subset,
        "verdict_rule": figure.rule,
        "metric": figure.metric,
        "basis": figure.basis,
        "value": value,
        "low": low,
        "high": high,
        "seconds": part.subject.seconds,
        "note": _noted(part.subject.remark, figure.note if value is not None else _why_none(part)),
    }


def _noted(remark: str, note: str | None) -> str | None:
    return "; ".join(text for text in (remark, note) if text) or None


def _why_none(part: _Part) -> str:
    kinds = set(part.labels.tolist())
    if kinds == {0, 1}:
        return "nothing was flagged"
    return {0: "no abnormal session", 1: "no normal session"}[kinds.pop()] if kinds else "no labelled session"


def _known(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
