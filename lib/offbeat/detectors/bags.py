"""Event counts of sessions, without their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offbeat.detectors.base import Sequences, offsets_of, ragged_index

_COUNT_BITS = 32


@dataclass(frozen=True)
class Bags:
    """What each session holds, flat; within a session by rising event number.

    Attributes:
        events: int64, flat: the events that occur.
        counts: int64, flat: how often.
        offsets: int64, [n + 1]: bag i is rows offsets[i]:offsets[i + 1].
    """

    events: np.ndarray
    counts: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> np.ndarray:
        """Distinct events per bag, int64, [n]."""
        return np.asarray(np.diff(self.offsets))

    @property
    def keys(self) -> np.ndarray:
        """Event and count in one integer: two bags are equal where these are; int64."""
        return np.asarray((self.events << _COUNT_BITS) + self.counts)

    def totals(self, weights: np.ndarray) -> np.ndarray:
        """Sum of weight * count per bag; float32, [n]. `weights` is per event number."""
        products = np.append(0.0, np.cumsum(weights[self.events] * self.counts, dtype=np.float64))
        return np.asarray(products[self.offsets[1:]] - products[self.offsets[:-1]], np.float32)

    def take(self, index: np.ndarray) -> Bags:
        """The bags at `index`, in that order."""
        rows = ragged_index(self.offsets[:-1][index], self.sizes[index])
        return Bags(self.events[rows], self.counts[rows], offsets_of(self.sizes[index]))

    def slice(self, first: int, last: int) -> Bags:
        """Bags first up to (not including) last."""
        low, high = self.offsets[first], self.offsets[last]
        return Bags(self.events[low:high], self.counts[low:high], self.offsets[first : last + 1] - low)


def count_events(sequences: Sequences) -> Bags:
    """Count the events of each session."""
    if not len(sequences.ids):
        nothing = np.zeros(0, np.int64)
        return Bags(nothing, nothing, np.zeros(len(sequences) + 1, np.int64))
    top = int(sequences.ids.max()) + 1
    keys, counts = np.unique(sequences.session_of * top + sequences.ids, return_counts=True)
    per_session = np.bincount(keys // top, minlength=len(sequences))
    return Bags(keys % top, counts.astype(np.int64), offsets_of(per_session))


class Overlap:
    """Weighted counts that bags have in common with each of a fixed set of bags.

    Args:
        bags: the fixed ones.
        weights: float32, per event number.
    """

    def __init__(self, bags: Bags, weights: np.ndarray) -> None:
        used, column = np.unique(bags.events, return_inverse=True)
        self.weights = weights.astype(np.float32)
        self.column = np.full(len(weights), len(used), np.int64)
        self.column[used] = np.arange(len(used))
        # One row per event, and one of zeros for all others.
        self.table = np.zeros((len(used) + 1, len(bags)), np.float32)
        self.table[column, np.repeat(np.arange(len(bags)), bags.sizes)] = bags.counts
        self.totals = bags.totals(weights)

    def with_each(self, bags: Bags) -> np.ndarray:
        """Sum over events of weight * the smaller count, float32, [len(bags), fixed bags]."""
        common = np.zeros((len(bags), self.table.shape[1]), np.float32)
        filled = np.flatnonzero(bags.sizes)
        if not len(filled):
            return common
        smaller = np.minimum(self.table[self.column[bags.events]], bags.counts[:, None].astype(np.float32))
        smaller *= self.weights[bags.events][:, None]
        common[filled] = np.add.reduceat(smaller, bags.offsets[:-1][filled], axis=0)
        return common

    def chunks(self, bags: Bags, elements: int) -> list[tuple[int, int]]:
        """Runs of bags (first, past the last) for each of which `with_each` holds about `elements` numbers."""
        most = max(1, elements // max(1, self.table.shape[1]))
        cost = bags.offsets + np.arange(len(bags) + 1)
        cuts = np.searchsorted(cost, np.arange(0, cost[-1] + most, most)).clip(0, len(bags))
        bounds = np.unique(np.append(cuts, [0, len(bags)]))
        return list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
