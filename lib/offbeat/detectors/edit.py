"""Sessions that many changes part from every training session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from offbeat.detectors.bags import Overlap, count_events
from offbeat.detectors.base import Detector, History, Progress, Sequences, ragged_index
from offbeat.detectors.options import read_settings
from offbeat.detectors.steps import Distinct, find_distinct, to_steps
from offbeat.detectors.vocabulary import Vocabulary

_ELEMENTS = 1 << 22  # of the largest array held at a time
_TABLE = 1 << 24  # of the table of training counts


@dataclass(frozen=True)
class Settings:
    """How far the search goes.

    Attributes:
        max_sequences: distinct training sessions kept, the most frequent first; fewer for a very large vocabulary.
        candidates: of these, how many are compared event by event with a session: those whose counts are nearest.
        max_length: longest session compared event by event; of longer ones only the counts are compared.
    """

    max_sequences: int = 2000
    candidates: int = 8
    max_length: int = 400

    def __post_init__(self) -> None:
        if min(self.max_sequences, self.candidates, self.max_length) < 1:
            raise ValueError("max_sequences, candidates, max_length: expected at least 1 each")


class EditDistance(Detector):
    """Score: fewest insertions, deletions and replacements to a normal session, per event of the longer; 0 to 1.

    Looked for among the training sessions whose event counts are nearest (the counts bound the distance from below).
    A piece without its begin may match from anywhere in a normal session on, one without its end up to anywhere.
    """

    name = "edit"

    def fit(
        self,
        train: Sequences,
        validation: Sequences,  # noqa: ARG002 - the protocol's
        *,
        vocabulary: Vocabulary,
        seed: int = 0,  # noqa: ARG002
        settings: Mapping[str, Any] | None = None,
        progress: Progress | None = None,  # noqa: ARG002
    ) -> History:
        """Keep the distinct complete sessions; all, where none is complete."""
        chosen = read_settings(Settings, settings, detector=self.name)
        complete = train.starts & train.ends
        whole = train.take(complete) if complete.any() else train
        kinds = find_distinct(to_steps(whole))
        room = min(chosen.max_sequences, max(1, _TABLE // len(vocabulary)))
        most = kinds.first[np.argsort(-kinds.counts, kind="stable")[:room]]
        self._prepare(whole.take(most), chosen, len(vocabulary))
        self.vocabulary_hash = vocabulary.hash
        return History(n_sessions=len(train), n_events=len(train.ids))

    def _prepare(self, normal: Sequences, settings: Settings, size: int) -> None:
        self.normal, self.settings, self.size = normal, settings, size
        self.overlap = Overlap(count_events(normal), np.ones(size, np.float32))

    def score(self, sequences: Sequences) -> np.ndarray:
        """See the class; equal sessions are compared once."""
        scores = [self.nearest(slab)[1] for slab in sequences.slabs(1 << 20)]
        return np.concatenate([np.zeros(0, np.float32), *scores])

    def nearest(self, sequences: Sequences) -> tuple[np.ndarray, np.ndarray]:
        """The nearest normal session of each.

        Returns:
            place in `normal`, int64, [n], -1 where there are none; distance, float32, [n], as `score` gives it.
        """
        kinds: Distinct = find_distinct(to_steps(sequences))
        distinct = sequences.take(kinds.first)
        place = np.full(len(distinct), -1, np.int64)
        distance = np.zeros(len(distinct), np.float32)
        bags = count_events(distinct)
        for low, high in self.overlap.chunks(bags, _ELEMENTS) if len(self.normal) else []:
            common = self.overlap.with_each(bags.slice(low, high))
            place[low:high], distance[low:high] = self._among(distinct.slice(low, high), common)
        return place[kinds.inverse], distance[kinds.inverse]

    def _among(self, sequences: Sequences, common: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Nearest by distance among the candidates that the counts propose; ties go to the more frequent."""
        whole = (sequences.starts & sequences.ends)[:, None]
        own, other = sequences.lengths[:, None], self.normal.lengths
        longer = np.where(whole, np.maximum(own, other), own)
        bound = (longer - common) / np.maximum(longer, 1)
        proposed = np.sort(np.argsort(bound, axis=1, kind="stable")[:, : self.settings.candidates], axis=1)
        distance = np.take_along_axis(bound, proposed, axis=1)
        most = self.settings.max_length
        row, column = np.nonzero((own <= most) & (other[proposed] <= most))
        edits = edit_distances(sequences, row, self.normal, proposed[row, column])
        distance[row, column] = edits / np.maximum(longer[row, proposed[row, column]], 1)
        best = distance.argmin(axis=1)
        rows = np.arange(len(distance))
        return proposed[rows, best], distance[rows, best].astype(np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The normal sessions."""
        values = {"settings": asdict(self.settings), "size": self.size}
        normal = self.normal
        marks = {"starts": normal.starts, "ends": normal.ends}
        return values, {"ids": normal.ids, "offsets": normal.offsets, **marks}

    def restore(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """The normal sessions."""
        normal = Sequences(arrays["ids"], arrays["offsets"], arrays["starts"], arrays["ends"])
        self._prepare(normal, Settings(**values["settings"]), values["size"])


def edit_distances(
    left: Sequences, left_at: np.ndarray, right: Sequences, right_at: np.ndarray
) -> np.ndarray:
    """Edit distances of pairs of sessions, int32, [pairs]; memory is bounded.

    Args:
        left, left_at: one side and the session of each pair; a piece may match a part of the other side.
        right, right_at: the other side.
    """
    distance = np.zeros(len(left_at), np.int32)
    order = np.argsort(left.lengths[left_at], kind="stable")
    longest = int(right.lengths.max(initial=0)) + int(left.lengths.max(initial=0)) + 1
    step = max(1, _ELEMENTS // longest)
    for low in range(0, len(order), step):
        part = order[low : low + step]
        distance[part] = _table(left.take(left_at[part]), right.take(right_at[part]))
    return distance


def _table(left: Sequences, right: Sequences) -> np.ndarray:
    """Rows of the edit table, one after the other, for all pairs at once."""
    ours, theirs = _padded(left), _padded(right)
    columns = np.arange(theirs.shape[1] + 1, dtype=np.int32)
    row = np.where(left.starts[:, None], columns, 0).astype(np.int32)
    last = row.copy()
    for at in range(ours.shape[1]):
        changed = np.minimum(row[:, 1:] + 1, row[:, :-1] + (theirs != ours[:, at, None]))
        row = np.concatenate([np.full((len(row), 1), at + 1, np.int32), changed], axis=1)
        # A run of insertions costs one each: the least of what stands to the left, plus the way from there.
        row = np.minimum.accumulate(row - columns, axis=1) + columns
        ending = left.lengths == at + 1
        last[ending] = row[ending]
    beyond = columns > right.lengths[:, None]
    cheapest = np.where(beyond, np.iinfo(np.int32).max, last).min(axis=1)
    full = np.take_along_axis(last, right.lengths[:, None], axis=1)[:, 0]
    return np.where(left.ends, full, cheapest).astype(np.int32)


def _padded(sequences: Sequences) -> np.ndarray:
    """Sessions as rows, filled up with 0; int32, [n, longest]."""
    lengths = sequences.lengths
    rows = np.zeros((len(sequences), int(lengths.max(initial=0))), np.int32)
    rows[sequences.session_of, ragged_index(np.zeros(len(lengths), np.int64), lengths)] = sequences.ids
    return rows
