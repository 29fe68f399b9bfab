"""Surprise, rank and expectation at every position: what a card about a flagged session is made of."""

from __future__ import annotations

import numpy as np

from offbeat.detectors.base import EventScores, Sequences, offsets_of, ragged_index
from offbeat.detectors.forward import IMPOSSIBLE, Network, log_sum_exp
from offbeat.detectors.steps import Steps
from offbeat.detectors.sweep import COLUMNS, Sweep, Tree, bounded, build_tree
from offbeat.detectors.vocabulary import UNKNOWN


def event_scores(
    network: Network, sequences: Sequences, steps: Steps, *, unknown: float | None, top_k: int
) -> EventScores:
    """Surprise, rank and the `top_k` expected at every position of the sessions.

    Args:
        network: the weights.
        sequences: the sessions.
        steps: the same with `<start>` and `<end>`.
        unknown: ln(probability) of an event that training never saw; None where the network gives it itself.
        top_k: expected events per position.
    """
    detail = Detail(len(steps.tokens), top_k)
    rows = np.flatnonzero(steps.lengths > 1)
    for low in range(0, len(rows), COLUMNS):
        part = rows[low : low + COLUMNS]
        tree = build_tree(steps.offsets[part], steps.lengths[part] - 1, np.zeros(len(part), np.int64))
        _Reader(network, steps, tree, unknown, detail).run()
    return detail.of(sequences, steps)


class Detail:
    """Room for what is known of every token; where nothing is read, nothing was expected and nothing surprises."""

    def __init__(self, n: int, top_k: int) -> None:
        self.surprise = np.zeros(n, np.float32)
        self.rank = np.ones(n, np.int32)
        self.expected = np.zeros((n, top_k), np.int32)
        self.expected_probability = np.zeros((n, top_k), np.float32)

    def write(
        self, places: np.ndarray, targets: np.ndarray, logits: np.ndarray, unknown: float | None
    ) -> None:
        """Note the tokens at `places`.

        Args:
            places: where in the arrays, [columns].
            targets: what came, [columns].
            logits: [vocabulary, columns]; used up.
            unknown: as in `event_scores`.
        """
        wanted = logits[targets, np.arange(len(targets))]
        if unknown is not None:
            wanted = np.where(targets == UNKNOWN, np.float32(IMPOSSIBLE / 2), wanted)
        self.rank[places] = 1 + (logits > wanted).sum(axis=0)
        k = min(self.expected.shape[1], len(logits))
        top = likeliest(logits, k)
        top_logits = np.take_along_axis(logits, top, axis=0)
        total = log_sum_exp(logits)
        probability = np.exp(top_logits - total)
        self.surprise[places] = bounded(total - wanted, targets, unknown)
        self.expected[places, :k] = np.where(top_logits > IMPOSSIBLE / 2, top, 0).T
        self.expected_probability[places, :k] = probability.T

    def of(self, sequences: Sequences, steps: Steps) -> EventScores:
        """The rows of events and `<end>`, without those of `<start>`."""
        lengths = sequences.lengths + sequences.ends
        places = ragged_index(steps.offsets[:-1] + steps.begins, lengths)
        surprise = self.surprise[places]
        return EventScores(
            offsets=offsets_of(lengths),
            actual=steps.tokens[places],
            probability=np.exp(-surprise),
            rank=self.rank[places],
            surprise=surprise,
            expected=self.expected[places],
            expected_probability=self.expected_probability[places],
        )


class _Reader(Sweep):
    """A sweep that writes down everything it reads."""

    def __init__(
        self, network: Network, steps: Steps, tree: Tree, unknown: float | None, detail: Detail
    ) -> None:
        super().__init__(network, steps, tree)
        self.unknown, self.detail = unknown, detail

    def read(self, low: int, places: np.ndarray, targets: np.ndarray) -> None:
        """Write down each column's token."""
        logits = self.network.logits(self.state, low, low + len(targets))
        self.detail.write(places, targets, logits, self.unknown)


def likeliest(logits: np.ndarray, k: int) -> np.ndarray:
    """Tokens of the k largest logits of each column, the largest first, ties by number; int64, [k, columns]."""
    top = np.sort(np.argpartition(-logits, min(k, len(logits) - 1), axis=0)[:k], axis=0)
    order = np.argsort(-np.take_along_axis(logits, top, axis=0), axis=0, kind="stable")
    return np.take_along_axis(top, order, axis=0)
