"""Sessions whose events, counted without their order, are unlike those of every training session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.detectors.bags import Bags, Overlap, count_events
from offbeat.detectors.base import Detector, History, Progress, Sequences, offsets_of
from offbeat.detectors.options import read_settings
from offbeat.detectors.steps import find_distinct_runs
from offbeat.detectors.vocabulary import Vocabulary

_ROUNDING = 1e-6  # a distance below it is none
_ELEMENTS = 1 << 22  # of the largest array held at a time
_TABLE = 1 << 24  # of the table of training counts


@dataclass(frozen=True)
class Settings:
    """How much is kept.

    Attributes:
        max_vectors: distinct training vectors kept, the most frequent first; fewer for a very large vocabulary.
    """

    max_vectors: int = 2000

    def __post_init__(self) -> None:
        if self.max_vectors < 1:
            raise ValueError(f"max_vectors: expected at least 1, got {self.max_vectors}")


class Counts(Detector):
    """Score: distance to the nearest training session by event counts, 0 (counted exactly so) to 1 (nothing shared).

    The distance is the sum over events of idf * |difference of counts|, divided by the sum of idf * larger count;
    idf = 1 + ln((1 + sessions) / (1 + sessions with the event)), so that a rare event weighs more. Of a piece without
    its begin or end only what is too much counts: the share of idf * count that the nearest session lacks.

    References: the event-count-vector detector (ECVC) of Landauer et al. 2024; differs: weighted by idf.
    """

    name = "counts"

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
        """Keep the distinct count vectors and how rare each event is."""
        chosen = read_settings(Settings, settings, detector=self.name)
        bags = count_events(train)
        with_event = np.bincount(bags.events, minlength=len(vocabulary))
        idf = 1 + np.log((1 + len(train)) / (1 + with_event))
        kinds = find_distinct_runs(bags.keys, bags.offsets)
        room = min(chosen.max_vectors, max(1, _TABLE // len(vocabulary)))
        most = np.argsort(-kinds.counts, kind="stable")[:room]
        self._prepare(bags.take(kinds.first[most]), idf.astype(np.float32))
        self.vocabulary_hash = vocabulary.hash
        return History(n_sessions=len(train), n_events=len(train.ids))

    def _prepare(self, normal: Bags, idf: np.ndarray) -> None:
        self.normal, self.idf, self.overlap = normal, idf, Overlap(normal, idf)

    def score(self, sequences: Sequences) -> np.ndarray:
        """See the class; equal counts are compared once."""
        scores = [self._score(slab) for slab in sequences.slabs(1 << 20)]
        return np.concatenate([np.zeros(0, np.float32), *scores])

    def _score(self, sequences: Sequences) -> np.ndarray:
        bags = count_events(sequences)
        whole = sequences.starts & sequences.ends
        marked = np.insert(
            bags.keys, bags.offsets[:-1], whole
        )  # a whole session and a piece are judged differently
        kinds = find_distinct_runs(marked, bags.offsets + np.arange(len(bags) + 1))
        distinct, whole = bags.take(kinds.first), whole[kinds.first]
        nearest = np.zeros(len(distinct), np.float32)
        for low, high in self.overlap.chunks(distinct, _ELEMENTS):
            nearest[low:high] = self._nearest(distinct.slice(low, high), whole[low:high])
        return np.asarray(nearest[kinds.inverse])

    def _nearest(self, bags: Bags, whole: np.ndarray) -> np.ndarray:
        if not len(self.normal):
            return np.zeros(len(bags), np.float32)
        common = self.overlap.with_each(bags)
        own = bags.totals(self.idf)[:, None]
        larger = own + self.overlap.totals - common
        whole_distance = (larger - common) / np.maximum(larger, 1e-9)
        piece_distance = (own - common) / np.maximum(own, 1e-9)
        distance = np.where(whole[:, None], whole_distance, piece_distance).min(axis=1)
        return np.where(distance < _ROUNDING, 0, distance).astype(np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The training vectors and the idf."""
        bags = self.normal
        return {}, {"events": bags.events, "counts": bags.counts, "sizes": bags.sizes, "idf": self.idf}

    def restore(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:  # noqa: ARG002
        """The training vectors and the idf."""
        self._prepare(Bags(arrays["events"], arrays["counts"], offsets_of(arrays["sizes"])), arrays["idf"])
