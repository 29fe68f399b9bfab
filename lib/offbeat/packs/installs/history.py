"""Counting earlier rows of a key for all rows at once: one sort a key, then look-ups. NumPy alone."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pyarrow as pa

_APART = 2 * 86_400_000_000  # between the times of two keys, so that no window reaches into another key


def codes_of(values: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """A number for each distinct text; int64."""
    column = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    found: np.ndarray = column.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def joined(*codes: np.ndarray) -> np.ndarray:
    """A number for each distinct combination; int64, dense."""
    whole = codes[0]
    for code in codes[1:]:
        _, whole = np.unique(whole * (int(code.max(initial=0)) + 1) + code, return_inverse=True)
    return whole


class Key:
    """Rows by a key and, within it, by time.

    Args:
        code: int64, [n]: which key a row has.
        time: int64, [n]: microseconds.
    """

    def __init__(self, code: np.ndarray, time: np.ndarray) -> None:
        self.order = np.lexsort((time, code))
        code, self.time = code[self.order], time[self.order]
        opens = np.diff(code, prepend=-1) != 0
        begins = np.flatnonzero(opens)
        group = np.cumsum(opens) - 1
        # One axis for all keys: each key's times follow the key before, more than any window apart.
        ends = np.append(begins[1:], len(code))[: len(begins)] - 1
        spans = self.time[ends] - self.time[begins]
        offset = np.cumsum(spans + _APART) - (spans + _APART)
        self.axis = self.time - self.time[begins][group] + offset[group]
        self.begin = begins[group]
        # First row of the same key and time: rows before it are strictly earlier.
        fresh = np.diff(self.axis, prepend=-1) != 0
        self.first = np.maximum.accumulate(np.where(fresh, np.arange(len(code)), 0))

    @cached_property
    def opens_key(self) -> np.ndarray:
        """Whether a row is the first of its key: one row, also where several share the first time."""
        return self._given(self.begin == np.arange(len(self.order)))

    def before(self) -> np.ndarray:
        """Strictly earlier rows of the key; in the given order, as everything here."""
        return self._given((self.first - self.begin).astype(np.float64))

    def within(self, width_us: int) -> np.ndarray:
        """Strictly earlier rows of the key, at most `width_us` ago."""
        since = np.searchsorted(self.axis, self.axis - width_us, side="left")
        return self._given((self.first - np.maximum(since, self.begin)).astype(np.float64))

    def since(self) -> np.ndarray:
        """Microseconds since the strictly earlier row before; NaN where there is none."""
        return self._given(self._since())

    def distinct(self, finer: Key) -> np.ndarray:
        """Distinct values of a finer key among the strictly earlier rows of this one."""
        fresh = finer.opens_key[self.order].astype(np.float64)
        so_far = np.concatenate([[0.0], np.cumsum(fresh)])
        return self._given(so_far[self.first] - so_far[self.begin])

    def rank_in_session(self, gap_us: int) -> np.ndarray:
        """Strictly earlier rows since the last silence longer than `gap_us`."""
        since = self._since()
        opens = np.isnan(since) | (since > gap_us)
        begin = np.maximum.accumulate(np.where(opens, self.first, 0))
        return self._given((self.first - begin).astype(np.float64))

    def _since(self) -> np.ndarray:
        earlier = self.first - 1
        there = self.first > self.begin
        return np.where(there, self.time - self.time[np.where(there, earlier, 0)], np.nan)

    def _given(self, values: np.ndarray) -> np.ndarray:
        """Values of the sorted rows in the order in which the rows were given."""
        found = np.empty_like(values)
        found[self.order] = values
        return found
