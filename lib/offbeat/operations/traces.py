"""Where an entity has left traces in a lake: rows of tables, and files beside them."""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import OffbeatError
from offbeat.ingest.job import Job
from offbeat.ingest.pseudonyms import pseudonym_text
from offbeat.ingest.replay import parsed
from offbeat.tables.contract import QUARANTINE, RUNS
from offbeat.tables.lake import Lake
from offbeat.tables.table import Table

_JOINED = re.compile(r"(?<!\\)\|")  # between the parts of an entity of several columns


def names_of(conf: Config, entity: str) -> tuple[str, ...]:
    """The entity as it stands in tables: as given, and by its pseudonym where a source hides it at ingest."""
    found = [entity]
    for source in conf.source:
        columns = source.columns.entity
        parts = _parts(entity)
        if not set(columns) & set(source.pseudonyms) or len(parts) != len(columns):
            continue
        hidden = [
            pseudonym_text(part) if name in source.pseudonyms else part
            for name, part in zip(columns, parts, strict=True)
        ]
        found.append("|".join(hidden))
    return tuple(dict.fromkeys(found))


def rows_of(lake: Lake, table: Table, names: Sequence[str], sessions: DataFrame) -> DataFrame | None:
    """The rows of a table that are the entity's; None where the table can't have any.

    Args:
        sessions: session_id of the entity's sessions.
    """
    rows = lake.read(table)
    if table.entity_column is not None:
        mine = F.col(table.entity_column).isin(*names)
        return rows.where(mine if table.entity_if is None else mine & F.expr(table.entity_if))
    if "session_id" in table.column_names:
        return rows.join(F.broadcast(sessions), "session_id", "left_semi")
    return None


def sessions_of(lake: Lake, tables: Iterable[Table], names: Sequence[str]) -> DataFrame:
    """session_id of the entity's sessions, of all tables that name both."""
    found = [
        lake.read(table).where(F.col(table.entity_column).isin(*names)).select("session_id")
        for table in tables
        if table.entity_column is not None and "session_id" in table.column_names
    ]
    nobody = lake.spark.createDataFrame([], "session_id string")
    return functools.reduce(DataFrame.unionByName, found, nobody).distinct()


def quarantined(job: Job, names: Sequence[str]) -> DataFrame:
    """The rows in quarantine that are the entity's: by what its source makes of them, else by the text."""
    rows = job.lake.read(QUARANTINE)
    told = _told(job)
    if told is None:
        return rows.where(_mentions(F.col("raw"), names))
    entities = told.groupBy(*QUARANTINE.key).agg(F.collect_set("entity").alias("_entities"))
    read = rows.join(entities, list(QUARANTINE.key), "left")
    unread = F.coalesce(F.size("_entities"), F.lit(0)) <= 0
    mine = F.coalesce(F.arrays_overlap("_entities", F.array(*map(F.lit, names))), F.lit(False))
    return read.where(mine | (unread & _mentions(F.col("raw"), names))).drop("_entities")


def failed_runs(lake: Lake, names: Sequence[str]) -> DataFrame:
    """Runs whose error names the entity."""
    return lake.read(RUNS).where(_mentions(F.col("error"), names))


def files_naming(folders: Iterable[Path], names: Sequence[str], pattern: str = "*") -> Iterator[Path]:
    """Files under folders, those that are there, that name the entity."""
    signs = [re.compile(rf"(?<!\w){re.escape(text)}(?!\w)".encode()) for text in _written(names)]
    found = {path for folder in folders for path in folder.rglob(pattern) if path.is_file()}
    for file in sorted(found):
        content = file.read_bytes()
        if any(sign.search(content) for sign in signs):
            yield file


def _told(job: Job) -> DataFrame | None:
    """Rows in quarantine as their source reads them; None where the config does not fit them any more."""
    try:
        frames = [
            frame.select(*QUARANTINE.key, "entity").where("entity IS NOT NULL") for frame in parsed(job, None)
        ]
    except OffbeatError:
        return None
    return functools.reduce(DataFrame.unionByName, frames) if frames else None


def _mentions(text: Column, names: Sequence[str]) -> Column:
    """Whether a text has all parts of one of the names, as words of their own."""
    found = F.lit(False)
    for name in names:
        every = F.lit(True)
        for part in _parts(name):
            every &= functools.reduce(Column.__or__, (text.rlike(_word(form)) for form in _written([part])))
        found |= every
    return F.coalesce(found, F.lit(False))


def _parts(entity: str) -> list[str]:
    return [part.replace("\\|", "|") for part in _JOINED.split(entity)]


def _written(names: Sequence[str]) -> list[str]:
    """The names as files may have them: as they are, in JSON, in csv, in HTML."""
    forms = [
        form
        for name in names
        for form in (
            name,
            json.dumps(name, ensure_ascii=False)[1:-1],
            json.dumps(name)[1:-1],
            name.replace('"', '""'),
            html.escape(name).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
        )
    ]
    return list(dict.fromkeys(forms))


def _word(text: str) -> str:
    """A regular expression of Java for a text that no letter, digit or _ surrounds."""
    quoted = "\\Q" + text.replace("\\E", "\\E\\\\E\\Q") + "\\E"
    return f"(?<![\\p{{L}}\\p{{N}}_]){quoted}(?![\\p{{L}}\\p{{N}}_])"
