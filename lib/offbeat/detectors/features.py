"""A session as one row of numbers: how much of what it holds, how fast, and what is known of it besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.detectors.base import Sequences
from offbeat.detectors.covariates import Covariates
from offbeat.detectors.steps import to_steps
from offbeat.detectors.vocabulary import SPECIALS, UNKNOWN

_MOST_EVENTS = 100  # of which each has a column with its count; the rarer ones share one
_GENERAL = 7


@dataclass(frozen=True)
class SessionFeatures:
    """Columns, scaled to mean 0 and deviation 1 of the training sessions.

    In order: ln of length, of distinct events, and of the whole time and longest gap in seconds; the share of unknown
    events; ln of the pairs of neighbours that training never saw, and of the rarer events; then ln of the count of
    each frequent event; then the covariates. ln stands for ln(1 + x); a time that is not known counts as 0.

    Attributes:
        size: of the vocabulary.
        pairs: int64, sorted: neighbours in training, as before * size + after, `<start>` and `<end>` included.
        covariates: their encoding.
        mean, scale: float64, [columns].
    """

    size: int
    pairs: np.ndarray
    covariates: Covariates
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, train: Sequences, size: int, covariates: Covariates) -> SessionFeatures:
        """Learn the known pairs, the scales and the covariates' encoding from training sessions."""
        raw = cls(size, np.unique(_pairs(train, size)[0]), covariates, np.zeros(1), np.ones(1))
        table = raw._table(train)
        deviation = table.std(axis=0)
        mean, scale = table.mean(axis=0), np.where(deviation > 0, deviation, 1.0)
        return cls(size, raw.pairs, covariates, mean, scale)

    def table(self, sequences: Sequences) -> np.ndarray:
        """float32, [n, columns]."""
        return np.asarray((self._table(sequences) - self.mean) / self.scale, np.float32)

    def _table(self, sequences: Sequences) -> np.ndarray:
        n, session = len(sequences), sequences.session_of
        known = min(self.size, len(SPECIALS) + _MOST_EVENTS)
        counts = np.zeros((n, known + 1))
        np.add.at(counts, (session, np.minimum(sequences.ids, known)), 1)
        keys, at = _pairs(sequences, self.size)
        new_pairs = np.bincount(at[~np.isin(keys, self.pairs)], minlength=n)
        kinds = np.unique(session * self.size + sequences.ids) // self.size if len(session) else session
        whole, longest = _seconds(sequences)
        general = [
            np.log1p(sequences.lengths),
            np.log1p(np.bincount(kinds, minlength=n)),
            np.log1p(whole),
            np.log1p(longest),
            counts[:, UNKNOWN] / np.maximum(sequences.lengths, 1),
            np.log1p(new_pairs),
            np.log1p(counts[:, known]),
        ]
        frequent = np.log1p(counts[:, len(SPECIALS) : known])
        encoded = self.covariates.encode(sequences)
        return np.concatenate([np.stack(general, axis=1), frequent, encoded], axis=1)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What must be kept."""
        arrays = {"pairs": self.pairs, "mean": self.mean, "scale": self.scale}
        return {"size": self.size, "covariates": self.covariates.to_json()}, arrays

    @classmethod
    def from_state(cls, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> SessionFeatures:
        """Read what `state` gave."""
        covariates = Covariates.from_json(values["covariates"])
        return cls(values["size"], arrays["pairs"], covariates, arrays["mean"], arrays["scale"])


def _pairs(sequences: Sequences, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours in one integer, and the session of each; int64."""
    steps = to_steps(sequences)
    session = np.repeat(np.arange(len(sequences)), steps.lengths)
    inside = np.flatnonzero(session[1:] == session[:-1]) if len(session) else np.zeros(0, np.int64)
    tokens = steps.tokens.astype(np.int64)
    return tokens[inside] * size + tokens[inside + 1], session[inside]


def _seconds(sequences: Sequences) -> tuple[np.ndarray, np.ndarray]:
    """Sum and largest of the known gaps, negative ones as 0; float64, [n]."""
    n = len(sequences)
    whole, longest = np.zeros(n), np.zeros(n)
    if sequences.gaps is not None:
        gaps = np.maximum(np.where(np.isfinite(sequences.gaps), sequences.gaps, 0.0), 0.0)
        np.add.at(whole, sequences.session_of, gaps)
        np.maximum.at(longest, sequences.session_of, gaps)
    return whole, longest
