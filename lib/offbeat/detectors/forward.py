"""The forward pass of a trained LSTM or GRU in NumPy: exact, float32, no TensorFlow.

Why it is fast on a CPU core: states lie in columns, one session a column, so that every gate is one contiguous block;
inputs, bias and state stand in one stack, so that a layer is one matrix product; the first layer's product with the
embedding is a table made once; every sigmoid is a tanh, sigmoid(x) = (1 + tanh(x / 2)) / 2, with the halves folded into
the weights, so that all gates of a layer are one call in place.

References: Hochreiter & Schmidhuber 1997 (LSTM); Cho et al. 2014 (GRU, here with the reset gate after the product, as
Keras trains it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

IMPOSSIBLE = -1e9  # logit of what can't come: padding and <start>
MAX_ONE_HOT = 96  # tokens and gap classes up to which a one-hot row in the stack beats a look-up
BLOCK = 384  # columns that go through the layers together: their gates stay in the cache
_LOGITS = 1 << 23  # logits held at a time, elements
_TILE = 1 << 17  # of these, what is summed up at a time where only the sum counts: stays in the cache


_GATES = {"lstm": 4, "gru": 3}
_SMALL = 80.0  # exp of a logit within it neither overflows nor vanishes in float32


class NoFastPath(ValueError):
    """A network that this module can't compute; Keras can."""


@dataclass(frozen=True)
class Product:
    """One matrix product of a layer: gates [top, bottom) from rows [first, last) of the stack.

    Attributes:
        weights: float32, [bottom - top, last - first].
    """

    top: int
    bottom: int
    first: int
    last: int
    weights: np.ndarray


@dataclass(frozen=True)
class Layer:
    """One recurrent layer, ready for columns.

    Attributes:
        state, last: rows of the stack that hold its own state.
        products: what makes its gates, [4 * units] rows of them.
    """

    state: int
    last: int
    products: list[Product]


class Network:
    """Weights arranged for the forward pass.

    The stack of a column, from the top: one-hot token and gap class (or nothing, where they are looked up), then for
    each layer a 1 (for its bias) and its state.

    Args:
        kind: lstm or gru.
        arrays: as exported: `embedding` [vocabulary, e], optional `gap_embedding` [classes, g] and
            `condition` [covariates, units of all states]; for layer i `kernel_i`,
            `recurrent_i`, `bias_i` as Keras orders them; `out_kernel` [units, vocabulary], `out_bias`.

    Raises:
        NoFastPath: the arrays are another architecture's.
    """

    def __init__(self, kind: str, arrays: Mapping[str, np.ndarray]) -> None:
        _assert_known(kind, arrays)
        self.kind = kind
        self.units = int(arrays["out_kernel"].shape[0])
        self.n_layers = sum(name.startswith("kernel_") for name in arrays)
        self.n_tokens, width = arrays["embedding"].shape
        first = arrays["kernel_0"]
        inputs = arrays["embedding"] @ first[:width]
        self.n_gaps = len(arrays["gap_embedding"]) if "gap_embedding" in arrays else 0
        if self.n_gaps:
            inputs = np.concatenate([inputs, arrays["gap_embedding"] @ first[width:]])
        self.one_hot = len(inputs) <= MAX_ONE_HOT
        self.n_hot = len(inputs) if self.one_hot else 0
        state_scale = np.float32(0.5 if kind == "lstm" else 1.0)  # an LSTM's states are kept doubled
        self.layers = []
        for number in range(self.n_layers):
            incoming = inputs if number == 0 else arrays[f"kernel_{number}"] * state_scale
            recurrent = arrays[f"recurrent_{number}"] * state_scale
            weights = _join(kind, incoming, arrays[f"bias_{number}"], recurrent)
            looked_up = 0 if number or self.one_hot else len(inputs)
            if looked_up:
                self.table = np.ascontiguousarray(weights[:, :looked_up])
            state = self.n_hot + 1 + number * (self.units + 1)
            products = _products(kind, weights[:, looked_up:], state + self.units, self.units)
            self.layers.append(Layer(state, state + self.units, products))
        # What covariates add to the states before the first token: rows of the stack, then of the cells.
        self.condition = arrays.get("condition")
        self.out_weights = np.ascontiguousarray((arrays["out_kernel"] * state_scale).T)
        self.out_bias = arrays["out_bias"][:, None].copy()
        possible = arrays["out_bias"] > IMPOSSIBLE / 2
        largest = np.abs(arrays["out_kernel"]).sum(axis=0) + np.abs(arrays["out_bias"])
        self.small_logits = float(largest[possible].max(initial=0) + np.log(len(possible))) < _SMALL
        self.block = max(16, min(BLOCK, _LOGITS // len(self.out_bias)))
        self.tile = max(64, _TILE // self.block)
        self.out_joined = np.concatenate([self.out_weights, self.out_bias], axis=1)
        self._gates = np.empty((4 * self.units, self.block), np.float32)
        self._spare = np.empty((self.units, self.block), np.float32)
        self._logits = np.empty((self.tile, self.block), np.float32)

    @property
    def depth(self) -> int:
        """Rows of the stack."""
        return self.layers[-1].last

    def new_state(self, capacity: int) -> State:
        """Room for `capacity` columns, all at rest."""
        # An odd width keeps rows of the stack apart in the cache's sets.
        stack = np.zeros((self.depth, capacity + 17), np.float32)
        for layer in self.layers:
            stack[layer.state - 1] = 1
        cells = np.zeros(
            (self.n_layers * self.units if self.kind == "lstm" else 0, capacity + 17), np.float32
        )
        return State(stack, cells)

    def begin(self, state: State, columns: np.ndarray, vectors: np.ndarray) -> None:
        """Let columns start from the covariates of their sessions: float32, [columns, width]."""
        if self.condition is None:
            return
        parts = np.split((vectors @ self.condition).T, self.n_layers * (2 if self.kind == "lstm" else 1))
        for number, layer in enumerate(self.layers):
            if self.kind == "lstm":
                state.stack[layer.state : layer.last, columns] = (
                    2 * parts[2 * number]
                )  # they are kept doubled
                rows = slice(number * self.units, (number + 1) * self.units)
                state.cells[rows, columns] = parts[2 * number + 1]
            else:
                state.stack[layer.state : layer.last, columns] = parts[number]

    def step(self, state: State, low: int, high: int, tokens: np.ndarray, gaps: np.ndarray | None) -> None:
        """Feed one token into each of the columns low … high - 1; at most `block` of them."""
        stack, width = state.stack[:, low:high], high - low
        gates = self._gates.ravel()[: 4 * self.units * width].reshape(4 * self.units, width)
        spare = self._spare.ravel()[: self.units * width].reshape(self.units, width)
        hot = (
            (np.append(tokens, self.n_tokens + gaps) if gaps is not None else tokens)
            if self.one_hot
            else None
        )
        columns = np.arange(width) if gaps is None else np.tile(np.arange(width), 2)
        if hot is not None:
            stack[hot, columns] = 1
        for number, layer in enumerate(self.layers):
            for product in layer.products:
                rows = stack[product.first : product.last]
                np.matmul(product.weights, rows, out=gates[product.top : product.bottom])
            if number == 0 and hot is None:
                gates += np.take(self.table, tokens, axis=1, mode="clip")
                if gaps is not None:
                    gates += np.take(self.table, self.n_tokens + gaps, axis=1, mode="clip")
            own = stack[layer.state : layer.last]
            if self.kind == "lstm":
                _lstm(
                    gates, state.cells[number * self.units : (number + 1) * self.units, low:high], own, spare
                )
            else:
                _gru(gates, own)
        if hot is not None:
            stack[hot, columns] = 0

    def logits(self, state: State, low: int, high: int) -> np.ndarray:
        """Logits of what comes next in the columns low … high - 1, float32, [vocabulary, high - low]."""
        logits: np.ndarray = self.out_weights @ state.stack[-self.units :, low:high]
        logits += self.out_bias
        return logits

    def total(self, state: State, low: int, high: int) -> np.ndarray:
        """The ln of the sum of exp of these logits, float32, [high - low], without holding them all.

        A large vocabulary is gone through tile by tile, so that logits are made, raised and summed in the cache.
        """
        own = np.ones((self.units + 1, high - low), np.float32)
        own[:-1] = state.stack[-self.units :, low:high]
        top = np.full(high - low, 0 if self.small_logits else -np.inf, np.float32)
        total = np.zeros(high - low, np.float32)
        for first in range(0, len(self.out_joined), self.tile):
            weights = self.out_joined[first : first + self.tile]
            logits = self._logits.ravel()[: len(weights) * (high - low)].reshape(len(weights), high - low)
            np.matmul(weights, own, out=logits)
            if not self.small_logits:
                higher = np.maximum(top, logits.max(axis=0))
                total *= np.exp(top - higher)
                top = higher
                logits -= top
            np.exp(logits, out=logits)
            total += np.ones(len(logits), np.float32) @ logits  # a product sums faster than a sum does
        return np.asarray(np.log(total) + top, np.float32)

    def logit(self, state: State, columns: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The logits of single tokens, one for each of `columns`; float32."""
        products = state.stack[-self.units :, columns] * self.out_weights[targets].T
        return np.asarray(products.sum(axis=0) + self.out_bias[targets, 0], np.float32)


@dataclass
class State:
    """States of many sessions, a column each.

    Attributes:
        stack: float32, [depth, capacity].
        cells: float32, [layers * units, capacity]; no rows for a GRU.
    """

    stack: np.ndarray
    cells: np.ndarray

    def copy(self, source: np.ndarray, target: np.ndarray) -> None:
        """Copy the columns `source` over the columns `target`."""
        self.stack[:, target] = self.stack[:, source]
        self.cells[:, target] = self.cells[:, source]


def log_sum_exp(logits: np.ndarray, *, small: bool = False) -> np.ndarray:
    """The ln of the sum of exp over axis 0, float32, [columns]; `logits` is used up.

    Args:
        logits: [vocabulary, columns].
        small: the possible ones lie between -80 and 80, so that exp needs no shift.
    """
    if small:
        np.exp(logits, out=logits)
        return np.asarray(np.log(logits.sum(axis=0)), np.float32)
    top = logits.max(axis=0)
    logits -= top
    np.exp(logits, out=logits)
    return np.asarray(np.log(logits.sum(axis=0)) + top, np.float32)


def _assert_known(kind: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse what the forward pass would get wrong, rather than get it wrong."""
    if kind not in _GATES:
        raise NoFastPath(f"cells of kind {kind}")
    units, n_layers = len(arrays["out_kernel"]), sum(name.startswith("kernel_") for name in arrays)
    names = {f"{name}_{number}" for number in range(n_layers) for name in ("kernel", "recurrent", "bias")}
    further = set(arrays) - names - {"embedding", "gap_embedding", "condition", "out_kernel", "out_bias"}
    if further or not n_layers:
        raise NoFastPath(f"layers that it lacks: {', '.join(sorted(further)) or 'a recurrent one'}")
    width = _GATES[kind] * units
    bias = (width,) if kind == "lstm" else (2, width)
    for number in range(n_layers):
        if arrays[f"recurrent_{number}"].shape != (units, width) or arrays[f"bias_{number}"].shape != bias:
            raise NoFastPath(f"layer {number} of another form than {units} units with all gates")


def _join(kind: str, incoming: np.ndarray, bias: np.ndarray, recurrent: np.ndarray) -> np.ndarray:
    """One matrix [4 * units, in + 1 + units] from Keras' three, with the halves of the sigmoids in it."""
    units = recurrent.shape[0]
    if kind == "lstm":
        order = np.concatenate(
            [np.arange(2 * units), np.arange(3 * units, 4 * units), np.arange(2 * units, 3 * units)]
        )
        joined = np.concatenate([incoming, bias[None], recurrent])[:, order]
        joined[:, : 3 * units] *= 0.5  # i, f, o; then the candidate
        return np.asarray(joined.T, np.float32)
    gates = slice(0, 2 * units)
    last = slice(2 * units, 3 * units)
    none_in, none_state = np.zeros((len(incoming), units)), np.zeros((units, units))
    joined = np.concatenate(
        [
            0.5 * np.concatenate([incoming[:, gates], bias.sum(axis=0)[None, gates], recurrent[:, gates]]),
            np.concatenate([incoming[:, last], bias[:1, last], none_state]),
            0.5 * np.concatenate([none_in, bias[1:, last], recurrent[:, last]]),
        ],
        axis=1,
    )  # z, r, candidate from the input, candidate from the state (halved: r is)
    return np.asarray(joined.T, np.float32)


def _products(kind: str, weights: np.ndarray, last: int, units: int) -> list[Product]:
    """The products that make a layer's gates; `weights` read the rows of the stack up to `last`.

    An LSTM needs one. Of a GRU's, the candidate's two halves each read a part of the rows, and the rest is left out.
    """
    n = weights.shape[1]
    first = last - n
    if kind == "lstm":
        parts = [(0, 4 * units, 0, n)]
    else:
        parts = [
            (0, 2 * units, 0, n),
            (2 * units, 3 * units, 0, n - units),
            (3 * units, 4 * units, n - units - 1, n),
        ]
    return [
        Product(top, bottom, first + low, first + high, np.ascontiguousarray(weights[top:bottom, low:high]))
        for top, bottom, low, high in parts
    ]


def _lstm(gates: np.ndarray, cells: np.ndarray, own: np.ndarray, spare: np.ndarray) -> None:
    units = len(own)
    np.tanh(gates, out=gates)
    gates[: 3 * units] += 1
    cells *= gates[units : 2 * units]
    np.multiply(gates[:units], gates[3 * units :], out=spare)
    cells += spare
    cells *= 0.5
    np.tanh(cells, out=spare)
    np.multiply(spare, gates[2 * units : 3 * units], out=own)


def _gru(gates: np.ndarray, own: np.ndarray) -> None:
    units = len(own)
    open_gates, fresh, kept = gates[: 2 * units], gates[2 * units : 3 * units], gates[3 * units :]
    np.tanh(open_gates, out=open_gates)
    open_gates += 1
    kept *= open_gates[units:]
    fresh += kept
    np.tanh(fresh, out=fresh)
    own -= fresh
    own *= open_gates[:units]
    own *= 0.5
    own += fresh
