"""Events that come sooner or later after the one before than they did in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.detectors.base import Detector, History, Progress, Sequences
from offbeat.detectors.options import read_settings
from offbeat.detectors.vocabulary import START, Vocabulary

_TICK_S = 0.001  # gaps below it are alike


@dataclass(frozen=True)
class Settings:
    """What a range is.

    Attributes:
        tail: share of the training gaps outside the range, on either side.
        min_gaps: fewest gaps that a range is taken from; below it the range of the event, whatever came before, or at
            last of all events, is used.
    """

    tail: float = 0.001
    min_gaps: int = 20

    def __post_init__(self) -> None:
        if not 0 <= 2 * self.tail < 1:
            raise ValueError(f"tail: expected a share from 0 to below 0.5, got {self.tail}")
        if self.min_gaps < 1:
            raise ValueError(f"min_gaps: expected at least 1, got {self.min_gaps}")


@dataclass(frozen=True)
class Ranges:
    """Usual gaps by key.

    Attributes:
        keys: int64, sorted.
        low, high: float32: ln of the ends of the range, ln seconds.
    """

    keys: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def fit(cls, keys: np.ndarray, log_gaps: np.ndarray, settings: Settings) -> Ranges:
        """Ends of the range of each key that has gaps enough: the gap of rank tail, counted from either side."""
        order = np.lexsort((log_gaps, keys))
        known, begins, counts = np.unique(keys[order], return_index=True, return_counts=True)
        enough = counts >= settings.min_gaps
        known, begins, counts = known[enough], begins[enough], counts[enough]
        skip = np.floor(settings.tail * counts).astype(np.int64)
        sorted_gaps = log_gaps[order]
        return cls(known, sorted_gaps[begins + skip], sorted_gaps[begins + counts - 1 - skip])

    def excess(self, keys: np.ndarray, log_gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far outside its range each gap lies, in ln, and for which there is a range."""
        if not len(self.keys):
            return np.zeros(len(keys), np.float32), np.zeros(len(keys), bool)
        at = np.searchsorted(self.keys, keys).clip(0, len(self.keys) - 1)
        outside = np.maximum(log_gaps - self.high[at], self.low[at] - log_gaps)
        return np.maximum(outside, 0), self.keys[at] == keys


class Interarrival(Detector):
    """Score: the largest |ln| of the ratio of a gap to the nearer end of its usual range; 0 without times.

    A gap's range is that of its pair of events (the one before and its own) in training.

    References: the inter-arrival baseline ("temporal profile") in Landauer et al. 2024; differs: quantiles, back-off.
    """

    name = "interarrival"

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
        """Take the ranges from the gaps that are known."""
        chosen = read_settings(Settings, settings, detector=self.name)
        self.size = len(vocabulary)
        _, keys, log_gaps = self._gaps(train)
        self.ranges = [Ranges.fit(key, log_gaps, chosen) for key in keys]
        self.vocabulary_hash = vocabulary.hash
        return History(n_sessions=len(train), n_events=len(train.ids))

    def _gaps(self, sequences: Sequences) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
        """Where the known gaps stand, their keys (pair, event, all), and their ln."""
        if sequences.gaps is None or not len(sequences.ids):
            nothing = np.zeros(0, np.int64)
            return nothing, [nothing] * 3, np.zeros(0, np.float32)
        known = np.flatnonzero(np.isfinite(sequences.gaps))
        before = np.append(START, sequences.ids[:-1])[known].astype(np.int64)
        first = np.isin(known, sequences.offsets[:-1])
        event = sequences.ids[known].astype(np.int64)
        pair = np.where(first, START, before) * self.size + event
        gaps = np.maximum(sequences.gaps[known], _TICK_S)
        return known, [pair, event, np.zeros(len(known), np.int64)], np.log(gaps).astype(np.float32)

    def score(self, sequences: Sequences) -> np.ndarray:
        """See the class."""
        known, keys, log_gaps = self._gaps(sequences)
        excess, has_range = self.ranges[-1].excess(keys[-1], log_gaps)
        for ranges, key in zip(self.ranges[-2::-1], keys[-2::-1], strict=True):
            nearer, has_range = ranges.excess(key, log_gaps)
            excess = np.where(has_range, nearer, excess)
        largest = np.zeros(len(sequences), np.float32)
        np.maximum.at(largest, np.searchsorted(sequences.offsets, known, side="right") - 1, excess)
        return largest

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The ranges."""
        parts = enumerate(self.ranges)
        arrays = {f"{name}_{number}": value for number, part in parts for name, value in vars(part).items()}
        return {"size": self.size}, arrays

    def restore(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """The ranges."""
        self.size = values["size"]
        self.ranges = [
            Ranges(*(arrays[f"{name}_{number}"] for name in ("keys", "low", "high"))) for number in range(3)
        ]
