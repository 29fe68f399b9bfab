"""The vocabulary: which event has which number, frozen with the model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PAD, UNKNOWN, START, END = 0, 1, 2, 3
SPECIALS = ("<pad>", "<unknown>", "<start>", "<end>")


@dataclass(frozen=True)
class Vocabulary:
    """Numbers for events: four marks first, then the events by falling frequency.

    The marks are places, not names: an event that is called `<start>` in a log gets a number of its own.

    Attributes:
        tokens: names by number; the first four are `SPECIALS`.
    """

    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.tokens[: len(SPECIALS)] != SPECIALS:
            raise ValueError(f"vocabulary: the first tokens are {self.tokens[:4]}, expected {SPECIALS}")
        if len(set(self.events)) != len(self.events):
            raise ValueError("vocabulary: an event is listed twice")

    @classmethod
    def fit(cls, counts: Mapping[str, int], max_size: int | None = None) -> Vocabulary:
        """Number the events by falling frequency, ties by name.

        Args:
            counts: how often each event occurs in the training sample.
            max_size: events kept at most; rarer ones become `<unknown>`. None: all.
        """
        ranked = sorted(
            (name for name, count in counts.items() if count > 0), key=lambda name: (-counts[name], name)
        )
        return cls(SPECIALS + tuple(ranked[:max_size]))

    @property
    def events(self) -> tuple[str, ...]:
        """The events alone, without the marks."""
        return self.tokens[len(SPECIALS) :]

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def _value_set(self) -> pa.Array:
        return pa.array(self.events, pa.large_string())

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the JSON form, hexadecimal: two vocabularies with one hash number every event alike."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def encode(self, values: Any) -> np.ndarray:
        """Turn event names into numbers.

        Args:
            values: Arrow array (plain, chunked or dictionary-encoded), NumPy array or list of strings; nulls allowed.

        Returns: int32, as long as `values`; what the vocabulary lacks, null included, is `<unknown>` (1).
        """
        array = (
            values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, pa.large_string())
        )
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if isinstance(array, pa.DictionaryArray):
            known = np.append(self.encode(array.dictionary), np.int32(UNKNOWN))
            index = pc.fill_null(array.indices.cast(pa.int64()), len(known) - 1)
            picked: np.ndarray = known[index.to_numpy(zero_copy_only=False)]
            return picked
        index = pc.index_in(array.cast(pa.large_string()), value_set=self._value_set)
        numbers: np.ndarray = pc.fill_null(index, UNKNOWN - len(SPECIALS)).to_numpy(zero_copy_only=False)
        numbers = numbers.astype(np.int32)
        numbers += len(SPECIALS)
        return numbers

    def decode(self, ids: Sequence[int] | np.ndarray) -> list[str]:
        """Turn numbers into names; marks come out as `<pad>`, `<unknown>`, `<start>`, `<end>`."""
        return [self.tokens[number] for number in ids]

    def to_json(self) -> str:
        """The vocabulary as JSON text: the list of events, ASCII only, same bytes for the same events."""
        return json.dumps({"events": list(self.events)}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Vocabulary:
        """Read what `to_json` wrote.

        Raises: ValueError: the text is not a vocabulary.
        """
        events = json.loads(text)["events"]
        return cls(SPECIALS + tuple(str(event) for event in events))
