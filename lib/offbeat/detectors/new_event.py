"""Sessions that hold events which training never saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.detectors.base import Detector, History, Progress, Sequences
from offbeat.detectors.options import read_settings
from offbeat.detectors.vocabulary import UNKNOWN, Vocabulary


@dataclass(frozen=True)
class Settings:
    """There is nothing to set."""


class NewEvent(Detector):
    """Score: unknown events in the session, plus their share of it: of two with as many the shorter is stranger.

    References: the baseline "new events" in Landauer et al., "A critical review of common log data sets", 2024.
    """

    name = "new_event"

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
        """Nothing is learnt beyond the vocabulary."""
        read_settings(Settings, settings, detector=self.name)
        self.vocabulary_hash = vocabulary.hash
        return History(n_sessions=len(train), n_events=len(train.ids))

    def score(self, sequences: Sequences) -> np.ndarray:
        """See the class; 0 without unknown events."""
        counts = np.bincount(sequences.session_of[sequences.ids == UNKNOWN], minlength=len(sequences))
        return np.asarray(counts + counts / np.maximum(sequences.lengths, 1), np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Nothing."""
        return {}, {}

    def restore(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Nothing."""
