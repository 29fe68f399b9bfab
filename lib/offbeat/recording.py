"""The table `runs`: what ran, on what, how long, with what outcome."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import logging
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from pyspark.sql import functions as F

from offbeat import __version__, logs
from offbeat.config import Config
from offbeat.logs import one_line
from offbeat.tables.contract import RUNS
from offbeat.tables.lake import Lake
from offbeat.tables.table import Table

log = logging.getLogger(__name__)

_SINCE = "nothing_new_since"
_KEPT = "evaluate"  # the step whose words are kept, to be said again where nothing has come since
_LIBRARIES = ("pyspark", "delta-spark", "tensorflow-cpu", "tensorflow", "numpy", "pandas", "pyarrow")


def new_run_id(step: str) -> str:
    """An id that no other run has, with the step's name in front."""
    return f"{step}-{uuid4().hex[:16]}"


@dataclass(frozen=True)
class Run:
    """One run of one step, as it begins."""

    run_id: str
    step: str
    run_date: dt.datetime
    started_at: dt.datetime

    def note(self, conf: Config) -> dict[str, Any]:
        """What is known of the run while it runs, as plain values."""
        dates = {name: getattr(self, name).isoformat() for name in ("run_date", "started_at")}
        config = {"config_name": conf.name, "config_hash": conf.hash, "libraries": libraries()}
        return {"run_id": self.run_id, "step": self.step, **dates, **config}


def recorded(
    lake: Lake, conf: Config, step: str, work: Callable[[str], dict[str, Any]], *, run_date: dt.datetime
) -> dict[str, Any]:
    """Do a step's work and write what came of it, also where it failed.

    Args:
        work: takes the run's id, gives counts and figures.

    Returns:
        What `work` gave, with `run_id` and `seconds`.
    """
    run = Run(new_run_id(step), step, run_date, dt.datetime.now(dt.timezone.utc))
    clock = time.monotonic()
    lake.metadata = json.dumps({"run_id": run.run_id, "offbeat": __version__, "config": conf.hash})
    lake.tables_read.clear()
    lake.tables_written.clear()
    killed: list[dict[str, Any]] = []
    with logs.of_run(run.run_id, step):
        log.info("%s: started", step)
        try:
            with lake.one_at_a_time(step, run.note(conf)) as left:
                killed = [_killed_row(note) for note in left]
                summary = work(run.run_id)
        except BaseException as error:
            summary = {"seconds": time.monotonic() - clock}
            failed = _row(lake, conf, run, summary, f"{type(error).__name__}: {one_line(error)}")
            _write_failed(lake, [*killed, failed])
            raise
        summary |= {"run_id": run.run_id, "seconds": round(time.monotonic() - clock, 3)}
        _write(lake, [*killed, _row(lake, conf, run, summary, None)])
        news = {} if _SINCE in summary else summary
        counts = ", ".join(f"{key} {value:,}" for key, value in news.items() if _is_count(value))
        log.info("%s: done in %.1f s%s", step, summary["seconds"], f": {counts}" if counts else "")
    return summary


def _row(lake: Lake, conf: Config, run: Run, summary: dict[str, Any], error: str | None) -> dict[str, Any]:
    is_old = _SINCE in summary  # told again: the run that it comes from keeps it, with what it read
    return {
        "run_id": run.run_id,
        "step": run.step,
        "config_name": conf.name,
        "config_hash": conf.hash,
        "run_date": run.run_date,
        "started_at": run.started_at,
        "seconds": float(summary["seconds"]),
        "outcome": "failed" if error else "done",
        "error": error,
        "model_version": summary.get("model_version"),
        "versions_read": dict(lake.tables_read),
        "versions_written": dict(lake.tables_written),
        "counts": {} if is_old else {key: value for key, value in summary.items() if _is_count(value)},
        "libraries": libraries(),
        "told": json.dumps(summary, default=str) if run.step == _KEPT and not error and not is_old else None,
    }


def told_before(
    lake: Lake,
    conf: Config,
    step: str,
    *,
    tables: Mapping[str, Table],
    inputs: Iterable[Table],
    models: Path | None,
) -> dict[str, Any] | None:
    """What the step told when it was last done, where it would tell the same now; None where it has to be done.

    The same are: config, versions of code and libraries, every table that it read or wrote then, and every file of
    the models. Only a run that was the last of its step and config, and was done, counts.

    Args:
        tables: all that are known, by name.
        inputs: those that it reads wherever they are there, so that one that has come since is new.
        models: folder of all models.
    """
    last = _last_done(lake, conf, step) if lake.exists(RUNS) else None
    if last is None or models is None:
        return None
    known = {**(last["versions_read"] or {}), **(last["versions_written"] or {})}
    known.pop(RUNS.name, None)
    same = (
        not any(lake.exists(table) and table.name not in known for table in inputs)
        and all(_is_at(lake, tables.get(name), version) for name, version in known.items())
        and _last_change(models) * 1e6 <= last["started_micros"]
    )
    if not same:
        return None
    since = dt.datetime.fromtimestamp(last["started_micros"] // 1_000_000, dt.timezone.utc)
    told: dict[str, Any] = json.loads(last["told"])
    return told | {_SINCE: f"{since:%Y-%m-%d %H:%M:%S} UTC"}


def _last_done(lake: Lake, conf: Config, step: str) -> dict[str, Any] | None:
    """The last run that did the step's work, where it was done by this very config and code; None where it was not."""
    worked = F.col("told").isNotNull() | (F.col("outcome") != "done")
    mine = (F.col("config_name") == conf.name) & (F.col("step") == step) & worked
    rows = lake.read(RUNS).where(mine).orderBy(F.desc("started_at")).limit(1)
    for row in rows.select("*", F.unix_micros("started_at").alias("started_micros")).collect():
        if row["outcome"] == "done" and row["config_hash"] == conf.hash and row["libraries"] == libraries():
            return dict(row.asDict())
    return None


def _is_at(lake: Lake, table: Table | None, version: int) -> bool:
    return table is not None and lake.exists(table) and lake.version(table) == version


def _last_change(folder: Path) -> float:
    """When a file or folder in it was last changed; endless where there is none."""
    return max((path.stat().st_mtime for path in folder.rglob("*")), default=float("inf"))


def _killed_row(note: dict[str, Any]) -> dict[str, Any]:
    """The row of a run that could not write one itself; it lived at least until its note was last touched."""
    started = dt.datetime.fromisoformat(note["started_at"])
    return dict.fromkeys(RUNS.column_names) | {
        **{name: note[name] for name in ("run_id", "step", "config_name", "config_hash", "libraries")},
        "run_date": dt.datetime.fromisoformat(note["run_date"]),
        "started_at": started,
        "seconds": max(0.0, note["touched_at"] - started.timestamp()),
        "outcome": "killed",
        "error": "its process was killed, or its machine stopped; the next run of the step went on from there",
    }


def _write(lake: Lake, rows: list[dict[str, Any]]) -> None:
    lake.append(RUNS, lake.spark.createDataFrame(rows, schema=RUNS.schema))


def _write_failed(lake: Lake, rows: list[dict[str, Any]]) -> None:
    """Record a failure in a lake that is there; where that fails too, the first error is what counts."""
    try:
        if lake.exists(RUNS):
            _write(lake, rows)
    except Exception as failure:  # noqa: BLE001 - the step's own error is on its way to the user
        log.debug("the failed run could not be recorded: %s", failure)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@cache
def libraries() -> dict[str, str]:
    """Versions of the code, of Python and of the libraries that results depend on."""
    found = {"offbeat": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
