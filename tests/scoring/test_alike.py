"""Sessions that are alike are explained once; what differs in any way is not alike."""

import numpy as np
import pyarrow as pa

from offbeat.detectors.base import EventScores, Sequences
from offbeat.scoring.judge import _alike, _gathered


def scores_of(surprises):
    flat = np.concatenate(surprises).astype(np.float32)
    offsets = np.cumsum([0, *map(len, surprises)])
    zeros = np.zeros(len(flat), np.int32)
    return EventScores(offsets, zeros, flat, zeros, flat, np.zeros((len(flat), 1), np.int32), flat[:, None])


def test_events_marks_and_surprises_tell_sessions_apart():
    names = pa.array([["a", "x"], ["a", "y"], ["a", "x"], ["a", "x"], ["a", "x"]])
    sessions = Sequences.from_lists([[4, 1]] * 5, starts=True, ends=[True, True, True, False, True])
    scores = scores_of([[0, 3, 1], [0, 3, 1], [0, 3, 1], [0, 3], [0, 3, 2]])
    same = np.full(5, 4.5, np.float32)
    first, kinds = _alike(sessions, names, scores, same)
    assert kinds == [0, 1, 0, 2, 3]
    assert first.tolist() == [0, 1, 3, 4]
    assert _alike(sessions, names, None, same)[1] == [0, 1, 0, 2, 0]
    other = np.array([4.5, 4.5, 5, 4.5, 4.5], np.float32)  # a segment of its own
    assert _alike(sessions, names, None, other)[1] == [0, 1, 2, 3, 0]
    nothing = Sequences.from_lists([])
    assert _alike(nothing, names.slice(0, 0), None, same[:0])[1] == []


def test_batches_are_put_together_in_order():
    def batch(first, n, events):
        rows = {"number": pa.array(range(first, first + n)), "events": pa.array([["e"] * events] * n)}
        return pa.RecordBatch.from_pydict(rows)

    empty = batch(0, 1, 1).slice(0, 0)
    found = list(_gathered([empty, batch(0, 2, 100_000), batch(2, 1, 300_000), batch(3, 5, 2), empty]))
    assert [each.column("number").to_pylist() for each in found] == [[0, 1, 2], [3, 4, 5, 6, 7]]
    assert list(_gathered([empty])) == []
