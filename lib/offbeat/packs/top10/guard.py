"""What stops a training whose figures would be too good: exit status 4.

Three leaks wait in this data: hours of titles that were never listed, filled with zero; snapshots taken after a title
charted; and fields that only one of the sources has, so that their absence names the label's source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from offbeat.errors import GuardFailed
from offbeat.evaluation.leakage import MISSINGNESS_LIMIT, assert_known_in_time, count_missing
from offbeat.packs.top10.examples import EARLY
from offbeat.packs.top10.features import HOURS, LATE

Numbers = Sequence[Mapping[str, float]]
Texts = Sequence[Mapping[str, Sequence[str]]]
_COUNTED = ("franchise", "cast_size", "title_words", "month", "age_years")
"""Numbers that are counted or computed: one value standing out in them is no filling."""
_FILL_SHARE = 0.05  # of the titles that a single value holds, before it is taken for a filling


def assert_features(
    question: str, fields: Sequence[str], numbers: Numbers, texts: Texts, labels: np.ndarray
) -> None:
    """No field may be filled by label, missing by label, or known only after the outcome.

    Args:
        fields: number fields that the model uses; fields of names are always looked at.

    Raises:
        GuardFailed: names the field and what gives it away.
    """
    for field in fields:
        if field not in _COUNTED:
            _assert_not_filled(field, numbers, labels)
    kinds = np.array([(text.get("kind") or ("",))[0] for text in texts])
    masks = {field: np.array([field not in row for row in numbers]) for field in fields}
    masks |= {
        field: np.array([not row.get(field) for row in texts])
        for field in ("genre", "language", "rating_label", "director", "cast")
    }
    # A field that a kind never has (series of TMDB have no runtime) is known by the kind, which may tell.
    for kind in sorted(set(kinds)):
        of_kind = kinds == kind
        for field, mask in masks.items():
            if not mask[of_kind].all():
                _assert_silent(f"whether {field} is missing", mask[of_kind], labels[of_kind])
    late = LATE if question != EARLY else {name: when for name, when in LATE.items() if name != HOURS}
    assert_known_in_time([f.rpartition(".")[2] for f in fields], late)


def _assert_silent(what: str, mask: np.ndarray, labels: np.ndarray) -> None:
    counts = count_missing(mask, labels)
    if counts.auc_low > MISSINGNESS_LIMIT:
        raise GuardFailed(
            f"leakage: {what} tells the label (AUC {counts.auc:.3f}, limit {MISSINGNESS_LIMIT:.3f}): it comes from the "
            "label's source; take both labels from one catalogue, or drop the field"
        )


def _assert_not_filled(field: str, numbers: Numbers, labels: np.ndarray) -> None:
    """A value that many titles share exactly, and that tells the label, was put where nothing was known."""
    values = np.array([row.get(field, np.nan) for row in numbers], np.float64)
    known = values[~np.isnan(values)]
    if not len(known):
        return
    distinct, counts = np.unique(known, return_counts=True)
    place = int(counts.argmax())
    edge = distinct[place] <= 0 or distinct[place] == distinct[0]
    if not edge or counts[place] < _FILL_SHARE * len(values):
        return
    found = count_missing(values == distinct[place], labels)
    if found.auc_low > MISSINGNESS_LIMIT:
        raise GuardFailed(
            f"leakage: {field} is {distinct[place]:g} for {counts[place]:,} titles, and that tells the label (AUC "
            f"{found.auc:.3f}): it was filled in where nothing was known; leave it missing"
        )
