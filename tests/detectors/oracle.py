"""The plainest forward pass there is, in float64, one step of one session at a time; and random weights for it."""

import numpy as np

GATES = {"lstm": 4, "gru": 3}


def random_weights(kind, *, n_tokens, units, layers, n_gaps=0, seed=0, scale=0.5):
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return (rng.standard_normal(shape) * scale).astype(np.float32)

    arrays = {"embedding": draw(n_tokens, 5), "out_kernel": draw(units, n_tokens), "out_bias": draw(n_tokens)}
    if n_gaps:
        arrays["gap_embedding"] = draw(n_gaps, 3)
    width = GATES[kind] * units
    for number in range(layers):
        below = 5 + 3 * bool(n_gaps) if number == 0 else units
        arrays[f"kernel_{number}"] = draw(below, width)
        arrays[f"recurrent_{number}"] = draw(units, width)
        arrays[f"bias_{number}"] = draw(width) if kind == "lstm" else draw(2, width)
    return arrays


def surprises(kind, arrays, tokens, gaps=None):
    """-ln(probability) of every token but the first."""
    found = []
    for after, logits in zip(tokens[1:], run(kind, arrays, tokens[:-1], gaps), strict=True):
        found.append(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[after])
    return np.array(found)


def logits_after(kind, arrays, tokens):
    """Logits after the last token."""
    return list(run(kind, arrays, tokens, None))[-1]


def run(kind, arrays, tokens, gaps):
    """Logits after each token."""
    arrays = {name: np.asarray(value, np.float64) for name, value in arrays.items()}
    n_layers = sum(name.startswith("kernel_") for name in arrays)
    states = [np.zeros(len(arrays["out_kernel"])) for _ in range(n_layers)]
    cells = [np.zeros(len(arrays["out_kernel"])) for _ in range(n_layers)]
    for at, token in enumerate(tokens):
        x = arrays["embedding"][token]
        if gaps is not None:
            x = np.concatenate([x, arrays["gap_embedding"][gaps[at]]])
        for layer in range(n_layers):
            weights = [arrays[f"{name}_{layer}"] for name in ("kernel", "recurrent", "bias")]
            if kind == "lstm":
                states[layer], cells[layer] = lstm(x, states[layer], cells[layer], *weights)
            else:
                states[layer] = gru(x, states[layer], *weights)
            x = states[layer]
        yield x @ arrays["out_kernel"] + arrays["out_bias"]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, state, cell, kernel, recurrent, bias):
    entry, forget, candidate, out = np.split(x @ kernel + state @ recurrent + bias, 4)
    cell = sigmoid(forget) * cell + sigmoid(entry) * np.tanh(candidate)
    return sigmoid(out) * np.tanh(cell), cell


def gru(x, state, kernel, recurrent, bias):
    update_in, reset_in, fresh_in = np.split(x @ kernel + bias[0], 3)
    update, reset, fresh = np.split(state @ recurrent + bias[1], 3)
    keep = sigmoid(update_in + update)
    candidate = np.tanh(fresh_in + sigmoid(reset_in + reset) * fresh)
    return keep * state + (1 - keep) * candidate
