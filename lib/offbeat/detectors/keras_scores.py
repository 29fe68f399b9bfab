"""Scores through Keras, in batches: for a GPU, and for networks that the NumPy path lacks.

Sessions of like length share a batch; a long one is fed in pieces that hand their state on, so memory is bounded.
This module imports Keras and TensorFlow when it is imported.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from offbeat.detectors.keras_model import Sizes, build_model, import_weights, rest_states
from offbeat.detectors.settings import RecurrentSettings
from offbeat.detectors.steps import Steps
from offbeat.detectors.vocabulary import UNKNOWN
from offbeat.errors import UsageError

_PIECE = 128  # tokens that are fed at a time
_LOGITS = 1 << 23  # held at a time, elements


def assert_gpu() -> None:
    """Whether TensorFlow sees a GPU.

    Raises:
        UsageError: it sees none.
    """
    if not tf.config.list_physical_devices("GPU"):
        raise UsageError(
            "config model.device: gpu, but TensorFlow sees none here; install a GPU build of it, or set cpu"
        )


def hide_gpu() -> None:
    """Keep TensorFlow on the CPU; no effect where it has begun to use a GPU."""
    if tf.config.list_physical_devices("GPU") and not tf.config.list_logical_devices("GPU"):
        tf.config.set_visible_devices([], "GPU")


def _one_thread_a_task() -> None:
    """As many threads as Spark gives a task's libraries, so that workers don't fight for cores."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit():
        with suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(int(threads))
            tf.config.threading.set_inter_op_parallelism_threads(int(threads))


class KerasScorer:
    """A network as Keras computes it.

    Args:
        kind: lstm or gru.
        settings: its sizes.
        arrays: exported weights.
    """

    def __init__(self, kind: str, settings: RecurrentSettings, arrays: Mapping[str, np.ndarray]) -> None:
        _one_thread_a_task()
        self.kind, self.settings = kind, settings
        sizes = Sizes.of(arrays)
        self.n_tokens = sizes.n_tokens
        allowed = np.ones(self.n_tokens, bool)  # the exported bias rules out the rest
        self.model = build_model(kind, settings, sizes, allowed=allowed, seed=0)
        import_weights(self.model, arrays)
        self.batch = int(np.clip(_LOGITS // (_PIECE * self.n_tokens), 1, 512))

    def largest_surprise(self, steps: Steps, *, unknown: float | None) -> np.ndarray:
        """As `sweep.largest_surprise`; nothing is shared."""
        best = np.zeros(len(steps.offsets) - 1, np.float32)
        inputs = steps.lengths - 1
        order = np.argsort(inputs, kind="stable")
        order = order[inputs[order] > 0]
        for low in range(0, len(order), self.batch):
            rows = order[low : low + self.batch]
            best[rows] = self._batch(steps, rows, inputs[rows], unknown)
        return best

    def _batch(self, steps: Steps, rows: np.ndarray, inputs: np.ndarray, unknown: float | None) -> np.ndarray:
        best = np.zeros(len(rows), np.float32)
        states: list[Any] = list(rest_states(self.kind, self.settings, len(rows)))
        for begin in range(0, int(inputs.max()), _PIECE):
            width = min(_PIECE, int(inputs.max()) - begin)
            place = begin + np.arange(width + 1)
            at = steps.offsets[rows][:, None] + np.minimum(place, inputs[:, None])
            tokens = steps.tokens[at]
            fed = [tokens[:, :-1], *([] if steps.buckets is None else [steps.buckets[at][:, :-1]])]
            if steps.vectors is not None and steps.groups is not None:
                vectors = steps.vectors[steps.groups[rows]]
                fed.append(vectors if begin == 0 else np.zeros_like(vectors))
            logits, *states = self.model([tf.convert_to_tensor(value) for value in (*fed, *states)])
            targets = tokens[:, 1:]
            losses = keras.ops.log_softmax(logits)
            surprise = -np.take_along_axis(np.asarray(losses), targets[..., None], axis=2)[..., 0]
            if unknown is not None:
                surprise = np.where(targets == UNKNOWN, np.float32(-unknown), surprise)
            there = place[:-1] < inputs[:, None]
            best = np.maximum(best, np.where(there, surprise, 0).max(axis=1))
        return best
