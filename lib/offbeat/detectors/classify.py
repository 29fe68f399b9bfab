"""Training of the classifiers with Keras, on the driver. TensorFlow is imported here, and scoring never is."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from offbeat.detectors.base import Progress, ragged_index
from offbeat.detectors.classifier import Settings
from offbeat.detectors.history import History
from offbeat.detectors.keras_model import CELLS, Sizes, condition, export_weights
from offbeat.detectors.learning import falling_rate
from offbeat.detectors.settings import RecurrentSettings
from offbeat.detectors.steps import Steps

_LEAST_GAIN = 1e-4

Part = tuple[Steps, np.ndarray]
"""Sessions, and 1 or 0 for each."""


def learn(
    kind: str,
    train: Part,
    validation: Part,
    settings: Settings,
    sizes: tuple[int, int],
    seed: int,
    progress: Progress | None,
) -> tuple[dict[str, np.ndarray], History]:
    """Train until the validation loss no longer falls, or the rounds are over.

    Args:
        kind: lstm or gru.
        train, validation: labelled sessions; without validation the training loss says when to stop.
        settings: sizes and limits.
        sizes: of the vocabulary, and of a session's covariates.
        seed: of every draw.
        progress: told of the tokens fed.

    Returns: weights as `Network` takes them, and what happened.
    """
    trainer = _Trainer(kind, settings, Sizes(sizes[0], 0, sizes[1]), seed)
    per_round = int((train[0].lengths - 1).sum())
    rounds = max(1, min(settings.epochs, settings.max_events // max(1, per_round)))
    trainer.n_planned.assign(float(rounds * -(-len(train[1]) // settings.batch)))
    rng = np.random.default_rng(seed)
    history, arrays, least = History(), trainer.export(), math.inf
    for epoch in range(rounds):
        loss, accuracy = trainer.go_through(train, rng)
        val_loss, val_accuracy = trainer.go_through(validation, None)
        history.add(loss=loss, accuracy=accuracy, val_loss=val_loss, val_accuracy=val_accuracy)
        judged = loss if math.isnan(val_loss) else val_loss
        if judged < least - _LEAST_GAIN:
            least, arrays, history.best_epoch = judged, trainer.export(), epoch
        if progress:
            progress(f"epoch {epoch + 1}", (epoch + 1) * per_round, rounds * per_round)
        if epoch - history.best_epoch >= settings.patience:
            break
    return arrays, history


class _Trainer:
    """A classifier and its optimizer."""

    def __init__(self, kind: str, settings: Settings, sizes: Sizes, seed: int) -> None:
        self.settings, self.has_covariates = settings, sizes.n_covariates > 0
        self.model = _build(kind, settings, sizes, seed)
        self.weights = self.model.trainable_variables
        self.optimizer = keras.optimizers.Adam(settings.learning_rate, clipnorm=1.0)
        self.optimizer.build(self.weights)
        self.n_updates, self.n_planned = tf.Variable(0.0), tf.Variable(1.0)
        table, real = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, None], tf.float32)
        compiled = tf.function(input_signature=[table, real, real, tf.TensorSpec([None], tf.float32)])
        self._learn, self._look = compiled(self._learn_from), compiled(self._look_at)

    def go_through(self, part: Part, rng: np.random.Generator | None) -> tuple[float, float]:
        """One round over the sessions, learning where `rng` is given; loss and accuracy, NaN without sessions."""
        sums = np.zeros(2)
        for batch in _batches(*part, self.settings.batch, rng):
            step = self._look if rng is None else self._learn
            sums += step(*map(tf.constant, batch)).numpy()
        n = len(part[1])
        return (float(sums[0] / n), float(sums[1] / n)) if n else (math.nan, math.nan)

    def export(self) -> dict[str, np.ndarray]:
        """The weights, as `Network` takes them."""
        return export_weights(self.model, np.ones(1, bool))

    def _learn_from(self, tokens: Any, last: Any, covariates: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            losses, hits = self._forward(tokens, last, covariates, labels)
            loss = tf.reduce_mean(losses)
        rate = falling_rate(self.n_updates, self.n_planned)
        self.optimizer.learning_rate.assign(self.settings.learning_rate * rate)
        self.optimizer.apply(tape.gradient(loss, self.weights), self.weights)
        self.n_updates.assign_add(1.0)
        return tf.stack([tf.reduce_sum(losses), tf.reduce_sum(hits)])

    def _look_at(self, tokens: Any, last: Any, covariates: Any, labels: Any) -> Any:
        losses, hits = self._forward(tokens, last, covariates, labels)
        return tf.stack([tf.reduce_sum(losses), tf.reduce_sum(hits)])

    def _forward(self, tokens: Any, last: Any, covariates: Any, labels: Any) -> Any:
        inputs = [tokens, last, covariates] if self.has_covariates else [tokens, last]
        logits = self.model(inputs)[:, 0]
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
        return losses, tf.cast((logits > 0) == (labels > 0.5), tf.float32)  # noqa: PLR2004 - 0 or 1


def _build(kind: str, settings: Settings, sizes: Sizes, seed: int) -> keras.Model:
    """Inputs: tokens, 1 at a session's last token and 0 elsewhere, (covariates); output: the logit after that one."""
    seeds = iter(range(seed * 1000 + 500, seed * 1000 + 1000))
    inputs = [keras.Input((None,), dtype="int32"), keras.Input((None,))]
    start = keras.initializers.RandomUniform(-0.05, 0.05, seed=next(seeds))
    x = keras.layers.Embedding(
        sizes.n_tokens, settings.embedding, embeddings_initializer=start, name="embedding"
    )(inputs[0])
    shape = RecurrentSettings(units=settings.units, layers=settings.layers)
    states = None
    if sizes.n_covariates:
        inputs.append(keras.Input((sizes.n_covariates,)))
        states = condition(kind, shape, inputs[-1], next(seeds))
    for number in range(settings.layers):
        layer = CELLS[kind](
            settings.units,
            return_sequences=True,
            name=f"layer_{number}",
            kernel_initializer=keras.initializers.GlorotUniform(next(seeds)),
            recurrent_initializer=keras.initializers.Orthogonal(seed=next(seeds)),
        )
        n_states = {"lstm": 2, "gru": 1}[kind]
        x = layer(x, initial_state=[next(states) for _ in range(n_states)] if states else None)
    last = keras.ops.sum(x * keras.ops.expand_dims(inputs[1], -1), axis=1)
    out = keras.layers.Dense(1, name="out", kernel_initializer=keras.initializers.GlorotUniform(next(seeds)))
    return keras.Model(inputs, out(last))


def _batches(steps: Steps, labels: np.ndarray, size: int, rng: np.random.Generator | None) -> Any:
    """Sessions of like length together: tokens, the places of the last ones, covariates and labels of each batch."""
    inputs = steps.lengths - 1  # the last token is never fed
    order = np.flatnonzero(inputs > 0)
    order = order if rng is None else rng.permutation(order)
    order = order[np.argsort(np.floor(4 * np.log2(inputs[order])), kind="stable")]
    batches = [order[low : low + size] for low in range(0, len(order), size)]
    for at in range(len(batches)) if rng is None else rng.permutation(len(batches)):
        rows = batches[at]
        lengths = inputs[rows]
        tokens = np.zeros((len(rows), int(lengths.max())), np.int32)
        row = np.repeat(np.arange(len(rows)), lengths)
        column = ragged_index(np.zeros(len(rows), np.int64), lengths)
        tokens[row, column] = steps.tokens[steps.offsets[rows][row] + column]
        covariates = np.zeros((len(rows), 0), np.float32)
        if steps.vectors is not None and steps.groups is not None:
            covariates = steps.vectors[steps.groups[rows]]
        last = np.zeros(tokens.shape, np.float32)
        last[np.arange(len(rows)), lengths - 1] = 1
        yield tokens, last, covariates, labels[rows]
