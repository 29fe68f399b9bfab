"""From an anomaly, or a cause, to the raw events behind it: rows for the cards, and SQL for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.reports.data_anomalies import Anomaly, Group, RawEvent
from offbeat.reports.gather import from_micros
from offbeat.reports.strips import odd_positions
from offbeat.tables.contract import ANOMALIES, EVENTS
from offbeat.tables.lake import Lake
from offbeat.tables.table import literal

_AROUND = 6  # rows on each side of an odd event
_ODD = 3  # odd events that have their surroundings shown
_WHOLE = 30  # events up to which a session is shown whole


@dataclass(frozen=True)
class Drill:
    """The way down: what the tables anomalies and events are called in SQL, and the rows of the latter."""

    anomalies: str
    events: str
    rows: DataFrame

    @classmethod
    def of(cls, lake: Lake) -> Drill | None:
        """That of a lake; None where it has no events."""
        if not lake.exists(EVENTS):
            return None
        return cls(lake.reference(ANOMALIES), lake.reference(EVENTS), lake.read(EVENTS))


def sql_of_session(drill: Drill, anomaly: Anomaly) -> str:
    """Reads the raw events of one flagged session, in its order."""
    return _sql(
        drill,
        [f"session_id = {literal(anomaly.session_id)}", f"model_version = {literal(anomaly.model_version)}"],
    )


def sql_of_cause(drill: Drill, group: Group, version: str | None, *, model_version: str) -> str:
    """Reads the raw events of every session of a cause, session by session.

    Args:
        version: covariate that divides causes.
    """
    wanted = [
        f"model_version = {literal(model_version)}",
        f"kind = {literal(group.kind)}",
        _equals("get(actual, 0).event", group.event),
        "NOT coalesce(muted, false)",
    ]
    if version is not None:
        wanted.append(_equals(f"covariates[{literal(version)}]", group.version))
    return _sql(drill, wanted)


def _equals(place: str, value: str | None) -> str:
    return f"{place} IS NULL" if value is None else f"{place} = {literal(value)}"


def _sql(drill: Drill, wanted: Sequence[str]) -> str:
    places = "SELECT session_id, posexplode(event_ids) AS (place, event_id)"
    return (
        f"SELECT a.session_id, a.place, e.* FROM ({places} FROM {drill.anomalies} "  # noqa: S608 - shown, not run
        f"WHERE {' AND '.join(wanted)}) a JOIN {drill.events} e ON e.event_id = a.event_id "
        "ORDER BY a.session_id, a.place"
    )


def gather_raw(events: DataFrame, cards: Sequence[Anomaly]) -> dict[str, tuple[RawEvent, ...]]:
    """The rows of events behind each card, around its odd events; one pass over the entities' events."""
    wanted = {
        (card.session_id, place): card.event_ids[place]
        for card in cards
        for place in shown_places(card)
        if place < len(card.event_ids)
    }
    if not wanted:
        return {}
    # By entity too: events are clustered by it, so that most files need not be opened.
    mine = F.col("entity").isin(sorted({card.entity for card in cards}))
    rows = events.where(mine & F.col("event_id").isin(sorted(set(wanted.values())))).select(
        "event_id", "event", F.unix_micros("event_time").alias("time"), "source_file", "label", "covariates"
    )
    found = {row["event_id"]: row for row in rows.collect()}
    made: dict[str, tuple[RawEvent, ...]] = {}
    for (session_id, place), event_id in wanted.items():
        row = found.get(event_id)
        if row is not None:
            raw = RawEvent(
                place, event_id, row["event"], from_micros(row["time"]), row["source_file"], row["label"],
                row["covariates"] or {},
            )  # fmt: skip
            made[session_id] = (*made.get(session_id, ()), raw)
    return made


def shown_places(anomaly: Anomaly) -> list[int]:
    """The places of a session whose raw events its card shows: all of a short one, else around the odd ones."""
    n = len(anomaly.events)
    if n <= _WHOLE:
        return list(range(n))
    places = {0, n - 1}
    for odd in odd_positions(anomaly)[:_ODD]:
        places |= set(range(max(0, odd - _AROUND), min(n, odd + _AROUND + 1)))
    return sorted(places)
