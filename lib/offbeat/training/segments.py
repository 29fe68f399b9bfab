"""Thresholds for parts of the sessions: a platform may score otherwise, and a small one knows little of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from offbeat.detectors.tails import SAME, find_threshold
from offbeat.errors import UsageError

_LEAST_SESSIONS = 20  # of a segment, below which its own threshold says nothing
_BETWEEN = "|"


@dataclass(frozen=True)
class Segments:
    """Thresholds by the values of covariates.

    Attributes:
        names: the covariates.
        thresholds: by their values, joined by |; a segment that is not there has the common threshold.
        sessions: how many held-out sessions each rests on.
    """

    names: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    sessions: Mapping[str, int] = field(default_factory=dict)

    def of_each(self, covariates: Mapping[str, np.ndarray], n: int, *, common: float) -> np.ndarray:
        """The threshold of each session, float32, [n]."""
        if not self.thresholds:
            return np.full(n, common, np.float32)
        keys = segment_keys(covariates, self.names, n)
        return np.array([self.thresholds.get(key, common) for key in keys], np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Segments:
        """Read what `to_dict` gave."""
        return cls(**{**values, "names": tuple(values["names"])}) if values else cls()


def segment_keys(covariates: Mapping[str, np.ndarray], names: Sequence[str], n: int) -> list[str]:
    """The segment of each session: its values joined by |, marks in them escaped, a missing one empty."""
    nothing = np.full(n, None, object)
    columns = [covariates.get(name, nothing) for name in names]
    return [_BETWEEN.join(_escaped(value) for value in values) for values in zip(*columns, strict=True)]


def _escaped(value: str | None) -> str:
    return "" if value is None else value.replace("\\", "\\\\").replace(_BETWEEN, "\\" + _BETWEEN)


def fit_segments(
    scores: np.ndarray,
    covariates: Mapping[str, np.ndarray],
    names: Sequence[str],
    budget: float,
    *,
    mixed: bool,
    common: float,
    spread: float,
) -> Segments:
    """Set the thresholds, each drawn towards the common one as far as chance could have moved it.

    A segment's own threshold is believed by the share t / (t + v): v is the variance that chance gives a threshold of
    so many sessions, t the variance between segments that is left after chance. Where segments differ no more than
    chance has them, all keep the common threshold.

    Args:
        scores: of held-out sessions, [n].
        covariates: of these.
        names: covariates that make the segments.
        budget, mixed: as for `find_threshold`.
        common: the threshold of all.
        spread: variance that chance gives it, with all n sessions.

    References: the empirical-Bayes estimate of Efron & Morris 1973; t as DerSimonian & Laird 1986 have it.

    Raises: UsageError: no session has such a covariate.
    """
    for name in names:
        if all(value is None for value in covariates.get(name, ())):
            raise UsageError(
                f"score.segments: no session has a {name}; list it under source.columns.covariates, or leave it out"
            )
    keys = np.array(segment_keys(covariates, names, len(scores)), object)
    found = {
        key: scores[keys == key]
        for key, count in zip(*np.unique(keys.astype(str), return_counts=True), strict=True)
        if count >= _LEAST_SESSIONS
    }
    if not found:
        return Segments(tuple(names))
    own = np.array([find_threshold(part, budget, mixed=mixed)[0] for part in found.values()])
    sizes = np.array([len(part) for part in found.values()])
    chance = spread * len(scores) / sizes
    between = max(0.0, float((sizes * ((own - common) ** 2 - chance)).sum() / sizes.sum()))
    believed = between / (between + chance) if between else np.zeros(len(own))
    own += SAME * np.abs(own)  # as the common one has it: what equals it must not lie above it
    thresholds = common + believed * (own - common)
    return Segments(
        tuple(names),
        {str(key): float(np.float32(value)) for key, value in zip(found, thresholds, strict=True)},
        {str(key): int(size) for key, size in zip(found, sizes, strict=True)},
    )
