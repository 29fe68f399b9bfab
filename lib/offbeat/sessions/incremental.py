"""What new events change in the table sessions: the runs that they touch are made again, all else stays.

A new event can only change runs that it falls in, or comes within the gap of; cut pieces of a run go together, and one
event may join two runs. So existing sessions and new events are strung together wherever they are no further apart
than the gap; a string that holds a new event is a region. In a region the sessions are made again from the table of
events; outside of regions nothing changes, but that open sessions close as the log's clock moves on.

A string may hold more than one run (an ignored event reaches up to a gap beyond the last anchor), but never a part of
one. To make more again than needed costs time and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from offbeat.config import Sessions
from offbeat.sessions.build import build_sessions
from offbeat.sessions.rules import Rules
from offbeat.spark import keep, let_go
from offbeat.tables.contract import SESSIONS

KIND = "_kind"  # of a changed row: new, changed or gone
_OWNER = ["entity", "role", "timed"]  # whose events can be in one session


@contextmanager
def changes_of(
    new: DataFrame, *, events: DataFrame, sessions: DataFrame, conf: Sessions, watermark_us: int | None
) -> Iterator[DataFrame]:
    """Say what new events change; what is kept to say it is let go at the end of the `with`.

    Args:
        new: rows of the table events that the sessions may not rest on yet.
        events: the table events, the new ones included.
        sessions: the table sessions.
        conf: the config's rules.
        watermark_us: the log's clock, the new events included.

    Yields:
        Rows of sessions and a column `_kind`: sessions that are new, that have changed, and that are gone (of these
        only session_id and start count). A session that stays as it is isn't among them.
    """
    rules = Rules.of(conf)
    strings = keep(_strings(_spans(new, sessions, rules), rules))
    regions = keep(_regions(strings))
    try:
        known = strings.where("session_id IS NOT NULL")
        ids = known.join(regions, [*_OWNER, "string"], "left_semi").select("session_id")
        made = build_sessions(_events_in(regions, events, rules), conf, watermark_us=watermark_us)
        changed = _differences(sessions.join(ids, "session_id", "left_semi"), made)
        untouched = sessions.join(ids, "session_id", "left_anti")
        yield changed.unionByName(_closing(untouched, rules, watermark_us))
    finally:
        let_go(regions)
        let_go(strings)


def _spans(new: DataFrame, sessions: DataFrame, rules: Rules) -> DataFrame:
    """New events, and the sessions of their entities, as spans of time: `lo` to `hi`, null without a time."""
    at = F.unix_micros("event_time")
    points = new.select("entity", "role", at.alias("lo"), at.alias("hi"))
    start, end = F.unix_micros("start").alias("lo"), F.unix_micros("end").alias("hi")
    if rules.ignore:  # whether an open piece without an anchor can still grow, only its whole run says
        unsure = sessions.where("state = 'open'").where(_last_anchor(rules).isNull())
        points = points.unionByName(unsure.select("entity", "role", start, end))
    no_id = F.lit(None).cast("string").alias("session_id")
    points = points.select("*", no_id, F.lit(True).alias("touched"))
    there = sessions.join(points, ["entity", "role"], "left_semi")
    there = there.select("entity", "role", start, end, "session_id", F.lit(False).alias("touched"))
    return points.unionByName(there).withColumn("timed", F.col("lo").isNotNull())


def _strings(spans: DataFrame, rules: Rules) -> DataFrame:
    """Number the strings of spans that are no further apart than the gap, per owner."""
    if rules.gap_us is None:
        return spans.withColumn("string", F.lit(0))
    in_time = Window.partitionBy(*_OWNER).orderBy("lo")
    reach = F.max("hi").over(in_time.rowsBetween(Window.unboundedPreceding, -1))
    apart = F.coalesce(F.col("lo") - reach > rules.gap_us, F.lit(False))
    opened = F.sum(apart.cast("int")).over(in_time.rowsBetween(Window.unboundedPreceding, 0))
    return spans.withColumn("apart", apart).withColumn("string", opened)


def _regions(strings: DataFrame) -> DataFrame:
    found = strings.groupBy(*_OWNER, "string").agg(
        F.min("lo").alias("lo"), F.max("hi").alias("hi"), F.bool_or("touched").alias("touched")
    )
    return found.where("touched").drop("touched")


def _events_in(regions: DataFrame, events: DataFrame, rules: Rules) -> DataFrame:
    """The events of regions, and the ignored ones that a region's last anchor may reach.

    Time is parted into cells as wide as the gap, which few regions share: so the join doesn't hold each event of an
    entity against each of its regions.
    """
    events = events.withColumn("timed", F.col("event_time").isNotNull())
    if rules.gap_us is None:
        return events.join(regions, _OWNER, "left_semi")
    width, reach = max(rules.gap_us, 1), rules.gap_us if rules.ignore else 0
    cells = F.sequence(_cell(F.col("lo"), width), _cell(F.col("hi") + reach, width), F.lit(width))
    cells_of = regions.select(*_OWNER, "lo", "hi", F.explode(cells).alias("cell")).alias("region")
    at = F.unix_micros("event_time")
    placed = events.where(_between_all(regions, reach)).withColumn("cell", _cell(at, width)).alias("event")
    last = F.col("region.hi") + F.when(F.col("event.event").isin(*rules.ignore), reach).otherwise(0)
    condition = ~F.col("event.timed") | at.between(F.col("region.lo"), last)
    for name in (*_OWNER, "cell"):
        condition = (F.col(f"event.{name}") == F.col(f"region.{name}")) & condition
    return placed.join(cells_of, condition, "left_semi")


def _between_all(regions: DataFrame, reach_us: int) -> Column:
    """From the first region to the last, as constants: files of other times need not be read."""
    bounds = regions.agg(
        F.min("lo").alias("first"), F.max("hi").alias("last"), F.bool_and("timed").alias("all_timed")
    ).collect()[0]
    condition = F.lit(False) if bounds["all_timed"] in (True, None) else F.col("event_time").isNull()
    if bounds["first"] is None:
        return condition
    first, last = (F.timestamp_micros(F.lit(at)) for at in (bounds["first"], bounds["last"] + reach_us))
    return condition | F.col("event_time").between(first, last)


def _cell(at_us: Column, width_us: int) -> Column:
    """The cell of an instant; events without a time are in cell 0."""
    return F.coalesce(at_us - F.pmod(at_us, F.lit(width_us)), F.lit(0))


def _differences(old: DataFrame, made: DataFrame) -> DataFrame:
    """Rows of `made` that are not in `old` or differ there, and rows of `old` that are not in `made`."""
    both = old.alias("old").join(made.alias("made"), "session_id", "full_outer")
    others = [name for name in SESSIONS.column_names if name != "session_id"]
    same = F.lit(True)
    for name in others:
        before, after = F.col(f"old.`{name}`"), F.col(f"made.`{name}`")
        if name == "covariates":  # maps can't be compared; their entries are in order of their names
            before, after = F.map_entries(before), F.map_entries(after)
        same = same & before.eqNullSafe(after)
    gone, is_new = F.col("made.entity").isNull(), F.col("old.entity").isNull()
    kind = F.when(gone, "gone").when(is_new, "new").when(~same, "changed").alias(KIND)
    columns = [
        F.when(gone, F.col(f"old.`{name}`")).otherwise(F.col(f"made.`{name}`")).alias(name) for name in others
    ]
    return both.select("session_id", *columns, kind).where(F.col(KIND).isNotNull())


def _closing(sessions: DataFrame, rules: Rules, watermark_us: int | None) -> DataFrame:
    """Open sessions that can't grow any more now that the log's clock has moved on, as closed ones."""
    if rules.gap_us is None or watermark_us is None:
        over = F.lit(False)
    else:
        over = F.unix_micros(_last_anchor(rules)) + rules.gap_us < watermark_us
    closing = sessions.where((F.col("state") == "open") & over)
    return closing.withColumn("state", F.lit("closed")).withColumn(KIND, F.lit("changed"))


def _last_anchor(rules: Rules) -> Column:
    """When the last event of a session was that the rules don't ignore; null where they ignore all of them."""
    if not rules.ignore:
        return F.col("end")
    anchors = F.filter(F.arrays_zip("events", "times"), lambda pair: ~pair["events"].isin(*rules.ignore))
    return F.try_element_at(anchors, F.lit(-1))["times"]
