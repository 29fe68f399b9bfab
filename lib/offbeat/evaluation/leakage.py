"""Guards: each raises where a figure would be too good because the test was no secret to the training.

They take ids, arrays and names; `frames` has the same for DataFrames.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from offbeat.errors import GuardFailed
from offbeat.evaluation.metrics import area_under_roc, as_labels

MISSINGNESS_LIMIT = (
    0.6  # AUC of "is the field missing?": 0.5 says nothing; 0.6 is a difference of 20 points in share
)
_EXAMPLES = 3
_Z = 3.29  # 99.9 %: a guard that stops a run is sure, also with a dozen fields to look at

Ids = Collection[Any] | np.ndarray | pd.Series


def assert_disjoint(parts: Mapping[str, Ids], *, what: str = "session") -> None:
    """Nothing may be on two sides of a split: a session, an entity, a title.

    Args:
        parts: name of the part (train, validation, test) to its ids; null ids are no ids.
        what: what the ids name, for the message.

    Raises: GuardFailed: an id is in two parts.
    """
    known = {name: set(pd.Series(_plain(ids)).dropna()) for name, ids in parts.items()}
    for (left, left_ids), (right, right_ids) in combinations(known.items(), 2):
        shared = left_ids & right_ids
        if shared:
            raise overlap_found(what, left, right, len(shared), list(shared))


def overlap_found(what: str, left: str, right: str, count: int, examples: Iterable[Any]) -> GuardFailed:
    """The error for ids on two sides of a split."""
    shown = ", ".join(sorted(map(str, examples))[:_EXAMPLES])
    return GuardFailed(
        f"leakage: {count:,} {what} ids are in {left} and in {right} (such as {shown}); split so that each "
        f"{what} is on one side"
    )


def assert_fitted_on(fitted_ids: Ids, allowed_ids: Ids, *, what: str) -> None:
    """What was fitted (vocabulary, encoding, scaler, threshold) may have seen only the sessions it was allowed.

    Args:
        fitted_ids: ids of the rows it was fitted on.
        allowed_ids: ids of the training rows (for a threshold, of the validation rows).
        what: what was fitted, for the message.

    Raises: GuardFailed: it has seen others.
    """
    foreign = set(_plain(fitted_ids)) - set(_plain(allowed_ids))
    if foreign:
        shown = ", ".join(sorted(map(str, foreign))[:_EXAMPLES])
        raise GuardFailed(
            f"leakage: the {what} was fitted on {len(foreign):,} rows outside its own part (such as {shown}); fit it "
            "again without them"
        )


def assert_vocabulary_of_training(
    vocabulary_events: Collection[str],
    training_events: Collection[str],
    *,
    vocabulary_hash: str | None = None,
    training_hash: str | None = None,
) -> None:
    """A vocabulary may hold only events that occur in training.

    Args:
        vocabulary_events: events of the model's vocabulary.
        training_events: events that occur in the training part.
        vocabulary_hash: of the model's vocabulary.
        training_hash: of one fitted anew on the training part with the same settings; where both are given they must be
            equal, which also shows counts taken from elsewhere: they change the order.

    Raises: GuardFailed: an event from elsewhere, or another hash.
    """
    foreign = set(vocabulary_events) - set(training_events)
    if foreign:
        shown = ", ".join(sorted(foreign)[:_EXAMPLES])
        raise GuardFailed(
            f"leakage: {len(foreign):,} events of the vocabulary never occur in training (such as {shown}); fit the "
            "vocabulary on the training part alone"
        )
    if vocabulary_hash and training_hash and vocabulary_hash != training_hash:
        raise GuardFailed(
            f"leakage: the vocabulary ({vocabulary_hash[:12]}) is not the one that the training part gives "
            f"({training_hash[:12]}); fit it on the training part alone"
        )


def assert_known_in_time(features: Collection[str], known_after: Mapping[str, str]) -> None:
    """A model may not use what is known only after the outcome.

    Args:
        features: columns that the model uses.
        known_after: column to when it becomes known, as the pack or config declares.

    Raises: GuardFailed: a feature is declared so.
    """
    late = [f"{name} (known {known_after[name]})" for name in sorted(set(features) & set(known_after))]
    if late:
        raise GuardFailed(
            f"leakage: {', '.join(late)}: known only after the outcome; take it out of the features"
        )


@dataclass(frozen=True)
class Missing:
    """How often a field is missing, by label.

    Attributes:
        missing_normal, missing_abnormal: sessions of that label without the field.
        normal, abnormal: sessions of that label.
    """

    missing_normal: int
    normal: int
    missing_abnormal: int
    abnormal: int

    @property
    def auc(self) -> float:
        """How far the absence of the field tells the label: 0.5 not at all, 1 wholly; NaN where a class is empty."""
        if not self.normal or not self.abnormal:
            return float("nan")
        # Of a yes or no, the AUC is half the difference of the shares from one half; absent may mean either label.
        return 0.5 + abs(self.missing_abnormal / self.abnormal - self.missing_normal / self.normal) / 2

    @property
    def auc_low(self) -> float:
        """Lower end of its 99.9 % interval; NaN where a class is empty.

        A row with and one without the field are added to each label, so that a handful of rows proves nothing.

        References: Agresti and Caffo, Simple and effective confidence intervals for proportions and differences of
            proportions, The American Statistician 2000.
        """
        parts = ((self.missing_normal, self.normal), (self.missing_abnormal, self.abnormal))
        (normal, n), (abnormal, m) = [((missing + 1) / (total + 2), total + 2) for missing, total in parts]
        half = _Z / 2 * math.sqrt(normal * (1 - normal) / n + abnormal * (1 - abnormal) / m)
        return 0.5 + abs(abnormal - normal) / 2 - half if self.normal and self.abnormal else math.nan


def count_missing(missing: np.ndarray, labels: np.ndarray) -> Missing:
    """Count by label where a field is missing (bool, [n]; labels 0 or 1, [n])."""
    truth, absent = as_labels(labels), np.asarray(missing, bool)
    normal, abnormal = truth == 0, truth == 1
    return Missing(
        int((absent & normal).sum()), int(normal.sum()), int((absent & abnormal).sum()), int(abnormal.sum())
    )


def assert_missing_silent(counts: Mapping[str, Missing], *, limit: float = MISSINGNESS_LIMIT) -> None:
    """No field may be there or missing because of where the label came from.

    Args:
        counts: field to how often it is missing, by label.
        limit: highest AUC that is let pass; a field fails that is beyond it with its whole interval.

    Raises: GuardFailed: the absence of a field tells the label.
    """
    for name, count in counts.items():
        if count.auc_low > limit:
            raise _tells_the_label(f"whether {name} is missing", count.auc, limit)


def assert_missingness_silent(
    missing: Mapping[str, np.ndarray] | pd.DataFrame,
    labels: np.ndarray,
    *,
    limit: float = MISSINGNESS_LIMIT,
    allowed: Collection[str] = (),
) -> None:
    """A field may not be there or missing because of where the label came from.

    Each field is judged alone, then all together by the pattern of what is missing. Only what is beyond the limit with
    its whole interval fails: in a handful of rows anything may look like a leak.

    Args:
        missing: field to mask (True: missing), or a DataFrame, whose nulls are taken.
        labels: [n], 0 or 1.
        limit: highest AUC that is let pass, above 0.5.
        allowed: fields whose absence is a fact that is known in time, and may tell.

    Raises: GuardFailed: a field or the pattern tells the label.
    """
    masks = {name: mask for name, mask in _masks(missing).items() if name not in allowed}
    assert_missing_silent({name: count_missing(mask, labels) for name, mask in masks.items()}, limit=limit)
    if len(masks) > 1:
        auc, low = _pattern_auc(np.column_stack(list(masks.values())), as_labels(labels))
        if low > limit:
            raise _tells_the_label(f"the pattern of which of {', '.join(masks)} are missing", auc, limit)


def _masks(missing: Mapping[str, np.ndarray] | pd.DataFrame) -> dict[str, np.ndarray]:
    if isinstance(missing, pd.DataFrame):
        return {str(name): missing[name].isna().to_numpy() for name in missing}
    return {name: np.asarray(mask, bool) for name, mask in missing.items()}


def _tells_the_label(what: str, auc: float, limit: float) -> GuardFailed:
    return GuardFailed(
        f"leakage: {what} tells the label (AUC {auc:.3f}, limit {limit:.3f}): it comes from the label's source; drop "
        "the field or fill it alike for both"
    )


def _pattern_auc(masks: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """AUC of the share of abnormal rows per pattern, half of the rows judged by the other half; and its lower end."""
    _, pattern = np.unique(masks, axis=0, return_inverse=True)
    n_patterns = int(pattern.max(initial=0)) + 1
    scores = np.zeros(len(labels))
    half = np.random.default_rng(0).permutation(len(labels)) % 2
    for side in (0, 1):
        learn, judge = half != side, half == side
        counts = np.bincount(pattern[learn], minlength=n_patterns)
        hits = np.bincount(pattern[learn], weights=labels[learn], minlength=n_patterns)
        # A row of the average label is added per pattern: one that the other half lacks says nothing, not "normal".
        scores[judge] = ((hits + labels.mean()) / (counts + 1))[pattern[judge]]
    abnormal, normal = int(labels.sum()), int((labels == 0).sum())
    auc = area_under_roc(labels, scores)
    return auc, auc - _Z * 0.5 / float(np.sqrt(max(1, min(abnormal, normal))))


def _plain(ids: Ids) -> Any:
    return ids.tolist() if isinstance(ids, np.ndarray | pd.Series) else list(ids)
