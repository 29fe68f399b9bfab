"""What is known of a session besides its events, as numbers: fitted on training sessions alone, kept with the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from offbeat.detectors.base import Sequences
from offbeat.detectors.options import nearest_name
from offbeat.errors import UsageError

_MOST_CATEGORIES = 50  # of one covariate; the rarer ones share a column
_LEAST_NUMBERS = (
    20  # distinct numbers from which on a covariate is a quantity; fewer are codes, such as versions
)


@dataclass(frozen=True)
class Column:
    """How one covariate becomes numbers.

    Attributes:
        name: of the covariate.
        categories: the frequent values, each with a column of its own; none for a quantity.
        center, scale: median and spread of a quantity.
    """

    name: str
    categories: tuple[str, ...] = ()
    center: float = 0.0
    scale: float = 1.0

    @property
    def width(self) -> int:
        """Columns: one per category, one for all others, one for a missing value; or the quantity and `missing`."""
        return len(self.categories) + 2 if self.categories else 2

    @classmethod
    def fit(cls, name: str, values: np.ndarray) -> Column:
        """Learn from the values of the training sessions: str or None, [n]."""
        known = Counter(value for value in values if value is not None)
        numbers = np.array([_as_number(value) for value in known])
        if len(known) >= _LEAST_NUMBERS and np.isfinite(numbers).all():
            every = np.repeat(numbers, list(known.values()))
            low, center, high = np.quantile(every, [0.25, 0.5, 0.75])
            scale = (
                (high - low) / 1.349 or float(every.std()) or 1.0
            )  # the quartiles of a normal law lie so far apart
            return cls(name, center=float(center), scale=float(scale))
        ranked = sorted(known, key=lambda value: (-known[value], value))
        return cls(name, categories=tuple(ranked[:_MOST_CATEGORIES]) or ("",))

    def encode(self, values: np.ndarray) -> np.ndarray:
        """float32, [n, width]."""
        out = np.zeros((len(values), self.width), np.float32)
        missing = np.array([value is None for value in values], bool)
        out[missing, -1] = 1
        if self.categories:
            place = {value: at for at, value in enumerate(self.categories)}
            at = np.array([place.get(value, len(place)) for value in values], np.int64)
            out[~missing, at[~missing]] = 1
            return out
        numbers = np.array([np.nan if value is None else _as_number(value) for value in values])
        unreadable = ~np.isfinite(numbers)
        out[unreadable, -1] = 1  # what is no number is as good as missing
        out[:, 0] = np.where(unreadable, 0, np.clip((numbers - self.center) / self.scale, -5, 5))
        return out


@dataclass(frozen=True)
class Covariates:
    """The encoding of the covariates that a detector takes."""

    columns: tuple[Column, ...] = ()

    @classmethod
    def fit(cls, train: Sequences, names: Sequence[str]) -> Covariates:
        """Learn the categories, and the scales of quantities.

        Raises: UsageError: the training sessions have no covariate of that name.
        """
        for name in names:
            if name not in train.covariates or all(value is None for value in train.covariates[name]):
                raise UsageError(
                    f"model.settings.covariates: no training session has a {name}; list it in "
                    f"source.columns.covariates, or {nearest_name(name, train.covariates)}"
                )
        return cls(tuple(Column.fit(name, train.covariates[name]) for name in names))

    @property
    def names(self) -> tuple[str, ...]:
        """Covariates that it takes."""
        return tuple(column.name for column in self.columns)

    @property
    def width(self) -> int:
        """Numbers per session."""
        return sum(column.width for column in self.columns)

    def encode(self, sequences: Sequences) -> np.ndarray:
        """float32, [n, width]; a covariate that the sessions lack is missing."""
        nothing = np.full(len(sequences), None, object)
        parts = [column.encode(sequences.covariates.get(column.name, nothing)) for column in self.columns]
        return np.concatenate([np.zeros((len(sequences), 0), np.float32), *parts], axis=1)

    def group(self, sequences: Sequences) -> tuple[np.ndarray, np.ndarray] | None:
        """Distinct rows of numbers, float32, [groups, width], and the row of each session; None without covariates."""
        if not self.columns:
            return None
        vectors, groups = np.unique(self.encode(sequences), axis=0, return_inverse=True)
        return vectors, groups.reshape(-1)

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_json(cls, values: Sequence[Mapping[str, Any]]) -> Covariates:
        """Read what `to_json` gave."""
        return cls(tuple(Column(**{**value, "categories": tuple(value["categories"])}) for value in values))


def _as_number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return float("nan")
