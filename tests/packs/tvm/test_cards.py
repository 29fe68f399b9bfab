"""What counts as a right card, by cards written by hand."""

from __future__ import annotations

import pytest

from offbeat.packs.tvm.cards import build_card_checks

pytestmark = pytest.mark.spark

LABELLED = "session_id string, fault_kind string, fault_event_ids array<string>"
CARDS = "session_id string, model_version string, kind string, positions array<int>, event_ids array<string>"
IDS = ["a", "b", "c", "d"]


def test_right_cards_are_counted_per_kind_and_over_all(spark):
    labelled = spark.createDataFrame(
        [
            ("s1", "swap", ["b", "c"]),
            ("s2", "delay", ["d"]),
            ("s3", "drop", ["d"]),
            ("s4", "drop", ["b", "c"]),
            ("s5", "repeat", ["b"]),
            ("s6", None, None),
            ("s7", "repeat", ["d"]),
        ],
        LABELLED,
    )
    cards = spark.createDataFrame(
        [
            ("s1", "m", "wrong_order", [2, 0], IDS),
            ("s2", "m", "wrong_order", [0, 3], IDS),  # the place that counts is the first
            ("s3", "m", "missing", [4], IDS),  # the end stands for the last event
            ("s4", "m", "inserted", [1], IDS),
            ("s5", "other", "repeated", [1], IDS),  # another model's
            ("s7", "m", "counts", [], IDS),  # a card that names no place points at nothing
            ("s6", "m", "missing", [1], IDS),  # no fault: a false alarm has no kind to be right about
        ],
        CARDS,
    )
    rows = {row["fault_kind"]: row for row in build_card_checks(labelled, cards, "m").collect()}
    counts = {
        kind: (row["faults"], row["detected"], row["kind_right"], row["position_right"])
        for kind, row in rows.items()
    }
    assert counts == {
        "swap": (1, 1, 1, 1),
        "delay": (1, 1, 1, 0),
        "drop": (2, 2, 1, 2),
        "repeat": (2, 1, 0, 0),
        "all": (6, 5, 3, 3),
    }
    whole = rows["all"]
    assert (whole["kind_of_detected"], whole["position_of_all"]) == (0.6, 0.5)
    assert (rows["drop"]["cards"], rows["swap"]["cards"]) == ({"inserted": 1}, {})
