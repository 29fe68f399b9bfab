"""Whether a candidate is as good as the champion: both judged on the same sessions that the candidate has not seen."""

from __future__ import annotations

import numpy as np

from offbeat.detectors.base import Detector, Sequences
from offbeat.detectors.vocabulary import SPECIALS, Vocabulary
from offbeat.evaluation.metrics import pr_auc
from offbeat.training.inject import inject_faults


def separation(
    detector: Detector, vocabulary: Vocabulary, validation: Sequences, *, known: Vocabulary, seed: int
) -> float:
    """PR-AUC with which a detector tells validation sessions from the same sessions with a fault put in.

    Args:
        detector: fitted, with numbers of `vocabulary`.
        validation: in numbers of `known`, the candidate's vocabulary; so are the faults, the same for both models.
    """
    normal = Sequences(validation.ids, validation.offsets, validation.starts, validation.ends)
    faulty, _ = inject_faults(normal, vocabulary_size=len(known), seed=seed)
    translation = np.arange(len(known), dtype=np.int32)
    translation[len(SPECIALS) :] = vocabulary.encode(known.events)
    scores = [detector.score(_translated(part, translation)) for part in (normal, faulty)]
    labels = np.repeat([0, 1], [len(normal), len(faulty)])
    return pr_auc(labels, np.concatenate(scores))


def _translated(sequences: Sequences, translation: np.ndarray) -> Sequences:
    return Sequences(translation[sequences.ids], sequences.offsets, sequences.starts, sequences.ends)
