"""A test set where nothing is labelled: held-out sessions, and the same with a fault put in. Synthetic, and said so.

What is found of such faults says how a detector does on faults like these. It says nothing of the log's own faults,
some of which may be among the sessions that count as normal here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from offbeat.detectors.base import Sequences, joined
from offbeat.detectors.vocabulary import SPECIALS, Vocabulary
from offbeat.training.inject import KINDS, inject_faults

SPLIT = "synthetic"
REMARK = "synthetic: faults put into held-out sessions, which count as normal themselves"
_MOST_SESSIONS = 10_000


@dataclass(frozen=True)
class SyntheticTest:
    """Sessions to be judged.

    Attributes:
        sequences: held-out sessions, then those with a fault, in numbers of the vocabulary they came with.
        labels: float64, [n]: 0 as it was, 1 with a fault.
        kinds: str, [n]: kind of the fault, empty where there is none.
    """

    sequences: Sequences
    labels: np.ndarray
    kinds: np.ndarray


def make_synthetic(held_out: Sequences, vocabulary: Vocabulary, *, seed: int) -> SyntheticTest:
    """Put one fault into each session that can bear one; of many sessions, some are drawn.

    Args:
        held_out: sessions that no detector was fitted on and no threshold was set with.
        vocabulary: that encoded them; events that it knows are put in.
        seed: the same seed gives the same sessions.
    """
    if len(held_out) > _MOST_SESSIONS:
        drawn = np.random.default_rng(seed).choice(len(held_out), _MOST_SESSIONS, replace=False)
        held_out = held_out.take(np.sort(drawn))
    faulty, kinds = inject_faults(held_out, vocabulary_size=len(vocabulary), seed=seed)
    names = np.array([*KINDS, ""])
    return SyntheticTest(
        joined(held_out, faulty),
        np.repeat([0.0, 1.0], [len(held_out), len(faulty)]),
        names[np.append(np.full(len(held_out), len(KINDS)), kinds)],
    )


def translated(sequences: Sequences, source: Vocabulary, target: Vocabulary) -> Sequences:
    """The same sessions in the numbers of another vocabulary; what it lacks becomes unknown."""
    if source.hash == target.hash:
        return sequences
    numbers = np.arange(len(source), dtype=np.int32)
    numbers[len(SPECIALS) :] = target.encode(source.events)
    return replace(sequences, ids=numbers[sequences.ids])
