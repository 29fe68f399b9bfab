"""The next-event network as a Keras model: for training, and as the plain reference that the fast path is tested with.

This module imports Keras when it is imported; scoring never does.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from offbeat.detectors.forward import IMPOSSIBLE
from offbeat.detectors.settings import RecurrentSettings
from offbeat.detectors.steps import Steps

GAP_WIDTH = 8  # of the embedding of gap classes
CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
_TABLES = ("embedding", "gap_embedding", "condition")
_STATES = {"lstm": 2, "gru": 1}


@dataclass(frozen=True)
class Sizes:
    """Of the inputs.

    Attributes:
        n_tokens: size of the vocabulary, marks included.
        n_gaps: gap classes; 0 without times.
        n_covariates: numbers that a session's covariates are; 0 without any.
    """

    n_tokens: int
    n_gaps: int = 0
    n_covariates: int = 0

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> Sizes:
        """Of the network that exported weights belong to."""
        n_gaps, n_covariates = (len(arrays.get(name, ())) for name in ("gap_embedding", "condition"))
        return cls(len(arrays["out_bias"]), n_gaps, n_covariates)


def build_model(
    kind: str, settings: RecurrentSettings, sizes: Sizes, *, allowed: np.ndarray, seed: int
) -> keras.Model:
    """A network that gives, after each token, the logits of the next.

    Args:
        kind: lstm or gru.
        settings: its layers.
        sizes: of its inputs.
        allowed: bool, [n_tokens]: what can come next.
        seed: of the initial weights and the dropout.

    Returns:
        Inputs: tokens, (gap classes,) (covariates,) states; outputs: logits [batch, steps, n_tokens], states after.
    """
    n_tokens, n_gaps = sizes.n_tokens, sizes.n_gaps
    seeds = iter(range(seed * 1000, seed * 1000 + 1000))
    tokens = keras.Input((None,), dtype="int32")
    x = _embed(tokens, n_tokens, settings.embedding, "embedding", next(seeds))
    inputs = [tokens]
    if n_gaps:
        inputs.append(keras.Input((None,), dtype="int32"))
        gaps = _embed(inputs[-1], n_gaps, GAP_WIDTH, "gap_embedding", next(seeds))
        x = keras.layers.Concatenate()([x, gaps])
    start: Iterator[Any] = iter(())
    if sizes.n_covariates:
        inputs.append(keras.Input((sizes.n_covariates,)))
        start = condition(kind, settings, inputs[-1], next(seeds))
    after: list[Any] = []
    for number in range(settings.layers):
        layer = CELLS[kind](
            settings.units,
            return_sequences=True,
            return_state=True,
            name=f"layer_{number}",
            kernel_initializer=keras.initializers.GlorotUniform(next(seeds)),
            recurrent_initializer=keras.initializers.Orthogonal(seed=next(seeds)),
        )
        before = [keras.Input((settings.units,)) for _ in range(_STATES[kind])]
        added = [before_one + next(start) for before_one in before] if sizes.n_covariates else before
        x, *states = layer(x, initial_state=added)
        inputs, after = inputs + before, after + states
        if settings.dropout:
            x = keras.layers.Dropout(settings.dropout, seed=next(seeds))(x)
    out = keras.layers.Dense(
        n_tokens, name="out", kernel_initializer=keras.initializers.GlorotUniform(next(seeds))
    )
    logits = out(x) + np.where(allowed, 0, IMPOSSIBLE).astype(np.float32)
    return keras.Model(inputs, [logits, *after])


def condition(kind: str, settings: RecurrentSettings, covariates: Any, seed: int) -> Iterator[Any]:
    """What covariates add to each state before the first token, layer by layer."""
    n_states = settings.layers * _STATES[kind]
    dense = keras.layers.Dense(
        n_states * settings.units,
        use_bias=False,
        name="condition",
        kernel_initializer=keras.initializers.RandomUniform(-0.05, 0.05, seed=seed),
    )
    joined = dense(covariates)
    return iter([joined[:, at * settings.units : (at + 1) * settings.units] for at in range(n_states)])


def _embed(tokens: Any, n: int, width: int, name: str, seed: int) -> Any:
    start = keras.initializers.RandomUniform(-0.05, 0.05, seed=seed)
    return keras.layers.Embedding(n, width, embeddings_initializer=start, name=name)(tokens)


def rest_states(kind: str, settings: RecurrentSettings, rows: int) -> list[np.ndarray]:
    """States before anything happened, as the model takes them: float32, [rows, units] each."""
    return [np.zeros((rows, settings.units), np.float32)] * (settings.layers * _STATES[kind])


def export_weights(model: keras.Model, allowed: np.ndarray) -> dict[str, np.ndarray]:
    """The weights as `Network` takes them: float32; what can't come next has no weights and the least bias."""
    arrays: dict[str, np.ndarray] = {}
    for layer in model.layers:
        values = [np.asarray(value, np.float32) for value in layer.get_weights()]
        number = layer.name.removeprefix("layer_")
        if layer.name in _TABLES:
            arrays[layer.name] = values[0]
        elif layer.name == "out":
            arrays["out_kernel"] = np.where(allowed, values[0], 0).astype(np.float32)
            arrays["out_bias"] = np.where(allowed, values[1], IMPOSSIBLE).astype(np.float32)
        elif number != layer.name:
            arrays |= dict(
                zip((f"kernel_{number}", f"recurrent_{number}", f"bias_{number}"), values, strict=True)
            )
    return arrays


def import_weights(model: keras.Model, arrays: Mapping[str, np.ndarray]) -> None:
    """Put exported weights into a model of the same sizes."""
    for layer in model.layers:
        number = layer.name.removeprefix("layer_")
        if layer.name in _TABLES:
            layer.set_weights([arrays[layer.name]])
        elif layer.name == "out":
            layer.set_weights([arrays["out_kernel"], arrays["out_bias"]])
        elif number != layer.name:
            layer.set_weights([arrays[f"{name}_{number}"] for name in ("kernel", "recurrent", "bias")])


def reference_surprise(
    kind: str, settings: RecurrentSettings, arrays: Mapping[str, np.ndarray], steps: Steps
) -> list[np.ndarray]:
    """-ln(probability) of every token but the first of each session, one session a call: slow and plain."""
    sizes = Sizes.of(arrays)
    allowed = np.ones(sizes.n_tokens, bool)  # the exported bias rules out the rest
    model = build_model(kind, settings, sizes, allowed=allowed, seed=0)
    import_weights(model, arrays)
    surprise = []
    for at, (low, high) in enumerate(itertools.pairwise(steps.offsets)):
        if high - low <= 1:
            surprise.append(np.zeros(0, np.float32))
            continue
        inputs = [steps.tokens[None, low : high - 1]]
        if steps.buckets is not None:
            inputs.append(steps.buckets[None, low : high - 1])
        if steps.vectors is not None and steps.groups is not None:
            inputs.append(steps.vectors[steps.groups[at]][None])
        logits = model(inputs + rest_states(kind, settings, 1))[0]
        log_probability = np.asarray(keras.ops.log_softmax(logits))[0]
        surprise.append(-log_probability[np.arange(high - low - 1), steps.tokens[low + 1 : high]])
    return surprise
