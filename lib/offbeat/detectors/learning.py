"""Training of the next-event networks with Keras, on the driver. TensorFlow is imported here, and scoring never is.

Equal sessions are fed once, weighted by how often they came; sessions of like length share a batch; a long session is
fed in pieces that hand their state on (truncated back-propagation through time). Every draw comes from one seed and no
global one is touched, so the same data give the same weights on the same machine.

Where sessions to learn from may be faulty, a fault that came often enough would be learnt like any habit. So, once what
is common has been learnt, nothing more is learnt from a session while it is stranger than the bulk of the sessions of
the round before lets expect: least trimmed squares' idea, with the share to trim found in the scores instead of given.

References: Rousseeuw 1984 (trimming); Loshchilov & Hutter 2017 (cosine schedule).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from offbeat.detectors.base import History, Progress
from offbeat.detectors.feed import BATCHES, Feed
from offbeat.detectors.keras_model import Sizes, build_model, export_weights, rest_states
from offbeat.detectors.settings import RecurrentSettings
from offbeat.detectors.steps import Steps
from offbeat.detectors.vocabulary import PAD, SPECIALS, START, UNKNOWN

_LEAST_GAIN = 1e-4  # nats per event by which a validation loss must be better to count as such
_WARM_UP = 0.02  # of the updates; the learning rate rises, and then falls along a cosine
_LEAST_RATE = 0.02  # of the learning rate at the end
_ROUNDS = 8  # at least: a large sample is fed in parts, so that what was learnt is looked at in between
_TRUST_UNTIL = 0.3  # of the rounds: before that, what is rare can't be told from what is wrong


class Trainer:
    """A network, its optimizer and the running average of its weights."""

    def __init__(
        self, kind: str, settings: RecurrentSettings, train: Steps, sizes: Sizes, *, seed: int
    ) -> None:
        n_tokens = sizes.n_tokens
        counts = np.bincount(train.tokens, minlength=n_tokens)
        self.kind, self.settings, self.sizes = kind, settings, sizes
        self.rng = np.random.default_rng(seed)
        self.allowed = np.ones(n_tokens, bool)
        self.allowed[[PAD, START]] = False
        self.allowed[UNKNOWN] = counts[UNKNOWN] > 0
        self.hide = np.minimum(settings.unknown_share + 0.5 / (1 + counts), 0.5)
        self.hide[: len(SPECIALS)] = 0
        self.model = build_model(kind, settings, sizes, allowed=self.allowed, seed=seed)
        # Begin with how often each event comes at all: the first rounds need not learn that.
        self.model.get_layer("out").bias.assign(np.log((counts + 0.5) / (counts.sum() + 0.5 * n_tokens)))
        self.weights = self.model.trainable_variables
        self.optimizer = keras.optimizers.Adam(settings.learning_rate, clipnorm=1.0)
        self.optimizer.build(self.weights)
        self.average = [tf.Variable(weight) for weight in self.weights]
        self.n_updates, self.n_planned = tf.Variable(0.0), tf.Variable(1.0)
        table, real = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, None], tf.float32)
        states = [tf.TensorSpec([None, settings.units], tf.float32) for _ in rest_states(kind, settings, 1)]
        compiled = tf.function(input_signature=[table, table, table, real, real, states])
        self._learn, self._look = compiled(self._learn_from), compiled(self._look_at)
        self.limit = tf.Variable(math.inf)  # largest surprise of a session that is learnt from

    def learn(self, feed: Feed, seen: Callable[[int], None]) -> tuple[float, float]:
        """One round of learning; loss and accuracy on the way, every session counted. `seen` is told of tokens fed."""
        return self._round(self._learn, feed, self.rng, seen)

    def evaluate(self, feed: Feed) -> tuple[float, float]:
        """Loss and accuracy of the averaged weights."""
        current = [weight.numpy() for weight in self.weights]
        self._set(self.average)
        found = self._round(self._look, feed, None, lambda _: None)
        self._set(current)
        return found

    def export(self) -> dict[str, np.ndarray]:
        """The averaged weights, as `Network` takes them."""
        current = [weight.numpy() for weight in self.weights]
        self._set(self.average)
        arrays = export_weights(self.model, self.allowed)
        self._set(current)
        return arrays

    def _set(self, values: list[Any]) -> None:
        for weight, value in zip(self.weights, values, strict=True):
            weight.assign(value)

    def _round(
        self, step: Any, feed: Feed, rng: np.random.Generator | None, seen: Callable[[int], None]
    ) -> tuple[float, float]:
        sums = np.zeros(3)
        states: list[Any] = []
        for piece in feed.pieces(rng):
            tokens, rows = piece.tokens, len(piece.tokens)
            if rng is not None:
                tokens = np.where(rng.random(tokens.shape) < self.hide[tokens], np.int32(UNKNOWN), tokens)
            rest = rest_states(self.kind, self.settings, rows)
            states = rest if piece.is_first else [state[:rows] for state in states]
            arrays = [tokens, piece.targets, piece.gaps, piece.weights, piece.covariates]
            found, per_row, states = step(
                *map(tf.constant, arrays), [tf.convert_to_tensor(state) for state in states]
            )
            sums += found.numpy()
            feed.note(piece, per_row.numpy())
            seen(int((piece.targets != PAD).sum()))
        return (float(sums[0] / sums[2]), float(sums[1] / sums[2])) if sums[2] else (math.nan, math.nan)

    def _learn_from(
        self, tokens: Any, targets: Any, gaps: Any, weights: Any, covariates: Any, states: Any
    ) -> Any:
        with tf.GradientTape() as tape:
            losses, hits, after = self._forward(tokens, targets, gaps, covariates, states, training=True)
            per_row = _per_row(targets, losses)
            weights = tf.where(per_row[0, :, None] <= self.limit, weights, 0.0)
            n = tf.reduce_sum(tf.cast(weights > 0, tf.float32))
            loss = tf.reduce_sum(weights * losses) / tf.maximum(n, 1.0)
        self.optimizer.learning_rate.assign(
            self.settings.learning_rate * falling_rate(self.n_updates, self.n_planned)
        )
        self.optimizer.apply(tape.gradient(loss, self.weights), self.weights)
        # The average looks back over few updates at first, so that the initial weights are soon forgotten.
        self.n_updates.assign_add(1.0)
        keep = tf.minimum(self.settings.averaging, self.n_updates / (self.n_updates + 9.0))
        for mean, weight in zip(self.average, self.weights, strict=True):
            mean.assign(keep * mean + (1 - keep) * weight)
        return _sums(weights, losses, hits), per_row, after

    def _look_at(
        self, tokens: Any, targets: Any, gaps: Any, weights: Any, covariates: Any, states: Any
    ) -> Any:
        losses, hits, after = self._forward(tokens, targets, gaps, covariates, states, training=False)
        # What training never saw can't be predicted: its loss has no bound, and would hide that of all other events.
        known = tf.gather(self.allowed, targets)
        weights, losses = tf.where(known, weights, 0.0), tf.where(known, losses, 0.0)
        return _sums(weights, losses, hits), _per_row(targets, losses), after

    def _forward(
        self, tokens: Any, targets: Any, gaps: Any, covariates: Any, states: Any, *, training: bool
    ) -> Any:
        """-ln(probability) and 1 for the likeliest, of every target; and the states after the piece."""
        optional = [(self.sizes.n_gaps, gaps), (self.sizes.n_covariates, covariates)]
        inputs = [tokens, *(values for size, values in optional if size), *states]
        logits, *after = self.model(inputs, training=training)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        hits = tf.cast(tf.argmax(logits, -1, output_type=tf.int32) == targets, tf.float32)
        return losses, hits, after


def falling_rate(done: Any, planned: Any) -> Any:
    """Part of the learning rate that holds after so many updates: it rises from 0, then falls along a cosine."""
    share = tf.minimum(done / planned, 1.0)
    falling = _LEAST_RATE + (1 - _LEAST_RATE) * 0.5 * (1.0 + tf.cos(math.pi * share))
    return falling * tf.minimum(1.0, (done + 1.0) / (_WARM_UP * planned))


def _sums(weights: Any, losses: Any, hits: Any) -> Any:
    """Weighted loss, weighted hits, weight; each summed."""
    return tf.stack([tf.reduce_sum(weights * losses), tf.reduce_sum(weights * hits), tf.reduce_sum(weights)])


def _per_row(targets: Any, losses: Any) -> Any:
    """The largest loss of each row, and their sum; without what is filled up."""
    real = tf.where(targets != PAD, losses, 0.0)
    return tf.stack([tf.reduce_max(real, axis=1), tf.reduce_sum(real, axis=1)])


@dataclass(frozen=True)
class Learnt:
    """What training gives: exported weights, what it saw, and whether `<unknown>` is one of the outcomes."""

    arrays: dict[str, np.ndarray]
    history: History
    knows_unknown: bool


def learn(
    kind: str,
    train: Steps,
    validation: Steps,
    settings: RecurrentSettings,
    sizes: Sizes,
    *,
    seed: int,
    mixed: bool,
    progress: Progress | None,
) -> Learnt:
    """Train until the validation loss no longer falls, the rounds are over, or `max_events` have been fed.

    Args:
        kind: lstm or gru.
        train, validation: sessions; without validation the training loss says when to stop.
        settings: what the network is like, and limits.
        sizes: of the inputs.
        seed: of every draw.
        mixed: whether sessions to learn from may be faulty; then the strangest are left out of later rounds.
        progress: told of the tokens fed.
    """
    trainer = Trainer(kind, settings, train, sizes, seed=seed)
    feed = Feed(train, settings, batch=settings.batch, most=settings.max_events // _ROUNDS)
    held = Feed(validation, settings, batch=BATCHES[1], most=settings.max_events // (4 * _ROUNDS))
    rounds = max(1, min(settings.epochs, settings.max_events // max(1, feed.n_events)))
    history, arrays, least, fed, gained = History(), trainer.export(), math.inf, 0, 0

    def seen(tokens: int) -> None:
        nonlocal fed
        fed += tokens
        if progress:
            progress(f"epoch {len(history.loss) + 1}", fed, rounds * feed.n_events)

    trainer.n_planned.assign(float(rounds * max(1, feed.n_batches)))
    for epoch in range(rounds):
        if mixed and epoch and epoch >= _TRUST_UNTIL * rounds:
            trainer.limit.assign(feed.find_limit())
        loss, accuracy = trainer.learn(feed, seen)
        val_loss, val_accuracy = trainer.evaluate(held)
        history.add(loss=loss, accuracy=accuracy, val_loss=val_loss, val_accuracy=val_accuracy)
        if mixed:
            # What is said of faulty sessions gets worse as they are left out of the learning, and should.
            judged = (feed if math.isnan(val_loss) else held).loss_of_usual()
        else:
            judged = loss if math.isnan(val_loss) else val_loss
        gained = epoch if judged < least - _LEAST_GAIN else gained
        if judged < least:
            least, arrays, history.best_epoch = judged, trainer.export(), epoch
        if epoch - gained >= settings.patience:
            break
    return Learnt(arrays, history, bool(trainer.allowed[UNKNOWN]))
