"""The bare model for several sizes: the exact path that scoring takes, and Keras, one core each."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

_EVENTS = 300_000
_CASES = (
    ("lstm", 64, 2, 30),
    ("lstm", 64, 1, 30),
    ("lstm", 32, 1, 30),
    ("lstm", 128, 2, 30),
    ("lstm", 64, 2, 1_000),
    ("lstm", 64, 2, 20_000),
    ("gru", 64, 2, 30),
    ("gru", 64, 1, 30),
    ("gru", 128, 2, 30),
    ("gru", 64, 2, 1_000),
    ("gru", 64, 2, 20_000),
)
_LARGE = 10_000


def time_networks() -> list[dict[str, Any]]:
    """One row per network: events per CPU second, no two beginnings shared, and the largest difference from Keras."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before TensorFlow counts the cores
    return [_row(*case) for case in _CASES]


def _row(kind: str, units: int, layers: int, events: int) -> dict[str, Any]:
    from offbeat.detectors.base import Sequences
    from offbeat.detectors.forward import Network
    from offbeat.detectors.keras_model import build_model, export_weights
    from offbeat.detectors.settings import RecurrentSettings
    from offbeat.detectors.steps import to_steps
    from offbeat.detectors.sweep import largest_surprise

    n_tokens = events + 4
    settings = RecurrentSettings(units=units, layers=layers)
    allowed = np.ones(n_tokens, bool)
    allowed[[0, 2]] = False
    model = build_model(kind, settings, n_tokens=n_tokens, n_gaps=0, allowed=allowed, seed=1)
    network = Network(kind, export_weights(model, allowed))
    rng = np.random.default_rng(0)
    lengths = rng.poisson(25, (_EVENTS // 10 if events > _LARGE else _EVENTS) // 30) + 5
    sequences = Sequences.from_lists([rng.integers(4, n_tokens, n).tolist() for n in lengths])
    steps = to_steps(sequences)
    scores, seconds = _best(lambda: largest_surprise(network, steps, unknown=None, share=False))
    reference, keras_s = _keras(model, settings, kind, steps)
    n = len(sequences.ids)
    return {
        "kind": kind,
        "units": units,
        "layers": layers,
        "events_known": events,
        "events_per_cpu_s": round(n / seconds),
        "keras_events_per_cpu_s": round(n / keras_s),
        "ratio": round(keras_s / seconds, 2),
        "largest_difference": float(f"{np.abs(scores - reference).max():.1e}"),
    }


def _best(work: Any, times: int = 3) -> tuple[Any, float]:
    """What it gives, and its least CPU seconds."""
    least, found = np.inf, None
    for _ in range(times):
        used = time.process_time()
        found = work()
        least = min(least, time.process_time() - used)
    return found, float(least)


def _keras(model: Any, settings: Any, kind: str, steps: Any) -> tuple[np.ndarray, float]:
    """Largest surprise per session by `predict_on_batch`, sorted by length, in batches of 512 (fewer where wide)."""
    from offbeat.detectors.keras_model import rest_states

    lengths = steps.lengths - 1
    order = np.argsort(lengths, kind="stable")
    size = 512 if model.outputs[0].shape[-1] < _LARGE else 64

    def score() -> np.ndarray:
        best = np.zeros(len(lengths), np.float32)
        for low in range(0, len(order), size):
            rows = order[low : low + size]
            width = int(lengths[rows].max())
            at = steps.offsets[rows][:, None] + np.minimum(np.arange(width + 1), lengths[rows][:, None])
            tokens = steps.tokens[at]
            logits = np.asarray(
                model.predict_on_batch([tokens[:, :-1], *rest_states(kind, settings, len(rows))])[0]
            )
            wanted = np.take_along_axis(logits, tokens[:, 1:, None], axis=2)[..., 0]
            top = logits.max(axis=2, keepdims=True)
            total = np.log(np.exp(logits - top).sum(axis=2)) + top[..., 0]
            there = np.arange(width) < lengths[rows][:, None]
            best[rows] = np.where(there, total - wanted, 0).max(axis=1)
        return best

    score()
    found, seconds = _best(score, 2)
    return found, seconds
