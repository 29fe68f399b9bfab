"""Total Minutes Viewed: what a report makes of the sessions, what rests on flagged ones, and how far it is off.

The report's rule, as reports commonly have it: it goes through a session's events in order and holds three
switches. Time counts from one event to the next while the first switch is on and the other two are off.

- playing: on by `content_play` and `resume`; off by `pause` and by whatever ends or interrupts content.
- seeking: on by `seek_start`, off by `seek_end`.
- stalled: on by `buffer_start`, off by `buffer_end`.

`content_play` and whatever ends or interrupts content (an ad pod, a load, an end, a stop, a launch, a close) switch
seeking and stalled off as well. All other events change nothing, and after the last event nothing counts. The rule
trusts the order: an event that is out of sequence flips a switch at the wrong time, and minutes appear or vanish.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.packs.tvm.rules import BEATS, MAX_ADS
from offbeat.packs.tvm.truth import match_truth
from offbeat.tables.contract import MINUTES_VIEWED

PLAY_ON = ("content_play", "resume")
INTERRUPTS = (
    "app_launch",
    *(f"content_load_{kind}" for kind in BEATS),
    *(f"ad_pod_start_{ads}" for ads in range(1, MAX_ADS + 1)),
    "content_end",
    "content_stop",
    "session_end",
    "app_close",
)
_GROUP = ("day", "partner", "title", "platform")
_UNKNOWN = "unknown"
_MICROS_PER_MINUTE = 60_000_000


def session_minutes(sessions: DataFrame) -> DataFrame:
    """Minutes viewed of each session, as the report counts them.

    Args:
        sessions: rows of the table sessions.

    Returns:
        session_id, day (UTC, of the session's start), partner, title, platform (`unknown` where the log has none),
        minutes_reported (double; 0 where the log has no times).
    """
    played_us = _played_us(F.col("events"), F.col("times"))
    return sessions.select(
        "session_id",
        F.to_date("start").alias("day"),
        *(F.coalesce(F.col("covariates")[name], F.lit(_UNKNOWN)).alias(name) for name in _GROUP[1:]),
        F.coalesce(played_us / _MICROS_PER_MINUTE, F.lit(0.0)).alias("minutes_reported"),
    )


def _played_us(events: Column, times: Column) -> Column:
    """Microseconds that count, by the rule above."""
    steps = F.zip_with(
        events, times, lambda event, time: F.struct(event.alias("event"), F.unix_micros(time).alias("at"))
    )
    begin = F.struct(
        F.lit(False).alias("playing"),
        F.lit(False).alias("seeking"),
        F.lit(False).alias("stalled"),
        F.lit(None).cast("bigint").alias("at"),
        F.lit(0).cast("bigint").alias("played"),
    )
    return F.aggregate(steps, begin, _next_switches, lambda switches: switches["played"])


def _next_switches(switches: Column, step: Column) -> Column:
    """The switches after one more event, and the time that counted until it."""
    event = step["event"]
    counts = switches["playing"] & ~switches["seeking"] & ~switches["stalled"]
    anew = event.isin("content_play", *INTERRUPTS)
    nothing = F.lit(0).cast("bigint")

    def switch(name: str, on: Sequence[str], off: Column) -> Column:
        return F.when(event.isin(*on), True).when(off, False).otherwise(switches[name]).alias(name)

    return F.struct(
        switch("playing", PLAY_ON, event.isin("pause", *INTERRUPTS)),
        switch("seeking", ("seek_start",), (event == "seek_end") | anew),
        switch("stalled", ("buffer_start",), (event == "buffer_end") | anew),
        step["at"].alias("at"),
        (switches["played"] + F.when(counts, step["at"] - switches["at"]).otherwise(nothing)).alias("played"),
    )


def build_minutes_viewed(
    sessions: DataFrame, flagged: DataFrame, truth: DataFrame | None = None
) -> DataFrame:
    """The report by day, partner, title and platform, with the part that rests on flagged sessions.

    Args:
        sessions: rows of the table sessions.
        flagged: has a column session_id; a session is flagged where it is in there, once or more.
        truth: rows of the table truth; without it the true minutes are null.

    Returns:
        The columns of the table minutes_viewed, one row per group that has minutes, reported or true.
    """
    ids = flagged.select("session_id").distinct().withColumn("flagged", F.lit(True))
    minutes = session_minutes(sessions).join(ids, "session_id", "left")
    is_flagged = F.col("flagged").isNotNull()
    reported = minutes.groupBy(*_GROUP).agg(
        F.sum("minutes_reported").alias("minutes_reported"),
        F.sum(F.when(is_flagged, F.col("minutes_reported")).otherwise(0.0)).alias("minutes_flagged"),
        F.sum(F.when(~is_flagged, F.col("minutes_reported")).otherwise(0.0)).alias("minutes_unflagged"),
    )
    if truth is None:
        null = F.lit(None).cast("double")
        return _as_table(reported.withColumns({"minutes_true": null, "minutes_true_unflagged": null}))
    return _as_table(reported.join(_true_minutes(sessions, ids, truth), list(_GROUP), "full").na.fill(0.0))


def _true_minutes(sessions: DataFrame, flagged: DataFrame, truth: DataFrame) -> DataFrame:
    """True minutes by the truth's own day, partner, title and platform: all, and those of sessions not flagged."""
    main = match_truth(sessions, truth).where("is_main").join(flagged, "session_id", "left")
    matched = truth.join(main.select("session_key", "session_id", "flagged"), "session_key", "left")
    kept = F.col("session_id").isNotNull() & F.col("flagged").isNull()
    return (
        matched.withColumn("day", F.to_date("start"))
        .groupBy(*_GROUP)
        .agg(
            F.sum("minutes_true").alias("minutes_true"),
            F.sum(F.when(kept, F.col("minutes_true")).otherwise(0.0)).alias("minutes_true_unflagged"),
        )
    )


def _as_table(frame: DataFrame) -> DataFrame:
    return frame.select(*(F.col(column.name).cast(column.type) for column in MINUTES_VIEWED.columns))


def compare_to_truth(minutes_viewed: DataFrame, *, by: Sequence[str] = ("partner",)) -> DataFrame:
    """How far the report is off, whole and without the flagged sessions.

    Args:
        minutes_viewed: rows of the table minutes_viewed, with true minutes.
        by: columns to group by; none for one row of all.

    Returns:
        The columns of `by`; the sums of the five minutes; error_reported and error_unflagged: reported / true - 1, null
        where nothing was viewed; misplaced_reported and misplaced_unflagged: the sum over the table's rows of
        |reported - true|, where too much in one can't hide too little in another, as a share of the true minutes.
    """
    sums = [column.name for column in MINUTES_VIEWED.columns if column.name.startswith("minutes_")]
    pairs = {
        "reported": ("minutes_reported", "minutes_true"),
        "unflagged": ("minutes_unflagged", "minutes_true_unflagged"),
    }
    off = [F.sum(F.abs(F.col(a) - F.col(b))).alias(f"off_{name}") for name, (a, b) in pairs.items()]
    total = minutes_viewed.groupBy(*by).agg(*(F.sum(name).alias(name) for name in sums), *off)
    viewed = {name: F.when(F.col(b) > 0, F.col(b)) for name, (_, b) in pairs.items()}
    errors = [(F.col(a) / viewed[name] - 1).alias(f"error_{name}") for name, (a, _) in pairs.items()]
    misplaced = [(F.col(f"off_{name}") / viewed[name]).alias(f"misplaced_{name}") for name in pairs]
    return total.select(*by, *sums, *errors, *misplaced)
