"""Times as logs write them, to instants in UTC with microseconds.

`auto` takes, mixed in one column: ISO 8601 (also with a blank, slashes, a comma before the fraction, or compact), the
common log format of web servers, and numbers since 1970, whose unit their size tells: below 1e11 seconds (until the
year 5138), below 1e14 milliseconds, below 1e17 microseconds, else nanoseconds. Eight digits that read as a day of 1900
to 2099 are one, also where the column is of whole numbers. What is finer than a microsecond is cut off.

A time that carries no zone is local time of `time_zone`. In the hour that summer time skips it counts as one hour
later; in the hour that comes twice it is the first one (Java's rules).
"""

from __future__ import annotations

import re
from typing import Final

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ByteType,
    DataType,
    DateType,
    DecimalType,
    FractionalType,
    IntegerType,
    IntegralType,
    NumericType,
    ShortType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from offbeat.errors import UsageError

AUTO: Final = "auto"
_DAY = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}"
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}([.,]\d*)?)?"
_ZONE = r"([Zz]|(UTC|GMT|UT)?[+-]\d{1,2}(:?\d{2}(:?\d{2})?)?|UTC|GMT|[A-Z][A-Za-z_]+/[A-Za-z_/+-]+)"
_ISO = rf"^{_DAY}([Tt ]{_CLOCK} ?{_ZONE}?)?$"
_ZONED = rf":\d{{2}}([.,]\d*)? ?{_ZONE}$"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_COMPACT_DAY = r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
_COMPACT = rf"^{_COMPACT_DAY}([Tt]?([01]\d|2[0-3])[0-5]\d[0-5]\d([.,]?\d{{3}})?Z?)?$"
_COMMON_LOG = r"^\[?\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}\]?$"
# Letters of Java's patterns that read a zone: a time parsed with one of these is an instant already.
_ZONE_LETTERS = re.compile(r"[VzOXxZ]")
_OPTIONAL_ZONE = re.compile(r"'[^']*'|\[(?:[^\[\]']|'[^']*')*\]")
_LEAST_LONG = -(2**63)  # what pandas writes for no time into a column of whole numbers
_LAST_MICROSECOND = 253_402_300_799_999_999  # of the year 9999, the last that Python's datetime knows


class NanosText(StringType):
    """Type of times with nanoseconds, written out as ISO 8601: Spark has no type for them.

    Args:
        zoned: whether they are instants; else they are local times.
    """

    def __init__(self, *, zoned: bool) -> None:
        super().__init__()
        self.zoned = zoned

    @property
    def kind(self) -> str:
        """The type that they have where they are no finer than microseconds."""
        return "timestamp" if self.zoned else "timestamp_ntz"


def is_time_type(kind: DataType) -> bool:
    """Whether a column of this type can be a time."""
    return isinstance(kind, StringType | NumericType | TimestampType | TimestampNTZType | DateType)


def assert_format(spark: SparkSession, *, time_format: str, time_zone: str) -> None:
    """Try a pattern and a zone out.

    Raises:
        UsageError: Java knows no such pattern or zone.
    """
    pattern = F.try_to_timestamp(F.lit("-"), F.lit("yyyy" if time_format == AUTO else time_format))
    if not _can_run(spark, pattern):
        raise UsageError(
            f"config: source.time_format: {time_format} is no pattern of Java's DateTimeFormatter; write it like "
            "yyyy-MM-dd HH:mm:ss, or auto"
        )
    if not _can_run(spark, F.to_utc_timestamp(F.current_timestamp(), time_zone)):
        raise UsageError(f"config: source.time_zone: {time_zone} is no zone; write it like Europe/Berlin")


def _can_run(spark: SparkSession, column: Column) -> bool:
    try:
        spark.range(1).select(column).collect()
    except Exception:  # noqa: BLE001 - Spark wraps Java's complaint in one of several ways
        return False
    return True


def parse_time(value: Column, kind: DataType, *, time_format: str, time_zone: str) -> Column:
    """Turn a column into timestamps; null where it can't be read.

    Args:
        value: the column as it came.
        kind: its type.
        time_format: `auto`, or a pattern of Java's DateTimeFormatter.
        time_zone: zone of times that carry none.
    """
    if isinstance(kind, TimestampType):
        return value
    if isinstance(kind, TimestampNTZType | DateType):
        return _local(value.cast("timestamp_ntz").cast("timestamp"), time_zone)
    if isinstance(kind, NumericType) and time_format == AUTO:
        return _number(value, kind, time_zone)
    text = F.trim(value.cast("string"))
    if time_format != AUTO and not isinstance(kind, NanosText):
        return _by_pattern(text, time_format, time_zone)
    return (
        F.when(text.rlike(_COMPACT), _compact(text, time_zone))
        .when(text.rlike(_NUMBER), _since_1970(text, StringType()))
        .when(text.rlike(_ISO), _iso(text, time_zone))
        .when(
            text.rlike(_COMMON_LOG),
            F.try_to_timestamp(F.btrim(text, F.lit("[]")), F.lit("d/MMM/yyyy:HH:mm:ss Z")),
        )
    )


def beyond_micros(value: Column, kind: DataType) -> Column:
    """Digits of a time beyond the microsecond, which a timestamp can't hold; an empty text where there are none.

    They keep events apart that differ in nothing else.
    """
    is_binary = isinstance(kind, FractionalType) and not isinstance(kind, DecimalType)
    if is_binary or not isinstance(kind, StringType | NumericType):  # digits of a double are not the log's
        return F.lit("")
    text = F.trim(value.cast("string"))
    of_fraction = F.regexp_extract(text, r"[.,]\d{6}(\d*[1-9])", 1)
    of_nanos = F.when(text.rlike(r"^[+-]?\d{18,}$"), F.regexp_replace(F.right(text, F.lit(3)), "0+$", ""))
    has_rest = text.rlike(r"[.,]\d{7}|^[+-]?\d{18}") & ~text.rlike(r"^[+-]?[\d.]+[eE]")
    return F.when(has_rest, F.coalesce(of_nanos, of_fraction)).otherwise("")


def _local(time: Column, time_zone: str) -> Column:
    """Wall-clock time, held as if it were UTC, to the instant that it is in its zone."""
    return time if time_zone == "UTC" else F.to_utc_timestamp(time, time_zone)


def _by_pattern(text: Column, time_format: str, time_zone: str) -> Column:
    """Times by a pattern of Java's; one that lacks a zone, or the zone that its pattern leaves open, is local."""
    parsed = F.try_to_timestamp(text, F.lit(time_format))
    if not _has_zone(time_format):
        return _local(parsed, time_zone)
    without = _OPTIONAL_ZONE.sub(
        lambda part: "" if part[0][0] == "[" and _has_zone(part[0]) else part[0], time_format
    )
    if _has_zone(without):
        return parsed
    return F.coalesce(_local(F.try_to_timestamp(text, F.lit(without)), time_zone), parsed)


def _has_zone(time_format: str) -> bool:
    return _ZONE_LETTERS.search(re.sub(r"'[^']*'", "", time_format)) is not None


def _iso(text: Column, time_zone: str) -> Column:
    tidy = F.when(text.rlike(r"[/,tz]|\.\d{7}"), _tidied(text)).otherwise(text)
    parsed = tidy.try_cast("timestamp")
    return (
        parsed
        if time_zone == "UTC"
        else F.when(tidy.rlike(_ZONED), parsed).otherwise(_local(parsed, time_zone))
    )


def _tidied(text: Column) -> Column:
    """ISO 8601 as Spark's cast takes it: dashes in the day, a dot before at most six digits, upper case T and Z."""
    dashed = F.regexp_replace(text, r"^(\d{4})[-/](\d{1,2})[-/](\d{1,2})", "$1-$2-$3")
    dotted = F.regexp_replace(dashed, r"(:\d{2})[.,](\d{0,6})\d*", "$1.$2")
    return F.regexp_replace(F.regexp_replace(dotted, r"(?<=\d)t(?=\d)", "T"), r"(?<=[\d ])z$", "Z")


def _compact(text: Column, time_zone: str) -> Column:
    digits = F.regexp_replace(F.regexp_replace(text, r"\D", ""), r"(?<=^\d{14})(?=\d)", ".")
    parsed = F.lit(None).cast("timestamp")
    for pattern in ("yyyyMMdd", "yyyyMMddHHmmss", "yyyyMMddHHmmss.SSS"):
        as_long = F.length(digits) == len(pattern)
        parsed = F.when(as_long, F.try_to_timestamp(digits, F.lit(pattern))).otherwise(parsed)
    return F.when(text.endswith("Z"), parsed).otherwise(_local(parsed, time_zone))


def _number(value: Column, kind: DataType, time_zone: str) -> Column:
    """A number since 1970; a whole one that reads as a day of 1900 to 2099, with or without its clock, is that."""
    since = _since_1970(value, kind)
    if not isinstance(kind, IntegralType) and not (isinstance(kind, DecimalType) and kind.scale == 0):
        return since
    text = value.cast("string")
    # Few numbers are as long as a day or a day with its clock: only these are looked at as text.
    may_be_day = value.between(19 * 10**6, 21 * 10**6)
    if not isinstance(kind, IntegerType | ShortType | ByteType):
        may_be_day |= value.between(19 * 10**12, 21 * 10**12) | value.between(19 * 10**15, 21 * 10**15)
    return F.when(may_be_day & text.rlike(_COMPACT), _compact(text, time_zone)).otherwise(since)


def _since_1970(value: Column, kind: DataType) -> Column:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size."""
    if isinstance(kind, IntegralType):
        number = value.cast("bigint")
        return _in_range(_whole_micros(F.when(number != _LEAST_LONG, number)))
    if isinstance(kind, FractionalType) and not isinstance(kind, DecimalType):
        value = value.cast("string")  # as printed: 0.1 is 0.1, not the nearest double
    exact = _micros(value.try_cast("decimal(29,9)"))
    if isinstance(kind, StringType):
        whole = F.when(value.rlike(r"^-?\d{1,18}$"), _whole_micros(value.try_cast("bigint")))
        return _in_range(F.coalesce(whole, exact))
    return _in_range(exact)


def _whole_micros(number: Column) -> Column:
    size = F.abs(number)
    return (
        F.when(size < 10**11, number * 1_000_000)
        .when(size < 10**14, number * 1_000)
        .when(size < 10**17, number)
        .otherwise(F.floor(number / F.lit(1000).cast("decimal(4,0)")).try_cast("bigint"))
    )


def _micros(number: Column) -> Column:
    size = F.abs(number)
    scaled = (
        F.when(size < 10**11, F.floor(number * 1_000_000))
        .when(size < 10**14, F.floor(number * 1_000))
        .when(size < 10**17, F.floor(number))
        .otherwise(F.floor(number / 1_000))
    )
    return scaled.try_cast("bigint")


def _in_range(micros: Column) -> Column:
    fits = F.abs(micros) <= _LAST_MICROSECOND
    return F.when(fits, F.timestamp_micros(micros))
