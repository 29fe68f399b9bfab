"""Sessions as tokens, sorted so that like beginnings lie side by side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offbeat.detectors.base import Sequences
from offbeat.detectors.steps import find_distinct, sort_runs, to_steps

runs = st.lists(st.lists(st.sampled_from([0, 1, 2, 255, 256, 70_000]), max_size=10), max_size=20)


def test_start_and_end_stand_where_the_sessions_have_them():
    sessions = Sequences.from_lists([[4, 5], [6], []], starts=[True, False, True], ends=[True, False, True])
    steps = to_steps(sessions)
    assert steps.tokens.tolist() == [2, 4, 5, 3, 6, 2, 3]
    assert steps.offsets.tolist() == [0, 4, 5, 7]


def test_gap_classes_follow_their_events():
    steps = to_steps(Sequences.from_lists([[4, 5], [6]]), np.array([7, 8, 9], np.int32))
    assert steps.buckets.tolist() == [0, 7, 8, 0, 0, 9, 0]


@given(runs)
def test_runs_are_sorted_and_shared_beginnings_counted(lists):
    flat = np.array([token for run in lists for token in run], np.int64)
    offsets = np.concatenate([[0], np.cumsum([len(run) for run in lists])]).astype(np.int64)
    order, shared = sort_runs(flat, offsets)
    assert sorted(order.tolist()) == list(range(len(lists)))
    ordered = [lists[at] for at in order]
    assert ordered == sorted(lists)
    for before, run, count in zip([[], *ordered], ordered, shared, strict=False):
        alike = 0
        while alike < min(len(before), len(run)) and before[alike] == run[alike]:
            alike += 1
        assert count == alike


@given(runs)
def test_equal_sessions_are_one_kind(lists):
    sessions = Sequences.from_lists(
        [[token + 4 for token in run] for run in lists], ends=[len(run) % 2 == 0 for run in lists]
    )
    kinds = find_distinct(to_steps(sessions))
    assert [lists[kinds.first[kind]] for kind in kinds.inverse] == lists
    assert len(kinds.first) == len({tuple(run) for run in lists})
    assert kinds.counts.tolist() == np.bincount(kinds.inverse, minlength=len(kinds.first)).tolist()
    assert (np.diff(kinds.first) > 0).all()


@given(st.lists(st.lists(st.integers(1, 9), max_size=5), max_size=8), st.data())
def test_take_and_slabs_keep_the_sessions(lists, data):
    sessions = Sequences.from_lists(lists, gaps=[[float(event) for event in run] for run in lists])
    index = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=6)) if lists else []
    taken = sessions.take(index)
    assert [
        taken.ids[low:high].tolist() for low, high in zip(taken.offsets[:-1], taken.offsets[1:], strict=True)
    ] == [lists[at] for at in index]
    assert taken.gaps.tolist() == taken.ids.tolist()
    slabs = sessions.slabs(4)
    assert sum(map(len, slabs)) == len(lists)
    assert np.concatenate([slab.ids for slab in slabs] or [[]]).tolist() == sessions.ids.tolist()


def test_offsets_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="offsets"):
        Sequences(np.ones(3, np.int32), np.array([0, 2]), np.ones(1, bool), np.ones(1, bool))
    with pytest.raises(ValueError, match="padding"):
        Sequences.from_lists([[0]])
