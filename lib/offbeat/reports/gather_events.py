"""From the tables events, quarantine and ingested to what the page of exploration shows: aggregates alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from offbeat.reports.data_exploration import Covariate, EventsSeen, Intake, Missing, Rows
from offbeat.reports.gather import from_micros

_POINTS = 400  # of a line over time
_MOST_POINTS = 4000  # of a line over a time so long that even years are many
_STEPS = (
    ("minute", timedelta(minutes=1)),
    ("hour", timedelta(hours=1)),
    ("day", timedelta(days=1)),
    ("week", timedelta(days=7)),
    ("month", timedelta(days=31)),
    ("year", timedelta(days=366)),
)
_FREQUENT = 40  # events in the table of frequencies
_COVARIATES = 16  # with a summary of their own, those with the most values
_TOP = 10  # values of one covariate
_RANKED = 20_000  # distinct values, above which they are not ranked
_NUMERIC = 0.95  # share of a covariate's values that must be numbers
_LEVELS = (0.01, 0.25, 0.5, 0.75, 0.99)
_FILES = 20
_LIKE_NUMBER = r"^\s*[+-]?\.?[0-9]"  # spares most texts a cast that fails, which is slow
_LEAST_NUMBERS = 20  # distinct ones that make a quantity; as the detectors have it


def gather_events(events: DataFrame) -> EventsSeen:
    """Volume, frequencies, missing values and covariates."""
    columns = ("event_time", "position", "label", "source_file")
    found = events.agg(
        F.count("*").alias("rows"),
        F.count_distinct("entity").alias("entities"),
        F.unix_micros(F.min("event_time")).alias("first"),
        F.unix_micros(F.max("event_time")).alias("last"),
        *(F.count_if(_is_missing(F.col(name).cast("string"))).alias(name) for name in columns),
        F.count_if(F.trim("event") == "").alias("event"),
    ).collect()[0]
    rows = int(found["rows"])
    if not rows:
        return EventsSeen(0, 0, 0)
    first, last = from_micros(found["first"]), from_micros(found["last"])
    step = step_of(first, last)
    covariates = _covariates(events)
    missing = [Missing(name, int(found[name]), rows) for name in ("event", *columns)]
    missing += [Missing(one.name, rows - one.values, rows) for one in covariates]
    distinct, frequencies = _frequencies(events)
    volume, hours = _times(events, step) if first else ((), ())
    return EventsSeen(
        rows=rows,
        entities=int(found["entities"]),
        distinct=distinct,
        first=first,
        last=last,
        step=step,
        volume=volume,
        hours=hours,
        frequencies=frequencies,
        missing=tuple(missing),
        covariates=covariates,
    )


def _frequencies(events: DataFrame) -> tuple[int, Rows]:
    """The number of different events, and the most frequent ones."""
    counted = events.groupBy("event").agg(F.count("*").alias("events"))
    top = _rows(counted.orderBy(F.desc("events"), "event").limit(_FREQUENT))
    return len(top) if len(top) < _FREQUENT else counted.count(), top


def step_of(first: datetime | None, last: datetime | None) -> str:
    """The finest step that keeps a line over the whole time within what a chart can show."""
    if first is None or last is None:
        return "day"
    for name, length in _STEPS:
        if (last - first) / length <= _POINTS:
            return name
    return "year"


def _times(events: DataFrame, step: str) -> tuple[Rows, Rows]:
    """Events by step, one without any included, so that a silence shows; and by weekday (0 = Monday) and hour, UTC."""
    at = F.unix_micros(F.date_trunc(step, "event_time"))
    hour = (F.weekday("event_time") * 24 + F.hour("event_time")).cast("bigint")
    each = F.array(
        F.struct(F.lit("volume").alias("what"), at.alias("at")),
        F.struct(F.lit("hours").alias("what"), hour.alias("at")),
    )
    long = events.where("event_time IS NOT NULL").select(F.explode(each).alias("one")).select("one.*")
    rows = long.groupBy("what", "at").agg(F.count("*").alias("n")).collect()
    volume = {from_micros(row["at"]): row["n"] for row in rows if row["what"] == "volume"}
    hours = {row["at"]: row["n"] for row in rows if row["what"] == "hours"}
    days = sorted({place // 24 for place in hours})
    return (
        tuple({"time": at, "events": volume.get(at, 0)} for at in _every(step, sorted(filter(None, volume)))),
        tuple(
            {"weekday": day, "hour": hour, "events": hours.get(day * 24 + hour, 0)}
            for hour in range(24)
            for day in days
        ),
    )


def _every(step: str, found: Sequence[datetime]) -> list[datetime]:
    """All steps from the first to the last of those found."""
    if not found:
        return []
    made = [found[0]]
    while made[-1] < found[-1] and len(made) < _MOST_POINTS:
        made.append(_next(step, made[-1]))
    return made


def _next(step: str, at: datetime) -> datetime:
    if step == "month":
        return at.replace(year=at.year + at.month // 12, month=at.month % 12 + 1)
    return at.replace(year=at.year + 1) if step == "year" else at + dict(_STEPS)[step]


def _covariates(events: DataFrame) -> tuple[Covariate, ...]:
    """Summaries of the covariates that most events have."""
    pairs = events.select(F.explode("covariates").alias("name", "value")).where(~_is_missing(F.col("value")))
    number = _number("value")
    found = (
        pairs.groupBy("name")
        .agg(
            F.count("*").alias("n"),
            F.approx_count_distinct("value", 0.02).alias("distinct"),
            F.count(number).alias("numbers"),
            F.min(number).alias("low"),
            F.max(number).alias("high"),
            F.avg(number).alias("mean"),
            F.stddev_pop(number).alias("deviation"),
            F.percentile_approx(number, list(_LEVELS), F.lit(10_000)).alias("levels"),
        )
        .orderBy(F.desc("n"), "name")
        .limit(_COVARIATES)
        .collect()
    )
    ranked = {row["name"] for row in found if row["distinct"] <= _RANKED}
    tops = _tops(pairs, sorted(ranked))
    return tuple(_covariate(row.asDict(), tops.get(row["name"])) for row in found)


def _tops(pairs: DataFrame, names: Sequence[str]) -> dict[str, tuple[int, tuple[tuple[str, int], ...]]]:
    """The number of distinct values of each covariate, and the most frequent of them."""
    if not names:
        return {}
    mine = pairs.where(F.col("name").isin(list(names)))
    counted = mine.groupBy("name", "value").agg(F.count("*").alias("n"))
    by_name = Window.partitionBy("name")
    ranked = counted.select(
        "*",
        F.count("*").over(by_name).alias("distinct"),
        F.row_number().over(by_name.orderBy(F.desc("n"), "value")).alias("nth"),
    ).where(F.col("nth") <= _TOP)
    tops: dict[str, tuple[int, tuple[tuple[str, int], ...]]] = {}
    for row in ranked.orderBy("name", "nth").collect():
        distinct, before = tops.get(row["name"], (row["distinct"], ()))
        tops[row["name"]] = (distinct, (*before, (row["value"], row["n"])))
    return tops


def _covariate(row: dict[str, Any], top: tuple[int, tuple[tuple[str, int], ...]] | None) -> Covariate:
    distinct = top[0] if top is not None else row["distinct"]
    numbers = None
    if distinct >= _LEAST_NUMBERS and row["numbers"] >= _NUMERIC * row["n"]:
        names = ("low", "high", "mean", "deviation", "numbers")
        levels = {f"{level:g}": value for level, value in zip(_LEVELS, row["levels"], strict=True)}
        numbers = {name: float(row[name]) for name in names} | levels
    shown = top[1] if top is not None and numbers is None else ()
    return Covariate(row["name"], row["n"], distinct, estimated=top is None, top=shown, numbers=numbers)


def gather_intake(ingested: DataFrame | None, quarantine: DataFrame | None) -> Intake | None:
    """What was taken and what refused; None where neither table is there."""
    if ingested is None and quarantine is None:
        return None
    files: Rows = ()
    sums: dict[str, Any] = {"rows_in": 0, "duplicates": 0, "quarantined": 0, "n": 0}
    if ingested is not None:
        done = ingested.where("state = 'done'")
        added = (F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in ("rows_in", "duplicates"))
        sums |= done.agg(*added, F.count("*").alias("n")).collect()[0].asDict()
        columns = ("rows_in", "events", "duplicates", "quarantined")
        files = _rows(
            done.select(F.col("source_file").alias("file"), *columns)
            .orderBy(F.desc("quarantined"), F.desc("duplicates"), F.desc("rows_in"), "file")
            .limit(_FILES)
        )
    reasons, refused = _reasons(quarantine) if quarantine is not None else ((), 0)
    return Intake(sums["rows_in"], sums["duplicates"], refused, reasons, files, sums["n"])


def _reasons(quarantine: DataFrame) -> tuple[Rows, int]:
    """Refused rows by reason – a row may have several – and their number."""
    whole = F.array(F.lit(None).cast("string"))  # counts the row itself, once
    by = quarantine.select(F.explode(F.concat(whole, "reasons")).alias("reason"), "copies", "source_file")
    grouped = by.groupBy("reason").agg(
        F.sum("copies").alias("rows"), F.count_distinct("source_file").alias("sources")
    )
    rows = _rows(grouped.orderBy(F.desc("rows"), F.asc_nulls_first("reason")).limit(_FREQUENT))
    refused = next((row["rows"] for row in rows if row["reason"] is None), 0)
    return tuple(row for row in rows if row["reason"] is not None), int(refused)


def _number(name: str) -> Column:
    """A text as a finite number; null where it is none."""
    number = F.when(F.col(name).rlike(_LIKE_NUMBER), F.col(name).try_cast("double"))
    return F.when(F.abs(number) < F.lit(float("inf")), number)


def _is_missing(value: Column) -> Column:
    return value.isNull() | (F.trim(value) == "")


def _rows(frame: DataFrame) -> Rows:
    return tuple(row.asDict() for row in frame.collect())
