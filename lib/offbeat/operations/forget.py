"""`offbeat forget`: an entity leaves every table, its history and the pages; files read again don't bring it back.

In this order, so that a run that is killed anywhere ends right when it is started again:

1. the table `forgotten` says that the entity is to be forgotten; from then on `ingest` leaves it out
2. sessions and scores are brought up to the events, so that no stream depends on what is about to go
3. its rows are removed, those that are found by others first
4. files and log of earlier versions are removed, streams go on after them
5. the table `forgotten` says that it is done
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.ingest.job import Job
from offbeat.operations import traces
from offbeat.operations.footprint import there
from offbeat.reports.place import has_folder, pages_folder
from offbeat.scoring.start import begin_anew
from offbeat.sessions.run import rest_on
from offbeat.spark import keep, let_go
from offbeat.tables.contract import EVENTS, QUARANTINE, RUNS, SESSION_SCORES, SESSIONS
from offbeat.tables.erasing import cut_log, erase_history
from offbeat.tables.forgotten import DONE, FORGOTTEN, PLANNED, hash_of
from offbeat.tables.lake import Lake
from offbeat.tables.table import Table
from offbeat.training.registry import Registry

log = logging.getLogger(__name__)

Counts = dict[str, int]
_OTHERS = ("ingest", "sessionize", "train", "score", "evaluate", "report", "label", "maintain", "generate")
_LAST = {
    SESSIONS.name: 1,
    EVENTS.name: 2,
}  # until they are gone, a run after a killed one finds the rest by them
_SAID = "[forgotten]"  # in place of an error that named the entity


@dataclass(frozen=True)
class Forgetting:
    """What is to be forgotten where.

    Attributes:
        tables: all that offbeat may have written.
        entity: as `ingest` got it, or as tables have it.
    """

    lake: Lake
    conf: Config
    tables: Sequence[Table]
    entity: str
    run_date: dt.datetime

    def there(self) -> list[Table]:
        """The tables that are there, in the order in which rows go."""
        found = there(self.lake, [table for table in self.tables if table.name != FORGOTTEN.name])
        return sorted(found, key=lambda table: _LAST.get(table.name, 0))

    def rows(self) -> Iterator[tuple[Table, DataFrame]]:
        """The entity's rows, by table."""
        there = self.there()
        names = traces.names_of(self.conf, self.entity)
        sessions = keep(traces.sessions_of(self.lake, there, names))
        try:
            for table in there:
                if table.name == QUARANTINE.name:
                    yield table, traces.quarantined(Job(self.lake, self.conf, self.run_date), names)
                elif table.name == RUNS.name:
                    yield table, traces.failed_runs(self.lake, names)
                elif (mine := traces.rows_of(self.lake, table, names, sessions)) is not None:
                    yield table, mine
        finally:
            let_go(sessions)


def count(task: Forgetting) -> Counts:
    """How many rows of each table would go, for `--dry-run`."""
    return {table.name: rows.count() for table, rows in task.rows()}


def run(task: Forgetting, *, run_id: str, catch_up: Callable[[str], bool]) -> dict[str, Any]:
    """Forget an entity.

    Args:
        catch_up: does the step `sessionize` or `score` up to what is there; False where it could not be done.

    Returns:
        `rows` removed in all, `rows_of` each table, `files_removed` of pages, and whether it was forgotten before.

    Raises:
        UsageError: no table has it.
    """
    lake = task.lake
    with _alone(lake):
        state = _state(task)
        counts = count(task)
        if not any(counts.values()) and state != PLANNED:
            if state is None:
                raise UsageError(
                    f"forget: no table of lake {lake.location} has that entity; give it as the table events has it, in "
                    "quotes where it holds blanks or |"
                )
            log.info("forget: it was forgotten before, and nothing of it came back")
            return {
                "rows": 0,
                "rows_of": {},
                "pages_removed": 0,
                "models_naming": 0,
                "forgotten_before": True,
            }
        _write(task, PLANNED, None, run_id)
        catch_up("sessionize")
        removed = _remove(task)
        scored = catch_up("score")
        _erase(task, is_scored=scored)
        files = _files(task)
        _write(task, DONE, sum(removed.values()), run_id)
    return {"rows": sum(removed.values()), "rows_of": removed, **files, "forgotten_before": state == DONE}


@contextmanager
def _alone(lake: Lake) -> Iterator[None]:
    """Let no other step of this machine work on the lake meanwhile; a stream waits between two of its rounds."""
    with ExitStack() as held:
        for step in _OTHERS:
            held.enter_context(lake.one_at_a_time(step))
        yield


def _state(task: Forgetting) -> str | None:
    if not task.lake.exists(FORGOTTEN):
        return None
    known = task.lake.read(FORGOTTEN).where(F.col("entity_hash") == hash_of(task.entity)).collect()
    return known[0]["state"] if known else None


def _write(task: Forgetting, state: str, rows: int | None, run_id: str) -> None:
    names = traces.names_of(task.conf, task.entity)
    found = [(hash_of(name), state, rows, run_id, task.run_date) for name in names]
    task.lake.merge(FORGOTTEN, task.lake.spark.createDataFrame(found, FORGOTTEN.schema))


def _remove(task: Forgetting) -> Counts:
    """Remove the entity's rows, by keys, so that no commit names it; how many went from each table."""
    removed: Counts = {}
    for table, rows in task.rows():
        mine = keep(rows)
        try:
            removed[table.name] = mine.count()
            if removed[table.name]:
                _take_out(task.lake, table, mine)
                log.info("forget: %s: %d rows", table.name, removed[table.name])
        finally:
            let_go(mine)
    return {name: n for name, n in removed.items() if n}


def _take_out(lake: Lake, table: Table, rows: DataFrame) -> None:
    if table.name == RUNS.name:  # the run stays, what it said of the entity goes
        lake.merge(table, rows.withColumn("error", F.lit(_SAID)))
    else:
        lake.merge(table, rows.withColumn("_gone", F.lit(True)), delete="_gone")


def _erase(task: Forgetting, *, is_scored: bool) -> None:
    """Remove all but the newest version of each table that may have had the entity, and let streams go on after it."""
    lake, retention_s = task.lake, task.conf.maintain.retention
    tables = [table for table in task.there() if _may_have(table)]
    for table in tables:
        erase_history(lake, table, retention_s=retention_s)
    if lake.local_folder is None:  # nothing cuts the log there: what has caught up goes on by itself
        _begin_anew(task, champion=None if is_scored else False)
        return
    if lake.exists(EVENTS):
        rest_on(lake, lake.version(EVENTS))
    _begin_anew(task, champion=is_scored)
    for table in tables:
        cut_log(lake, table)


def _begin_anew(task: Forgetting, *, champion: bool | None) -> None:
    """Let each model's scoring begin anew.

    Args:
        champion: whether the champion is up to date; None: its stream stays as it is.
    """
    lake, conf = task.lake, task.conf
    if not (lake.exists(SESSIONS) and lake.exists(SESSION_SCORES)):
        return
    if lake.files is None and not conf.output.get("models"):
        return
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
    first = registry.champion()
    for version in registry.versions():
        if version == first and champion is None:
            continue
        begin_anew(lake, conf.name, version, is_up_to_date=bool(champion) and version == first)


def _may_have(table: Table) -> bool:
    return (
        table.entity_column is not None
        or "session_id" in table.column_names
        or table.name in (QUARANTINE.name, RUNS.name)
    )


def _files(task: Forgetting) -> Counts:
    """Remove pages that name the entity; models are only counted: what names it there is a part of them."""
    names = traces.names_of(task.conf, task.entity)
    pages = list(traces.files_naming(_page_folders(task.lake, task.conf), names, "*.html*"))
    for page in pages:
        page.unlink()
    if pages:
        log.info("forget: %d pages named it and are gone; `offbeat report` writes them again", len(pages))
    models = list(traces.files_naming(_model_folders(task.lake, task.conf), names))
    if models:
        log.warning(
            "forget: %d files of models name it; train again and remove the old versions", len(models)
        )
    return {"pages_removed": len(pages), "models_naming": len(models)}


def _page_folders(lake: Lake, conf: Config) -> list[Path]:
    """Where this config's pages lie, and those of all configs beside the tables; others may keep files there too."""
    beside = [] if lake.files is None else [lake.files / "pages"]
    return [*beside, pages_folder(lake, conf)] if has_folder(lake, conf) else beside


def _model_folders(lake: Lake, conf: Config) -> list[Path]:
    """Where models lie."""
    named = conf.output.get("models")
    bases = [*([] if lake.files is None else [lake.files]), *([Path(named)] if named else [])]
    return [base / "models" for base in bases]
