"""Batches that a killed run has left, backfills and replays: nothing is lost, and nothing comes twice."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from offbeat.errors import InputRefused, UsageError
from offbeat.ingest import publish
from offbeat.tables.contract import QUARANTINE
from offbeat.tables.lake import Lake

pytestmark = pytest.mark.spark

HEAD = "u,t,e\n"
SUMMER = dt.datetime(2024, 7, 15, 12, 0, 0, 123456)  # noqa: DTZ001 - as a clock on the wall says it
EARLY = {"run_date": dt.datetime(2024, 3, 2, 12, tzinfo=dt.timezone.utc)}


def killed(*_args, **_options):
    raise KeyboardInterrupt


def days(*numbers: int) -> str:
    return "".join(f"anna,2024-03-0{day},play\n" for day in numbers)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "log"
    place.mkdir()
    return place


@pytest.fixture
def killed_in(monkeypatch, ingest):
    """Run the step and kill it where it calls something."""

    def run_and_kill(owner, name, conf, **options):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, killed)
            with pytest.raises(KeyboardInterrupt):
                ingest(conf, **options)

    return run_and_kill


def test_a_backfill_finishes_what_was_left_as_a_whole_and_by_its_clock(
    folder, make_source, make_config, ingest, table, killed_in
):
    conf = make_config(make_source(None), quarantine={"limit": 0.5})
    (folder / "1.csv").write_text(HEAD + days(1, 2, 3))
    killed_in(publish, "append_events", conf, **EARLY)
    done = ingest(conf, time_to=dt.date(2024, 3, 2))
    assert [done[name] for name in ("rows_in", "events", "duplicates", "quarantined")] == [4, 2, 1, 1]
    assert sorted(row["event_time"].day for row in table(conf, "events")) == [1, 2]
    assert [(row["raw"], row["reasons"]) for row in table(conf, "quarantine")] == [
        (days(3).strip(), ["future_time"])
    ]
    assert ingest(conf)["files_taken"] == 0


def test_refused_rows_of_a_file_that_has_gone_stay_where_its_events_do(
    folder, make_source, make_config, ingest, table, killed_in
):
    conf = make_config(make_source(None), quarantine={"limit": 0.5})
    for day in (1, 2, 3):
        (folder / f"{day}.csv").write_text(HEAD + days(day) + f",2024-03-0{day},play\n")
    killed_in(publish, "append_events", conf)
    (folder / "1.csv").unlink()  # before its events are in the lake
    killed_in(publish, "events_by_file", conf)
    (folder / "2.csv").unlink()  # after
    ingest(conf)
    for name in ("events", "quarantine", "ingested"):
        left = sorted(Path(row["source_file"]).name for row in table(conf, name))
        assert left == ["2.csv", "3.csv"], name
    assert {row["state"] for row in table(conf, "ingested")} == {"done"}


def test_the_same_backfill_twice_is_two_rows_in_the_ledger_and_none_elsewhere(
    spark, folder, make_source, make_config, ingest, table
):
    conf = make_config(make_source(None), quarantine={"limit": 1})
    (folder / "1.csv").write_text(HEAD + days(1, 2) + "anna,soon,play\n")
    bounds = {"time_from": dt.date(2024, 3, 2)}
    assert ingest(conf, **bounds)["quarantined"] == 1
    before = Lake(spark, conf.lake).version(QUARANTINE)
    assert ingest(conf, **bounds)["duplicates"] == 1
    assert Lake(spark, conf.lake).version(QUARANTINE) == before
    assert len({row["content_hash"] for row in table(conf, "ingested")}) == len(table(conf, "ingested")) == 2
    lines = make_config(make_source("5 7\n", "sequences", name="lines"), lake=f"{conf.lake}-lines")
    with pytest.raises(UsageError, match="--from and --to need ids"):
        ingest(lines, **bounds)


def test_typed_rows_replayed_are_what_they_had_been_and_come_once_also_when_killed(
    spark, folder, make_source, make_config, ingest, table, killed_in, read
):
    nanos = pa.array([int(SUMMER.replace(tzinfo=dt.timezone.utc).timestamp()) * 10**9 + 123_456_789])
    moment = pa.array([SUMMER], pa.timestamp("us", "UTC"))
    rows = {"u": [7], "t": nanos.cast(pa.timestamp("ns")), "e": ["play"], "seen": moment, "list": [[1, 2]]}
    pq.write_table(pa.table(rows), folder / "1.parquet")
    source = make_source(None, "parquet", time_zone="Europe/Berlin", new_columns="keep")
    conf = make_config(source, quarantine={"limit": 1}, sessions={"dedupe": "none"})
    assert ingest(conf, **EARLY)["quarantined"] == 1
    killed_in(Lake, "merge", conf, replay_quarantine=True)
    assert len(table(conf, "events")) == 1
    Lake(spark, conf.lake).set_property(QUARANTINE, "touched", "yes")  # as maintain, or another ingest, would
    assert ingest(conf, replay_quarantine=True)["events"] == 1
    assert table(conf, "quarantine") == []
    [found], [wanted] = table(conf, "events"), read(source, dedupe="none")
    assert found["event_id"] == wanted["event_id"] + "#0"
    assert found["entity"] == wanted["entity"] == "7"
    assert found["event_time"] == SUMMER.replace(hour=10)
    assert wanted["event_time"] == str(found["event_time"])
    covariates = {"list": "[1,2]", "seen": "2024-07-15 12:00:00.123456"}
    assert found["covariates"] == wanted["covariates"] == covariates


def test_a_stream_waits_for_the_sources_that_have_nothing_yet_and_takes_the_others(
    tmp_path, make_source, make_config, ingest, table, read
):
    (tmp_path / "labels.csv").write_text("entity,label\nanna,1\n")
    labels = {"path": str(tmp_path / "labels.csv"), "entity": "entity", "label": "label"}
    there = make_source(HEAD + days(1), name="there.csv", labels=labels)
    conf = make_config(make_source(None, name="none"), make_source("", name="empty.csv"), there)
    with pytest.raises(InputRefused, match="no file there"):
        ingest(conf)
    waiting = make_config(*conf.source[:2])
    assert ingest(waiting, arrivals=[])["files_taken"] == 0
    assert not (tmp_path / "lake").exists()
    assert ingest(conf, arrivals=[])["events"] == 1
    [event] = table(conf, "events")
    assert event["label"] == 1
    assert event["event_id"] == read(there)[0]["event_id"]  # labels of a file leave ids as they are


def test_nanoseconds_are_told_by_the_file_and_refused_in_a_line_where_they_cant_be_read(
    read, make_source, folder, monkeypatch
):
    times = pa.array([-1, 1_000, None])  # such small numbers would be taken for seconds
    rows = {"u": ["a", "b", "c"], "e": ["play"] * 3}
    pq.write_table(pa.table(rows | {"t": times.cast(pa.timestamp("ns", "UTC"))}), folder / "1.parquet")
    pq.write_table(pa.table(rows | {"t": times.cast(pa.timestamp("us", "UTC"))}), folder / "2.parquet")
    source = make_source(None, "parquet")
    found = {(Path(r["source_file"]).name, r["entity"]): r["event_time"] for r in read(source)}
    assert found == {
        ("1.parquet", "a"): "1969-12-31 23:59:59.999999",
        ("1.parquet", "b"): "1970-01-01 00:00:00.000001",
        ("1.parquet", "c"): None,
        ("2.parquet", "a"): "1969-12-31 23:59:59.999999",
        ("2.parquet", "b"): "1970-01-01 00:00:00.001",
        ("2.parquet", "c"): None,
    }
    (folder / "2.parquet").unlink()
    monkeypatch.setattr("offbeat.ingest.formats.tabular.is_local", lambda _: False)
    with pytest.raises(InputRefused, match="times in nanoseconds, which can't be read here"):
        read(source)


def test_a_file_without_header_keeps_no_row_of_it_in_plain(read, make_source, monkeypatch):
    monkeypatch.setenv("OFFBEAT_PSEUDONYM_KEY", "a key of sixteen characters")
    source = make_source(
        "anna,soon,play\nben,2024-03-01,stop\n",
        options={"header": "false"},
        columns={"entity": "_c0", "time": "_c1", "event": "_c2"},
        pseudonyms=["_c0"],
    )
    refused = next(row for row in read(source) if row["reasons"])
    assert refused["raw_header"] is None
    assert "anna" not in refused["raw"]


def test_an_encoding_that_java_knows_is_read(read, make_source):
    source = make_source(b"u,t,e\n\x80\x99,2024-03-01,play\n", options={"encoding": "cp1252"})
    assert [row["entity"] for row in read(source)] == ["€™"]
