"""Changed sequences are what plain lists say, many at once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offbeat.detectors.base import Sequences
from offbeat.scoring.edits import KINDS, Edits, changed
from offbeat.scoring.repair import Edit


@st.composite
def edits(draw, lengths):
    """A session's number, its window, and an edit of it."""
    at = draw(st.integers(0, len(lengths) - 1))
    first = draw(st.integers(0, lengths[at] - 1))
    last = draw(st.integers(first + 1, lengths[at]))
    place = draw(st.integers(first, last - 1))
    kind = draw(st.sampled_from(["missing", "inserted", "wrong_order"]))
    if kind == "missing":
        return at, (first, last), Edit(kind, draw(st.integers(first, last)), 9)
    to = draw(st.integers(first, last - 1)) if kind == "wrong_order" else -1
    return at, (first, last), Edit(kind, place, 4 + place, to)


def plain(events, edit, window):
    whole = list(events)
    if edit.kind == "missing":
        whole.insert(edit.position, edit.event)
        return whole[window[0] : window[1] + 1]
    moved = whole.pop(edit.position)
    if edit.to < 0:
        return whole[window[0] : window[1] - 1]
    whole.insert(edit.to, moved)
    return whole[window[0] : window[1]]


def as_edits(part) -> Edits:
    rows = [(at, KINDS.index(edit.kind), edit.position, edit.event, edit.to) for at, edit in part]
    return Edits(*np.array(rows, np.int64).reshape(-1, 5).T)


@given(st.data(), st.lists(st.integers(1, 7), min_size=1, max_size=4))
def test_edits_inside_windows(data, lengths):
    logs = [list(range(4, 4 + n)) for n in lengths]
    sessions = Sequences.from_lists(logs, starts=[n % 2 == 0 for n in lengths])
    for _ in range(3):
        chosen = {at: (window, edit) for at, window, edit in data.draw(st.lists(edits(lengths), max_size=5))}
        windows = [chosen[at][0] if at in chosen else (0, n) for at, n in enumerate(lengths)]
        part = sorted(((at, edit) for at, (_, edit) in chosen.items()), key=lambda each: each[0])
        found = changed(sessions, as_edits(part), np.array(windows, np.int64))
        got = [ids.tolist() for ids in np.split(found.ids, found.offsets[1:-1])] if part else []
        assert got == [plain(logs[at], edit, windows[at]) for at, edit in part]
        assert found.starts.tolist() == [lengths[at] % 2 == 0 and windows[at][0] == 0 for at, _ in part]
        assert found.ends.tolist() == [windows[at][1] == lengths[at] for at, _ in part]
