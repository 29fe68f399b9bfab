"""From a lake's events, sessions and what ingest left beside them to the page of exploration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.detectors.vocabulary import SPECIALS, Vocabulary
from offbeat.reports.data import Head
from offbeat.reports.data_exploration import Encoded, EventsSeen, ExplorationPageData, SessionsSeen
from offbeat.reports.gather_events import gather_events, gather_intake
from offbeat.reports.gather_gaps import gather_gap_classes
from offbeat.reports.gather_sessions import gather_activity, gather_sessions
from offbeat.tables.contract import EVENTS, INGESTED, QUARANTINE, SESSIONS
from offbeat.tables.lake import Lake
from offbeat.tables.table import Table

ON_PAGE = (EVENTS, SESSIONS, QUARANTINE, INGESTED)
_NAMED = 40  # events that may be named among transitions, where there is no table events


def gather_exploration(lake: Lake, head: Head, *, model: Path | None = None) -> ExplorationPageData:
    """Everything on the page of exploration; what the lake lacks is None.

    Args:
        model: folder of the model whose vocabulary numbers the events; None: as one fitted on all of them would.
    """
    events, sessions = _read(lake, EVENTS), _read(lake, SESSIONS)
    seen = gather_events(events) if events is not None else None
    if seen is not None and not seen.rows:
        seen = None
    frequent = [row["event"] for row in seen.frequencies] if seen is not None else frequent_events(sessions)
    return ExplorationPageData(
        head=head,
        events=seen,
        sessions=gather_sessions_seen(sessions, frequent) if sessions is not None else None,
        activity=gather_activity(events, sessions),
        intake=gather_intake(_read(lake, INGESTED), _read(lake, QUARANTINE)),
        encoded=_encoded(events, seen, model) if events is not None and seen is not None else None,
    )


def _read(lake: Lake, table: Table) -> DataFrame | None:
    return lake.read(table) if lake.exists(table) else None


def gather_sessions_seen(sessions: DataFrame, frequent: list[str]) -> SessionsSeen:
    """Sessions in figures, the classes of their gaps with them.

    Args:
        frequent: events, the most frequent first.
    """
    seen = gather_sessions(sessions, frequent)
    return replace(seen, gap_classes=gather_gap_classes(sessions)) if seen.gaps else seen


def frequent_events(sessions: DataFrame | None) -> list[str]:
    """The most frequent events of sessions, for a lake that has these alone."""
    if sessions is None:
        return []
    counted = sessions.select(F.explode("events").alias("event")).groupBy("event").count()
    return [row["event"] for row in counted.orderBy(F.desc("count"), "event").limit(_NAMED).collect()]


def _encoded(events: DataFrame, seen: EventsSeen, model: Path | None) -> Encoded:
    """The most frequent events with their numbers, and the share that has none."""
    file = model / "vocabulary.json" if model is not None else None
    if model is None or file is None or not file.is_file():
        rows = tuple({**row, "number": len(SPECIALS) + place} for place, row in enumerate(seen.frequencies))
        return Encoded(None, len(SPECIALS) + seen.distinct, rows)
    vocabulary = Vocabulary.from_json(file.read_text(encoding="utf-8"))
    numbers = {event: len(SPECIALS) + place for place, event in enumerate(vocabulary.events)}
    # From Arrow it is a table on the driver; from a list it would start Python workers.
    known = events.sparkSession.createDataFrame(pa.table({"event": pa.array(list(numbers), pa.string())}))
    unknown = events.join(F.broadcast(known), "event", "left_anti").count()
    rows = tuple({**row, "number": numbers.get(row["event"])} for row in seen.frequencies)
    return Encoded(model.name, len(vocabulary), rows, unknown / seen.rows)
