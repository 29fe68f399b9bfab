"""Networks on the clicks of each ip in order: two that learn how visitors click who do not install, one that is told.

The first two (LSTM, GRU) foretell the fields of the next click and are trained on visitors without an install alone:
who is about to install should surprise them. The third reads the click itself too and learns the label. Their weights
are kept as arrays; what a score means as a probability is a curve fitted on validation.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from offbeat.errors import UsageError
from offbeat.packs.installs.sequences import GAPS, HOURS, PAD, TOLD, Numbers, Sequences, sequences_of
from offbeat.packs.installs.table import ClickTable, Split, fit_rows, judged_rows, validation_rows
from offbeat.tabular import load_model, save_model
from offbeat.tabular.base import logit
from offbeat.tabular.calibration import fit_platt
from offbeat.tabular.linear import Logistic
from offbeat.tabular.scaling import Scaling
from offbeat.training.registry import Registry

log = logging.getLogger(__name__)

NETWORKS = ("lstm", "gru", "lstm_supervised")
SUPERVISED = "lstm_supervised"
_UNITS, _EPOCHS, _BATCH = 32, 4, 256
_WIDTHS = {"app": 12, "channel": 12, "os": 8, "device": 4, "gap": 4, "hour": 4}
_MOST_ROWS = 120_000  # learnt from; the network has no more to tell from more of them
_MOST_SCORED = 8192  # rows that go through at once


@dataclass(frozen=True)
class Network:
    """A trained network and the curve that makes a probability of its score.

    Attributes:
        numbers: of the fields. weights: as Keras orders them.
        curve: logistic curve of the score. seconds: that the training took.
    """

    name: str
    numbers: Numbers
    weights: list[np.ndarray]
    curve: Logistic
    seconds: float

    def save(self, folder: Path, record: dict[str, Any]) -> str:
        """Keep it as arrays; gives its version."""
        arrays = {f"weight/{place:02d}": value for place, value in enumerate(self.weights)}
        arrays |= {f"number/{name}": texts for name, texts in self.numbers.texts.items()}
        kept = {**record, "model": self.name, "seconds": self.seconds}
        return save_model(
            folder, self.curve, name=f"network-{self.name}", columns=("score",), record=kept, extra=arrays
        )


@dataclass(frozen=True)
class Said:
    """What a network said.

    Attributes:
        given: probability of each test click, [test].
        scores: score of every click: surprise in nats, or log odds of the one that is told; [clicks].
        known: clicks before each click, of the same ip; [clicks].
    """

    name: str
    given: np.ndarray
    scores: np.ndarray
    known: np.ndarray
    seconds: float
    note: str


def fit_networks(table: ClickTable, split: Split, names: Sequence[str], *, seed: int) -> dict[str, Network]:
    """Train the networks that are named on the earlier training clicks.

    Raises:
        UsageError: a name is unknown.
    """
    for name in names:
        if name not in NETWORKS:
            raise UsageError(f"config tabular.networks: no network {name}; known here: {', '.join(NETWORKS)}")
    made = {}
    for name in names:
        began = time.monotonic()
        rows, late = fit_rows(table, split), validation_rows(table, split)
        numbers = Numbers.fit({field: table.fields[field][rows] for field in TOLD})
        sequences = sequences_of(table, numbers)
        model = _built(name, numbers, seed)
        _train(name, model, sequences, _learnt(name, table, rows, seed), table.installed, seed)
        scores = _scores(name, model, sequences, late)
        curve = _curve(scores, table.installed[late])
        made[name] = Network(name, numbers, model.get_weights(), curve, time.monotonic() - began)
        log.info("%s: trained in %.1f s", name, made[name].seconds)
    return made


def judge_networks(registry: Registry, record: dict[str, Any], table: ClickTable, split: Split) -> list[Said]:
    """Open the networks beside a champion and ask them about every click."""
    found = []
    test = judged_rows(table, split)
    for name in record.get("networks", ()):
        saved = load_model(registry.path(record["beside"][name]))
        numbers = Numbers({field: saved.extra[f"number/{field}"] for field in TOLD})
        sequences = sequences_of(table, numbers)
        model = _built(name, numbers, record["seed"])
        weights = sorted(key for key in saved.extra if key.startswith("weight/"))
        model.set_weights([saved.extra[key] for key in weights])
        scores = _scores(name, model, sequences, np.arange(len(table)))
        installed = test[table.installed[test] == 1]
        with_history = int((sequences.known[installed] > 0).sum())
        note = f"{with_history} of the {len(installed)} installs of the test have an earlier click of the same ip"
        given = saved.model.predict(scores[test][:, None])
        found.append(Said(name, given, scores, sequences.known, float(saved.record["seconds"]), note))
    return found


def _learnt(name: str, table: ClickTable, rows: np.ndarray, seed: int) -> np.ndarray:
    """Rows that a network learns from: of visitors without an install alone, but for the one that is told."""
    if name != SUPERVISED:
        bought = np.unique(table.fields["ip"][rows][table.installed[rows] == 1])
        rows = rows[~np.isin(table.fields["ip"][rows], bought)]
    if len(rows) > _MOST_ROWS:
        kept = np.random.default_rng(seed).random(len(rows)) < _MOST_ROWS / len(rows)
        rows = rows[kept | ((table.installed[rows] == 1) & (name == SUPERVISED))]
    return rows


def _built(name: str, numbers: Numbers, seed: int) -> Any:
    import keras

    sizes = {field: numbers.size(field) for field in TOLD} | {"gap": GAPS, "hour": HOURS + 1}
    seeds = iter(range(seed * 1000, seed * 1000 + 100))
    inputs = {field: keras.Input((None,), dtype="int32", name=field) for field in sizes}
    parts = [
        keras.layers.Embedding(
            size,
            _WIDTHS[field],
            embeddings_initializer=keras.initializers.RandomUniform(-0.05, 0.05, seed=next(seeds)),
        )(inputs[field])
        for field, size in sizes.items()
    ]
    cell = keras.layers.GRU if name == "gru" else keras.layers.LSTM
    state = cell(
        _UNITS,
        kernel_initializer=keras.initializers.GlorotUniform(next(seeds)),
        recurrent_initializer=keras.initializers.Orthogonal(seed=next(seeds)),
    )(keras.layers.Concatenate()(parts))

    def dense(size: int, label: str) -> Any:
        start = keras.initializers.GlorotUniform(next(seeds))
        return keras.layers.Dense(size, kernel_initializer=start, name=label)(state)

    if name == SUPERVISED:
        return keras.Model(inputs, dense(1, "install"))
    return keras.Model(inputs, [dense(sizes[field], f"next_{field}") for field in TOLD])


def _train(
    name: str, model: Any, sequences: Sequences, rows: np.ndarray, labels: np.ndarray, seed: int
) -> None:
    import keras

    keras.utils.set_random_seed(seed)
    windows = sequences.windows(rows, own=name == SUPERVISED)
    if name == SUPERVISED:
        goal: Any = labels[rows].astype(np.float32)
        bias = model.get_layer("install").bias
        bias.assign([float(logit(np.array(goal.mean())))])
        losses: Any = keras.losses.BinaryCrossentropy(from_logits=True)
    else:
        goal = [sequences.fields[field][rows] for field in TOLD]
        losses = [keras.losses.SparseCategoricalCrossentropy(from_logits=True) for _ in TOLD]
    model.compile(keras.optimizers.Adam(3e-3), losses)
    order = np.random.default_rng(seed)
    for _ in range(_EPOCHS):
        shuffled = order.permutation(len(rows))
        for first in range(0, len(rows), _BATCH):
            part = shuffled[first : first + _BATCH]
            taken = {field: values[part] for field, values in windows.items()}
            wanted = goal[part] if name == SUPERVISED else [one[part] for one in goal]
            model.train_on_batch(taken, wanted)


def _scores(name: str, model: Any, sequences: Sequences, rows: np.ndarray) -> np.ndarray:
    """Surprise at the fields of each click in nats, or its log odds; float64, [rows]."""
    found = np.zeros(len(rows))
    for first in range(0, len(rows), _MOST_SCORED):
        part = rows[first : first + _MOST_SCORED]
        out = model.predict_on_batch(sequences.windows(part, own=name == SUPERVISED))
        if name == SUPERVISED:
            found[first : first + len(part)] = np.asarray(out, np.float64)[:, 0]
            continue
        for field, logits in zip(TOLD, out, strict=True):
            values = np.asarray(logits, np.float64)
            values[:, PAD] = -np.inf
            top = values.max(axis=1)
            total = top + np.log(np.exp(values - top[:, None]).sum(axis=1))
            found[first : first + len(part)] += (
                total - values[np.arange(len(part)), sequences.fields[field][part]]
            )
    return found


def _curve(scores: np.ndarray, labels: np.ndarray) -> Logistic:
    scaling = Scaling.fit(scores[:, None])
    slope, bias = fit_platt(scaling.apply(scores[:, None])[:, 0], labels.astype(np.float64))
    return Logistic(scaling, np.array([slope]), bias)
