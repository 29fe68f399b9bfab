import pytest

from offbeat.errors import GuardFailed
from offbeat.evaluation import frames
from offbeat.evaluation.leakage import Missing

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def split(spark):
    rows = [
        ("s1", "ann", "train"),
        ("s2", "bob", "train"),
        ("s3", "bob", "test"),
        ("s4", "cid", "test"),
        ("s5", "ann", "validation"),
        ("s6", "ann", "test"),
        ("s7", None, "train"),
        ("s8", None, "test"),
    ]
    return spark.createDataFrame(rows, "session_id string, entity string, part string")


def test_ids_on_two_sides_are_counted_not_fetched(split):
    assert frames.find_shared(split, "entity") == [
        frames.Shared(("test", "train"), 1, ("bob",)),
        frames.Shared(("test", "train", "validation"), 1, ("ann",)),
    ]
    assert frames.find_shared(split, "session_id") == []


def test_the_guard_catches_entities_and_lets_sessions_pass(split):
    frames.assert_parts_disjoint(split, "session_id")
    with pytest.raises(GuardFailed, match=r"1 entity ids are in test and in train \(such as bob"):
        frames.assert_parts_disjoint(split, "entity", what="entity")


def test_parts_may_be_frames_of_their_own(split):
    parts = {name: split.where(f"part = '{name}'") for name in ("train", "test")}
    frames.assert_frames_disjoint(parts, "session_id")
    with pytest.raises(GuardFailed, match="entity ids"):
        frames.assert_frames_disjoint(parts, "entity", what="entity")


def test_sequences_are_told_apart_by_their_events_in_order(spark):
    rows = [(["a", "b"],), (["a", "b"],), (["b", "a"],), (["ab"],), (["a", "b", "b"],), ([],)]
    hashed = spark.createDataFrame(rows, "events array<string>").repartition(3)
    found = hashed.select("events", frames.sequence_hash().alias("hash")).collect()
    by_events = {tuple(row["events"]): row["hash"] for row in found}
    assert len(by_events) == len(set(by_events.values())) == 5


def test_missing_fields_are_counted_by_label(spark):
    rows = [(1, None)] * 40 + [(0, "web")] * 50 + [(0, None)] * 10 + [(None, None)] * 7
    sessions = spark.createDataFrame(rows, "label int, platform string")
    fields = {"platform": sessions["platform"]}
    assert frames.count_missing_by_label(sessions, fields) == {"platform": Missing(10, 60, 40, 40)}
    with pytest.raises(GuardFailed, match="whether platform is missing"):
        frames.assert_fields_silent(sessions, fields)
    frames.assert_fields_silent(sessions, {"label": sessions["label"]})
