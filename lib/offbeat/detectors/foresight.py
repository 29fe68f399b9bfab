"""What a session would score that goes on otherwise than it did, told from the states on its way: nothing is fed again.

A changed session is like the one that it was made of up to its first change. So what it scores at least is known: the
largest surprise so far, and that of the first changed event, which the state before it tells.
"""

from __future__ import annotations

import numpy as np

from offbeat.detectors.forward import Network
from offbeat.detectors.steps import Steps
from offbeat.detectors.sweep import COLUMNS, Sweep, Tree, bounded, build_tree

NO_EVENT = -1
_TOGETHER = 1 << 14  # rows whose products are held at a time


class Foresight:
    """The states of sessions before each token, and the largest surprise so far.

    Args:
        network: the weights.
        steps: the sessions.
        unknown: ln(probability) of an event that training never saw; None where the network gives it itself.
    """

    def __init__(self, network: Network, steps: Steps, unknown: float | None) -> None:
        self.network, self.steps, self.unknown = network, steps, unknown
        n = len(steps.tokens) + 1  # of the last one there is a place behind the last token
        self.so_far = np.zeros(n, np.float32)
        self.total = np.zeros(n, np.float32)
        self.states = np.zeros((n, network.units), np.float32)
        self.largest = np.zeros(len(steps.offsets) - 1, np.float32)
        rows = np.flatnonzero(steps.lengths > 1)
        for low in range(0, len(rows), COLUMNS):
            part = rows[low : low + COLUMNS]
            tree = build_tree(steps.offsets[part], steps.lengths[part] - 1, np.zeros(len(part), np.int64))
            sweep = _Keeper(self, tree)
            sweep.run()
            self.largest[part] = sweep.best

    def least(self, session: np.ndarray, place: np.ndarray, event: np.ndarray) -> np.ndarray:
        """What a session scores at least that is like `session` up to `place` and goes on with `event`; float32, [n].

        Args:
            session, place: int64, [n]; `place` counts events.
            event: int64, [n]: vocabulary number; `NO_EVENT` where nothing comes.
        """
        steps = self.steps
        token = steps.offsets[session] + steps.begins[session] + place
        behind = token >= steps.offsets[session + 1]
        least = np.where(behind, self.largest[session], self.so_far[token])
        told = np.flatnonzero(~behind & (token > steps.offsets[session]) & (event != NO_EVENT))
        for low in range(0, len(told), _TOGETHER):
            rows = told[low : low + _TOGETHER]
            at, next_event = token[rows], event[rows]
            logit = np.einsum("ij,ij->i", self.states[at], self.network.out_weights[next_event])
            logit += self.network.out_bias[next_event, 0]
            surprise = bounded(self.total[at] - logit, next_event, self.unknown)
            least[rows] = np.maximum(least[rows], surprise)
        return np.asarray(least, np.float32)


class _Keeper(Sweep):
    """A sweep that keeps what it reads."""

    def __init__(self, kept: Foresight, tree: Tree) -> None:
        super().__init__(kept.network, kept.steps, tree)
        self.kept = kept
        self.best = np.zeros(len(tree.begins), np.float32)

    def read(self, low: int, places: np.ndarray, targets: np.ndarray) -> None:
        """Keep each column's state and the largest surprise before it."""
        kept, network, high = self.kept, self.network, low + len(targets)
        rows = self.row_of[low:high]
        kept.so_far[places] = self.best[rows]
        kept.states[places] = self.state.stack[-network.units :, low:high].T
        kept.total[places] = total = network.total(self.state, low, high)
        wanted = network.logit(self.state, np.arange(low, high), targets)
        self.best[rows] = np.maximum(self.best[rows], bounded(total - wanted, targets, kept.unknown))
