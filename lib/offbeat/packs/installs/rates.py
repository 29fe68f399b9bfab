"""Target rates: how often clicks on an app, of a channel and so on led to an install, drawn towards the average.

A row that is learnt from gets rates of the other folds of visitors, so that no label reaches its own features; every
other row gets the rates of all that was learnt from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from offbeat.tabular.base import logit
from offbeat.tabular.fit import fold_of

KEYS: dict[str, tuple[str, ...]] = {
    "app": ("app",),
    "channel": ("channel",),
    "os": ("os",),
    "device": ("device",),
    "app_channel": ("app", "channel"),
    "app_os": ("app", "os"),
    "app_device": ("app", "device"),
}
NAMES = tuple(f"rate_{name}" for name in KEYS)
"""Features that `Rates` gives, in order."""

_WEIGHT = 20.0  # clicks of the average rate that each key begins with
_FOLDS = 5

Fields = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Rates:
    """Log odds by key.

    Attributes:
        texts: name of a rate to its keys, as texts. values: the same to their log odds.
        prior: log odds of the average, for keys that are not known.
    """

    texts: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    prior: float

    @classmethod
    def fit(cls, fields: Fields, labels: np.ndarray) -> Rates:
        """Count labels by key, all rows alike."""
        mean = float(np.mean(labels)) if len(labels) else 0.0
        texts, values = {}, {}
        for name, keys in KEYS.items():
            found = pd.DataFrame({"key": texts_of(fields, keys), "label": labels}).groupby("key")["label"]
            count, total = found.count().to_numpy(), found.sum().to_numpy()
            texts[name] = np.array(list(found.groups), dtype=str)
            values[name] = logit((total + _WEIGHT * mean) / (count + _WEIGHT))
        return cls(texts, values, float(logit(np.array(mean))))

    def apply(self, fields: Fields) -> np.ndarray:
        """The rates of rows; float64, [n, rates], in the order of `NAMES`."""
        columns = []
        for name, keys in KEYS.items():
            place = pd.Index(self.texts[name]).get_indexer(pd.Index(texts_of(fields, keys)))
            known = np.append(self.values[name], self.prior)
            columns.append(known[place])  # -1, not known, is the last
        return np.column_stack(columns)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """As arrays to keep with a model."""
        made = {f"rate/{name}/texts": values for name, values in self.texts.items()}
        made |= {f"rate/{name}/values": values for name, values in self.values.items()}
        return made | {"rate/prior": np.array(self.prior)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Rates:
        """What `to_arrays` gave."""
        texts = {name: arrays[f"rate/{name}/texts"] for name in KEYS}
        values = {name: arrays[f"rate/{name}/values"] for name in KEYS}
        return cls(texts, values, float(arrays["rate/prior"]))


def out_of_fold(fields: Fields, labels: np.ndarray, groups: np.ndarray, *, seed: int) -> np.ndarray:
    """Rates of rows that are learnt from, each from the other folds of groups; float64, [n, rates]."""
    fold = fold_of(groups, _FOLDS, seed=seed)
    found = np.zeros((len(labels), len(KEYS)))
    for one in range(_FOLDS):
        learn, give = fold != one, fold == one
        rates = Rates.fit({name: values[learn] for name, values in fields.items()}, labels[learn])
        found[give] = rates.apply({name: values[give] for name, values in fields.items()})
    return found


def texts_of(fields: Fields, keys: tuple[str, ...]) -> np.ndarray:
    """The key of each row as text; object, [n]."""
    text = pd.Series(fields[keys[0]], dtype=object)
    for key in keys[1:]:
        text = text.str.cat(pd.Series(fields[key], dtype=object), sep="|")
    return text.to_numpy()
