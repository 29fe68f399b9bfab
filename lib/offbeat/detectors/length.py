"""Sessions that are longer or shorter than those of the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.detectors.base import Detector, History, Progress, Sequences
from offbeat.detectors.options import read_settings
from offbeat.detectors.vocabulary import Vocabulary


@dataclass(frozen=True)
class Settings:
    """There is nothing to set."""


class Length(Detector):
    """Score: surprise at a length as far out as this one, in nats, plus how far it lies outside the training range.

    Inside the range it is -ln of the share of training sessions at least as far out on that side (one added to count
    and total); outside, the distance in interquartile ranges is added as ln(1 + distance), so that farther is stranger
    without end. A piece without its begin or end may be part of a longer session: only too long is strange of it.
    """

    name = "length"

    def fit(
        self,
        train: Sequences,
        validation: Sequences,  # noqa: ARG002 - the protocol's
        *,
        vocabulary: Vocabulary,
        seed: int = 0,  # noqa: ARG002
        settings: Mapping[str, Any] | None = None,
        progress: Progress | None = None,  # noqa: ARG002
    ) -> History:
        """Count the lengths of the complete sessions; of all, where none is complete."""
        read_settings(Settings, settings, detector=self.name)
        complete = train.starts & train.ends
        lengths = train.lengths[complete] if complete.any() else train.lengths
        self.lengths, self.counts = np.unique(lengths, return_counts=True)
        spread = np.subtract(*np.quantile(lengths, [0.75, 0.25])) if len(lengths) else 0.0
        self.scale = max(float(spread), 1.0)
        self.vocabulary_hash = vocabulary.hash
        return History(n_sessions=len(train), n_events=len(train.ids))

    def score(self, sequences: Sequences) -> np.ndarray:
        """See the class; 0 where training had no sessions."""
        lengths = sequences.lengths
        if not len(self.lengths):
            return np.zeros(len(lengths), np.float32)
        longer = self._tail(self.counts[::-1], np.searchsorted(-self.lengths[::-1], -lengths, side="right"))
        longer += np.log1p(np.maximum(lengths - self.lengths[-1], 0) / self.scale)
        shorter = self._tail(self.counts, np.searchsorted(self.lengths, lengths, side="right"))
        shorter += np.log1p(np.maximum(self.lengths[0] - lengths, 0) / self.scale)
        complete = sequences.starts & sequences.ends
        return np.where(complete, np.maximum(longer, shorter), longer).astype(np.float32)

    @staticmethod
    def _tail(counts: np.ndarray, upto: np.ndarray) -> np.ndarray:
        """-ln of the share of sessions among the first `upto` lengths."""
        below = np.append(0, np.cumsum(counts))
        return np.asarray(-np.log((below[upto] + 1) / (below[-1] + 1)))

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Lengths with their counts."""
        return {"scale": self.scale}, {"lengths": self.lengths, "counts": self.counts}

    def restore(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Lengths with their counts."""
        self.scale, self.lengths, self.counts = values["scale"], arrays["lengths"], arrays["counts"]
