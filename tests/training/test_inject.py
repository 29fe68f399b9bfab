import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offbeat.detectors.base import Sequences
from offbeat.training.inject import KINDS, inject_faults

LOGS = st.lists(st.lists(st.integers(4, 9), max_size=8), max_size=12)


@given(LOGS, st.integers(0, 5))
def test_a_fault_is_one_edit_of_a_session_that_can_bear_one(log, seed):
    faulty, kinds = inject_faults(Sequences.from_lists(log), vocabulary_size=10, seed=seed)
    change = {"swap": 0, "drop": -1, "repeat": 1, "insert": 1}
    bearing = [session for session in log if len(session) >= 3]
    assert len(faulty) == len(kinds) <= len(bearing)
    at = 0
    for row, kind in enumerate(kinds):
        ids = faulty.ids[faulty.offsets[row] : faulty.offsets[row + 1]].tolist()
        while len(bearing[at]) + change[KINDS[kind]] != len(ids) or bearing[at] == ids:
            at += 1
        at += 1


@given(LOGS, st.integers(0, 5))
def test_the_same_seed_puts_in_the_same_faults(log, seed):
    first, second = (
        inject_faults(Sequences.from_lists(log), vocabulary_size=10, seed=seed) for _ in range(2)
    )
    assert np.array_equal(first[0].ids, second[0].ids)
    assert np.array_equal(first[1], second[1])
