"""Events get the same numbers again."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offbeat.detectors.vocabulary import SPECIALS, Vocabulary

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def test_events_are_numbered_by_frequency_then_name():
    vocabulary = Vocabulary.fit({"b": 2, "a": 2, "c": 9, "gone": 0})
    assert vocabulary.tokens == (*SPECIALS, "c", "a", "b")
    assert Vocabulary.fit({"b": 2, "a": 2, "c": 9}, max_size=1).events == ("c",)


@given(st.dictionaries(names, st.integers(1, 9), max_size=12))
def test_round_trip(counts):
    vocabulary = Vocabulary.fit(counts)
    again = Vocabulary.from_json(vocabulary.to_json())
    assert again == vocabulary
    assert again.hash == vocabulary.hash
    ids = again.encode(list(counts))
    assert again.decode(ids) == list(counts)
    assert ids.dtype == np.int32
    assert (ids >= len(SPECIALS)).all()


def test_what_is_not_known_is_unknown():
    vocabulary = Vocabulary.fit({"a": 1, "Wiedergabe läuft ▶": 1})
    assert vocabulary.encode(["a", "x", None, "Wiedergabe läuft ▶", ""]).tolist() == [5, 1, 1, 4, 1]


def test_marks_are_places_not_names():
    vocabulary = Vocabulary.fit({"<start>": 3, "<pad>": 2, "a": 1})
    assert vocabulary.encode(["<start>", "<pad>", "<end>"]).tolist() == [4, 5, 1]


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["a", None, "b", "z"]),
        pa.array(["a", None, "b", "z"]).dictionary_encode(),
        pa.chunked_array([["a", None], ["b", "z"]]),
        pa.chunked_array([["a", None], ["b", "z"]]).dictionary_encode(),
        np.array(["a", None, "b", "z"], object),
    ],
    ids=["plain", "dictionary", "chunked", "chunked dictionary", "numpy"],
)
def test_any_array_of_strings_is_taken(values):
    assert Vocabulary.fit({"a": 2, "b": 1}).encode(values).tolist() == [4, 1, 5, 1]


def test_no_values():
    assert Vocabulary.fit({}).encode([]).tolist() == []
    assert Vocabulary.fit({}).encode(["a"]).tolist() == [1]


def test_an_event_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        Vocabulary((*SPECIALS, "a", "a"))
