"""Which session the truth speaks of, and what it says of it."""

from __future__ import annotations

import pytest

from offbeat.packs.tvm.truth import label_sessions, match_truth
from tests.packs.tvm.reading import read_events, read_truth, sessions_of

pytestmark = pytest.mark.spark

TRUTH = (
    "session_key string, event_ids array<string>, fault_kind string, fault_event_id string, "
    "fault_event_ids array<string>"
)


@pytest.fixture
def sessions(spark):
    return spark.createDataFrame(
        [("a", ["1", "2", "3"]), ("b", ["4", "5"]), ("c", ["6"]), ("d", ["99"]), ("e", [])],
        "session_id string, event_ids array<string>",
    )


def test_sessions_are_matched_by_the_events_they_share(spark, sessions):
    truth = spark.createDataFrame(
        [
            ("A", ["3", "2", "4"], None, None, None),
            ("B", ["5", "6", "1"], None, None, None),
            ("Z", ["100"], None, None, None),
        ],
        TRUTH,
    )
    got = {
        row["session_id"]: (row["session_key"], row["is_main"])
        for row in match_truth(sessions, truth).collect()
    }
    # b shares one event with either: the first key. A is mostly a; B is mostly c, the only one that is left.
    assert got == {"a": ("A", True), "b": ("A", False), "c": ("B", True)}


def test_labels_say_which_fault_and_where(spark, sessions):
    truth = spark.createDataFrame(
        [
            ("A", ["1", "2", "3"], "swap", "3", ["2", "3"]),
            ("B", ["4", "5"], None, None, None),
            ("C", ["6", "7"], "drop", "7", ["7"]),
        ],
        TRUTH,
    )
    got = {row["session_id"]: tuple(row)[1:] for row in label_sessions(sessions, truth).collect()}
    assert got == {
        "a": (1, "swap", 2, ["2", "3"]),
        "b": (0, None, None, None),
        "c": (0, None, None, None),  # the event out of place is in another piece
        "d": (None, None, None, None),
        "e": (None, None, None, None),
    }


def test_labels_of_a_log_are_its_truth(spark, as_sessions, log):
    sessions, truth = sessions_of(read_events(log)), read_truth(log)
    labels = label_sessions(as_sessions(sessions), spark.read.parquet(str(log / "truth"))).toPandas()
    assert labels["faulty"].notna().all()
    assert sorted(labels["fault_kind"].dropna()) == sorted(truth["fault_kind"].dropna())
    faulty = labels[labels["faulty"] == 1].merge(sessions, on="session_id")
    blamed = {ids[int(p)] for ids, p in zip(faulty["event_ids"], faulty["fault_position"], strict=True)}
    assert blamed == set(truth["fault_event_id"].dropna())
    positions = truth.dropna(subset="fault_event_id").set_index("fault_event_id")["fault_position"]
    named = [ids[int(p)] for ids, p in zip(faulty["event_ids"], faulty["fault_position"], strict=True)]
    assert positions[named].tolist() == faulty["fault_position"].tolist()
