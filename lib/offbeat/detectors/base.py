"""What every detector takes and gives: sequences in, scores out. Arrays only, no Spark."""

from __future__ import annotations

import io
import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from offbeat.detectors.history import History
from offbeat.detectors.vocabulary import Vocabulary

__all__ = ["Detector", "EventScores", "History", "Progress", "Sequences", "offsets_of", "ragged_index"]

Progress = Callable[[str, int, int], None]
"""Called as progress(what, done, total) while a detector is fitted."""

D = TypeVar("D", bound="Detector")

STATE_FILE = "detector.json"
ARRAYS_FILE = "weights.npz"


@dataclass(frozen=True)
class Sequences:
    """Sessions as numbers, one after the other in flat arrays.

    Attributes:
        ids: int32, [n_events]: vocabulary numbers of the events, without `<start>` and `<end>`.
        offsets: int64, [n + 1]: session i holds ids[offsets[i]:offsets[i + 1]].
        starts: bool, [n]: the session begins here; a piece that continues a cut one does not.
        ends: bool, [n]: the session ends here; an open or cut one does not.
        gaps: float32, [n_events], seconds since the event before, NaN where not known; None without times.
        covariates: name to its values as logged: object (str or None), [n]; empty without any.
        labels: float32, [n]: 1 faulty, 0 normal, NaN not known; None where nobody says.
        mixed: faulty sessions may be among them: nobody has declared them normal.
    """

    ids: np.ndarray
    offsets: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    gaps: np.ndarray | None = None
    covariates: Mapping[str, np.ndarray] = field(default_factory=dict)
    labels: np.ndarray | None = None
    mixed: bool = False

    def __post_init__(self) -> None:
        n = len(self.offsets) - 1
        if (
            n < 0
            or self.offsets[-1] - self.offsets[0] != len(self.ids)
            or (n and np.diff(self.offsets).min() < 0)
        ):
            raise ValueError("sequences: the offsets do not part the events")
        if len(self.starts) != n or len(self.ends) != n:
            raise ValueError(f"sequences: {n} sessions, {len(self.starts)} starts, {len(self.ends)} ends")
        if self.gaps is not None and len(self.gaps) != len(self.ids):
            raise ValueError(f"sequences: {len(self.ids)} events, {len(self.gaps)} gaps")
        per_session = [*self.covariates.values(), *([] if self.labels is None else [self.labels])]
        if any(len(values) != n for values in per_session):
            raise ValueError(f"sequences: {n} sessions, another number of covariates or labels")
        if len(self.ids) and self.ids.min() < 1:
            raise ValueError("sequences: an event number below 1; 0 is padding and never an event")

    @classmethod
    def from_lists(
        cls,
        sessions: Sequence[Sequence[int]],
        *,
        starts: Sequence[bool] | bool = True,
        ends: Sequence[bool] | bool = True,
        gaps: Sequence[Sequence[float]] | None = None,
    ) -> Sequences:
        """Build from lists of vocabulary numbers; `starts` and `ends` are one value for all, or one each."""
        lengths = [len(session) for session in sessions]
        flat = [event for session in sessions for event in session]
        times = None if gaps is None else np.array([gap for session in gaps for gap in session], np.float32)
        return cls(
            ids=np.array(flat, np.int32),
            offsets=offsets_of(np.array(lengths, np.int64)),
            starts=np.broadcast_to(np.asarray(starts, bool), (len(sessions),)).copy(),
            ends=np.broadcast_to(np.asarray(ends, bool), (len(sessions),)).copy(),
            gaps=times,
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Events per session, int64, [n]."""
        return np.diff(self.offsets)

    @property
    def session_of(self) -> np.ndarray:
        """The session of each event, int64, [n_events]."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def take(self, index: np.ndarray | Sequence[int]) -> Sequences:
        """The sessions at `index` (numbers or a mask), in that order."""
        rows = np.arange(len(self))[np.asarray(index)] if len(index) else np.zeros(0, np.int64)
        lengths = self.lengths[rows]
        offsets = offsets_of(lengths)
        events = ragged_index(self.offsets[:-1][rows], lengths)
        gaps = None if self.gaps is None else self.gaps[events]
        return self._part(rows, ids=self.ids[events], offsets=offsets, gaps=gaps)

    def slice(self, first: int, last: int) -> Sequences:
        """Sessions first up to (not including) last, without copying the events."""
        low, high = self.offsets[first], self.offsets[last]
        gaps = None if self.gaps is None else self.gaps[low:high]
        offsets = self.offsets[first : last + 1] - low
        return self._part(slice(first, last), ids=self.ids[low:high], offsets=offsets, gaps=gaps)

    def _part(self, rows: Any, **events: Any) -> Sequences:
        """The sessions at `rows` (numbers or a slice), with these events."""
        return Sequences(
            **events,
            starts=self.starts[rows],
            ends=self.ends[rows],
            covariates={name: values[rows] for name, values in self.covariates.items()},
            labels=None if self.labels is None else self.labels[rows],
            mixed=self.mixed,
        )

    def slabs(self, max_events: int) -> list[Sequences]:
        """Cut into runs of whole sessions of about `max_events` events, so that memory stays bounded."""
        cost = self.offsets + 2 * np.arange(len(self) + 1)
        cuts = np.searchsorted(cost, np.arange(0, cost[-1] + max_events, max_events)).clip(0, len(self))
        bounds = np.unique(np.append(cuts, [0, len(self)]))
        return [self.slice(low, high) for low, high in itertools.pairwise(bounds)]


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """Offsets of runs of these lengths: int64, [n + 1], from 0."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def ragged_index(begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Places of the elements of runs: run i is begins[i], begins[i] + 1 … for lengths[i] elements; int64."""
    total = int(lengths.sum())
    shift = np.repeat(begins - offsets_of(lengths)[:-1], lengths)
    return (shift + np.arange(total)).astype(np.int64)


def joined(first: Sequences, second: Sequences) -> Sequences:
    """Sessions of both, one after the other; what one of them lacks, such as gaps, is left out."""
    offsets = np.concatenate([first.offsets, first.offsets[-1] + second.offsets[1:]])
    others = [item.name for item in fields(first) if item.name != "offsets"]
    parts = {name: _joined(getattr(first, name), getattr(second, name)) for name in others}
    return Sequences(offsets=offsets, **parts)


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, Mapping):
        return {name: _joined(first[name], second[name]) for name in first if name in second}
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return None if first is None or second is None else np.concatenate([first, second])
    return first


@dataclass(frozen=True)
class EventScores:
    """How surprising each position was.

    Every event of a session has a row, in order, and `<end>` has one where the session ends. Nothing is expected of the
    first event of a piece that continues a cut session: probability 1, surprise 0, no expected events.

    Attributes:
        offsets: int64, [n + 1]: session i holds rows offsets[i]:offsets[i + 1]; row offsets[i] + p is its event p.
        actual: int32, [m]: what happened.
        probability: float32, [m]: probability of what happened.
        rank: int32, [m]: 1 where nothing was likelier.
        surprise: float32, [m]: -ln(probability), nats.
        expected: int32, [m, k]: likeliest first; 0 where there are fewer than k.
        expected_probability: float32, [m, k].
    """

    offsets: np.ndarray
    actual: np.ndarray
    probability: np.ndarray
    rank: np.ndarray
    surprise: np.ndarray
    expected: np.ndarray
    expected_probability: np.ndarray

    def __len__(self) -> int:
        return len(self.actual)

    def take(self, index: np.ndarray) -> EventScores:
        """The rows of the sessions at `index`, in that order."""
        lengths = np.diff(self.offsets)[index]
        rows = ragged_index(self.offsets[:-1][index], lengths)
        parts = {item.name: getattr(self, item.name)[rows] for item in fields(self) if item.name != "offsets"}
        return EventScores(offsets=offsets_of(lengths), **parts)


class Detector(ABC):
    """Learns what normal sequences look like and says how strange others are."""

    name: ClassVar[str]
    supervised: ClassVar[bool] = False
    """Whether it learns from labels; then the training sessions come with them."""
    vocabulary_hash: str = ""
    device: str = "cpu"  # or gpu, for those that can use one; says how fast, never what

    held: np.ndarray | None = None
    """After `fit`, where the detector has looked at the validation sessions more than to stop: how it would score them
    had it not, float32, [n]. Not kept with it."""

    @property
    def by_event(self) -> bool:
        """Whether its score is the largest of the surprises that it gives single events."""
        return False

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of the covariates that it scores with."""
        return ()

    @abstractmethod
    def fit(
        self,
        train: Sequences,
        validation: Sequences,
        *,
        vocabulary: Vocabulary,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> History:
        """Learn from `train`; `validation` only says when to stop.

        Raises: UsageError: a setting that this detector lacks, or a value out of range.
        """

    @abstractmethod
    def score(self, sequences: Sequences) -> np.ndarray:
        """Strangeness per session: float32, [n], finite, higher is stranger."""

    def score_up_to(self, sequences: Sequences, limits: np.ndarray) -> np.ndarray:  # noqa: ARG002 - for those that can
        """As `score`, but of a session above its limit any value between the limit and its score will do.

        Args: limits: float32, [n]. A detector that looks event by event can stop early.
        """
        return self.score(sequences)

    def score_with_total(self, sequences: Sequences, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `score_up_to`; and the surprise of all events of each session together, nats.

        It is infinite above the limit, and everywhere for a detector that has no view of positions.
        """
        scores = self.score_up_to(sequences, limits)
        within = np.flatnonzero(scores <= limits)
        totals = np.full(len(sequences), np.inf)
        events = self.surprise(sequences.take(within), 1) if len(within) else None
        if events is not None:
            sums = np.append(0.0, np.cumsum(events.surprise, dtype=np.float64))[events.offsets]
            totals[within] = np.diff(sums)
        return scores, totals

    def least_score(
        self,
        sequences: Sequences,  # noqa: ARG002 - for those that can
        session: np.ndarray,
        place: np.ndarray,  # noqa: ARG002
        event: np.ndarray,  # noqa: ARG002
    ) -> np.ndarray:
        """What sessions score at least that are like some of `sequences` and go on otherwise; float32, [n].

        Args:
            session, place: int64, [n]: like which one, up to which of its events.
            event: int64, [n]: vocabulary number of what comes there instead; below 0 where nothing does.

        Returns:
            0 for a detector that can't tell before it scores them.
        """
        return np.zeros(len(session), np.float32)

    def surprise(self, sequences: Sequences, top_k: int = 5) -> EventScores | None:  # noqa: ARG002 - for those that can
        """Probability, rank and expectation per position; None where the detector has no view of positions."""
        return None

    @abstractmethod
    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What must be kept: values that JSON can hold, and arrays."""

    @abstractmethod
    def restore(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Take back what `state` gave."""

    def to_files(self) -> dict[str, bytes]:
        """The fitted detector as files (name → bytes); nothing in them runs code when read."""
        values, arrays = self.state()
        head = {"detector": self.name, "vocabulary": self.vocabulary_hash, "state": values}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        return {
            STATE_FILE: json.dumps(head, indent=1, sort_keys=True).encode(),
            ARRAYS_FILE: buffer.getvalue(),
        }

    @classmethod
    def from_files(cls: type[D], files: Mapping[str, bytes]) -> D:  # noqa: PYI019 - Self is of Python 3.11
        """Read what `to_files` gave.

        Raises: ValueError: the files are another detector's.
        """
        head = json.loads(files[STATE_FILE])
        if head["detector"] != cls.name:
            raise ValueError(f"detector: the files hold {head['detector']}, not {cls.name}")
        detector = cls()
        detector.vocabulary_hash = head["vocabulary"]
        with np.load(io.BytesIO(files[ARRAYS_FILE]), allow_pickle=False) as arrays:
            detector.restore(head["state"], dict(arrays))
        return detector

    def save(self, folder: Path | str) -> None:
        """Write the files of `to_files` into a folder that exists."""
        for name, data in self.to_files().items():
            (Path(folder) / name).write_bytes(data)

    @classmethod
    def load(cls: type[D], folder: Path | str) -> D:  # noqa: PYI019
        """Read what `save` wrote."""
        return cls.from_files(
            {name: (Path(folder) / name).read_bytes() for name in (STATE_FILE, ARRAYS_FILE)}
        )
