"""From the table sessions to what the page of exploration shows: aggregates alone, whatever the number of sessions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from offbeat.reports.data_exploration import Activity, Quantity, Rows, SessionsSeen
from offbeat.reports.gather import from_micros

OTHER, START, END = "other events", "<start>", "<end>"
_NAMED = 14  # events with a row of their own among the transitions
_NAMED_IN_FLOWS = 7
_STEPS = 5  # events from the start of a session that flows show
_PER_DECADE = 5  # bars of a scale of powers of ten
_FINEST = 1e-3  # seconds; shorter gaps share a bar with it
_BINS = 24  # of equal width, before and after scaling
_LEVELS = (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)
_TOP = 15
_NO_TIME = -1  # the bar of gaps that are zero
_STATE = -2  # stands for a bar where a state is counted


def gather_sessions(sessions: DataFrame, frequent: Sequence[str]) -> SessionsSeen:
    """Lengths, times, gaps, transitions, first steps, and where sessions begin and end.

    Args:
        sessions: the table. frequent: events, the most frequent first; the ones named among transitions.
    """
    measures = {"events per session": F.col("n_events").cast("double"), "time of a session": _seconds()}
    found = sessions.agg(*_totals(), *_levels(measures)).collect()[0].asDict()
    if not found["rows"]:
        return SessionsSeen(0, 0)
    quantities = _quantities(found, list(measures))
    states, bars = _bars(sessions, measures, quantities)
    ends = _ends(sessions)
    pairs = _pairs(sessions, list(frequent[:_NAMED]))
    steps = _steps(sessions, [row["event"] for row in ends["early"][:_NAMED_IN_FLOWS]])
    return SessionsSeen(
        rows=found["rows"],
        events=found["events"],
        states=states,
        labelled=found["labelled"],
        abnormal=found["abnormal"],
        quantities=tuple(
            Quantity(**{**vars(each), "before": bars[f"{name} before"], "after": bars[f"{name} after"]})
            for name, each in quantities.items()
        ),
        lengths=bars["lengths"],
        gaps=_gap_bars(pairs),
        transitions=_summed(pairs, ("before", "after")),
        flows=_rows(steps),
        firsts=ends["first"],
        lasts=ends["last"],
        at_once=sum(row["n"] for row in pairs if row["same"] and row["bar"] == _NO_TIME),
    )


def _seconds() -> Column:
    return (F.unix_micros("end") - F.unix_micros("start")) / 1e6


def _totals() -> list[Column]:
    return [
        F.count("*").alias("rows"),
        F.coalesce(F.sum("n_events"), F.lit(0)).alias("events"),
        F.count("label").alias("labelled"),
        F.count_if(F.col("label") == 1).alias("abnormal"),
        F.max("n_events").alias("longest"),
    ]


def _levels(measures: Mapping[str, Column]) -> list[Column]:
    """Per measure: quantiles, mean, and mean and deviation of its logarithm."""
    made = []
    for name, value in measures.items():
        made += [
            F.percentile_approx(value, list(_LEVELS), F.lit(10_000)).alias(f"{name} levels"),
            F.avg(value).alias(f"{name} mean"),
            F.avg(F.log1p(value)).alias(f"{name} center"),
            F.stddev_pop(F.log1p(value)).alias(f"{name} deviation"),
        ]
    return made


def _quantities(found: Mapping[str, Any], names: Sequence[str]) -> dict[str, Quantity]:
    units = {"time of a session": "s"}
    return {
        name: Quantity(
            name=name,
            unit=units.get(name, ""),
            levels=dict(zip(_LEVELS, found[f"{name} levels"], strict=True)),
            mean=found[f"{name} mean"],
            center=found[f"{name} center"],
            deviation=found[f"{name} deviation"] or 1.0,
        )
        for name in names
        if found[f"{name} levels"]  # a log without time has no times of sessions
    }


def _bars(
    sessions: DataFrame, measures: Mapping[str, Column], quantities: Mapping[str, Quantity]
) -> tuple[Rows, dict[str, Rows]]:
    """Sessions by state, and histograms of lengths and of each quantity before and after scaling, in one pass."""
    places = {"lengths": _decade(F.col("n_events"), 1.0)}
    edges: dict[str, tuple[float, float]] = {}
    for name, each in quantities.items():
        ends = [each.levels[0.0], each.levels[1.0]]
        scaled = [(math.log1p(end) - each.center) / each.deviation for end in ends]
        after = (F.log1p(measures[name]) - F.lit(each.center)) / F.lit(each.deviation)
        for said, value, (low, high) in (("before", measures[name], ends), ("after", after, scaled)):
            width = (high - low) / _BINS or 1.0
            edges[f"{name} {said}"] = (low, width)
            nth = F.floor((value - F.lit(low)) / F.lit(width)).cast("int")
            bar = F.least(F.lit(_BINS - 1), F.greatest(F.lit(0), nth))
            places[f"{name} {said}"] = F.when(value.isNotNull(), bar)
    bars = [F.struct(F.lit(name).alias("name"), place.alias("bar")) for name, place in places.items()]
    bars.append(F.struct(F.col("state").alias("name"), F.lit(_STATE).alias("bar")))
    long = sessions.select(F.explode(F.array(*bars)).alias("at")).select("at.*").where("bar IS NOT NULL")
    counted = long.groupBy("name", "bar").agg(F.count("*").alias("n")).orderBy("name", "bar").collect()
    states = tuple({"state": row["name"], "sessions": row["n"]} for row in counted if row["bar"] == _STATE)
    made: dict[str, Rows] = {}
    for name in places:
        heights = {row["bar"]: row["n"] for row in counted if row["name"] == name and row["bar"] != _STATE}
        if name == "lengths":
            made[name] = _decades(heights, 1.0)
        else:
            low, width = edges[name]
            made[name] = tuple(
                {"low": low + i * width, "high": low + (i + 1) * width, "n": heights.get(i, 0)}
                for i in range(_BINS)
            )
    return states, made


def _decade(value: Column, finest: float) -> Column:
    """The bar of a value on a scale of powers of ten."""
    nth = F.floor(F.log10(value / F.lit(finest)) * F.lit(_PER_DECADE) + F.lit(1e-9)).cast("int")
    bar = F.when(value <= 0, F.lit(_NO_TIME)).otherwise(F.greatest(F.lit(0), nth))
    return F.when(
        value.isNotNull(), bar
    )  # greatest leaves nulls out: without this, unknown would be the first bar


def _decades(heights: Mapping[int, int], finest: float) -> Rows:
    """The bars from the first to the last that holds anything."""
    if not heights:
        return ()

    def edge(place: int) -> float:
        return 0.0 if place < 0 else finest * 10 ** (place / _PER_DECADE)

    return tuple(
        {"low": edge(i), "high": edge(i + 1), "n": heights.get(i, 0)}
        for i in range(min(heights), max(heights) + 1)
    )


def _pairs(sessions: DataFrame, named: list[str]) -> list[dict[str, Any]]:
    """Neighbours in all sessions, by named event, gap and whether both are equal: a bounded number of groups."""
    mark_start = F.when(F.col("continues"), F.array()).otherwise(F.array(F.lit(START))).cast("array<string>")
    mark_end = F.when(F.col("state") == "closed", F.array(F.lit(END))).otherwise(F.array())
    events = F.concat(mark_start, "events", mark_end.cast("array<string>"))
    nothing = F.array(F.lit(None).cast("timestamp"))
    times = F.concat(F.when(F.col("continues"), F.slice(nothing, 1, 0)).otherwise(nothing), "times", nothing)
    long = (
        sessions.select(events.alias("e"), times.alias("t"))
        .select(
            F.explode(
                F.arrays_zip(
                    F.col("e").alias("before"),
                    F.slice("e", 2, F.greatest(F.lit(0), F.size("e") - 1)).alias("after"),
                    F.col("t").alias("left"),
                    F.slice("t", 2, F.greatest(F.lit(0), F.size("t") - 1)).alias("right"),
                )
            ).alias("pair")
        )
        .select("pair.*")
        .where("before IS NOT NULL AND after IS NOT NULL")
    )
    gap = (F.unix_micros("right") - F.unix_micros("left")) / 1e6
    known = [*named, START, END]
    grouped = long.groupBy(
        _named("before", known).alias("before"),
        _named("after", known).alias("after"),
        _decade(gap, _FINEST).alias("bar"),
        (F.col("before") == F.col("after")).alias("same"),
    )
    return [row.asDict() for row in grouped.agg(F.count("*").alias("n")).collect()]


def _named(column: str, known: list[str]) -> Column:
    return F.when(F.col(column).isin(known), F.col(column)).otherwise(F.lit(OTHER))


def _gap_bars(pairs: Sequence[Mapping[str, Any]]) -> Rows:
    heights: dict[int, int] = {}
    for row in pairs:
        if row["bar"] is not None:
            heights[row["bar"]] = heights.get(row["bar"], 0) + row["n"]
    return _decades(heights, _FINEST)


def _summed(pairs: Sequence[Mapping[str, Any]], keys: tuple[str, str]) -> Rows:
    sums: dict[tuple[str, str], int] = {}
    for row in pairs:
        key = (row[keys[0]], row[keys[1]])
        sums[key] = sums.get(key, 0) + row["n"]
    return tuple({keys[0]: b, keys[1]: a, "n": n} for (b, a), n in sorted(sums.items()))


def _steps(sessions: DataFrame, named: list[str]) -> DataFrame:
    """From which event to which the first steps of whole sessions lead."""
    whole = sessions.where("NOT continues")
    shown = F.slice("events", 1, _STEPS)
    closed = (F.col("state") == "closed") & (F.size("events") < _STEPS)
    ended = F.when(closed, F.array(F.lit(END))).otherwise(F.array()).cast("array<string>")
    path = whole.select(F.concat(shown, ended).alias("p"))
    zipped = F.arrays_zip(
        F.col("p").alias("before"), F.slice("p", 2, F.greatest(F.lit(0), F.size("p") - 1)).alias("after")
    )
    long = path.select(F.posexplode(zipped).alias("step", "pair")).select("step", "pair.*")
    known = [*named, END]
    grouped = long.where("before IS NOT NULL AND after IS NOT NULL").groupBy(
        "step", _named("before", known).alias("before"), _named("after", known).alias("after")
    )
    return grouped.agg(F.count("*").alias("n")).orderBy("step", F.desc("n"), "before", "after")


def _ends(sessions: DataFrame) -> dict[str, Rows]:
    """The most frequent first events, last ones, and events among the first steps, in one pass."""

    def named(what: str, events: Column) -> Column:
        return F.transform(events, lambda event: F.struct(F.lit(what).alias("what"), event.alias("event")))

    nothing = F.array().cast("array<string>")
    first = F.when(~F.col("continues"), F.slice("events", 1, 1)).otherwise(nothing)
    last = F.when(F.col("state") == "closed", F.slice("events", -1, 1)).otherwise(nothing)
    early = F.when(~F.col("continues"), F.slice("events", 1, _STEPS)).otherwise(nothing)
    each = F.concat(named("first", first), named("last", last), named("early", early))
    counted = sessions.select(F.explode(each).alias("one")).select("one.*").groupBy("what", "event")
    order = Window.partitionBy("what").orderBy(F.desc("sessions"), "event")
    ranked = counted.agg(F.count("*").alias("sessions")).withColumn("nth", F.row_number().over(order))
    rows = ranked.where(F.col("nth") <= _TOP).orderBy("what", "nth").collect()
    return {
        what: tuple(
            {"event": row["event"], "sessions": row["sessions"]} for row in rows if row["what"] == what
        )
        for what in ("first", "last", "early")
    }


def gather_activity(events: DataFrame | None, sessions: DataFrame | None) -> Activity | None:
    """How many events entities have; from sessions where there are some, since these are fewer rows."""
    if sessions is not None:
        each = sessions.select("entity", "n_events", "start", "end", F.lit(1).alias("session"))
    elif events is not None:
        time = F.col("event_time")
        each = events.select(
            "entity",
            F.lit(1).alias("n_events"),
            time.alias("start"),
            time.alias("end"),
            F.lit(0).alias("session"),
        )
    else:
        return None
    by_entity = each.groupBy("entity").agg(
        F.sum("n_events").alias("events"),
        F.sum("session").alias("sessions"),
        F.unix_micros(F.min("start")).alias("first"),
        F.unix_micros(F.max("end")).alias("last"),
    )
    bar = _decade(F.col("events"), 1.0).alias("bar")
    counted = by_entity.groupBy(bar).agg(F.count("*").alias("n"), F.sum("events").alias("events")).collect()
    if not counted:
        return Activity(0)
    bars = _decades({row["bar"]: row["n"] for row in counted}, 1.0)
    held = {row["bar"]: row["events"] for row in counted}
    low = min(held)
    top = by_entity.orderBy(F.desc("events"), "entity").limit(_TOP).collect()
    return Activity(
        sum(row["n"] for row in counted),
        tuple({**bar, "events": held.get(low + i, 0)} for i, bar in enumerate(bars)),
        tuple(
            {**row.asDict(), "first": from_micros(row["first"]), "last": from_micros(row["last"])}
            for row in top
        ),
    )


def _rows(frame: DataFrame) -> Rows:
    return tuple(row.asDict() for row in frame.collect())
