"""Sessions as batches for training: each distinct one once, those of like length together, long ones in pieces."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from offbeat.detectors.base import ragged_index
from offbeat.detectors.settings import RecurrentSettings
from offbeat.detectors.steps import Steps, find_distinct
from offbeat.detectors.tails import find_threshold, is_one_value

BATCHES = (32, 256)
_SESSIONS_PER_STEP = 4096  # distinct sessions per session of a batch, between these bounds
_USUAL = 0.8  # share of a mixed log's sessions that are normal beyond doubt
_DOUBTED = 0.01  # share of the normal sessions that may be taken for faulty ones while learning


@dataclass(frozen=True)
class Piece:
    """A batch, or the next piece of its long sessions; rows are sessions, the longest first, filled up with 0.

    Attributes:
        tokens, targets: int32, [rows, steps].
        gaps: int32, [rows, steps]; [1, 1] without times.
        weights: float32, [rows, steps], 0 where filled up.
        covariates: float32, [rows, width], 0 after the first piece; [1, 1] without any.
        is_first: the states begin at rest.
        sessions: int64, [rows]: which distinct session each row is of.
    """

    tokens: np.ndarray
    targets: np.ndarray
    gaps: np.ndarray
    weights: np.ndarray
    covariates: np.ndarray
    is_first: bool
    sessions: np.ndarray


class Feed:
    """Distinct sessions, in batches of like length.

    Args:
        steps: the sessions.
        settings: how they are weighted and cut.
        batch: sessions in a batch; None: by the number of distinct ones.
        most: tokens in a round, about; of more, each round feeds another part.
    """

    def __init__(self, steps: Steps, settings: RecurrentSettings, *, batch: int | None, most: int) -> None:
        kinds = find_distinct(steps)
        inputs = steps.lengths[kinds.first] - 1
        kept = inputs > 0
        self.steps, self.chunk = steps, settings.chunk
        self.begins, self.inputs = steps.offsets[kinds.first[kept]], inputs[kept]
        self.groups = None if steps.groups is None else steps.groups[kinds.first[kept]]
        weights = kinds.counts[kept].astype(np.float64) ** settings.count_power
        self.weights = (weights / weights.mean()).astype(np.float32) if len(weights) else weights
        self.counts = kinds.counts[kept]
        self.n_parts = max(1, -(-int(self.inputs.sum()) // max(1, most)))
        self.rows, self.order, self.part = np.arange(0), np.arange(0), 0
        self.worst = np.zeros(len(weights), np.float32)
        self.total = np.zeros(len(weights), np.float64)
        self.batch = batch or int(np.clip(2 ** (len(weights) // _SESSIONS_PER_STEP).bit_length(), *BATCHES))

    def note(self, piece: Piece, losses: np.ndarray) -> None:
        """Keep the largest surprise of each session while it is fed, and the sum of all: float32, [2, rows]."""
        if piece.is_first:
            self.worst[piece.sessions] = self.total[piece.sessions] = 0
        self.worst[piece.sessions] = np.maximum(self.worst[piece.sessions], losses[0])
        self.total[piece.sessions] += losses[1]

    def loss_of_usual(self) -> float:
        """Loss per event of the sessions of the last round whose largest surprise is among the smaller ones."""
        usual = self.rows[np.argsort(self.worst[self.rows], kind="stable")]
        usual = usual[: math.ceil(_USUAL * len(usual))]
        return float((self.weights * self.total)[usual].sum() / (self.weights * self.inputs)[usual].sum())

    def find_limit(self) -> float:
        """The surprise that the bulk of the last round's sessions lets expect of all; see `find_threshold`.

        Infinite where one sequence is all of the bulk: it can't say how rare a legal session may be.
        """
        worst = np.repeat(self.worst[self.rows], self.counts[self.rows])
        if is_one_value(worst):
            return math.inf
        return find_threshold(worst, _DOUBTED, mixed=True)[0]

    @property
    def n_batches(self) -> int:
        """Batches in one round."""
        return -(-len(self.inputs) // (self.batch * self.n_parts))

    @property
    def n_events(self) -> int:
        """Tokens fed in one round."""
        return int(self.inputs.sum()) // self.n_parts

    def pieces(self, rng: np.random.Generator | None) -> Iterator[Piece]:
        """One round: in random order, or with `rng` None in a fixed one."""
        if rng is None:
            self.order, self.part = np.arange(len(self.inputs)), 0
        elif self.part == 0:
            self.order = rng.permutation(len(self.inputs))
        self.rows = self.order[self.part :: self.n_parts]
        self.part = (self.part + 1) % self.n_parts
        # Like lengths: within a quarter of a doubling of each other.
        like = np.floor(4 * np.log2(self.inputs[self.rows]))
        order = self.rows[np.argsort(like, kind="stable")]
        batches = [order[low : low + self.batch] for low in range(0, len(order), self.batch)]
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
        return Piece(tokens, targets, gaps, weights, self._covariates(rows, begin), begin == 0, rows)

    def _covariates(self, rows: np.ndarray, begin: int) -> np.ndarray:
        if self.steps.vectors is None or self.groups is None:
            return np.zeros((1, 1), np.float32)
        found = self.steps.vectors[self.groups[rows]]
        return found if begin == 0 else np.zeros_like(found)  # later pieces have them in their states
