"""Every way in which a log writes a time, and the instant it means."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, DoubleType, LongType, StringType, TimestampNTZType, TimestampType

from offbeat.ingest.times import beyond_micros, parse_time

pytestmark = pytest.mark.spark

MIXED = {
    "2024-03-01T10:00:00Z": "2024-03-01 10:00:00",
    "2024-03-01T10:00:00z": "2024-03-01 10:00:00",
    "2024-03-01t10:00:00z": "2024-03-01 10:00:00",
    "2024-03-01 10:00:00": "2024-03-01 10:00:00",
    " 2024-03-01 10:00:00 ": "2024-03-01 10:00:00",
    "2024-03-01 10:00": "2024-03-01 10:00:00",
    "2024-3-1 1:00:00": "2024-03-01 01:00:00",
    "2024-03-01": "2024-03-01 00:00:00",
    "2024/03/01 10:00:00": "2024-03-01 10:00:00",
    "2024-03-01T10:00:00+02:00": "2024-03-01 08:00:00",
    "2024-03-01T10:00:00+0200": "2024-03-01 08:00:00",
    "2024-03-01T10:00:00-05": "2024-03-01 15:00:00",
    "2024-03-01 10:00:00 UTC": "2024-03-01 10:00:00",
    "2024-03-01 10:00:00 +0100": "2024-03-01 09:00:00",
    "2024-03-01 10:00:00 Europe/Berlin": "2024-03-01 09:00:00",
    "2024-03-01T10:00:00.5Z": "2024-03-01 10:00:00.5",
    "2024-03-01 10:00:00,250": "2024-03-01 10:00:00.25",
    "2024-03-01T10:00:00.123456Z": "2024-03-01 10:00:00.123456",
    "2024-03-01T10:00:00.123456789Z": "2024-03-01 10:00:00.123456",
    "2024-03-01T10:00:00.123456789123Z": "2024-03-01 10:00:00.123456",
    "20240301T100000Z": "2024-03-01 10:00:00",
    "20240301100000": "2024-03-01 10:00:00",
    "20240301100000250": "2024-03-01 10:00:00.25",
    "20240301": "2024-03-01 00:00:00",
    "1709287200": "2024-03-01 10:00:00",
    "1709287200.25": "2024-03-01 10:00:00.25",
    "1709287200.123456789": "2024-03-01 10:00:00.123456",
    "1.7092872e9": "2024-03-01 10:00:00",
    "1709287200000": "2024-03-01 10:00:00",
    "1709287200250.5": "2024-03-01 10:00:00.2505",
    "1709287200000000": "2024-03-01 10:00:00",
    "1709287200123456": "2024-03-01 10:00:00.123456",
    "1709287200000000000": "2024-03-01 10:00:00",
    "1709287200123456789": "2024-03-01 10:00:00.123456",
    "0": "1970-01-01 00:00:00",
    "-1": "1969-12-31 23:59:59",
    "-0.5": "1969-12-31 23:59:59.5",
    "17/May/2015:10:05:03 +0000": "2015-05-17 10:05:03",
    "[17/May/2015:10:05:03 +0200]": "2015-05-17 08:05:03",
}
NO_TIME = (
    *(
        "",
        " ",
        "-",
        "yesterday",
        "10:00:00",
        "2024-03",
        "2024-13-01",
        "2024-02-30",
        "2024-03-01T25:00:00Z",
    ),
    *(
        "2024-03-01T10:00:00 Mars/Crater",
        "1e400",
        "99999999999999999999999999",
        "nan",
        "0x10",
        "٣",
        "now",
        "2024-03-01x",
    ),
)


def parsed(spark, values, kind, ddl, **options):
    rows = [(place, value) for place, value in enumerate(values)]
    frame = spark.createDataFrame(rows, f"place int, value {ddl}").coalesce(1)
    time = parse_time(F.col("value"), kind, **({"time_format": "auto", "time_zone": "UTC"} | options))
    found = frame.select("place", time.cast("string").alias("time")).orderBy("place").collect()
    return [row["time"] for row in found]


def test_mixed_formats_in_one_column_are_read(spark):
    assert dict(zip(MIXED, parsed(spark, MIXED, StringType(), "string"), strict=True)) == MIXED


def test_what_is_no_time_is_null_and_stops_nothing(spark):
    assert parsed(spark, NO_TIME, StringType(), "string") == [None] * len(NO_TIME)


def test_local_time_is_of_its_zone_with_summer_time(spark):
    local = {
        "2024-01-15 12:00:00": "2024-01-15 11:00:00",  # winter: one hour ahead of UTC
        "2024-07-15 12:00:00": "2024-07-15 10:00:00",  # summer: two hours
        "2024-03-31 02:30:00": "2024-03-31 01:30:00",  # an hour that was skipped: half past three, summer time
        "2024-10-27 02:30:00": "2024-10-27 00:30:00",  # an hour that came twice: the first
        "2024-07-15T12:00:00Z": "2024-07-15 12:00:00",  # a zone in the text wins
        "20240715T120000": "2024-07-15 10:00:00",
        "2024-07-15": "2024-07-14 22:00:00",
        "1721044800": "2024-07-15 12:00:00",  # since 1970, in UTC everywhere
    }
    got = parsed(spark, local, StringType(), "string", time_zone="Europe/Berlin")
    assert dict(zip(local, got, strict=True)) == local


def test_a_pattern_is_taken_at_its_word(spark):
    got = parsed(
        spark,
        ["20171223-22:15:29:606", "2017-12-23"],
        StringType(),
        "string",
        time_format="yyyyMMdd-HH:mm:ss:SSS",
    )
    assert got == ["2017-12-23 22:15:29.606", None]
    zoned = parsed(
        spark,
        ["17.05.2015 10:05 +0200"],
        StringType(),
        "string",
        time_format="dd.MM.yyyy HH:mm Z",
        time_zone="America/New_York",
    )
    assert zoned == ["2015-05-17 08:05:00"]
    open_zone = parsed(
        spark,
        ["2024-07-15 12:00 [a]", "2024-07-15 12:00+00:00 [a]"],
        StringType(),
        "string",
        time_format="yyyy-MM-dd HH:mm[XXX]' [a]'",
        time_zone="Europe/Berlin",
    )
    assert open_zone == ["2024-07-15 10:00:00", "2024-07-15 12:00:00"]


def test_columns_with_types(spark):
    when = dt.datetime(2024, 7, 15, 12, 0, 0, tzinfo=dt.timezone.utc)
    berlin = {"time_zone": "Europe/Berlin"}
    assert parsed(spark, [when], TimestampType(), "timestamp", **berlin) == ["2024-07-15 12:00:00"]
    naive = when.replace(tzinfo=None)
    assert parsed(spark, [naive], TimestampNTZType(), "timestamp_ntz", **berlin) == ["2024-07-15 10:00:00"]
    assert parsed(spark, [when.date()], DateType(), "date", **berlin) == ["2024-07-14 22:00:00"]
    assert parsed(spark, [1721044800, 1721044800000], LongType(), "bigint") == ["2024-07-15 12:00:00"] * 2
    assert parsed(spark, [1721044800.25], DoubleType(), "double") == ["2024-07-15 12:00:00.25"]
    keys = [20240715, 20240715120000, -(2**63), 20241315]  # a day, with its clock, pandas' NaT, and no day
    wanted = ["2024-07-14 22:00:00", "2024-07-15 10:00:00", None, "1970-08-23 06:35:15"]
    assert parsed(spark, keys, LongType(), "bigint", **berlin) == wanted


def test_digits_beyond_the_microsecond_are_told(spark):
    values = [
        "1709287200123456789",
        "1709287200123456700",
        "2024-03-01T10:00:00.123456780Z",
        "2024-03-01",
        "1709287200",
        "1.7092872e9",
    ]
    frame = spark.createDataFrame(list(enumerate(values)), "place int, value string").coalesce(1)
    rest = (
        frame.select("place", beyond_micros(F.col("value"), StringType()).alias("rest"))
        .orderBy("place")
        .collect()
    )
    assert [row["rest"] for row in rest] == ["789", "7", "78", "", "", ""]
    double = frame.select(beyond_micros(F.lit(1709287200.1234567), DoubleType()).alias("rest"))
    assert {row["rest"] for row in double.collect()} == {""}
