"""A small network of dense layers: Keras fits it, NumPy runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.tabular.base import sigmoid
from offbeat.tabular.scaling import Scaling

_STOP_AFTER = 8  # epochs without a better loss on held-out rows
_HELD_OUT = 0.15


@dataclass(frozen=True)
class Network:
    """Dense layers with ReLU between, and log odds at the end, on scaled columns.

    Attributes:
        weights: float64, one [inputs, units] per layer. biases: float64, one [units] per layer.
    """

    scaling: Scaling
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probability of label 1; float64, [n]."""
        layer = self.scaling.apply(features)
        last = len(self.weights) - 1
        for place, (weights, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            # einsum sums each row by itself, so that a row's answer doesn't hang on its neighbours.
            layer = np.einsum("ni,iu->nu", layer, weights, optimize=False) + bias
            if place < last:
                layer = np.maximum(layer, 0)
        return sigmoid(layer[:, 0])


def fit_network(  # noqa: PLR0913 - a network has as many knobs
    features: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    *,
    seed: int,
    units: int = 32,
    layers: int = 2,
    dropout: float = 0.2,
    rate: float = 0.003,
    penalty: float = 1e-4,
    epochs: int = 60,
    batch: int = 256,
) -> Network:
    """Fit a network; training stops early where held-out rows no longer gain.

    Args:
        weights: what each row counts for.
        units, layers: of the hidden part. dropout: share of units left out while training.
        rate: of learning. penalty: on large weights.
    """
    import keras

    keras.utils.set_random_seed(seed)
    scaling = Scaling.fit(features)
    table = scaling.apply(features).astype(np.float32)
    model = keras.Sequential([keras.Input((table.shape[1],))])
    for _ in range(layers):
        model.add(
            keras.layers.Dense(units, activation="relu", kernel_regularizer=keras.regularizers.L2(penalty))
        )
        model.add(keras.layers.Dropout(dropout, seed=seed))
    model.add(keras.layers.Dense(1))
    model.compile(
        keras.optimizers.Adam(rate), keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=False
    )
    sides = table, np.asarray(labels, np.float32)[:, None], np.asarray(weights, np.float32)
    _train(model, sides, epochs=epochs, batch=batch, seed=seed)
    arrays = [np.asarray(one, np.float64) for one in model.get_weights()]
    return Network(scaling, tuple(arrays[0::2]), tuple(arrays[1::2]))


def _train(
    model: Any, sides: tuple[np.ndarray, np.ndarray, np.ndarray], *, epochs: int, batch: int, seed: int
) -> None:
    """Train until held-out rows no longer gain, and keep the weights of the best epoch.

    Of few rows Keras' own loop is mostly overhead: batch by batch it takes a fifth of the time.

    Args:
        sides: inputs, truth and what each row counts for.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(sides[0]))
    n_held = int(len(order) * _HELD_OUT)
    held, learn = order[:n_held], order[n_held:]
    best, kept, since = np.inf, model.get_weights(), 0
    for _ in range(epochs):
        learn = rng.permutation(learn)
        for first in range(0, len(learn), batch):
            rows = learn[first : first + batch]
            model.train_on_batch(*(side[rows] for side in sides))
        loss = float(model.test_on_batch(*(side[held] for side in sides)))
        if loss < best:
            best, kept, since = loss, model.get_weights(), 0
        else:
            since += 1
            if since >= _STOP_AFTER:
                break
    model.set_weights(kept)


def tune_network(
    features: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray,
    *,
    seed: int,
    trials: int,
) -> dict[str, float | int]:
    """The knobs with the smallest log loss on groups that a trial has not seen, found by Optuna.

    Args:
        groups: [n]: rows of one group stay on one side.
        trials: how many settings are tried; 0 keeps the presets.
    """
    if trials < 1:
        return {}
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distinct, place = np.unique(groups, return_inverse=True)
    held = (np.random.default_rng(seed).permutation(len(distinct)) % 4 == 0)[place]

    def loss(trial: optuna.Trial) -> float:
        knobs = {
            "units": trial.suggest_categorical("units", [8, 16, 32, 64]),
            "layers": trial.suggest_int("layers", 1, 3),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
            "rate": trial.suggest_float("rate", 5e-4, 1e-2, log=True),
            "penalty": trial.suggest_float("penalty", 1e-6, 1e-2, log=True),
        }
        model = fit_network(features[~held], labels[~held], weights[~held], seed=seed, **knobs)  # type: ignore[arg-type]
        said = np.clip(model.predict(features[held]), 1e-6, 1 - 1e-6)
        truth = labels[held]
        return float(-(truth * np.log(said) + (1 - truth) * np.log1p(-said)).mean())

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(loss, n_trials=trials)
    return dict(study.best_params)
