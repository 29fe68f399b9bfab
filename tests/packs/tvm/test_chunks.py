"""What a chunk holds: rows with the network's noise, and a truth that fits them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from offbeat.packs.tvm.chunks import EVENTS_SCHEMA, TRUTH_SCHEMA, generate_chunk
from offbeat.packs.tvm.machine import EVENTS, first_break
from offbeat.packs.tvm.names import hex_strings, mixed
from offbeat.packs.tvm.settings import FAULT_KINDS, Settings
from offbeat.packs.tvm.viewers import Layout
from tests.packs.tvm.reading import logged_codes, read_events, read_truth, sessions_of

LAYOUT = Layout.of(20_000, 3, Settings(days=4, chunk_sessions=100))


def test_chunk_depends_on_its_number_alone():
    assert LAYOUT.chunks > 4
    forward = [generate_chunk(LAYOUT, chunk) for chunk in range(LAYOUT.chunks)]
    backward = [generate_chunk(LAYOUT, chunk) for chunk in reversed(range(LAYOUT.chunks))]
    for one, other in zip(forward, reversed(backward), strict=True):
        assert all(a.equals(b) for a, b in zip(one, other, strict=True))
    assert not forward[0].events.equals(forward[1].events)


def test_another_seed_gives_other_rows_and_ids():
    one = generate_chunk(LAYOUT, 0)
    other = generate_chunk(Layout.of(20_000, 4, LAYOUT.settings), 0)
    assert not set(one.events["event_id"].to_pylist()) & set(other.events["event_id"].to_pylist())
    assert not set(one.truth["session_key"].to_pylist()) & set(other.truth["session_key"].to_pylist())


def test_schemas_hold_also_without_rows():
    empty = Layout(0, Settings(days=1), devices=0, blocks=1)
    for layout in (LAYOUT, empty):
        chunk = generate_chunk(layout, 0)
        assert chunk.events.schema == chunk.late.schema == EVENTS_SCHEMA
        assert chunk.truth.schema == TRUTH_SCHEMA
    assert len(chunk.truth) == 0


def test_the_gap_rule_finds_the_true_sessions(log):
    sessions, truth = sessions_of(read_events(log)), read_truth(log)
    assert {frozenset(ids) for ids in sessions["event_ids"]} == {frozenset(ids) for ids in truth["event_ids"]}
    assert set(sessions["entity"]) == set(truth["entity"])


def test_sessions_of_a_device_lie_35_minutes_apart(log):
    truth = read_truth(log).sort_values(["entity", "start"])
    rest = truth["start"] - truth.groupby("entity")["end"].shift()
    assert rest.min() > pd.Timedelta(minutes=35)
    assert truth["entity"].value_counts().max() > 3  # devices come back


def test_without_faults_every_session_keeps_the_rules(clean_log):
    events, truth = read_events(clean_log), read_truth(clean_log)
    assert truth["fault_kind"].isna().all()
    assert truth["fault_event_id"].isna().all()
    assert all(first_break(codes) is None for codes in logged_codes(events, truth))


def test_planted_faults_break_the_rules_and_all_else_keeps_them(log):
    events, truth = read_events(log), read_truth(log)
    broken = [first_break(codes) is not None for codes in logged_codes(events, truth)]
    assert broken == truth["fault_kind"].notna().tolist()
    assert set(truth["fault_kind"].dropna()) == set(FAULT_KINDS)
    assert 0.08 < np.mean(broken) < 0.12


def test_truth_says_where_the_fault_is(log):
    events, truth = read_events(log), read_truth(log)
    faulty = truth[truth["fault_kind"].notna()]
    times = events.set_index("event_id")["event_time"]
    for row in faulty.itertuples():
        logged = sorted(row.event_ids, key=lambda event_id: times[event_id])
        assert logged[int(row.fault_position)] == row.fault_event_id
        assert row.fault_event_id in row.fault_event_ids
        assert set(row.fault_event_ids) <= set(logged)
        assert len(row.fault_event_ids) >= 2 or row.fault_kind != "swap"
    assert truth.loc[truth["fault_kind"].isna(), "fault_event_ids"].isna().all()


def test_truth_keeps_the_true_order_and_times(log):
    events, truth = read_events(log), read_truth(log)
    times = events.set_index("event_id")["event_time"]
    for row in truth[truth["fault_kind"].isna()].itertuples():
        stamps = [times[event_id] for event_id in row.event_ids]
        assert stamps == sorted(stamps)
        assert (stamps[0], stamps[-1]) == (row.start, row.end)
    moved = truth[truth["fault_kind"].isin(["swap", "delay"])]
    for ids in moved["event_ids"]:
        assert not times[list(ids)].is_monotonic_increasing


def test_every_event_is_told_once_by_the_truth(log):
    events, truth = read_events(log), read_truth(log)
    told = np.concatenate(truth["event_ids"].tolist())
    assert len(set(told)) == len(told)
    assert set(told) == set(events["event_id"])
    assert truth["session_key"].is_unique
    columns = ["partner", "title", "platform", "app_version"]
    spread = truth[["event_ids", "entity", *columns]].explode("event_ids")
    joined = spread.merge(events, left_on="event_ids", right_on="event_id", suffixes=("", "_logged"))
    assert (joined["entity"] == joined["device_id"]).all()
    assert all((joined[name] == joined[f"{name}_logged"]).all() for name in columns)


def test_faults_bring_no_new_names_and_no_odd_lengths(log):
    events, truth = read_events(log), read_truth(log)
    assert set(events["event"]) <= set(EVENTS)
    lengths = truth["event_ids"].map(len)
    faulty = truth["fault_kind"].notna()
    assert lengths[faulty].mean() == pytest.approx(lengths[~faulty].mean(), rel=0.2)


def test_network_noise_is_no_fault():
    noisy = Settings(days=3, plant=False, duplicates=0.05, late=0.05, offline=0.2)
    chunk = generate_chunk(Layout.of(30_000, 0, noisy), 0)
    rows = pa.concat_tables([chunk.events, chunk.late]).to_pandas()
    twice = rows["event_id"].duplicated()
    assert 0.04 < twice.mean() < 0.06
    assert not rows.drop_duplicates()["event_id"].duplicated().any()  # delivered twice, but the same row
    assert 0.08 < len(chunk.late) / len(rows) < 0.3
    late = chunk.late.to_pandas()
    assert late["event_time"].between(rows["event_time"].min(), rows["event_time"].max()).all()
    whole = late["device_id"].isin(set(rows["device_id"]) - set(chunk.events["device_id"].to_pylist()))
    assert set(late[whole]["platform"]) <= {"ios", "android"}  # phones come online late
    arrived = chunk.events["event_time"].to_pandas()
    assert not arrived.is_monotonic_increasing
    assert (arrived.cummax() - arrived).max() < pd.Timedelta(minutes=1)


def test_a_lost_ambient_event_is_no_fault():
    kept, lost = (
        generate_chunk(Layout.of(30_000, 0, Settings(days=3, plant=False, lost=share)), 0).truth.to_pandas()
        for share in (0.0, 0.5)
    )
    assert (kept["minutes_true"] == lost["minutes_true"]).all()
    n_kept, n_lost = (int(truth["event_ids"].map(len).sum()) for truth in (kept, lost))
    ambient = n_kept - n_lost
    assert 0.04 < ambient / n_kept < 0.12  # half of the ambient ones, and none of the others


def test_a_release_brings_its_version_and_its_habits():
    layout = Layout.of(60_000, 1, Settings(days=6, release_day=2, plant=False))
    days = [generate_chunk(layout, chunk).truth.to_pandas() for chunk in range(layout.chunks)]
    share = [(day["app_version"] == "6.2").mean() for day in days]
    assert share[0] == share[1] == 0
    assert 0 < share[3] < share[5]
    assert share[5] > 0.4
    never = Layout.of(20_000, 1, Settings(days=2, release_day=14))
    assert "6.2" not in set(generate_chunk(never, 1).truth["app_version"].to_pylist())


def test_ids_are_sixteen_hex_digits():
    assert hex_strings(np.array([0, 255, 2**64 - 1], np.uint64)).to_pylist() == [
        "0" * 16,
        "0" * 14 + "ff",
        "f" * 16,
    ]
    numbers = mixed(np.arange(100_000, dtype=np.uint64), 0)
    assert len(set(numbers.tolist())) == 100_000
    assert abs(int((numbers > np.uint64(2**63)).sum()) - 50_000) < 1_000


def test_platforms_and_partners_differ_in_popularity(log):
    truth = read_truth(log)
    shares = truth["partner"].value_counts(normalize=True)
    assert shares.iloc[0] > 3 * shares.iloc[-1]
    titles = truth["title"].value_counts(normalize=True)
    assert titles.iloc[0] > 10 * titles.iloc[-1]
