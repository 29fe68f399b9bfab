"""How well flags and scores tell abnormal sessions from normal ones. Arrays in, numbers out.

Everything here rests on two tables of counts: `Confusion` (label × flag) and `Ranking` (label × distinct score). Both
may carry leading axes, so that a thousand resamples are judged in one pass; see `intervals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

Number = float | np.ndarray


def _ratio(part: Number, whole: Number) -> Number:
    """Divide; NaN where there is nothing to divide by."""
    top, bottom = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    shape = np.broadcast_shapes(top.shape, bottom.shape)
    result = np.divide(top, bottom, out=np.full(shape, np.nan), where=bottom != 0)
    return result if result.ndim else float(result)


@dataclass(frozen=True)
class Confusion:
    """Sessions by label and flag; numbers (of sessions, or of weight), or arrays of them.

    Attributes:
        tp: abnormal and flagged.
        fp: normal and flagged.
        fn: abnormal, not flagged.
        tn: normal, not flagged.
    """

    tp: Number
    fp: Number
    fn: Number
    tn: Number

    @property
    def abnormal(self) -> Number:
        """Abnormal sessions."""
        return self.tp + self.fn

    @property
    def normal(self) -> Number:
        """Normal sessions."""
        return self.fp + self.tn

    @property
    def precision(self) -> Number:
        """Share of the flagged that is abnormal; NaN where nothing is flagged."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> Number:
        """Share of the abnormal that is flagged; NaN where nothing is abnormal."""
        return _ratio(self.tp, self.abnormal)

    @property
    def fpr(self) -> Number:
        """Share of the normal that is flagged; NaN where nothing is normal."""
        return _ratio(self.fp, self.normal)

    @property
    def f1(self) -> Number:
        """Harmonic mean of precision and recall; NaN where nothing is abnormal."""
        f1 = np.where(
            np.asarray(self.abnormal) > 0, _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn), np.nan
        )
        return f1 if f1.ndim else float(f1)

    @property
    def accuracy(self) -> Number:
        """Share judged right; means little without `accuracy_all_normal`."""
        return _ratio(self.tp + self.tn, self.abnormal + self.normal)

    @property
    def accuracy_all_normal(self) -> Number:
        """The accuracy of saying "normal" to everything."""
        return _ratio(self.normal, self.abnormal + self.normal)

    @property
    def balanced_accuracy(self) -> Number:
        """Mean of the shares judged right among the abnormal and among the normal."""
        return (self.recall + _ratio(self.tn, self.normal)) / 2

    def scaled_to(self, normals: float) -> Confusion:
        """The counts that `normals` normal sessions would give at the same false-positive rate."""
        factor = _ratio(normals, self.normal)
        return Confusion(self.tp, self.fp * factor, self.fn, self.tn * factor)


def confusion(labels: np.ndarray, flags: np.ndarray, weights: np.ndarray | None = None) -> Confusion:
    """Count sessions by label and flag.

    Args:
        labels: [n], 1 abnormal, 0 normal.
        flags: bool, [n].
        weights: [n], not negative: what each session counts for. None: 1 each.

    Raises: ValueError: a label that is neither 0 nor 1, or arrays of other lengths.
    """
    truth, flagged = as_labels(labels), np.asarray(flags, bool)
    if flagged.shape != truth.shape:
        raise ValueError(f"metrics: {len(truth)} labels, flags of shape {flagged.shape}")
    cells = np.bincount(2 * truth + flagged, weights=_as_weights(weights, len(truth)), minlength=4)
    return Confusion(tp=float(cells[3]), fp=float(cells[1]), fn=float(cells[2]), tn=float(cells[0]))


def scale_normals(labels: np.ndarray, normals: float) -> np.ndarray:
    """Weights under which the normal sessions count for `normals` in all; float64, [n].

    A benchmark's normals may be at hand in part only. A sample of them has the same false-positive rate; with these
    weights precision, F1 and PR-AUC come out as that many normals would give them. Each abnormal session counts for 1.
    """
    truth = as_labels(labels)
    return np.where(truth == 1, 1.0, normals / max(1, int((truth == 0).sum())))


def as_labels(labels: np.ndarray) -> np.ndarray:
    """Labels as int64.

    Raises: ValueError: a label that is neither 0 nor 1.
    """
    values = np.asarray(labels)
    if values.ndim != 1 or not np.isin(values, (0, 1)).all():
        raise ValueError("metrics: labels are 0 (normal) or 1 (abnormal), one per session")
    return values.astype(np.int64)


def _as_weights(weights: np.ndarray | None, n: int) -> np.ndarray:
    if weights is None:
        return np.ones(n)
    values = np.asarray(weights, np.float64)
    if values.shape != (n,) or not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(f"metrics: weights are finite, not negative, one for each of {n} sessions")
    return values


@dataclass(frozen=True)
class Ranking:
    """Sessions by distinct score, the strangest first.

    Attributes:
        scores: float64, [g], falling.
        abnormal: float64, [..., g]: abnormal sessions (their weight) with that score.
        normal: float64, [..., g]: normal ones.
    """

    scores: np.ndarray
    abnormal: np.ndarray
    normal: np.ndarray

    @cached_property
    def tp(self) -> np.ndarray:
        """Abnormal sessions that score as high or higher, [..., g]."""
        return np.cumsum(self.abnormal, axis=-1)

    @cached_property
    def fp(self) -> np.ndarray:
        """Normal sessions that score as high or higher, [..., g]."""
        return np.cumsum(self.normal, axis=-1)

    def scaled_to(self, normals: float) -> Ranking:
        """The ranking in which the normal sessions count for `normals` in all."""
        factor = np.asarray(_ratio(normals, self.normal.sum(axis=-1, keepdims=True)))
        return Ranking(self.scores, self.abnormal, self.normal * factor)


def rank_sessions(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> Ranking:
    """Order sessions by score; those that score the same stay together, whatever their order was.

    Args:
        labels: [n], 1 abnormal, 0 normal.
        scores: [n], finite, higher is stranger.
        weights: [n], not negative. None: 1 each.

    Raises: ValueError: a wrong label, a score that is not finite, or arrays of other lengths.
    """
    truth, values = as_labels(labels), np.asarray(scores, np.float64)
    if values.shape != truth.shape or not np.isfinite(values).all():
        raise ValueError(f"metrics: scores are finite, one for each of {len(truth)} labels")
    distinct, group = np.unique(-values, return_inverse=True)
    counts = np.bincount(
        2 * group + truth, weights=_as_weights(weights, len(truth)), minlength=2 * len(distinct)
    )
    counts = counts.astype(np.float64)  # of no session at all, bincount makes integers
    return Ranking(-distinct, abnormal=counts[1::2], normal=counts[0::2])


def average_precision(ranking: Ranking) -> Number:
    """PR-AUC as average precision: the sum over distinct scores of gained recall times precision.

    Sessions with the same score are flagged together, so ties are neither luck nor lost. NaN without abnormal sessions.
    """
    flagged = ranking.tp + ranking.fp
    # A score that nobody has in a resample may come before all others: 0 of 0 flagged, and nothing gained.
    gained = np.divide(ranking.abnormal * ranking.tp, flagged, out=np.zeros_like(flagged), where=flagged != 0)
    return _ratio(gained.sum(axis=-1), ranking.abnormal.sum(axis=-1))


def roc_auc(ranking: Ranking) -> Number:
    """Chance that an abnormal session scores above a normal one, ties counted half; NaN where a class is empty."""
    above = ranking.tp - ranking.abnormal / 2
    pairs = ranking.abnormal.sum(axis=-1) * ranking.normal.sum(axis=-1)
    return _ratio((ranking.normal * above).sum(axis=-1), pairs)


def recall_at_k(ranking: Ranking, k: float) -> Number:
    """Share of the abnormal among the `k` strangest sessions; where a tie straddles k, what chance gives on average."""
    total = ranking.abnormal + ranking.normal
    before = ranking.tp + ranking.fp - total
    taken = np.divide(k - before, total, out=np.zeros_like(total), where=total > 0).clip(0, 1)
    return _ratio((ranking.abnormal * taken).sum(axis=-1), ranking.abnormal.sum(axis=-1))


def best_f1(ranking: Ranking) -> Number:
    """The highest F1 that any threshold gives: an oracle's figure, since it looks at the labels it is judged by.

    NaN without abnormal sessions.
    """
    if not len(ranking.scores):
        return float("nan")
    best = _f1_curve(ranking).max(axis=-1)
    return np.asarray(best) if best.ndim else float(best)


def _f1_curve(ranking: Ranking) -> np.ndarray:
    """F1 when all sessions down to each distinct score are flagged, [..., g]; NaN without abnormal sessions."""
    abnormal = ranking.abnormal.sum(axis=-1, keepdims=True)
    f1 = 2 * ranking.tp / np.maximum(abnormal + ranking.tp + ranking.fp, 1e-300)
    return np.asarray(np.where(abnormal > 0, f1, np.nan))


@dataclass(frozen=True)
class OraclePoint:
    """The best threshold in hindsight, and what it gives.

    Attributes:
        threshold: sessions that score above it are flagged.
        confusion: counts at it.
    """

    threshold: float
    confusion: Confusion


def oracle_best_f1(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> OraclePoint | None:
    """The threshold with the highest F1 on these very sessions, of equal ones the highest.

    None without abnormal sessions.
    """
    ranking = rank_sessions(labels, scores, weights)
    if not ranking.abnormal.sum():
        return None
    at = int(np.argmax(_f1_curve(ranking)))
    # Flagged means above the threshold: the next lower score keeps this one and drops itself.
    below = (
        ranking.scores[at + 1] if at + 1 < len(ranking.scores) else np.nextafter(ranking.scores[at], -np.inf)
    )
    tp, fp = float(ranking.tp[at]), float(ranking.fp[at])
    counts = Confusion(tp, fp, float(ranking.tp[-1]) - tp, float(ranking.fp[-1]) - fp)
    return OraclePoint(float(below), counts)


def pr_auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Average precision of scores; see `average_precision`."""
    return float(average_precision(rank_sessions(labels, scores, weights)))


def area_under_roc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Area under the ROC curve of scores; see `roc_auc`."""
    return float(roc_auc(rank_sessions(labels, scores, weights)))


def recall_at_budget(labels: np.ndarray, scores: np.ndarray, threshold: float) -> float:
    """Share of the abnormal that scores above a threshold set on validation normals for an alert budget."""
    return float(confusion(labels, np.asarray(scores) > threshold).recall)
