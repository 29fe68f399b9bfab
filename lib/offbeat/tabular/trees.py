"""Random forests and gradient boosting as one set of node arrays, walked level by level for many rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.tabular.base import as_table, sigmoid

_ROWS_FOR_THREADS = 50_000
_ROWS = 8192  # that are walked together: what they need stays in the cache
_FEW = 256  # rows up to which all trees are walked at once: then most of the time is in the calls


@dataclass(frozen=True)
class Trees:
    """Binary trees, their nodes one after the other.

    Attributes:
        roots: int32, [trees]: where each tree begins.
        feature: int32, [nodes]: column that a node asks about.
        threshold: float64, [nodes]: up to it a row goes left.
        left, right: int32, [nodes]: next node; a leaf names itself.
        missing_left: bool, [nodes]: where a row without the value goes.
        value: float64, [nodes]: what a leaf says.
        depth: levels of the deepest tree.
        summed: whether leaves are log odds to add up (boosting), else probabilities to average (forest).
        base: what the sum begins with.
        single: whether columns are rounded to float32 before they are compared, as the fit did.
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    depth: int
    summed: bool
    base: float
    single: bool

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probability of label 1; float64, [n]."""
        table = as_table(features)
        if self.single:
            table = table.astype(np.float32)
        table = np.ascontiguousarray(table)
        total = np.zeros(len(table))
        for first in range(0, len(table), _ROWS):
            total[first : first + _ROWS] = self._walk(table[first : first + _ROWS])
        return sigmoid(total + self.base) if self.summed else total / max(1, len(self.roots))

    def _walk(self, table: np.ndarray) -> np.ndarray:
        """Sum of the leaves that rows end in, in the order of the trees."""
        # One tree after the other, whose nodes stay in the cache; of few rows all at once. Both give the same sum.
        together = len(self.roots) if len(table) <= _FEW else 1
        total = np.zeros(len(table))
        start = (np.arange(len(table)) * table.shape[1])[None, :]
        flat, missing = table.reshape(-1), bool(np.isnan(table).any())
        for first in range(0, len(self.roots), max(1, together)):
            roots = self.roots[first : first + together, None]
            node = np.broadcast_to(roots, (len(roots), len(table)))
            for _ in range(self.depth):
                value = flat[start + self.feature[node]]
                goes_left = value <= self.threshold[node]
                if missing:
                    goes_left |= np.isnan(value) & self.missing_left[node]
                node = np.where(goes_left, self.left[node], self.right[node])
            for said in self.value[node]:
                total += said
        return total


def fit_forest(  # noqa: PLR0913 - a forest has as many knobs
    features: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    *,
    seed: int,
    trees: int = 60,
    depth: int | None = 8,
    tried: int | str = "sqrt",
    min_split: int = 20,
    min_leaf: int = 5,
) -> Trees:
    """Fit a random forest.

    Args:
        weights: what each row counts for.
        tried: columns tried at a split: a number, or `sqrt` of all.
        min_split, min_leaf: rows that a node needs to be split, and that a leaf keeps.
    """
    from sklearn.ensemble import RandomForestClassifier

    table = as_table(features)
    found = RandomForestClassifier(
        n_estimators=trees,
        max_depth=depth,
        max_features=min(tried, table.shape[1]) if isinstance(tried, int) else tried,
        min_samples_split=min_split,
        min_samples_leaf=min_leaf,
        random_state=seed,
        n_jobs=1,
    ).fit(table, labels, sample_weight=weights)
    return _joined([_plain_tree(one.tree_) for one in found.estimators_], summed=False, base=0.0, single=True)


def fit_boosting(  # noqa: PLR0913 - boosting has as many knobs
    features: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    *,
    seed: int,
    rounds: int = 100,
    rate: float = 0.05,
    leaves: int = 15,
    depth: int = 6,
    min_leaf: int = 40,
    penalty: float = 5.0,
    columns: float = 0.5,
) -> Trees:
    """Fit gradient boosting on histograms.

    Args:
        weights: what each row counts for.
        rounds, rate: number of trees, and how far each goes.
        leaves, depth, min_leaf: largest tree, and rows that a leaf keeps.
        penalty: on large leaves. columns: share of the columns tried at a split.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    table = as_table(features)
    model = HistGradientBoostingClassifier(
        max_iter=rounds,
        learning_rate=rate,
        max_leaf_nodes=leaves,
        max_depth=depth,
        min_samples_leaf=min_leaf,
        l2_regularization=penalty,
        max_features=columns,
        early_stopping=False,
        random_state=seed,
    )
    # On few rows threads wait for each other longer than they work, above all on a busy machine.
    with threadpool_limits(1 if len(table) < _ROWS_FOR_THREADS else None, user_api="openmp"):
        found = model.fit(table, labels, sample_weight=weights)
    grown = [_grown_tree(one[0].nodes) for one in found._predictors]  # noqa: SLF001 - there is no public way to the nodes
    return _joined(grown, summed=True, base=float(np.ravel(found._baseline_prediction)[0]), single=False)  # noqa: SLF001


Tree = dict[str, np.ndarray]


def _plain_tree(tree: Any) -> Tree:
    own = np.arange(tree.node_count)
    leaf = tree.children_left < 0
    shares = tree.value[:, 0, :]
    return {
        "feature": np.where(leaf, 0, tree.feature),
        "threshold": np.where(leaf, 0.0, tree.threshold),
        "left": np.where(leaf, own, tree.children_left),
        "right": np.where(leaf, own, tree.children_right),
        "missing_left": np.asarray(tree.missing_go_to_left, bool),
        "value": _share_of_yes(shares),
        "depth": np.array(tree.max_depth),
    }


def _share_of_yes(shares: np.ndarray) -> np.ndarray:
    total = shares.sum(axis=1)
    return shares[:, -1] / np.where(total > 0, total, 1.0) if shares.shape[1] > 1 else np.zeros(len(shares))


def _grown_tree(nodes: np.ndarray) -> Tree:
    own = np.arange(len(nodes))
    leaf = nodes["is_leaf"].astype(bool)
    return {
        "feature": np.where(leaf, 0, nodes["feature_idx"]),
        "threshold": np.where(leaf, 0.0, nodes["num_threshold"]),
        "left": np.where(leaf, own, nodes["left"]),
        "right": np.where(leaf, own, nodes["right"]),
        "missing_left": nodes["missing_go_to_left"].astype(bool),
        "value": nodes["value"].astype(np.float64),
        "depth": np.array(nodes["depth"].max()),
    }


def _joined(trees: Sequence[Tree], *, summed: bool, base: float, single: bool) -> Trees:
    sizes = np.array([len(tree["feature"]) for tree in trees])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])

    def together(name: str, kind: type, *, moved: bool = False) -> np.ndarray:
        parts = [tree[name] + (root if moved else 0) for tree, root in zip(trees, roots, strict=True)]
        return np.concatenate(parts).astype(kind)

    return Trees(
        roots=roots.astype(np.int32),
        feature=together("feature", np.int32),
        threshold=together("threshold", np.float64),
        left=together("left", np.int32, moved=True),
        right=together("right", np.int32, moved=True),
        missing_left=together("missing_left", bool),
        value=together("value", np.float64),
        depth=max(int(tree["depth"]) for tree in trees),
        summed=summed,
        base=base,
        single=single,
    )
