"""Training of the next-event networks with Keras, on the driver. TensorFlow is imported here, and scoring never is.

Equal sessions are fed once, weighted by how often they came; sessions of like length share a batch; a long session is
fed in pieces that hand their state on (truncated back-propagation through time). Every draw comes from one seed and no
global one is touched, so the same data give the same weights on the same machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from offbeat.detectors.base import History, Progress, ragged_index
from offbeat.detectors.keras_model import build_model, export_weights, rest_states
from offbeat.detectors.settings import RecurrentSettings
from offbeat.detectors.steps import Steps, find_distinct
from offbeat.detectors.vocabulary import PAD, SPECIALS, START, UNKNOWN

_LEAST_GAIN = 1e-4  # nats per event by which a validation loss must be better to count as such
_BATCHES = (32, 256)
_SESSIONS_PER_STEP = 64  # distinct sessions per session of a batch, between these bounds


@dataclass(frozen=True)
class Piece:
    """A batch, or the next piece of its long sessions; rows are sessions, the longest first, filled up with 0.

    Attributes:
        tokens, targets: int32, [rows, steps].
        gaps: int32, [rows, steps]; [1, 1] without times.
        weights: float32, [rows, steps], 0 where filled up.
        is_first: the states begin at rest.
    """

    tokens: np.ndarray
    targets: np.ndarray
    gaps: np.ndarray
    weights: np.ndarray
    is_first: bool


class Feed:
    """Distinct sessions, in batches of like length.

    Args:
        steps: the sessions.
        settings: how they are weighted and cut.
        batch: sessions in a batch; None: by the number of distinct ones.
    """

    def __init__(self, steps: Steps, settings: RecurrentSettings, *, batch: int | None) -> None:
        kinds = find_distinct(steps)
        inputs = steps.lengths[kinds.first] - 1
        kept = inputs > 0
        self.steps, self.chunk = steps, settings.chunk
        self.begins, self.inputs = steps.offsets[kinds.first[kept]], inputs[kept]
        weights = kinds.counts[kept].astype(np.float64) ** settings.count_power
        self.weights = (weights / weights.mean()).astype(np.float32) if len(weights) else weights
        self.batch = batch or int(np.clip(2 ** (len(weights) // _SESSIONS_PER_STEP).bit_length(), *_BATCHES))

    @property
    def n_events(self) -> int:
        """Tokens fed in one round."""
        return int(self.inputs.sum())

    def pieces(self, rng: np.random.Generator | None) -> Iterator[Piece]:
        """One round: in random order, or with `rng` None in a fixed one."""
        n = len(self.inputs)
        order = np.arange(n) if rng is None else rng.permutation(n)
        # Like lengths: within a quarter of a doubling of each other.
        like = np.floor(4 * np.log2(self.inputs))
        order = order[np.argsort(like[order], kind="stable")]
        batches = [order[low : low + self.batch] for low in range(0, n, self.batch)]
        for at in range(len(batches)) if rng is None else rng.permutation(len(batches)):
            rows = batches[at][np.argsort(-self.inputs[batches[at]], kind="stable")]
            for begin in range(0, int(self.inputs[rows[0]]), self.chunk):
                yield self._piece(rows[self.inputs[rows] > begin], begin)

    def _piece(self, rows: np.ndarray, begin: int) -> Piece:
        lengths = np.minimum(self.inputs[rows] - begin, self.chunk)
        row = np.repeat(np.arange(len(rows)), lengths)
        column = ragged_index(np.zeros(len(rows), np.int64), lengths)
        at = self.begins[rows][row] + begin + column
        tokens, targets, gaps = np.zeros((3, len(rows), int(lengths.max())), np.int32)
        weights = np.zeros(tokens.shape, np.float32)
        tokens[row, column], targets[row, column] = self.steps.tokens[at], self.steps.tokens[at + 1]
        weights[row, column] = self.weights[rows][row]
        if self.steps.buckets is None:
            gaps = gaps[:1, :1]
        else:
            gaps[row, column] = self.steps.buckets[at]
        return Piece(tokens, targets, gaps, weights, begin == 0)


class Trainer:
    """A network, its optimizer and the running average of its weights."""

    def __init__(
        self, kind: str, settings: RecurrentSettings, train: Steps, *, n_tokens: int, n_gaps: int, seed: int
    ) -> None:
        counts = np.bincount(train.tokens, minlength=n_tokens)
        self.kind, self.settings, self.n_gaps = kind, settings, n_gaps
        self.rng = np.random.default_rng(seed)
        self.allowed = np.ones(n_tokens, bool)
        self.allowed[[PAD, START]] = False
        self.allowed[UNKNOWN] = counts[UNKNOWN] > 0
        self.hide = np.minimum(settings.unknown_share + 0.5 / (1 + counts), 0.5)
        self.hide[: len(SPECIALS)] = 0
        sizes = {"n_tokens": n_tokens, "n_gaps": n_gaps}
        self.model = build_model(kind, settings, **sizes, allowed=self.allowed, seed=seed)
        # Begin with how often each event comes at all: the first rounds need not learn that.
        self.model.get_layer("out").bias.assign(np.log((counts + 0.5) / (counts.sum() + 0.5 * n_tokens)))
        self.weights = self.model.trainable_variables
        self.optimizer = keras.optimizers.Adam(settings.learning_rate, clipnorm=1.0)
        self.optimizer.build(self.weights)
        self.average = [tf.Variable(weight) for weight in self.weights]
        self.n_updates = tf.Variable(0.0)
        table, real = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, None], tf.float32)
        states = [tf.TensorSpec([None, settings.units], tf.float32) for _ in rest_states(kind, settings, 1)]
        compiled = tf.function(input_signature=[table, table, table, real, states])
        self._learn, self._look = compiled(self._learn_from), compiled(self._look_at)

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
            arrays = [tokens, piece.targets, piece.gaps, piece.weights]
            found, states = step(*map(tf.constant, arrays), [tf.convert_to_tensor(state) for state in states])
            sums += found.numpy()
            seen(int((piece.weights > 0).sum()))
        return (float(sums[0] / sums[2]), float(sums[1] / sums[2])) if sums[2] else (math.nan, math.nan)

    def _learn_from(self, tokens: Any, targets: Any, gaps: Any, weights: Any, states: Any) -> Any:
        with tf.GradientTape() as tape:
            losses, hits, after = self._forward(tokens, targets, gaps, states, training=True)
            loss = tf.reduce_sum(weights * losses) / tf.reduce_sum(tf.cast(weights > 0, tf.float32))
        self.optimizer.apply(tape.gradient(loss, self.weights), self.weights)
        # The average looks back over few updates at first, so that the initial weights are soon forgotten.
        self.n_updates.assign_add(1.0)
        keep = tf.minimum(self.settings.averaging, self.n_updates / (self.n_updates + 9.0))
        for mean, weight in zip(self.average, self.weights, strict=True):
            mean.assign(keep * mean + (1 - keep) * weight)
        return _sums(weights, losses, hits), after

    def _look_at(self, tokens: Any, targets: Any, gaps: Any, weights: Any, states: Any) -> Any:
        losses, hits, after = self._forward(tokens, targets, gaps, states, training=False)
        # What training never saw can't be predicted: its loss has no bound, and would hide that of all other events.
        weights = tf.where(tf.gather(self.allowed, targets), weights, 0.0)
        return _sums(weights, losses, hits), after

    def _forward(self, tokens: Any, targets: Any, gaps: Any, states: Any, *, training: bool) -> Any:
        """-ln(probability) and 1 for the likeliest, of every target; and the states after the piece."""
        inputs = [tokens, gaps, *states] if self.n_gaps else [tokens, *states]
        logits, *after = self.model(inputs, training=training)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        hits = tf.cast(tf.argmax(logits, -1, output_type=tf.int32) == targets, tf.float32)
        return losses, hits, after


def _sums(weights: Any, losses: Any, hits: Any) -> Any:
    """Weighted loss, weighted hits, weight; each summed."""
    return tf.stack([tf.reduce_sum(weights * losses), tf.reduce_sum(weights * hits), tf.reduce_sum(weights)])


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
    *,
    n_tokens: int,
    n_gaps: int,
    seed: int,
    progress: Progress | None,
) -> Learnt:
    """Train until the validation loss no longer falls, the rounds are over, or `max_events` have been fed.

    Args:
        kind: lstm or gru.
        train, validation: sessions; without validation the training loss says when to stop.
        settings: sizes and limits.
        n_tokens, n_gaps: vocabulary and gap classes.
        seed: of every draw.
        progress: told of the tokens fed.
    """
    trainer = Trainer(kind, settings, train, n_tokens=n_tokens, n_gaps=n_gaps, seed=seed)
    feed, held = Feed(train, settings, batch=settings.batch), Feed(validation, settings, batch=_BATCHES[1])
    rounds = max(1, min(settings.epochs, settings.max_events // max(1, feed.n_events)))
    history, arrays, least, fed = History(), trainer.export(), math.inf, 0

    def seen(tokens: int) -> None:
        nonlocal fed
        fed += tokens
        if progress:
            progress(f"epoch {len(history.loss) + 1}", fed, rounds * feed.n_events)

    for epoch in range(rounds):
        loss, accuracy = trainer.learn(feed, seen)
        val_loss, val_accuracy = trainer.evaluate(held)
        history.add(loss=loss, accuracy=accuracy, val_loss=val_loss, val_accuracy=val_accuracy)
        judged = loss if math.isnan(val_loss) else val_loss
        if judged < least - _LEAST_GAIN:
            least, arrays, history.best_epoch = judged, trainer.export(), epoch
        if epoch - history.best_epoch >= settings.patience:
            break
    return Learnt(arrays, history, bool(trainer.allowed[UNKNOWN]))
