"""The table `runs`: what ran, on what, how long, with what outcome."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import logging
import platform
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from offbeat import __version__
from offbeat.config import Config
from offbeat.logs import one_line
from offbeat.tables.contract import RUNS
from offbeat.tables.lake import Lake

log = logging.getLogger(__name__)

_LIBRARIES = ("pyspark", "delta-spark", "tensorflow-cpu", "tensorflow", "numpy", "pandas", "pyarrow")


def new_run_id(step: str) -> str:
    """An id that no other run has, with the step's name in front."""
    return f"{step}-{uuid4().hex[:16]}"


def recorded(
    lake: Lake, conf: Config, step: str, work: Callable[[str], dict[str, Any]], *, run_date: dt.datetime
) -> dict[str, Any]:
    """Do a step's work and write what came of it, also where it failed.

    Args:
        work: takes the run's id, gives counts and figures.

    Returns:
        What `work` gave, with `run_id` and `seconds`.
    """
    run_id, began, clock = new_run_id(step), dt.datetime.now(dt.timezone.utc), time.monotonic()
    lake.metadata = f'{{"run_id": "{run_id}", "offbeat": "{__version__}", "config": "{conf.hash}"}}'
    lake.tables_read.clear()
    lake.tables_written.clear()
    log.info("%s: started", step)
    try:
        summary = work(run_id)
    except BaseException as error:
        seconds = time.monotonic() - clock
        _write(lake, conf, step, run_id, began, run_date, seconds, {}, error=f"{type(error).__name__}: {error}")
        raise
    seconds = round(time.monotonic() - clock, 3)
    _write(lake, conf, step, run_id, began, run_date, seconds, summary, error=None)
    counts = ", ".join(f"{key} {value:,}" for key, value in summary.items() if _is_count(value))
    log.info("%s: done in %.1f s: %s", step, seconds, counts or "nothing to do")
    return {**summary, "run_id": run_id, "seconds": seconds}


def _write(
    lake: Lake,
    conf: Config,
    step: str,
    run_id: str,
    began: dt.datetime,
    run_date: dt.datetime,
    seconds: float,
    summary: dict[str, Any],
    *,
    error: str | None,
) -> None:
    """Append the run; where a run failed and even that can't be written, the first error is what counts."""
    row = {
        "run_id": run_id,
        "step": step,
        "config_name": conf.name,
        "config_hash": conf.hash,
        "run_date": run_date,
        "started_at": began,
        "seconds": float(seconds),
        "outcome": "failed" if error else "done",
        "error": one_line(error) if error else None,
        "model_version": summary.get("model_version"),
        "versions_read": dict(lake.tables_read),
        "versions_written": dict(lake.tables_written),
        "counts": {key: int(value) for key, value in summary.items() if _is_count(value)},
        "libraries": _libraries(),
    }
    try:
        lake.append(RUNS, lake.spark.createDataFrame([row], schema=RUNS.schema))
    except Exception as failure:
        if error is None:
            raise
        log.debug("the failed run could not be written to %s: %s", RUNS.name, failure)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _libraries() -> dict[str, str]:
    found = {"offbeat": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
