"""Every format gives the same rows of the contract, whatever bytes it came in."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import sqlite3

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from offbeat.errors import InputRefused

pytestmark = pytest.mark.spark

TIMES = ["2024-03-01 10:00:00", "2024-03-01 10:00:01"]
PLAIN = b"u,t,e\nanna,2024-03-01 10:00:00,play\nben,2024-03-01 10:00:01,stop\n"
WANTED = [("anna", TIMES[0], "play"), ("ben", TIMES[1], "stop")]


def events(rows):
    return sorted((row["entity"], row["event_time"], row["event"]) for row in rows if not row["reasons"])


def refused(rows):
    return sorted((row["raw"], row["reasons"]) for row in rows if row["reasons"])


CLOTHES = {
    "plain.csv": PLAIN,
    "packed.csv.gz": gzip.compress(PLAIN, mtime=0),
    "packed.csv.bz2": bz2.compress(PLAIN),
    "mark.csv": b"\xef\xbb\xbf" + PLAIN,
    "windows.csv": PLAIN.replace(b"\n", b"\r\n"),
    "mark-windows.csv.gz": gzip.compress(b"\xef\xbb\xbf" + PLAIN.replace(b"\n", b"\r\n"), mtime=0),
    "no-last-newline.csv": PLAIN.rstrip(b"\n"),
    "blank-lines.csv": PLAIN.replace(b"\n", b"\n\n"),
    "header-again.csv": PLAIN + PLAIN.split(b"\n")[0] + b"\n",
    "quoted.csv": b'"u","t","e"\n"anna","2024-03-01 10:00:00","play"\n"ben",2024-03-01 10:00:01,stop\n',
    "name with blank+plus%25.csv": PLAIN,
}


def test_csv_in_all_its_clothes(read, make_source, tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    for name, content in CLOTHES.items():
        (folder / name).write_bytes(content)
    rows = read(make_source(None))
    assert refused(rows) == []
    assert {row["source_file"] for row in rows} == {str(folder / name) for name in CLOTHES}
    for name in CLOTHES:
        assert events(row for row in rows if row["source_file"] == str(folder / name)) == WANTED, name


@pytest.mark.slow
@pytest.mark.parametrize("name", CLOTHES)
def test_csv_in_each_of_its_clothes_alone(read, make_source, name):
    source = make_source(CLOTHES[name], name=name)
    rows = read(source)
    assert events(rows) == WANTED
    assert refused(rows) == []
    assert {row["source_file"] for row in rows} == {source.path}


def test_csv_fields_with_line_breaks_quotes_and_foreign_bytes(read, make_source):
    content = (
        b"u,t,e\n"
        b'"two\nlines",2024-03-01 10:00:00,"say ""hi"", then go"\n'
        b"caf\xe9,2024-03-01 10:00:00,x\n"
        b"caf\xe8,2024-03-01 10:00:00,x\n"
        b"caf\xc3\xaa,2024-03-01 10:00:00,x\n"
        b"short,2024-03-01 10:00:00\n"
        b"long,2024-03-01 10:00:00,x,y\n"
        b'stray,"2024-03-01 10:00:00,x\n'
        b"last,2024-03-01 10:00:00,x\n"
    )
    rows = read(make_source(content))
    found = [("cafè", "x"), ("café", "x"), ("cafê", "x"), ("last", "x"), ("two\nlines", 'say "hi", then go')]
    assert [(entity, event) for entity, _, event in events(rows)] == found
    assert refused(rows) == [
        ("long,2024-03-01 10:00:00,x,y", ["malformed_row"]),
        ("short,2024-03-01 10:00:00", ["malformed_row"]),
        ('stray,"2024-03-01 10:00:00,x', ["malformed_row"]),
    ]


def test_csv_files_with_columns_in_another_order(read, make_source, tmp_path):
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a.csv").write_bytes(PLAIN.split(b"ben")[0])
    (tmp_path / "log" / "b.csv").write_text("e,extra,t,u\nstop,x,2024-03-01 10:00:01,ben\n")
    (tmp_path / "log" / "empty.csv").write_bytes(b"")
    source = make_source(None, name="log", columns={"covariates": []}, new_columns="keep")
    rows = read(source)
    assert events(rows) == WANTED
    assert {row["entity"]: row["covariates"] for row in rows} == {"anna": None, "ben": {"extra": "x"}}


def test_csv_with_other_delimiter_and_no_header(read, make_source):
    columns = {"entity": "_c0", "time": "_c1", "event": "_c2"}
    source = make_source(
        PLAIN.split(b"\n", 1)[1].replace(b",", b"\t"),
        options={"sep": "\t", "header": "false"},
        columns=columns,
    )
    assert events(read(source)) == WANTED


def test_a_line_of_ten_megabytes_passes(read, make_source):
    long = "x" * 10_000_000
    rows = read(make_source(f"u,t,e\nanna,2024-03-01,{long}\nben,2024-03-01,stop\n"))
    assert sorted(len(row["event"]) for row in rows) == [4, 10_000_000]
    rows = read(make_source(f'{{"u":"anna","t":"2024-03-01","e":"{long}"}}\n', "json"))
    assert [len(row["event"]) for row in rows] == [10_000_000]


def test_json_lines(read, make_source):
    content = (
        b'{"u":"anna","t":"2024-03-01T10:00:00Z","e":"play","device":{"os":"tv","sizes":[1,2]},"n":1}\n'
        b'\xef\xbb\xbf{"u":"ben","t":1709287201,"e":"stop"}\r\n'
        b"\n"
        b'{"u":"caf\xe9","t":1709287201000,"e":"stop"}\n'
        b'{"u":"cut"\n'
        b"[1,2]\n"
        b'{"t":1709287201,"e":"stop"}\n'
    )
    source = make_source(content, "json", columns={"covariates": ["device.os", "device.sizes", "n"]})
    rows = read(source)
    assert events(rows) == [*WANTED, ("café", TIMES[1], "stop")]
    assert refused(rows) == [
        ("[1,2]", ["malformed_row"]),
        ('{"t":1709287201,"e":"stop"}', ["null_entity"]),
        ('{"u":"cut"', ["malformed_row"]),
    ]
    covariates = {row["entity"]: row["covariates"] for row in rows if not row["reasons"]}
    assert covariates["anna"] == {"device.os": "tv", "device.sizes": "[1,2]", "n": "1"}
    assert covariates["ben"] == {}
    kept = make_source(None, "json", new_columns="keep")
    anna = next(row for row in read(kept) if row["entity"] == "anna")
    assert anna["covariates"] == {"device": '{"os":"tv","sizes":[1,2]}', "n": "1"}


def test_json_that_never_has_a_column_is_refused(read, make_source):
    with pytest.raises(InputRefused, match=r"no column e; .*columns there: u, t, event"):
        read(make_source('{"u":1,"t":2,"event":"x"}\n', "json"))


def test_text_with_a_pattern(read, make_source):
    content = (
        b"anna [2024-03-01 10:00:00] play x\r\n"
        b"ben [2024-03-01 10:00:01] stop \n"
        b"no match\n"
        b"anna [2024-03-01 10:00:00] play too much\n"
    )
    source = make_source(
        content,
        "text",
        pattern=r"(?P<u>\S+) \[(?P<t>[^]]+)\] (?P<e>\w+) (?P<x_y>\w*)",
        columns={"covariates": "x_y"},
    )
    rows = read(source)
    assert events(rows) == WANTED
    assert refused(rows) == [
        ("anna [2024-03-01 10:00:00] play too much", ["malformed_row"]),
        ("no match", ["malformed_row"]),
    ]
    assert {row["entity"]: row["covariates"] for row in rows if not row["reasons"]} == {
        "anna": {"x_y": "x"},
        "ben": {},
    }


def test_parquet_with_types(read, make_source, tmp_path):
    times = pa.array(
        [dt.datetime(2024, 3, 1, 10, 0, second, tzinfo=dt.timezone.utc) for second in (0, 1)],
        pa.timestamp("us", "UTC"),
    )
    table = pa.table({"u": ["anna", "ben"], "t": times, "e": ["play", "stop"], "n": [1, None]})
    pq.write_table(table, tmp_path / "a.parquet")
    rows = read(make_source(None, "parquet", name="a.parquet", columns={"covariates": "n"}))
    assert events(rows) == WANTED
    assert sorted(str(row["covariates"]) for row in rows) == ["{'n': '1'}", "{}"]


def test_parquet_files_that_differ(read, make_source, tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    day = {
        "u": ["anna"],
        "t": pa.array([dt.datetime(2024, 3, 1, 10, tzinfo=dt.timezone.utc)], pa.timestamp("us", "UTC")),
        "e": ["play"],
    }
    pq.write_table(pa.table(day), folder / "a.parquet")
    pq.write_table(pa.table(day | {"new": ["x"]}), folder / "b.parquet")
    rows = read(make_source(None, "parquet", name="log", new_columns="keep"))
    assert sorted(str(row["covariates"]) for row in rows) == ["None", "{'new': 'x'}"]
    pq.write_table(pa.table({key: value for key, value in day.items() if key != "e"}), folder / "c.parquet")
    with pytest.raises(InputRefused, match="no column e; "):
        read(make_source(None, "parquet", name="log"))
    (folder / "c.parquet").write_text("text")
    with pytest.raises(InputRefused, match=r"c\.parquet: not a Parquet file"):
        read(make_source(None, "parquet", name="log"))


def test_sequences(read, make_source):
    rows = read(make_source("b1,5 5 22\nb2,7\n,8 9\nb3,\nb4  ,  1\t2  \n", "sequences"))
    found = sorted((row["entity"], row["position"], row["event"]) for row in rows if not row["reasons"])
    assert found == [
        ("b1", 0, "5"),
        ("b1", 1, "5"),
        ("b1", 2, "22"),
        ("b2", 0, "7"),
        ("b4", 0, "1"),
        ("b4", 1, "2"),
    ]
    assert refused(rows) == [(",8 9", ["null_entity", "null_event"]), ("b3,", ["null_event"])]
    assert {row["event_time"] for row in rows} == {None}


def test_sequences_without_ids_tell_equal_lines_apart(read, make_source):
    rows = read(make_source("5 5 22\n7 8\n5 5 22\n5 5 22 \n", "sequences"))
    lines = {}
    for row in rows:
        lines.setdefault(row["entity"], {})[row["position"]] = row["event"]
    assert sorted(list(line.values()) for line in lines.values()) == [["5", "5", "22"]] * 3 + [["7", "8"]]
    assert len({row["event_id"] for row in rows}) == 11
    assert sorted(entity.rpartition("#")[2] for entity in lines) == ["0", "0", "1", "2"]


XES = b"""<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/"><string key="origin" value="test"/>
<global scope="event"><string key="concept:name" value="?"/></global>
<trace><string key="concept:name" value="anna"/><string key="kind" value="k"/>
<event><string key="concept:name" value="play"/><date key="time:timestamp" value="2024-03-01T11:00:00+01:00"/></event>
<event><string key="concept:name" value="stop"/><int key="cost" value="3"/></event></trace>
<trace><string key="concept:name" value="ben"/>
<event><date key="time:timestamp" value="2024-03-01T10:00:01Z"/>
<string key="concept:name" value="stop"/></event></trace>
</log>"""


@pytest.mark.parametrize("name, content", [("log.xes", XES), ("log.xes.gz", gzip.compress(XES, mtime=0))])
def test_xes(read, make_source, name, content):
    source = make_source(
        content, "xes", name=name, columns={"entity": "entity", "time": "event_time", "event": "event"}
    )
    rows = read(source)
    assert events(rows) == WANTED
    assert [row["reasons"] for row in rows if row["reasons"]] == [["null_time"]]
    kept = {
        row["entity"]: row["covariates"] for row in read(source.model_copy(update={"new_columns": "keep"}))
    }
    assert kept["ben"] == {}
    assert kept["anna"]["case:kind"] == "k"


def test_xes_that_breaks_off_keeps_what_was_whole(read, make_source):
    columns = {"entity": "entity", "time": "event_time", "event": "event"}
    rows = read(make_source(XES[: XES.index(b"</trace>")], "xes", columns=columns))
    assert events(rows) == [WANTED[0]]
    broken = next(raw for raw, reasons in refused(rows) if reasons == ["malformed_row"])
    assert broken.startswith("log: not XES from here on")


@pytest.mark.parametrize(
    "query", [{"dbtable": "log"}, {"query": "SELECT u, t, e FROM log WHERE u IS NOT NULL"}]
)
def test_sqlite(read, make_source, tmp_path, query):
    with sqlite3.connect(tmp_path / "db") as database:
        database.execute("CREATE TABLE log (u TEXT, t INTEGER, e TEXT)")
        database.executemany(
            "INSERT INTO log VALUES (?, ?, ?)", [("anna", 1709287200, "play"), ("ben", 1709287201, "stop")]
        )
    database.close()
    rows = read(make_source(None, "jdbc", name="db", options=query))
    assert events(rows) == WANTED
    assert {row["source_file"] for row in rows} == {f"jdbc:sqlite:{tmp_path}/db {' '.join(query.values())}"}


def test_sqlite_that_is_not_there_is_refused(read, make_source):
    with pytest.raises(InputRefused, match="unable to open"):
        read(make_source(None, "jdbc", name="none", options={"dbtable": "log"}))


def test_delta(spark, read, make_source, tmp_path):
    table = str(tmp_path / "delta")
    spark.createDataFrame(
        [("anna", TIMES[0], "play"), ("ben", TIMES[1], "stop")], "u string, t string, e string"
    ).write.format("delta").save(table)
    assert events(read(make_source(None, "delta", name="delta"))) == WANTED
    with pytest.raises(InputRefused, match="not a Delta table"):
        read(make_source(None, "delta", name="none"))


def test_order_by_line_numbers_the_lines_of_one_file(read, make_source, tmp_path):
    columns = {"time": None, "order": "line"}
    content = b"u,e\nanna,a\nben,b\n\nanna,c\n"
    plain, packed = (
        read(make_source(content, columns=columns)),
        read(make_source(gzip.compress(content), name="a.gz", columns=columns)),
    )
    for rows in (plain, packed):
        assert sorted((row["position"], row["event"]) for row in rows) == [(1, "a"), (2, "b"), (4, "c")]
    assert {row["event_id"] for row in plain} == {row["event_id"] for row in packed}
    long = "e,u\n" + "".join(
        f"{line},{'x' * 1000}\n" for line in range(1, 10_001)
    )  # 10 MB: more than a split
    rows = read(make_source(long, columns=columns))
    assert len(rows) == 10_000
    assert all(row["position"] == int(row["event"]) for row in rows)
    (tmp_path / "two").mkdir()
    for name in "ab":
        (tmp_path / "two" / name).write_text("u,e\nanna,a\n")
    with pytest.raises(InputRefused, match="order: line needs one file, found 2"):
        read(make_source(None, name="two", columns=columns))


def test_a_packed_file_that_was_cut_off_is_refused(read, make_source, ingest, make_config):
    cut = gzip.compress(b"u,t,e\n" + b"".join(b"anna,2024-03-01,%d\n" % n for n in range(50_000)))[:-2000]
    with pytest.raises(InputRefused, match="can't be read"):
        ingest(make_config(make_source(cut, name="cut.csv.gz")))
    with pytest.raises(InputRefused, match=r"cut\.txt\.gz: can't be read"):
        ingest(
            make_config(make_source(cut, "text", name="cut.txt.gz", pattern="(?P<u>.*),(?P<t>.*),(?P<e>.*)"))
        )
