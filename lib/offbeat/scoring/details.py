"""How expected each event of a flagged session was, as the lists of structs that tables hold."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from offbeat.detectors.base import EventScores, Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.scoring.edits import strangest_places

_EXPECTED = "array<struct<event:string,probability:float>>"
_EXPECTED_TYPE = pa.list_(pa.struct([("event", pa.string()), ("probability", pa.float32())]))
DETAIL = (
    f"array<struct<position:int,event:string,probability:float,rank:int,surprise:float,expected:{_EXPECTED}>>"
)
_ODD_EVENTS = 10  # events that an anomaly shows against what was expected, the strangest first


def strangest_of(detail: pa.Array | None, scores: EventScores | None, within: np.ndarray) -> pa.Array:
    """The details of the events that stand out in each flagged session, the strangest first; none without scores.

    Args:
        detail: of all sessions that have one.
        scores: of the flagged ones.
        within: int64: which of those with a detail are flagged.
    """
    if detail is None or scores is None:
        return pa.array([[]] * len(within), detail_type())
    session, place = strangest_places(scores, _ODD_EVENTS)
    rows = detail.offsets.to_numpy()[within[session]] + place
    return pa.ListArray.from_arrays(
        pa.array(np.searchsorted(session, np.arange(len(within) + 1)), pa.int32()),
        detail.values.take(pa.array(rows)),
    )


def detail_type() -> pa.DataType:
    """`DETAIL` in Arrow."""
    fields = [
        ("position", pa.int32()),
        ("event", pa.string()),
        ("probability", pa.float32()),
        ("rank", pa.int32()),
        ("surprise", pa.float32()),
        ("expected", _EXPECTED_TYPE),
    ]
    return pa.list_(pa.struct(fields))


def detail_of(scores: EventScores, sequences: Sequences, names: pa.Array, vocabulary: Vocabulary) -> pa.Array:
    """Per session the list of its scored positions as structs; its end is called `<end>`."""
    lengths = np.diff(scores.offsets)
    position = np.arange(len(scores.rank)) - np.repeat(scores.offsets[:-1], lengths)
    at_end = position == np.repeat(sequences.lengths, lengths)
    flat_names = names.flatten().cast(pa.string())
    event_at = np.repeat(sequences.offsets[:-1], lengths) + position
    event = flat_names.take(pa.array(event_at, mask=at_end)).fill_null("<end>")
    k = scores.expected.shape[1]
    tokens = pa.array(vocabulary.tokens, pa.string())
    expected = pa.ListArray.from_arrays(
        pa.array(np.arange(len(scores.rank) + 1) * k, pa.int32()),
        pa.StructArray.from_arrays(
            [
                tokens.take(pa.array(scores.expected.reshape(-1).astype(np.int32))),
                pa.array(scores.expected_probability.reshape(-1), pa.float32()),
            ],
            names=["event", "probability"],
        ),
    )
    structs = pa.StructArray.from_arrays(
        [
            pa.array(position, pa.int32()),
            event,
            pa.array(scores.probability, pa.float32()),
            pa.array(scores.rank, pa.int32()),
            pa.array(scores.surprise, pa.float32()),
            expected,
        ],
        fields=list(detail_type().value_type.fields),
    )
    return pa.ListArray.from_arrays(pa.array(scores.offsets, pa.int32()), structs)
