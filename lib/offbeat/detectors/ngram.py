"""Markov models: how likely an event is after the one or two before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from offbeat.detectors.base import (
    Detector,
    EventScores,
    History,
    Progress,
    Sequences,
    offsets_of,
    ragged_index,
)
from offbeat.detectors.detail import Detail
from offbeat.detectors.forward import IMPOSSIBLE
from offbeat.detectors.options import read_settings
from offbeat.detectors.steps import Steps, to_steps
from offbeat.detectors.vocabulary import PAD, START, Vocabulary

_SLAB = 1 << 20  # events scored at a time
_ELEMENTS = 1 << 22  # probabilities held at a time


@dataclass(frozen=True)
class Settings:
    """There is nothing to set."""


@dataclass(frozen=True)
class Level:
    """What followed each context of one length.

    Attributes:
        contexts: int64, sorted: the contexts that training saw, as one number each.
        totals: float64: how often each was seen.
        types: float64: how many different events followed it.
        follows: int64, sorted: place of the context * vocabulary + event that followed.
        counts: float64: how often.
    """

    contexts: np.ndarray
    totals: np.ndarray
    types: np.ndarray
    follows: np.ndarray
    counts: np.ndarray

    @classmethod
    def fit(cls, contexts: np.ndarray, targets: np.ndarray, size: int) -> Level:
        """Count what followed what."""
        known, place = np.unique(contexts, return_inverse=True)
        follows, counts = np.unique(place * size + targets, return_counts=True)
        totals = np.bincount(place, minlength=len(known))
        types = np.bincount(follows // size, minlength=len(known))
        return cls(known, totals.astype(float), types.astype(float), follows, counts.astype(float))

    def find(self, contexts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places of the contexts, and which of them training saw; others have place 0."""
        if not len(self.contexts):
            return np.zeros(len(contexts), np.int64), np.zeros(len(contexts), bool)
        place = np.searchsorted(self.contexts, contexts).clip(0, len(self.contexts) - 1)
        return place, self.contexts[place] == contexts

    def smooth(self, contexts: np.ndarray, targets: np.ndarray, shorter: np.ndarray, size: int) -> np.ndarray:
        """Probability of the targets, given that of the next shorter context; float64, [m]."""
        place, seen = self.find(contexts)
        if not len(self.contexts):
            return shorter
        wanted = place * size + targets
        at = np.searchsorted(self.follows, wanted).clip(0, len(self.follows) - 1)
        counts = np.where(self.follows[at] == wanted, self.counts[at], 0.0)
        mixed = (counts + self.types[place] * shorter) / (self.totals[place] + self.types[place])
        return np.where(seen, mixed, shorter)

    def smooth_all(self, contexts: np.ndarray, shorter: np.ndarray) -> None:
        """The same for every event at once, in place: `shorter` is [vocabulary, m]."""
        size = len(shorter)
        place, seen = self.find(contexts)
        columns = np.flatnonzero(seen)
        place = place[columns]
        total = self.totals[place] + self.types[place]
        shorter[:, columns] *= self.types[place] / total
        low, high = (np.searchsorted(self.follows, (place + add) * size) for add in (0, 1))
        rows = ragged_index(low, high - low)
        owner = np.repeat(np.arange(len(columns)), high - low)
        shorter[self.follows[rows] % size, columns[owner]] += self.counts[rows] / total[owner]


class Markov(Detector):
    """Score: the largest -ln(probability) of an event given the events before it; `<start>` and `<end>` count.

    Each context length is mixed with the next shorter one after Witten and Bell: as much weight as different events
    followed the context. Below single events lies the uniform distribution, so that no event is impossible.

    References: Witten & Bell, "The zero-frequency problem", 1991, method C, interpolated.
    """

    order: ClassVar[int]

    @property
    def by_event(self) -> bool:
        """Yes."""
        return True

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
        """Count what followed what."""
        read_settings(Settings, settings, detector=self.name)
        self.size = len(vocabulary)
        contexts, targets, _ = self._positions(to_steps(train))
        self.levels = [Level.fit(context, targets, self.size) for context in contexts]
        self.vocabulary_hash = vocabulary.hash
        return History(n_sessions=len(train), n_events=len(train.ids))

    def _positions(self, steps: Steps) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Contexts by rising length (from none), targets, and where these stand among the tokens."""
        lengths = np.maximum(steps.lengths - 1, 0)
        places = ragged_index(steps.offsets[:-1] + 1, lengths)
        contexts = [np.zeros(len(places), np.int64)]
        first = np.repeat(steps.offsets[:-1], lengths)
        for back in range(1, self.order):
            # Before the first token stands nothing, written as padding.
            token = np.where(places - back >= first, steps.tokens[np.maximum(places - back, 0)], PAD)
            contexts.append(contexts[-1] + token.astype(np.int64) * self.size ** (back - 1))
        return contexts, steps.tokens[places].astype(np.int64), places

    def _uniform(self) -> float:
        return 1.0 / max(1, self.size - 2)  # padding and <start> never come

    def score(self, sequences: Sequences) -> np.ndarray:
        """See the class; 0 without a position."""
        scores = [self._score(to_steps(slab)) for slab in sequences.slabs(_SLAB)]
        return np.concatenate([np.zeros(0, np.float32), *scores])

    def _score(self, steps: Steps) -> np.ndarray:
        contexts, targets, _ = self._positions(steps)
        probability = np.full(len(targets), self._uniform())
        for level, context in zip(self.levels, contexts, strict=True):
            probability = level.smooth(context, targets, probability, self.size)
        largest = np.zeros(len(steps.lengths), np.float32)
        filled = np.flatnonzero(steps.lengths > 1)
        if len(filled):
            begins = offsets_of(steps.lengths[filled] - 1)[:-1]
            largest[filled] = np.maximum.reduceat(-np.log(probability), begins)
        return largest

    def surprise(self, sequences: Sequences, top_k: int = 5) -> EventScores | None:
        """See `EventScores`."""
        steps = to_steps(sequences)
        contexts, targets, places = self._positions(steps)
        detail = Detail(len(steps.tokens), top_k)
        width = max(1, _ELEMENTS // self.size)
        for low in range(0, len(places), width):
            part = slice(low, low + width)
            probability = np.full((self.size, len(places[part])), self._uniform())
            for level, context in zip(self.levels, contexts, strict=True):
                level.smooth_all(context[part], probability)
            logits = np.log(probability)
            logits[[PAD, START]] = IMPOSSIBLE
            detail.write(places[part], targets[part], logits, None)
        return detail.of(sequences, steps)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The counts."""
        parts = enumerate(self.levels)
        arrays = {f"{name}_{number}": value for number, part in parts for name, value in vars(part).items()}
        return {"size": self.size}, arrays

    def restore(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """The counts."""
        self.size = values["size"]
        names = ("contexts", "totals", "types", "follows", "counts")
        self.levels = [Level(*(arrays[f"{name}_{number}"] for name in names)) for number in range(self.order)]


class Markov2(Markov):
    """2-grams: given the event before."""

    name = "ngram2"
    order = 2


class Markov3(Markov):
    """3-grams: given the two events before."""

    name = "ngram3"
    order = 3
