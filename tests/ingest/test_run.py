"""The step `ingest` with a lake: what is taken, counted, refused, finished and replayed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from offbeat.errors import InputRefused, OffbeatError, UsageError
from offbeat.ingest import limit, publish
from offbeat.ingest.preview import preview
from offbeat.tables.contract import EVENTS
from offbeat.tables.lake import Lake

pytestmark = pytest.mark.spark

HEAD = "u,t,e\n"
DAY = "2024-03-01"


def lines(*rows: tuple[str, int, str]) -> str:
    """CSV lines of (entity, second, event)."""
    return "".join(f"{entity},{DAY} 10:00:{second:02d},{event}\n" for entity, second, event in rows)


def counts(rows_in, events, duplicates, quarantined, taken, skipped):
    names = ("rows_in", "events", "duplicates", "quarantined", "files_taken", "files_skipped")
    return dict(zip(names, (rows_in, events, duplicates, quarantined, taken, skipped), strict=True))


def seen(rows):
    return sorted((row["entity"], row["event"]) for row in rows)


def killed(*_args, **_options):
    raise KeyboardInterrupt


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "log"
    place.mkdir()
    return place


@pytest.fixture
def nothing_left_in_memory(spark):
    """Rows that a run keeps in memory are let go of."""

    def kept():  # Delta keeps the newest state of tables in memory, also of other tests, and lets it go when it likes
        named = {key: rdd.name() for key, rdd in spark.sparkContext._jsc.getPersistentRDDs().items()}
        return {key for key, name in named.items() if not str(name).startswith("Delta Table State")}

    before = kept()
    yield
    assert kept() <= before


@pytest.mark.usefixtures("nothing_left_in_memory")
def test_files_are_taken_once_and_duplicates_counted(folder, make_source, make_config, ingest, table):
    conf = make_config(make_source(None), quarantine={"limit": 0.5})
    (folder / "1.csv").write_text(
        HEAD + lines(("anna", 1, "play"), ("anna", 1, "play"), ("ben", 2, "stop"), ("", 3, "x"))
    )
    (folder / "copy of 1.csv").write_bytes((folder / "1.csv").read_bytes())
    assert ingest(conf) == counts(4, 2, 1, 1, 1, 1)
    (folder / "1.csv").rename(folder / "renamed.csv")
    (folder / "2.csv").write_text(HEAD + lines(("ben", 2, "stop"), ("cleo", 4, "play"), ("", 3, "x")))
    (folder / "empty.csv").write_text("")
    assert ingest(conf) == counts(3, 1, 1, 1, 2, 2)
    assert seen(table(conf, "events")) == [("anna", "play"), ("ben", "stop"), ("cleo", "play")]
    kept = {
        (Path(row["source_file"]).name, row["raw"], tuple(row["reasons"]))
        for row in table(conf, "quarantine")
    }
    raw = f",{DAY} 10:00:03,x"
    assert kept == {("1.csv", raw, ("null_entity",)), ("2.csv", raw, ("null_entity",))}
    done = {
        Path(r["source_file"]).name: (r["state"], r["rows_in"], r["events"], r["duplicates"])
        for r in table(conf, "ingested")
    }
    assert done == {
        "1.csv": ("done", 4, 2, 1),
        "2.csv": ("done", 3, 1, 1),
        "empty.csv": ("done", None, None, None),
    }


def test_above_the_limit_nothing_is_written(folder, make_source, make_config, ingest):
    conf = make_config(make_source(None), quarantine={"limit": 0.4})
    rows = lines(("anna", 1, "play"), ("", 2, "x"), ("", 3, "x")) + "ben,soon,y\n"
    (folder / "1.csv").write_text(HEAD + rows)
    told = r"3 of 4 rows \(75.0 %\).*quarantine.limit \(40 %\); nothing was written: 2 null_entity, like ',2024-03-01"
    with pytest.raises(InputRefused, match=told):
        ingest(conf)
    assert not Path(conf.lake).exists()


@pytest.mark.parametrize("content", ["", HEAD, "\n\n"])
def test_files_without_rows_are_refused(folder, make_source, make_config, ingest, content):
    (folder / "1.csv").write_text(content)
    with pytest.raises(InputRefused, match=r"1\.csv: no rows in it"):
        ingest(make_config(make_source(None)))


def test_wrong_sources_are_refused(tmp_path, make_source, make_config, ingest):
    with pytest.raises(InputRefused, match="no file there"):
        ingest(make_config(make_source(None, name="none")))
    twice = make_source(HEAD + lines(("anna", 1, "play")))
    with pytest.raises(UsageError, match="two sources have the path"):
        ingest(make_config(twice, twice))
    topic = {"kafka.bootstrap.servers": "host:9092", "subscribe": "clicks"}
    with pytest.raises(InputRefused, match="offbeat stream"):
        ingest(make_config(make_source(None, "kafka", options=topic)))


WITH_IDS = (
    "i,u,t,e\n1,anna,2024-03-01,play\n1,anna,2024-03-01,play\n1,anna,2024-03-01,stop\n2,ben,2024-03-01,play\n"
)


@pytest.mark.parametrize("dedupe, events", [("id", ["play", "play"]), ("exact", ["play", "play", "stop"])])
def test_what_a_duplicate_is(make_source, read, dedupe, events):
    found = read(make_source(WITH_IDS, columns={"event_id": "i"}), dedupe=dedupe, once=True)
    assert len({row["event_id"] for row in found}) == len(found)
    assert sorted(row["event"] for row in found) == events  # of two rows of one id the same is kept


def test_where_nothing_is_a_duplicate_copies_are_numbered(folder, make_source, make_config, ingest, table):
    conf = make_config(make_source(None, columns={"event_id": "i"}), sessions={"dedupe": "none"})
    (folder / "1.csv").write_text(WITH_IDS)
    assert ingest(conf) == counts(4, 4, 0, 0, 1, 0)
    (folder / "2.csv").write_text("i,u,t,e\n1,anna,2024-03-02,play\n")
    assert ingest(conf) == counts(1, 1, 0, 0, 1, 1)
    assert sorted(row["event_id"] for row in table(conf, "events")) == ["1#0", "1#1", "1#2", "1#3", "2#0"]
    (folder / "1.csv").write_text(WITH_IDS + "3,anna,2024-03-01,play\n")
    with pytest.raises(InputRefused, match="was taken before with other content"):
        ingest(conf)


@pytest.mark.slow  # in the fast tier tests/system/test_killed.py dies for real
@pytest.mark.parametrize(
    "moment",
    ["merge_quarantine", "append_events", "events_by_file"],
)
def test_a_run_that_is_killed_is_finished_by_the_next(
    folder, make_source, make_config, ingest, table, monkeypatch, moment
):
    conf = make_config(make_source(None), quarantine={"limit": 0.5})
    (folder / "1.csv").write_text(
        HEAD + lines(("anna", 1, "play"), ("anna", 1, "play"), ("ben", 2, "stop"), ("", 3, "x"))
    )
    with monkeypatch.context() as patch:
        patch.setattr(publish, moment, killed)
        with pytest.raises(KeyboardInterrupt):
            ingest(conf)
    planned = table(conf, "ingested")
    assert [row["state"] for row in planned] == ["planned"]
    (folder / "2.csv").write_text(HEAD + lines(("cleo", 4, "play")))
    assert ingest(conf) == counts(5, 3, 1, 1, 2, 1)
    assert seen(table(conf, "events")) == [("anna", "play"), ("ben", "stop"), ("cleo", "play")]
    assert [row["copies"] for row in table(conf, "quarantine")] == [1]
    done = {Path(row["source_file"]).name: row for row in table(conf, "ingested")}
    assert {row["state"] for row in done.values()} == {"done"}
    assert done["1.csv"]["ingest_batch"] == planned[0]["ingest_batch"]
    assert (done["1.csv"]["events"], done["1.csv"]["duplicates"], done["1.csv"]["quarantined"]) == (2, 1, 1)


@pytest.mark.slow  # in the fast tier tests/ingest/test_left_over.py shows it of a file that is deleted
def test_a_planned_file_that_has_gone_is_left_out(
    folder, make_source, make_config, ingest, table, monkeypatch
):
    conf = make_config(make_source(None))
    (folder / "1.csv").write_text(HEAD + lines(("anna", 1, "play")))
    with monkeypatch.context() as patch:
        patch.setattr(publish, "append_events", killed)
        with pytest.raises(KeyboardInterrupt):
            ingest(conf)
    (folder / "1.csv").write_text(HEAD + lines(("ben", 2, "stop")))
    assert ingest(conf) == counts(1, 1, 0, 0, 1, 0)
    assert seen(table(conf, "events")) == [("ben", "stop")]


def test_of_two_runs_at_once_one_loses_cleanly(folder, make_source, make_config, ingest, table, monkeypatch):
    conf = make_config(make_source(None))
    (folder / "1.csv").write_text(HEAD + lines(("anna", 1, "play")))
    check = limit.assert_below

    def overtaken(*args, **options):
        monkeypatch.setattr(limit, "assert_below", check)
        (folder / "2.csv").write_text(HEAD + lines(("ben", 2, "stop")))
        assert ingest(conf)["events"] == 2  # the other run, from beginning to end
        return check(*args, **options)

    monkeypatch.setattr(limit, "assert_below", overtaken)
    with pytest.raises(OffbeatError, match="another ingest is writing"):
        ingest(conf)
    assert seen(table(conf, "events")) == [("anna", "play"), ("ben", "stop")]
    assert [row["state"] for row in table(conf, "ingested")] == ["done", "done"]


def test_mended_rows_and_a_mended_contract(spark, folder, make_source, make_config, ingest, table, read):
    source = make_source(None)
    conf = make_config(source, quarantine={"limit": 1})
    bad = "ben;2024-03-01 10:00:02;stop\n" + "cleo,01.03.2024 10:00:03,play\n" * 2 + "dora,soon,play\n"
    (folder / "1.csv").write_text(HEAD + lines(("anna", 1, "play")) + bad)
    assert ingest(conf) == counts(5, 1, 0, 4, 1, 0)
    quarantine = f"delta.`{conf.lake}/quarantine`"
    spark.sql(f"UPDATE {quarantine} SET raw = replace(raw, ';', ',')")  # noqa: S608
    assert ingest(conf, replay_quarantine=True) == counts(4, 1, 0, 3, 0, 0)
    assert {row["raw"]: row["reasons"] for row in table(conf, "quarantine")} == {
        "cleo,01.03.2024 10:00:03,play": ["unparsable_time"],
        "dora,soon,play": ["unparsable_time"],
    }
    mended = make_config(
        source.model_copy(update={"time_format": "dd.MM.yyyy HH:mm:ss"}), quarantine={"limit": 1}
    )
    assert ingest(mended, replay_quarantine=True) == counts(3, 1, 1, 1, 0, 0)
    assert [row["raw"] for row in table(conf, "quarantine")] == ["dora,soon,play"]
    right = make_source(
        HEAD + lines(("anna", 1, "play"), ("ben", 2, "stop"), ("cleo", 3, "play")), name="right.csv"
    )
    assert sorted(row["event_id"] for row in table(conf, "events")) == sorted(
        row["event_id"] for row in read(right)
    )


@pytest.mark.slow
def test_rows_of_every_format_can_be_replayed(make_source, make_config, ingest, table):
    late = {"run_date": dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)}
    pattern = r"(?P<u>\S+) (?P<t>\S+) (?P<e>\S+)"
    sources = (
        make_source(
            'u,t,e\n"two\nlines",2024-03-01,"a ""b"""\n', name="a.csv.x", options={"multiLine": "true"}
        ),
        make_source('{"u":"anna","t":"2024-03-01","e":"json"}\n', "json", name="b"),
        make_source("anna 2024-03-01 text\n", "text", name="c", pattern=pattern),
        make_source(None, "parquet", name="d"),
    )
    time = pa.array(
        [dt.datetime(2024, 3, 1, 0, 0, 0, 123456, tzinfo=dt.timezone.utc)], pa.timestamp("us", "UTC")
    )
    pq.write_table(pa.table({"u": [7], "t": time, "e": ["parquet"]}), sources[3].path)
    conf = make_config(*sources, quarantine={"limit": 1})
    assert ingest(conf, **late) == counts(4, 0, 0, 4, 4, 0)
    assert {tuple(row["reasons"]) for row in table(conf, "quarantine")} == {("future_time",)}
    assert ingest(conf, replay_quarantine=True) == counts(4, 4, 0, 0, 0, 0)
    assert table(conf, "quarantine") == []
    fresh = make_config(*sources, lake=f"{conf.lake}-fresh")
    assert ingest(fresh) == counts(4, 4, 0, 0, 4, 0)
    ids = [{(r["event_id"], r["entity"], r["event"]) for r in table(one, "events")} for one in (conf, fresh)]
    assert ids[0] == ids[1]


@pytest.mark.slow
def test_backfill_takes_a_part_of_the_time_and_changes_nothing_twice(
    spark, folder, make_source, make_config, ingest, table
):
    conf = make_config(make_source(None))
    (folder / "1.csv").write_text(HEAD + "".join(f"anna,2024-03-0{day},play\n" for day in (1, 2, 3)))
    bounds = {"time_from": dt.date(2024, 3, 2), "time_to": dt.date(2024, 3, 3)}
    assert ingest(conf, **bounds) == counts(1, 1, 0, 0, 1, 0)
    assert ingest(conf, **bounds) == counts(1, 0, 1, 0, 1, 0)
    assert ingest(conf) == counts(3, 2, 1, 0, 1, 0)
    before = Lake(spark, conf.lake).version(EVENTS)
    assert ingest(conf, **bounds) == counts(1, 0, 1, 0, 1, 0)
    assert Lake(spark, conf.lake).version(EVENTS) == before
    assert len(table(conf, "events")) == 3
    with pytest.raises(UsageError, match="--from and --to need dedupe"):
        ingest(make_config(conf.source[0], sessions={"dedupe": "none"}), **bounds)


def test_late_events_go_to_quarantine_where_asked(folder, make_source, make_config, ingest, table):
    conf = make_config(
        make_source(None), sessions={"late": "quarantine", "lateness": "1 day"}, quarantine={"limit": 0.5}
    )
    (folder / "1.csv").write_text(HEAD + "anna,2024-03-01,play\nanna,2024-03-05,play\n")
    assert ingest(conf) == counts(2, 2, 0, 0, 1, 0)
    (folder / "2.csv").write_text(HEAD + "ben,2024-03-04,play\nben,2024-03-03 23:59:59,play\n")
    assert ingest(conf) == counts(2, 1, 0, 1, 1, 1)
    assert [row["reasons"] for row in table(conf, "quarantine")] == [["late"]]


def test_a_column_that_changed_its_type_is_refused(folder, make_source, make_config, ingest):
    conf = make_config(make_source(None, "parquet"))
    good = {"u": [1], "t": [1709287200], "e": ["play"]}
    pq.write_table(pa.table(good), folder / "1.parquet")
    assert ingest(conf) == counts(1, 1, 0, 0, 1, 0)
    pq.write_table(pa.table(good | {"u": pa.array([2], pa.int32())}), folder / "2.parquet")
    assert ingest(conf) == counts(1, 1, 0, 0, 1, 1)
    pq.write_table(pa.table(good | {"u": [2.5]}), folder / "3.parquet")
    with pytest.raises(InputRefused, match=r"column u is fraction \(double\), and was whole number before"):
        ingest(conf)


def test_preview_writes_nothing(spark, folder, make_source, make_config):
    conf = make_config(make_source(None))
    (folder / "1.csv").write_text(HEAD + lines(("anna", 1, "play"), ("", 2, "stop")))
    rows = preview(spark, conf, run_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc))
    assert [(r["entity"], r["event_time"], r["event"], r["reasons"]) for r in rows] == [
        ("anna", "2024-03-01 10:00:01", "play", []),
        (None, "2024-03-01 10:00:02", "stop", ["null_entity"]),
    ]
    assert not Path(conf.lake).exists()
    (folder / "1.csv").write_text(HEAD)
    with pytest.raises(InputRefused, match="no rows in it"):
        preview(spark, conf, run_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc))
