"""Many sessions through a network at once, each distinct beginning once.

Sorted sessions that begin alike lie side by side. A column carries the state of all sessions that have been alike so
far; where they part, the column is copied, and where a session is over, its column is filled from the end. So columns
are always dense, equal sessions cost nothing, and memory depends on the number of sessions, never on their length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.detectors.forward import Network, State, log_sum_exp
from offbeat.detectors.steps import Steps, sort_runs
from offbeat.detectors.vocabulary import UNKNOWN

COLUMNS = 8192
_STATE = 1 << 23  # elements of state held at a time


@dataclass(frozen=True)
class Tree:
    """Sorted sessions as a tree of beginnings; all arrays are [n], in sorted order.

    Attributes:
        begins: where the session's tokens begin.
        inputs: tokens that are fed: all but the last, which is only predicted.
        birth: tokens fed before the session has a column of its own.
        parent: session whose column is copied at that moment; itself for those that start from rest.
    """

    begins: np.ndarray
    inputs: np.ndarray
    birth: np.ndarray
    parent: np.ndarray


def build_tree(begins: np.ndarray, inputs: np.ndarray, shared: np.ndarray) -> Tree:
    """Find out who shares whose state.

    Args:
        begins, inputs: as in `Tree`.
        shared: leading tokens in common with the session before; 0 for the first.
    """
    rows = np.arange(len(begins))
    before = np.maximum(rows - 1, 0)
    birth = np.minimum(shared, inputs[before])  # the one before has no state beyond what it was fed
    parent = before.copy()
    parent[birth == 0] = rows[birth == 0]
    # The parent is the last session before that was born earlier; all between share at least as much.
    late = (birth[parent] >= birth) & (birth > 0)
    while late.any():
        parent[late] = parent[parent[late]]
        late = (birth[parent] >= birth) & (birth > 0)
    return Tree(begins, inputs, birth, parent)


class Sweep:
    """Feeds a tree of sessions to a network, level by level; what is read off the logits is the subclass's."""

    def __init__(self, network: Network, steps: Steps, tree: Tree) -> None:
        self.network, self.steps, self.tree = network, steps, tree
        n = len(tree.begins)
        self.state: State = network.new_state(n)
        self.column_of = np.full(n, -1, np.int64)
        self.row_of = np.empty(n, np.int64)
        self.width = 0
        self.dropped = np.zeros(n, bool)  # sessions that need not be followed further
        self.by_birth = np.argsort(tree.birth, kind="stable")
        self.births = np.searchsorted(tree.birth[self.by_birth], np.arange(tree.inputs.max() + 3))
        self.deaths = np.bincount(tree.inputs, minlength=len(self.births))

    def run(self) -> None:
        """Feed everything."""
        for level in range(int(self.tree.inputs.max())):
            self._bear(level)
            if self.deaths[level] or self.dropped[self.row_of[: self.width]].any():
                self._bury(level)
            self._feed(level)

    def read(self, low: int, places: np.ndarray, targets: np.ndarray) -> None:
        """Take what is needed of the columns from `low` on, which were fed and expect `targets` at `places` next."""
        raise NotImplementedError

    def level_done(self, level: int, rows: np.ndarray, targets: np.ndarray) -> None:
        """All columns have been read at this level."""

    def born_at(self, level: int) -> np.ndarray:
        """Sessions that part from another after `level` tokens."""
        return self.by_birth[self.births[level] : self.births[level + 1]]

    def _bear(self, level: int) -> None:
        """Give the sessions that part from another here a column each."""
        born = self.born_at(level)
        born = born[(self.tree.inputs[born] > level) & ~self.dropped[born]]
        if not len(born):
            return
        columns = np.arange(self.width, self.width + len(born))
        if level:
            self.state.copy(self.column_of[self.tree.parent[born]], columns)
        elif self.steps.vectors is not None and self.steps.groups is not None:
            sessions = np.searchsorted(self.steps.offsets, self.tree.begins[born], side="right") - 1
            self.network.begin(self.state, columns, self.steps.vectors[self.steps.groups[sessions]])
        self.column_of[born], self.row_of[columns] = columns, born
        self.width += len(born)

    def _bury(self, level: int) -> None:
        """Take away the columns of sessions that are over or dropped; columns from the end fill the holes."""
        rows = self.row_of[: self.width]
        over = (self.tree.inputs[rows] <= level) | self.dropped[rows]
        left = self.width - int(over.sum())
        holes = np.flatnonzero(over[:left])
        movers = left + np.flatnonzero(~over[left : self.width])
        self.state.copy(movers, holes)
        self.row_of[holes] = self.row_of[movers]
        self.column_of[self.row_of[holes]] = holes
        self.width = left

    def _feed(self, level: int) -> None:
        """Feed one token to every column."""
        rows = self.row_of[: self.width]
        places = self.tree.begins[rows] + level
        targets = self.steps.tokens[places + 1]
        for low in range(0, self.width, self.network.block):
            high = min(low + self.network.block, self.width)
            at = places[low:high]
            gaps = None if self.steps.buckets is None else self.steps.buckets[at]
            self.network.step(self.state, low, high, self.steps.tokens[at], gaps)
            self.read(low, at + 1, targets[low:high])
        self.level_done(level, rows, targets)


class _Largest(Sweep):
    """Keeps the largest surprise of each session of the tree in `best`, and where there are limits the sum in `sum`.

    Sessions that are above their limit are dropped.
    """

    def __init__(
        self, network: Network, steps: Steps, tree: Tree, unknown: float | None, limits: np.ndarray | None
    ) -> None:
        super().__init__(network, steps, tree)
        self.unknown = unknown
        n = len(tree.begins)
        self.best = np.zeros(n, np.float32)
        self.sum = np.zeros(n, np.float64)
        self.wanted = np.empty(n, np.float32)
        self.total = np.empty(n, np.float32)
        self.limits = None if limits is None else self._widened(limits)

    def _widened(self, limits: np.ndarray) -> np.ndarray:
        """Limits such that no session is dropped before all that part from it could be."""
        limits = limits.copy()
        for level in range(len(self.births) - 2, 0, -1):
            born = self.born_at(level)
            if len(born):
                np.maximum.at(limits, self.tree.parent[born], limits[born])
        return limits

    def read(self, low: int, places: np.ndarray, targets: np.ndarray) -> None:  # noqa: ARG002
        """Of each column: the logit of what came and the ln of the sum of all."""
        high = low + len(targets)
        if len(self.network.out_bias) > self.network.tile:
            self.wanted[low:high] = self.network.logit(self.state, np.arange(low, high), targets)
            self.total[low:high] = self.network.total(self.state, low, high)
            return
        logits = self.network.logits(self.state, low, high)
        self.wanted[low:high] = logits[targets, np.arange(len(targets))]
        self.total[low:high] = log_sum_exp(logits, small=self.network.small_logits)

    def level_done(self, level: int, rows: np.ndarray, targets: np.ndarray) -> None:
        """Raise the largest; sessions that part take over their parent's, and go their own way from the next token."""
        parting = self.born_at(level + 1)
        if self.limits is not None and len(parting):
            parent = self.tree.parent[parting]
            orphans = self.dropped[parent]  # as strange as their parents were when those were dropped
            self.best[parting[orphans]], self.dropped[parting[orphans]] = self.best[parent[orphans]], True
            parting = parting[~orphans]
        if len(parting):
            parent = self.tree.parent[parting]
            columns = self.column_of[parent]
            own = self.steps.tokens[self.tree.begins[parting] + level + 1]
            surprise = self.total[columns] - self.network.logit(self.state, columns, own)
            surprise = bounded(surprise, own, self.unknown)
            self.best[parting] = np.maximum(self.best[parent], surprise)
            if self.limits is not None:
                self.sum[parting] = self.sum[parent] + surprise
        surprise = bounded(self.total[: self.width] - self.wanted[: self.width], targets, self.unknown)
        self.best[rows] = np.maximum(self.best[rows], surprise)
        if self.limits is not None:
            self.sum[rows] += surprise
            for at in (rows, parting):
                self.dropped[at] = self.best[at] > self.limits[at]


def bounded(surprise: np.ndarray, targets: np.ndarray, unknown: float | None) -> np.ndarray:
    """Surprise with the fixed one of unknown events in place, and without rounding below 0."""
    if unknown is not None:
        surprise = np.where(targets == UNKNOWN, np.float32(-unknown), surprise)
    return np.asarray(np.maximum(surprise, np.float32(0)))


def largest_surprise(network: Network, steps: Steps, **how: Any) -> np.ndarray:
    """The largest -ln(probability) over the positions of each session; see `sweep_surprise`."""
    return sweep_surprise(network, steps, **how)[0]


def sweep_surprise(
    network: Network,
    steps: Steps,
    *,
    unknown: float | None,
    share: bool = True,
    limits: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The largest -ln(probability) over the positions of each session, float32, [n], and the sum of all, float64, [n].

    Both are 0 where a session has no position; the sum is kept where there are limits, for sessions within theirs.

    Args:
        network: the weights.
        steps: the sessions.
        unknown: ln(probability) of an event that training never saw; None where the network gives it itself.
        share: feed equal beginnings once. Off only to measure what it is worth.
        limits: float32, [n]: of a session that turns out above its limit, any value between it and the largest will do.
    """
    best = np.zeros(len(steps.offsets) - 1, np.float32)
    total = np.zeros(len(best), np.float64)
    rows = np.flatnonzero(steps.lengths > 1)
    if not len(rows):
        return best, total
    order, shared = sort_runs(steps.keys, steps.offsets) if share else (rows, np.zeros(len(rows), np.int64))
    if share:
        order, shared = _without_short(order, shared, steps.lengths)
    columns = min(COLUMNS, max(network.block, _STATE // (network.depth + network.n_layers * network.units)))
    for low in range(0, len(order), columns):
        part = order[low : low + columns]
        alike = shared[low : low + columns].copy()
        alike[0] = 0
        tree = build_tree(steps.offsets[part], steps.lengths[part] - 1, alike)
        sweep = _Largest(network, steps, tree, unknown, None if limits is None else limits[part])
        sweep.run()
        best[part], total[part] = sweep.best, sweep.sum
    return best, total


def count_steps(steps: Steps) -> tuple[int, int]:
    """Steps of all sessions, and those that are left where equal beginnings are fed once."""
    order, shared = _without_short(*sort_runs(steps.keys, steps.offsets), steps.lengths)
    if not len(order):
        return 0, 0
    tree = build_tree(steps.offsets[order], steps.lengths[order] - 1, shared)
    return int(tree.inputs.sum()), int((tree.inputs - tree.birth).sum())


def _without_short(
    order: np.ndarray, shared: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Leave out the sessions without a position; they share one token at most with any other."""
    keep = lengths[order] > 1
    if keep.all():
        return order, shared
    # A session of one token stands before all that begin with it: what follows shares nothing with what is before.
    after_gap = keep & ~np.append(True, keep[:-1])
    shared = np.where(after_gap, 0, shared)
    return order[keep], shared[keep]
