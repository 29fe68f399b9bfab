"""Each row of the contract "where a session ends", expected values written by hand. One build judges many cases."""

from __future__ import annotations

import pytest

from offbeat.config import Sessions
from offbeat.sessions.build import build_sessions, clock_us, extent_of
from offbeat.sessions.rules import Rules
from tests.sessions.logs import S, event, to_events, to_rows

pytestmark = pytest.mark.spark

DAY = 86_400 * S


def sessionize(spark, rows, **rules):
    """Sessions per entity in order of time: (event_ids, state, continues)."""
    events = to_events(spark, rows)
    conf = Sessions(**{"gap": 10, "max_events": None, "max_duration": None, **rules})
    return by_entity(build_sessions(events, conf, watermark_us=clock_us(events)))


def by_entity(sessions):
    found = {}
    for row in sorted(to_rows(sessions).values(), key=lambda row: (row["start"] or 0, row["event_ids"])):
        ids = " ".join(row["event_ids"])
        found.setdefault(row["entity"], []).append((ids, row["state"], row["continues"]))
    return found


@pytest.fixture(scope="module")
def gap_10_s(spark):
    rows = [
        event("e1", "equal", 0), event("e2", "equal", 10 * S),
        event("m1", "more", 0), event("m2", "more", 10 * S + 1),
        event("n1", "midnight", DAY - 5 * S), event("n2", "midnight", DAY), event("n3", "midnight", DAY + 5 * S),
        event("b1", "before 1970", -20 * S - 1), event("b2", "before 1970", -10 * S), event("b3", "before 1970", 0),
        event("t2", "ties", 0), event("t1", "ties", 0), event("T3", "ties", 0),
        event("p1", "tied by position", 0, position=9), event("p2", "tied by position", 0, position=-10),
        event("p3", "tied by position", 0),
        event("u2", "untimed", None, position=1), event("u1", "untimed", None, position=2),
        event("w1", "with and without time", None), event("w2", "with and without time", 0),
        event("r1", "roles", 0, role="train"), event("r2", "roles", 1, role="score"),
        event("r3", "roles", 2, role="train"),
        event("x1", "open", 2 * DAY), event("y1", "open too", 2 * DAY - 10 * S),
        event("z1", "closed", 2 * DAY - 10 * S - 1),
        event("l1", "open last", 2 * DAY - 20 * S), event("l2", "open last", 2 * DAY - 9 * S),
    ]  # fmt: skip
    return sessionize(spark, rows)


@pytest.mark.parametrize(
    "entity, sessions",
    [
        ("equal", [("e1 e2", "closed", False)]),
        ("more", [("m1", "closed", False), ("m2", "closed", False)]),
        ("midnight", [("n1 n2 n3", "closed", False)]),
        ("before 1970", [("b1", "closed", False), ("b2 b3", "closed", False)]),
        ("ties", [("T3 t1 t2", "closed", False)]),
        ("tied by position", [("p3 p2 p1", "closed", False)]),
        ("untimed", [("u2 u1", "closed", False)]),
        ("with and without time", [("w1", "closed", False), ("w2", "closed", False)]),
        ("roles", [("r1 r3", "closed", False), ("r2", "closed", False)]),
        ("open", [("x1", "open", False)]),
        ("open too", [("y1", "open", False)]),
        ("closed", [("z1", "closed", False)]),
        ("open last", [("l1", "closed", False), ("l2", "open", False)]),
    ],
)
def test_gap_ties_and_state(gap_10_s, entity, sessions):
    assert gap_10_s[entity] == sessions


def test_no_entity_more(gap_10_s):
    assert len(gap_10_s) == 13


def test_gap_null_is_one_closed_session_per_entity(spark):
    rows = [event("1", "a", 0), event("2", "a", 400 * DAY), event("3", "b", 400 * DAY)]
    assert sessionize(spark, rows, gap=None) == {
        "a": [("1 2", "closed", False)],
        "b": [("3", "closed", False)],
    }


def test_cut_at_max_events(spark):
    rows = [event(str(i), "exactly", i) for i in range(3)]
    rows += [event(str(i), "one more", i) for i in range(3, 7)]
    rows += [event(f"{i:02}", "twice, then a new one", i) for i in range(10, 17)]
    rows += [event("20", "twice, then a new one", 11 * S)]
    assert sessionize(spark, rows, max_events=3) == {
        "exactly": [("0 1 2", "closed", False)],
        "one more": [("3 4 5", "cut", False), ("6", "closed", True)],
        "twice, then a new one": [
            ("10 11 12", "cut", False),
            ("13 14 15", "cut", True),
            ("16", "closed", True),
            ("20", "open", False),
        ],
    }


def test_cut_at_max_duration(spark):
    rows = [event("1", "exactly", 0), event("2", "exactly", 8 * S), event("3", "exactly", 16 * S)]
    rows += [
        event("4", "one us more", 0),
        event("5", "one us more", 8 * S),
        event("6", "one us more", 16 * S + 1),
    ]
    rows += [event(f"{i:02}", "each piece from its start", 8 * S * (i - 10)) for i in range(10, 16)]
    assert sessionize(spark, rows, max_duration=16) == {
        "exactly": [("1 2 3", "closed", False)],
        "one us more": [("4 5", "cut", False), ("6", "closed", True)],
        "each piece from its start": [("10 11 12", "cut", False), ("13 14 15", "open", True)],
    }


def test_ignored_events_neither_open_nor_bridge(spark):
    rows = [
        event("1", "bridge", 0), event("2", "bridge", 9 * S, "beat"), event("3", "bridge", 11 * S),
        event("4", "opens", 0, "beat"), event("5", "opens", 1 * S),
        event("6", "trails", 0), event("7", "trails", 10 * S, "beat"), event("8", "trails", 10 * S + 1, "beat"),
        event("9", "alone", 0, "beat"),
        event("c1", "clock", 39 * S, "beat"),
        event("o1", "open", 30 * S), event("o2", "open", 38 * S, "beat"),
        event("k1", "kept open by a beat", 28 * S), event("k2", "kept open by a beat", 38 * S, "beat"),
    ]  # fmt: skip
    assert sessionize(spark, rows, ignore=["beat"]) == {
        "bridge": [("1 2", "closed", False), ("3", "closed", False)],
        "opens": [("5", "closed", False)],
        "trails": [("6 7", "closed", False)],
        "open": [("o1 o2", "open", False)],
        "kept open by a beat": [("k1 k2", "closed", False)],
    }


def test_order_by_a_covariate(spark):
    rows = [
        event("1", "numbers", 0, covariates={"seq": "10"}), event("2", "numbers", 0, covariates={"seq": "9"}),
        event("3", "numbers", 0, covariates={"seq": None}), event("4", "numbers", 0),
        event("5", "texts", 0, covariates={"seq": "b"}), event("6", "texts", 0, covariates={"seq": "a"}),
    ]  # fmt: skip
    assert sessionize(spark, rows, order_by=["event_time", "seq"]) == {
        "numbers": [("3 4 2 1", "open", False)],
        "texts": [("6 5", "open", False)],
    }


def test_all_columns_of_a_session(spark):
    rows = [
        event("a1", "a", 0, "play", label=0, covariates={"q": "1", "p": None}, role="train"),
        event("a2", "a", 1, "stop", label=1, covariates={"q": "2", "p": "x"}, role="train"),
        event("x", "föö|", -S, "play"),
        event("u1", "u", None, "play", label=0, covariates={}),
    ]
    events = to_events(spark, rows)
    got = to_rows(build_sessions(events, Sessions(gap=0.5), watermark_us=clock_us(events)))
    common = {"n_events": 1, "events": ["play"], "covariates": None, "role": "both", "continues": False}
    a, x, u = (
        "5f98cb5e70920ce9f19b23c351adf52b",
        "970ec3aed3a5c93239307f434f2b9359",
        "cbf76d256ff95ea77ab34cc01ebad8de",
    )
    assert got == {  # the first 32 digits of: printf 1:a:0:a1 | sha256sum
        a: common
        | {"session_id": a, "entity": "a", "start": 0, "end": 1, "n_events": 2, "events": ["play", "stop"]}
        | {"times": [0, 1], "event_ids": ["a1", "a2"], "covariates": {"p": "x", "q": "1"}, "label": 1}
        | {"role": "train", "state": "open"},
        x: common
        | {"session_id": x, "entity": "föö|", "start": -S, "end": -S, "times": [-S], "event_ids": ["x"]}
        | {"label": None, "state": "closed"},
        u: common
        | {"session_id": u, "entity": "u", "start": None, "end": None, "times": [None], "event_ids": ["u1"]}
        | {"label": 0, "state": "closed"},
    }


def test_covariates_that_nobody_has_need_not_travel(spark):
    rows = [
        event("1", "a", 0),
        event("2", "a", S, covariates={}),
        event("3", "b", 90 * S, covariates={"q": None}),
    ]
    without = to_events(spark, rows[:2])
    assert extent_of(without) == (2, S, False)
    conf = Sessions(gap=10)
    kept, left = (
        to_rows(build_sessions(without, conf, watermark_us=S, has_covariates=travels))
        for travels in (True, False)
    )
    assert kept == left
    assert next(iter(left.values()))["covariates"] is None
    assert extent_of(to_events(spark, rows)) == (3, 90 * S, True)
    assert extent_of(without.where("entity = 'z'")) == (0, None, False)


def test_partitions_mean_nothing(spark):
    rows = [event(f"{i:03}", f"e{i % 7}", (i * 37 % 211) * S) for i in range(300)]
    events = to_events(spark, rows)
    conf = Sessions(gap=10, max_events=4)
    once = to_rows(build_sessions(events.coalesce(1), conf, watermark_us=clock_us(events)))
    assert len(once) > 7
    before = spark.conf.get("spark.sql.shuffle.partitions")
    try:
        for partitions in ("1", "13"):
            spark.conf.set("spark.sql.shuffle.partitions", partitions)
            spread = events.repartition(int(partitions) + 1)
            assert to_rows(build_sessions(spread, conf, watermark_us=clock_us(events))) == once
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", before)


def test_durations_are_whole_microseconds():
    rules = Rules.of(Sessions(gap="0.3 s", max_duration=1e15))
    assert rules.gap_us == 300_000
    assert rules.max_duration_us == 2**60


def test_a_rule_that_changes_sessions_changes_the_hash():
    others = [
        {"gap": 9},
        {"max_events": 9},
        {"max_duration": 9},
        {"ignore": ["x"]},
        {"order_by": ["event_time"]},
    ]
    hashes = {Rules.of(Sessions(**other)).hash for other in [*others, {}]}
    assert len(hashes) == 6
    assert Rules.of(Sessions(late="quarantine", dedupe="none")).hash == Rules.of(Sessions()).hash
