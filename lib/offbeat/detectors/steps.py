"""Sessions as runs of tokens, and how alike they begin: what scoring uses to compute nothing twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offbeat.detectors.base import Sequences, offsets_of, ragged_index
from offbeat.detectors.vocabulary import END, START


@dataclass(frozen=True)
class Steps:
    """Sessions with `<start>` and `<end>` in place: token p predicts token p + 1.

    Attributes:
        tokens: int32, flat.
        offsets: int64, [n + 1]: session i holds tokens[offsets[i]:offsets[i + 1]].
        begins: int64, [n]: where its events begin among the tokens: 1 after a `<start>`, else 0.
        buckets: int32, flat: class of the gap before each token, 0 where there is none; None without times.
        vectors: float32, [groups, width]: the covariates of sessions, each distinct row once; None without any.
        groups: int64, [n]: each session's row of `vectors`; None without any.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    begins: np.ndarray
    buckets: np.ndarray | None = None
    vectors: np.ndarray | None = None
    groups: np.ndarray | None = None

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per session, int64, [n]."""
        return np.diff(self.offsets)

    @property
    def keys(self) -> np.ndarray:
        """Tokens with their gap's class in one integer: equal where both are; a first one with its covariates too."""
        keys = self.tokens
        if self.buckets is not None:
            keys = self.tokens.astype(np.int64) * (int(self.buckets.max(initial=0)) + 1) + self.buckets
        if self.groups is None:
            return np.asarray(keys)
        keys = keys.astype(np.int64)
        filled = np.flatnonzero(self.lengths)
        keys[self.offsets[filled]] += self.groups[filled] * (int(keys.max(initial=0)) + 1)
        return np.asarray(keys)


def to_steps(
    sequences: Sequences,
    buckets: np.ndarray | None = None,
    covariates: tuple[np.ndarray, np.ndarray] | None = None,
) -> Steps:
    """Put `<start>` and `<end>` where the sessions have them.

    Args:
        sequences: the sessions.
        buckets: int32, [n_events]: class of the gap before each event; None without times.
        covariates: distinct rows and each session's row, see `Covariates.group`; None without any.
    """
    vectors, groups = covariates or (None, None)
    begins = sequences.starts.astype(np.int64)
    lengths = sequences.lengths + begins + sequences.ends
    offsets = offsets_of(lengths)
    tokens = np.empty(offsets[-1], np.int32)
    tokens[offsets[:-1][sequences.starts]] = START
    tokens[offsets[1:][sequences.ends] - 1] = END
    places = ragged_index(offsets[:-1] + begins, sequences.lengths)
    tokens[places] = sequences.ids
    if buckets is None:
        return Steps(tokens, offsets, begins, None, vectors, groups)
    spread = np.zeros(len(tokens), np.int32)
    spread[places] = buckets
    return Steps(tokens, offsets, begins, spread, vectors, groups)


def sort_runs(values: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort runs of tokens so that runs that begin alike lie side by side.

    The runs are compared eight bytes at a time, and only those still tied are looked at again: runs that differ early
    cost one pass, however long they are.

    Args:
        values: non-negative integers, flat.
        offsets: [n + 1]: run i is values[offsets[i]:offsets[i + 1]].

    Returns:
        order: int64, [n]: the runs in sorted order (of an arbitrary but fixed order of tokens; a prefix comes first).
        shared: int64, [n]: how many leading tokens the run at each place of that order shares with the one before.
    """
    words, first_word, n_words = _pack(values, offsets)
    order = np.arange(len(n_words))
    group = np.zeros(len(order), np.int64)
    tied, depth = order.copy(), 0
    while len(tied):
        runs = order[tied]
        at = np.minimum(first_word[runs] + depth, len(words) - 1)
        word = np.where(depth < n_words[runs], words[at], np.uint64(0))
        by = np.lexsort((word, group[tied])) if depth else np.argsort(word, kind="stable")
        order[tied], word = runs[by], word[by]
        fresh = np.append(True, (group[tied][1:] != group[tied][:-1]) | (word[1:] != word[:-1]))
        group[tied] = tied[np.maximum.accumulate(np.where(fresh, np.arange(len(tied)), 0))]
        alone = fresh & np.append(fresh[1:], True)
        tied, depth = tied[~alone & (word != 0)], depth + 1
    return order, _shared(values, offsets, order)


def _pack(values: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens as big-endian 64-bit words, each run from a word's begin; padded with 0, so tokens are shifted by 1."""
    top = int(values.max(initial=0)) + 1
    kind = next(kind for kind in (">u1", ">u2", ">u4", ">u8") if top < 2 ** (8 * np.dtype(kind).itemsize))
    per = 8 // np.dtype(kind).itemsize
    lengths = np.diff(offsets)
    n_words = -(-lengths // per)
    first_word = offsets_of(n_words)
    padded = np.zeros((first_word[-1] + 1) * per, kind)  # one word more, so that there is always one to read
    padded[ragged_index(first_word[:-1] * per, lengths)] = values.astype(np.int64) + 1
    return padded.view(">u8").astype(np.uint64), first_word[:-1], n_words


def _shared(values: np.ndarray, offsets: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Leading tokens that each run of the order shares with the run before it; 0 for the first."""
    lengths = np.diff(offsets)[order]
    both = np.minimum(lengths, np.append(0, lengths[:-1]))[: len(order)]
    begins = offsets[:-1][order]
    here = ragged_index(begins, both)
    before = ragged_index(np.append(0, begins[:-1])[: len(order)], both)
    bounds = offsets_of(both)
    place = np.arange(len(here)) - np.repeat(bounds[:-1], both)
    differs = np.where(values[here] != values[before], place, np.repeat(both, both))
    shared = both.copy()
    filled = both > 0
    if filled.any():
        shared[filled] = np.minimum.reduceat(differs, bounds[:-1][filled])
    return np.asarray(shared)


@dataclass(frozen=True)
class Distinct:
    """Which sessions are equal.

    Attributes:
        first: int64, [d]: one session of each kind.
        inverse: int64, [n]: the kind of each session.
        counts: int64, [d].
    """

    first: np.ndarray
    inverse: np.ndarray
    counts: np.ndarray


def find_distinct(steps: Steps) -> Distinct:
    """Group equal sessions: same tokens, `<start>` and `<end>` included, and same gaps."""
    return find_distinct_runs(steps.keys, steps.offsets)


def find_distinct_runs(values: np.ndarray, offsets: np.ndarray) -> Distinct:
    """Group equal runs; the kinds are in the order of their first run.

    Args: as for `sort_runs`.
    """
    order, shared = sort_runs(values, offsets)
    lengths = np.diff(offsets)[order]
    same = np.zeros(len(order), bool)
    same[1:] = (lengths[1:] == lengths[:-1]) & (shared[1:] == lengths[1:])
    kind = np.empty(len(order), np.int64)
    kind[order] = np.cumsum(~same) - 1
    _, first, inverse, counts = np.unique(kind, return_index=True, return_inverse=True, return_counts=True)
    by_first = np.argsort(first)
    rank = np.empty(len(first), np.int64)
    rank[by_first] = np.arange(len(first))
    return Distinct(first[by_first], rank[inverse], counts[by_first])
