"""Faults put into normal sequences, to compare models where nothing is labelled. Synthetic, and said to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import SPECIALS

KINDS = ("swap", "drop", "repeat", "insert", "delay")
"""The last needs times: it is put in only where gaps are known."""
_LEAST_EVENTS = 3
_DELAY = 30.0  # times as long as the longer of the gap that it was and the usual one


def inject_faults(sequences: Sequences, *, vocabulary_size: int, seed: int) -> tuple[Sequences, np.ndarray]:
    """Put one fault into each session that is long enough for one.

    Args:
        sequences: normal sessions. Where their gaps are known, an event that moves takes its place's gap, one that is
            put in halves the gap there, one that goes leaves its gap to the next.
        vocabulary_size: numbers below it, without the marks, can be inserted.
        seed: the same seed puts in the same faults.

    Returns:
        The faulty sessions, and for each the kind: a number into `KINDS`. Sessions of fewer than three events, and
        those whose fault would change nothing, are left out.
    """
    rng = np.random.default_rng(seed)
    usual = _usual_gap(sequences)
    n_kinds = len(KINDS) if usual is not None else len(KINDS) - 1
    found: list[tuple[np.ndarray, np.ndarray]] = []
    kinds: list[int] = []
    kept: list[int] = []
    for at in range(len(sequences)):
        part = slice(sequences.offsets[at], sequences.offsets[at + 1])
        ids = sequences.ids[part]
        if len(ids) < _LEAST_EVENTS:
            continue
        gaps = np.full(len(ids), np.nan, np.float32) if sequences.gaps is None else sequences.gaps[part]
        kind = int(rng.integers(n_kinds))
        if KINDS[kind] == "delay":
            changed = _delayed(ids, gaps, usual or 0.0, rng)
        else:
            changed = _changed(ids, gaps, KINDS[kind], vocabulary_size, rng)
        if changed is not None:
            found.append(changed)
            kinds.append(kind)
            kept.append(at)
    ids = np.concatenate([np.zeros(0, np.int32), *(ids for ids, _ in found)]).astype(np.int32)
    gaps = np.concatenate([np.zeros(0, np.float32), *(gaps for _, gaps in found)]).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids, _ in found])]).astype(np.int64)
    known = None if sequences.gaps is None else gaps
    faulty = replace(sequences.take(np.array(kept, np.int64)), ids=ids, offsets=offsets, gaps=known)
    return faulty, np.array(kinds, np.int64)


def _usual_gap(sequences: Sequences) -> float | None:
    """Median of the known gaps, seconds; None where none is known."""
    known = np.zeros(0) if sequences.gaps is None else sequences.gaps[np.isfinite(sequences.gaps)]
    return float(np.median(known)) if len(known) else None


def _delayed(
    ids: np.ndarray, gaps: np.ndarray, usual: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """The same events, one of them much later than it came."""
    known = np.flatnonzero(np.isfinite(gaps))
    if not len(known):
        return None
    at = int(rng.choice(known))
    late = gaps.copy()
    late[at] = _DELAY * max(float(gaps[at]), usual, 1.0)
    return ids, late


def _changed(
    ids: np.ndarray, gaps: np.ndarray, kind: str, vocabulary_size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """Events and gaps with one fault; None where it would leave the events as they are."""
    at = int(rng.integers(len(ids) - 1))
    if kind == "swap":
        different = np.flatnonzero(ids[:-1] != ids[1:])
        if not len(different):
            return None
        at = int(rng.choice(different))
        swapped = ids.copy()
        swapped[[at, at + 1]] = ids[[at + 1, at]]
        return swapped, gaps
    if kind == "drop":
        left = np.delete(gaps, at)
        left[at] = gaps[at] + gaps[at + 1]
        return np.delete(ids, at), left
    if kind == "insert" and vocabulary_size <= len(SPECIALS):
        return None
    new = ids[at] if kind == "repeat" else rng.integers(len(SPECIALS), vocabulary_size)
    halved = np.insert(gaps, at + 1, gaps[at + 1] / 2)
    halved[at + 2] = gaps[at + 1] / 2
    return np.insert(ids, at + 1, new), halved
