"""Events to sessions as one DataFrame transformation.

Spark brings an entity's events together, its Python workers put them in `order` and `cut` them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.config import Sessions
from offbeat.sessions.cut import Cutter
from offbeat.sessions.order import TIE, in_order
from offbeat.sessions.rules import Rules
from offbeat.tables.contract import EVENTS, SESSIONS

_PART_EVENTS = 500_000  # about 100 MB, which a worker orders without the disk
_ID_DIGITS = 32  # 128 bits: no two of 10^15 sessions share an id by chance
_NEEDED = ["entity", "role", "event_time", "event", "event_id", "label"]
# Spark measures an Arrow batch at each row, and Arrow then goes through all nulls of a column of maps again: a batch
# of events without covariates would take time in the square of its rows. An empty map says the same.
NO_NULL_MAP = (
    "coalesce(covariates, map_from_arrays(CAST(array() AS array<string>), CAST(array() AS array<string>))) "
    "AS covariates"
)
_PIECES = ", ".join(f"`{c.name}` {c.type}" for c in SESSIONS.columns if c.name != "session_id")


class Extent(NamedTuple):
    """What one pass over events tells of all of them."""

    n_events: int
    latest_us: int | None  # time of the latest event, microseconds since 1970; None where none has a time
    has_covariates: bool  # whether any event has a covariate


def build_sessions(
    events: DataFrame,
    sessions: Sessions,
    *,
    watermark_us: int | None,
    n_events: int | None = None,
    has_covariates: bool = True,
) -> DataFrame:
    """Make sessions of events; `cut` states the rules.

    Args:
        events: rows of the table events, in any order and partitioning; each event once.
        sessions: the config's rules.
        watermark_us: the log's clock, microseconds since 1970 of the latest event of all (`clock_us`); a session that
            could still grow at that time is open.
        n_events: about how many events there are, where that is known and they are many.
        has_covariates: whether any event may have one; where none has, the column need not travel.

    Returns:
        Rows of the table sessions. Events of one entity that come from sources of different roles are in different
        sessions, and so are events with and without a time.
    """
    rules = Rules.of(sessions)
    covariates = [F.expr(NO_NULL_MAP)] if has_covariates else []
    needed = events.select(*_NEEDED, *covariates, *_ties(rules))
    if n_events is None:
        parted = needed.repartition("entity")
    else:
        default = int(events.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
        parted = needed.repartition(max(default, n_events // _PART_EVENTS + 1), "entity")
    pieces = parted.mapInArrow(_cutting(rules, watermark_us), _PIECES)
    return pieces.withColumn("session_id", _session_id()).select(*SESSIONS.column_names)


def clock_us(events: DataFrame) -> int | None:
    """Time of the latest event, in microseconds since 1970; None where none has a time. An action."""
    row = events.agg(F.max(F.unix_micros("event_time")).alias("latest")).first()
    return None if row is None else row["latest"]


def extent_of(events: DataFrame) -> Extent:
    """How many events there are, the latest time, and whether any has a covariate. An action."""
    facts = events.agg(
        F.count(F.lit(1)),
        F.max(F.unix_micros("event_time")),
        F.coalesce(F.bool_or(F.size("covariates") > 0), F.lit(False)),
    ).collect()[0]
    return Extent(*facts)


def _ties(rules: Rules) -> list[Column]:
    """What orders events of equal time before event_id does; nulls come first, texts go by their UTF-8 bytes."""
    ties = []
    for name in rules.order_by:
        if name in EVENTS.column_names and name != "covariates":
            ties.append(F.col(name))
        else:  # a covariate is a text; where it holds whole numbers, 10 comes after 9
            covariate = F.try_element_at("covariates", F.lit(name))
            ties += [covariate.try_cast("bigint"), covariate]
    return [tie.alias(f"{TIE}{i}") for i, tie in enumerate(ties)]


def _cutting(
    rules: Rules, watermark_us: int | None
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def cut(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        cutter = Cutter(rules, watermark_us)
        for batch in in_order(batches):
            done = cutter.push(batch)
            if done is not None:
                yield done
        done = cutter.finish()
        if done is not None:
            yield done

    return cut


def _session_id() -> Column:
    """Hash of entity, start and first event_id; the entity's length keeps the three apart whatever is in them."""
    start = F.coalesce(F.unix_micros("start").cast("string"), F.lit("null"))
    length = F.length("entity").cast("string")
    text = F.concat_ws(":", length, "entity", start, F.col("event_ids")[0])
    return F.substring(F.sha2(text.cast("binary"), 256), 1, _ID_DIGITS)
