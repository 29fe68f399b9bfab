"""Which sessions a figure is taken over: all, one per distinct sequence, or those never seen in training.

A log repeats itself: thousands of sessions may share one sequence, and a model that has memorised it is right thousands
of times. The figures on distinct and on never-seen sequences say what is left without that.
"""

from __future__ import annotations

import numpy as np

from offbeat.detectors.base import Sequences

ALL, DISTINCT, NEVER_SEEN = "all", "distinct", "never_seen"
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def hash_sequences(sequences: Sequences) -> np.ndarray:
    """A hash of each session's events in order; uint64, [n].

    Equal sequences have equal hashes, whatever the session's times and marks are; unequal ones collide with a chance of
    about 2^-64 a pair. It goes by vocabulary numbers: compare only what one vocabulary encoded.
    """
    place = np.arange(len(sequences.ids)) - np.repeat(sequences.offsets[:-1], sequences.lengths)
    steps = _mix(_mix(place.astype(np.uint64)) + sequences.ids.astype(np.uint64))
    hashes = _mix(sequences.lengths.astype(np.uint64))
    filled = sequences.lengths > 0
    if filled.any():
        hashes[filled] += np.add.reduceat(steps, sequences.offsets[:-1][filled])
    return _mix(hashes)


def _mix(values: np.ndarray) -> np.ndarray:
    """Spread 64-bit numbers over all 64 bits, one to one (the finalizer of SplitMix64)."""
    mixed = values + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), np.uint64)


def seen_before(hashes: np.ndarray, training_hashes: np.ndarray) -> np.ndarray:
    """Whether each sequence occurs in training; bool, [n]."""
    return np.isin(hashes, training_hashes)


def distinct_mask(hashes: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """One session per sequence and label; bool, [n].

    Sessions of one sequence may score differently (their times differ): the median one stands for them, the lower where
    there are two, so that neither the order of the rows nor luck decides.
    """
    order = np.lexsort((scores, labels, hashes))
    by_hash, by_label = np.asarray(hashes)[order], np.asarray(labels)[order]
    fresh = np.append(True, (by_hash[1:] != by_hash[:-1]) | (by_label[1:] != by_label[:-1]))[: len(order)]
    first = np.flatnonzero(fresh)
    counts = np.diff(np.append(first, len(order)))
    mask = np.zeros(len(order), bool)
    mask[order[first + (counts - 1) // 2]] = True
    return mask


def subset_masks(
    hashes: np.ndarray, seen: np.ndarray, labels: np.ndarray, scores: np.ndarray
) -> dict[str, np.ndarray]:
    """The three subsets as masks, bool, [n] each; `never_seen` keeps every session of a sequence that is new.

    Args:
        hashes: [n], of the event sequences.
        seen: bool, [n]: the sequence occurs in training; see `seen_before`.
        labels: [n].
        scores: [n].
    """
    return {
        ALL: np.ones(len(hashes), bool),
        DISTINCT: distinct_mask(hashes, labels, scores),
        NEVER_SEEN: ~np.asarray(seen, bool),
    }
