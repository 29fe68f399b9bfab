"""Faults put into normal sequences, to compare models where nothing is labelled. Synthetic, and said to be."""

from __future__ import annotations

import numpy as np

from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import SPECIALS

KINDS = ("swap", "drop", "repeat", "insert")
_LEAST_EVENTS = 3


def inject_faults(sequences: Sequences, *, vocabulary_size: int, seed: int) -> tuple[Sequences, np.ndarray]:
    """Put one fault into each session that is long enough for one.

    Args:
        sequences: normal sessions; gaps are left out of the result.
        vocabulary_size: numbers below it, without the marks, can be inserted.
        seed: the same seed puts in the same faults.

    Returns:
        The faulty sessions, and for each the kind: a number into `KINDS`. Sessions of fewer than three events, and
        those whose fault would change nothing, are left out.
    """
    rng = np.random.default_rng(seed)
    faulty: list[np.ndarray] = []
    kinds: list[int] = []
    kept: list[int] = []
    for at in range(len(sequences)):
        ids = sequences.ids[sequences.offsets[at] : sequences.offsets[at + 1]]
        if len(ids) < _LEAST_EVENTS:
            continue
        kind = int(rng.integers(len(KINDS)))
        changed = _changed(ids, KINDS[kind], vocabulary_size, rng)
        if changed is not None:
            faulty.append(changed)
            kinds.append(kind)
            kept.append(at)
    lengths = [len(ids) for ids in faulty]
    flat = np.concatenate(faulty).astype(np.int32) if faulty else np.zeros(0, np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Sequences(flat, offsets, sequences.starts[kept], sequences.ends[kept]), np.array(kinds, np.int64)


def _changed(ids: np.ndarray, kind: str, vocabulary_size: int, rng: np.random.Generator) -> np.ndarray | None:
    """The ids with one fault; None where it would leave them as they are."""
    at = int(rng.integers(len(ids) - 1))
    if kind == "swap":
        different = np.flatnonzero(ids[:-1] != ids[1:])
        if not len(different):
            return None
        at = int(rng.choice(different))
        swapped = ids.copy()
        swapped[[at, at + 1]] = ids[[at + 1, at]]
        return swapped
    if kind == "drop":
        return np.delete(ids, at)
    if kind == "repeat":
        return np.insert(ids, at + 1, ids[at])
    if vocabulary_size <= len(SPECIALS):
        return None
    return np.insert(ids, at + 1, rng.integers(len(SPECIALS), vocabulary_size))
