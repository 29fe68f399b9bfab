"""The clicks of each ip in order, as numbers that a network takes: each click with the few before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from offbeat.packs.installs.history import joined
from offbeat.packs.installs.table import ClickTable

STEPS = 8  # clicks before one that the network sees
TOLD = ("app", "channel", "os", "device")
"""Fields of a click that the network reads and foretells."""

GAPS = 24  # classes of the time since the click before, doubling
HOURS = 24
_MOST = 400  # values of a field that have a number of their own
PAD, UNKNOWN = 0, 1


@dataclass(frozen=True)
class Numbers:
    """Which number each value of a field has: 0 nothing, 1 unknown, then by frequency in training."""

    texts: dict[str, np.ndarray]

    @classmethod
    def fit(cls, fields: Mapping[str, np.ndarray]) -> Numbers:
        """Number the values of the clicks that are learnt from."""
        made = {}
        for name in TOLD:
            counted = Counter(fields[name].tolist())
            chosen = sorted(counted, key=lambda text: (-counted[text], text))[:_MOST]
            made[name] = np.array(chosen, dtype=str)
        return cls(made)

    def size(self, name: str) -> int:
        """Numbers of a field, 0 and 1 included."""
        return len(self.texts[name]) + 2

    def encode(self, name: str, values: np.ndarray) -> np.ndarray:
        """int32, [n]."""
        place = pd.Index(self.texts[name]).get_indexer(pd.Index(values))
        return np.where(place < 0, UNKNOWN, place + 2).astype(np.int32)


@dataclass(frozen=True)
class Sequences:
    """Clicks with those before them.

    Attributes:
        fields: name to int32, [n]; `gap` and `hour` too.
        before: int64, [n, STEPS]: rows of the clicks before, the last one last; -1 where there is none.
        known: int64, [n]: clicks before in all, of the same ip and strictly earlier.
    """

    fields: dict[str, np.ndarray]
    before: np.ndarray
    known: np.ndarray

    def windows(self, rows: np.ndarray, *, own: bool) -> dict[str, np.ndarray]:
        """Inputs of a network: name to int32, [rows, STEPS (+ 1 with the click itself)]; 0 where there is no click."""
        places = self.before[rows]
        if own:
            places = np.column_stack([places, rows])
        return {
            name: np.where(places < 0, PAD, values[np.maximum(places, 0)]).astype(np.int32)
            for name, values in self.fields.items()
        }


def sequences_of(table: ClickTable, numbers: Numbers) -> Sequences:
    """Put the clicks of each ip in order; a click sees strictly earlier ones alone."""
    ip = joined(pd.factorize(table.fields["ip"])[0].astype(np.int64))
    order = np.lexsort((np.arange(len(table)), table.time, ip))
    ip_s, time_s = ip[order], table.time[order]
    place = np.arange(len(order))
    begin = np.maximum.accumulate(np.where(np.diff(ip_s, prepend=-1) != 0, place, 0))
    fresh = (np.diff(ip_s, prepend=-1) != 0) | (np.diff(time_s, prepend=-1) != 0)
    first = np.maximum.accumulate(np.where(fresh, place, 0))  # of those of the same moment
    back = first[:, None] - np.arange(STEPS, 0, -1)[None, :]
    before = np.where(back >= begin[:, None], order[np.maximum(back, 0)], -1)
    gap = np.where(first > begin, time_s - time_s[np.maximum(first - 1, 0)], -1)
    classes = np.where(gap < 0, 1, 2 + np.log2(1 + np.maximum(gap, 0) / 1e6).astype(np.int64))
    fields = {name: numbers.encode(name, table.fields[name]) for name in TOLD}
    fields["gap"] = _back(order, np.clip(classes, 1, GAPS - 1).astype(np.int32))
    fields["hour"] = (table.time // 3_600_000_000 % HOURS).astype(np.int32) + 1
    return Sequences(fields, _back(order, before), _back(order, first - begin))


def _back(order: np.ndarray, values: np.ndarray) -> np.ndarray:
    found = np.empty_like(values)
    found[order] = values
    return found
