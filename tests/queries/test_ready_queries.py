"""The ready queries of docs/queries.md give the same rows in Spark SQL, DuckDB and Polars, and those written here."""

from __future__ import annotations

import datetime as dt
import importlib.util
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from offbeat.tables.views import VERDICTS, VERDICTS_SQL, open_views
from tests.lakes.asked import at, make_asked_lake

QUERIES = Path(__file__).parents[2] / "docs" / "queries"
NAMES = sorted(path.stem for path in QUERIES.glob("*.sql"))
TABLES = ("events", "sessions", "session_scores", "anomalies", "runs", "minutes_viewed")
FEEDS = {"session_changes": "sessions", "anomaly_changes": "anomalies"}
DAY_1, DAY_2 = dt.date(2026, 1, 1), dt.date(2026, 1, 2)
TOP = ("s3", "cat", at(2), 8.0, "inserted", (1,), ("leave event c2 out",), "look at the client")
WANTED = {
    "top_anomalies_today": [TOP],
    "trend": [
        (DAY_1, "1.0", "tv", 1, 1, 1.0),
        (DAY_2, "1.0", "tv", 1, 1, 1.0),
        (DAY_2, "2.0", "phone", 1, 1, 1.0),
    ],
    "minutes": [("orbit", 200.0, 175.0, 25.0, 0.125), ("nova", 50.0, 50.0, 0.0, 0.0)],
    "raw_events": [(n, n == 1, at(2, 12, n), f"event c{n + 1}", f"c{n + 1}", "a.csv") for n in range(3)],
    "made_again": [("gone", "m1", "eve", "gone", 2, False), ("s1", "m1", "ann", "changed", 2, True)],
    "freshness": [("last scoring", at(6)), ("newest event", at(2, 12, 2))],
    "volume": [(DAY_2, 10, 4.0)],
    "integrity": [
        ("flagged session without an anomaly", 1),
        ("session without a verdict", 1),
        ("verdict on a session that is gone", 1),
    ],
}


def plain(value):
    """A value as all three engines mean it."""
    if isinstance(value, pl.Series | list | tuple):
        return tuple(plain(each) for each in value)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.timezone.utc) if value.tzinfo else value.replace(tzinfo=dt.timezone.utc)
    if isinstance(value, float | Decimal):
        return round(float(value), 9)
    return value


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory):
    made = make_asked_lake(spark, tmp_path_factory.mktemp("asked") / "lake")
    assert set(open_views(made)) == {*TABLES, VERDICTS}
    for view, table in FEEDS.items():
        feed = f"SELECT * FROM table_changes_by_path('{made.path(table)}', 0)"  # noqa: S608
        spark.sql(feed).createOrReplaceTempView(view)
    for name in (*TABLES, *FEEDS):
        spark.catalog.cacheTable(name)  # else every query reads every log anew, which is what takes the time
    yield made
    spark.catalog.clearCache()


def arrow_of(lake, name):
    if name in FEEDS:
        return pa.table(DeltaTable(lake.path(FEEDS[name])).load_cdf(starting_version=0).read_all())
    return DeltaTable(lake.path(name)).to_pyarrow_dataset()


def in_spark(lake, sql):
    found = lake.spark.sql(sql)
    return found.columns, [tuple(row) for row in found.collect()]


def in_duckdb(lake, sql):
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name in (*TABLES, *FEEDS):
        connection.register(name, arrow_of(lake, name))
    connection.execute(f"CREATE TEMP VIEW {VERDICTS} AS {VERDICTS_SQL}")
    found = connection.execute(sql)
    return [column[0] for column in found.description], found.fetchall()


def in_polars(lake, name):
    spec = importlib.util.spec_from_file_location("polars_queries", QUERIES / "polars_queries.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    frames = {table: pl.scan_delta(lake.path(table)) for table in TABLES}
    frames |= {feed: pl.from_arrow(arrow_of(lake, feed)).lazy() for feed in FEEDS}
    found = getattr(module, name)(frames).collect()
    return found.columns, found.rows()


@pytest.mark.spark
@pytest.mark.parametrize("name", [*NAMES, VERDICTS])
def test_a_ready_query_gives_the_same_in_spark_duckdb_and_polars(lake, name):
    sql = VERDICTS_SQL if name == VERDICTS else (QUERIES / f"{name}.sql").read_text(encoding="utf-8")
    columns, rows = in_spark(lake, sql)
    found = [plain(row) for row in rows]
    if name == VERDICTS:
        assert {(row[0], row[1]) for row in found} == {(f"s{n}", "m1") for n in (1, 2, 3, 4, 9)}
        found.sort()
    else:
        assert found == [plain(row) for row in WANTED[name]]
    for other_columns, other_rows in (in_duckdb(lake, sql), in_polars(lake, name)):
        other = [plain(row) for row in other_rows]
        assert list(other_columns) == columns
        assert (sorted(other) if name == VERDICTS else other) == found


def test_every_query_has_what_it_should_find():
    assert sorted(WANTED) == NAMES
