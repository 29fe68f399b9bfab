"""From scores to verdicts."""

from __future__ import annotations

import numpy as np

from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import UNKNOWN

NORMAL, ANOMALOUS, SHORT, OPEN, UNKNOWN_EVENT = "normal", "anomalous", "short", "open", "unknown_event"
FLAGGED = (ANOMALOUS, UNKNOWN_EVENT)


def judge(
    scores: np.ndarray,
    *,
    threshold: float | np.ndarray,
    lengths: np.ndarray,
    unknown_share: np.ndarray,
    is_open: np.ndarray,
    min_events: int,
    unknown_limit: float,
) -> np.ndarray:
    """The verdict on each session; `threshold` is one for all, or one each.

    A session that may still grow is `open`, one of fewer than `min_events` events `short`, one of which more than
    `unknown_limit` is unknown to the model `unknown_event`; of the others, those that score above the threshold are
    `anomalous`. The first that holds is said.

    Returns:
        Array of str, one per session.
    """
    cases = [is_open, lengths < min_events, unknown_share > unknown_limit, scores > threshold]
    return np.select(cases, [OPEN, SHORT, UNKNOWN_EVENT, ANOMALOUS], default=NORMAL)


def is_flagged(verdicts: np.ndarray) -> np.ndarray:
    """Which sessions go to the table anomalies."""
    return np.isin(verdicts, FLAGGED)


def unknown_share(sequences: Sequences) -> np.ndarray:
    """Share of each session's events that the vocabulary lacks; float32, [n], 0 for a session without events."""
    unknown = np.append(0, np.cumsum(sequences.ids == UNKNOWN))
    counts = unknown[sequences.offsets[1:]] - unknown[sequences.offsets[:-1]]
    return np.asarray(counts / np.maximum(sequences.lengths, 1), np.float32)
