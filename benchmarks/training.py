"""Training on the driver beside plain Keras `fit` on the same arrays."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from offbeat.config import Config
from offbeat.detectors import create
from offbeat.detectors.recurrent import Recurrent
from offbeat.detectors.settings import RecurrentSettings
from offbeat.detectors.steps import Steps, to_steps
from offbeat.tables.lake import Lake
from offbeat.training.run import load_training_data

_EVENTS = 600_000  # fed in all rounds of ours
_FIT_EVENTS = 200_000
_BATCH = 256


def compare_training(lake: Lake, conf: Config) -> dict[str, Any]:
    """Events per second that are learnt from, ours and `fit`'s; ours with all sessions that a distinct one stands for.

    `fit` gets what a user would give it: sessions padded to the longest, in random order, in batches of 256.
    """
    data = load_training_data(lake, conf)
    detector = create(conf.model.detector)
    assert isinstance(detector, Recurrent)  # noqa: S101 - what the benchmark's config says
    fed = [0]

    def progress(_what: str, done: int, _total: int) -> None:
        fed[0] = done

    settings = {"max_events": _EVENTS, "epochs": 2}
    began = time.perf_counter()
    history = detector.fit(
        data.train, data.validation, vocabulary=data.vocabulary, settings=settings, progress=progress
    )
    ours_s = time.perf_counter() - began
    steps = to_steps(data.train)
    epoch = len(steps.tokens) - len(data.train)
    fit_s, fit_events = _plain_fit(detector.name, steps, len(data.vocabulary))
    return {
        "train_sessions": len(data.train),
        "train_wall_s": round(ours_s, 2),
        "train_fed_events_per_s": round(fed[0] / ours_s),
        "train_events_per_s": round(epoch * len(history.loss) / ours_s),
        "fit_events_per_s": round(fit_events / fit_s),
        "train_vs_fit": round(epoch * len(history.loss) / ours_s / (fit_events / fit_s), 2),
        "train_fed_vs_fit": round(fed[0] / ours_s / (fit_events / fit_s), 2),
    }


def _plain_fit(kind: str, steps: Steps, n_tokens: int) -> tuple[float, int]:
    """Seconds of one epoch of `fit` after a first small one, and the events in it."""
    import keras

    sizes = RecurrentSettings()
    keras.utils.set_random_seed(0)
    cell = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[kind]
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(n_tokens, sizes.embedding, mask_zero=True),
            *(cell(sizes.units, return_sequences=True) for _ in range(sizes.layers)),
            keras.layers.Dense(n_tokens, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    lengths = steps.lengths - 1
    n = int(np.searchsorted(np.cumsum(lengths), _FIT_EVENTS))
    inputs = np.zeros((n, int(lengths[:n].max())), np.int32)
    targets = np.zeros_like(inputs)
    for row, (begin, length) in enumerate(zip(steps.offsets[:n], lengths[:n], strict=True)):
        inputs[row, :length] = steps.tokens[begin : begin + length]
        targets[row, :length] = steps.tokens[begin + 1 : begin + length + 1]
    model.fit(inputs[:_BATCH], targets[:_BATCH], batch_size=_BATCH, verbose=0)
    began = time.perf_counter()
    model.fit(inputs, targets, batch_size=_BATCH, verbose=0)
    return time.perf_counter() - began, int(lengths[:n].sum())
