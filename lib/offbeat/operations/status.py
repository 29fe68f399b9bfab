"""The health of a lake: what is there, how old, what ran last and how that went. Reads only, and writes no run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.operations.footprint import footprints, there
from offbeat.recording import libraries
from offbeat.scoring.verdicts import FLAGGED
from offbeat.tables.contract import EVENTS, INGESTED, QUARANTINE, RUNS, SESSION_SCORES, SESSIONS
from offbeat.tables.lake import Lake
from offbeat.tables.table import CONTRACT_VERSION, Table
from offbeat.tables.watching import DRIFT
from offbeat.training.registry import Registry

Facts = dict[str, Any]
_STEPS = (
    "generate", "ingest", "sessionize", "train", "score", "evaluate", "report", "label", "stream", "maintain",
    "forget",
)  # fmt: skip
_OF_A_RUN = ("step", "run_id", "outcome", "started_at", "seconds", "model_version", "error")


def gather(lake: Lake, conf: Config, tables: Iterable[Table], *, now: dt.datetime) -> Facts:
    """Everything that `offbeat status` tells, as plain values.

    Args:
        tables: all that offbeat may have written.
        now: UTC instant that ages are counted from.

    Raises:
        UsageError: the lake is not there, lacks a part of a table, or something else wrote it.
    """
    assert_there(lake)
    found = there(lake, list(tables))
    sizes = footprints(lake, found)  # first, since it looks whether all files are there
    names = {table.name for table in found}
    model = _model(lake, conf)
    facts: Facts = {
        "lake": lake.location,
        "config": conf.name,
        "at": now,
        "lag": _lag(lake, names, model["champion"], now),
        "quarantine": _quarantine(lake, names),
        "anomalies": _anomalies(lake, names, model["champion"]),
        "drift": _drift(lake, names),
        "model": model,
        "runs": _last_runs(lake, names, now),
        "running": [_aged(note, now) for note in lake.at_work(*_STEPS)],
        "tables": sizes,
        "versions": libraries() | {"contract": str(CONTRACT_VERSION)},
    }
    return facts | {"warnings": _warnings(facts)}


def assert_there(lake: Lake) -> None:
    """Refuse a lake whose folder is not there; of a catalog's schema its tables tell.

    Raises:
        UsageError: it is not there, or is a file.
    """
    folder = lake.local_folder
    if folder is None:
        return
    if not folder.exists():
        raise UsageError(
            f"lake {lake.location}: nothing is there; run `offbeat run` first, or give another --lake"
        )
    if not folder.is_dir():
        raise UsageError(f"lake {lake.location}: is a file, not a folder; give another folder with --lake")


def _lag(lake: Lake, names: set[str], champion: str | None, now: dt.datetime) -> Facts:
    """How far behind the lake is: age of the newest event and of the last batch, and what waits to be scored."""
    found: Facts = dict.fromkeys(
        ("newest_event", "newest_event_age_s", "last_ingest", "last_ingest_age_s", "sessions_unscored")
    )
    found["batch_open"] = False
    if EVENTS.name in names:
        found |= _age("newest_event", _one(lake.read(EVENTS).agg(F.max("event_time").alias("v")))["v"], now)
    if INGESTED.name in names:
        took = F.max(F.when(F.col("state") == "done", F.col("taken_at"))).alias("v")
        row = _one(lake.read(INGESTED).agg(took, F.count_if(F.col("state") == "planned").alias("open")))
        found |= _age("last_ingest", row["v"], now) | {"batch_open": bool(row["open"])}
    if SESSIONS.name in names:
        waiting = lake.read(SESSIONS).select("session_id")
        if SESSION_SCORES.name in names:
            scored = lake.read(SESSION_SCORES).where(F.col("model_version") == F.lit(champion))
            waiting = waiting.join(scored, "session_id", "left_anti")
        found["sessions_unscored"] = waiting.count()
    return found


def _age(name: str, when: dt.datetime | None, now: dt.datetime) -> Facts:
    if when is None:
        return {}
    at = _utc(when)
    return {name: at, f"{name}_age_s": round((now - at).total_seconds(), 3)}


def _quarantine(lake: Lake, names: set[str]) -> Facts:
    """Rows refused, of all that were read; and of the last batch alone."""
    found: Facts = {"rows": 0, "rows_in": 0, "share": None, "last_batch_share": None}
    if QUARANTINE.name in names:
        found["rows"] = int(_one(lake.read(QUARANTINE).agg(F.sum("copies").alias("n")))["n"] or 0)
    if INGESTED.name not in names:
        return found
    done = lake.read(INGESTED).where("state = 'done'").groupBy("ingest_batch")
    batches = done.agg(
        F.max("taken_at").alias("at"), F.sum("rows_in").alias("n"), F.sum("quarantined").alias("bad")
    )
    row = _one(
        batches.agg(
            F.sum("n").alias("rows_in"), F.max_by(F.struct("n", "bad"), F.struct("at", "ingest_batch")).alias("last")
        )
    )  # fmt: skip
    found["rows_in"] = int(row["rows_in"] or 0)
    found["share"] = _share(found["rows"], found["rows_in"])
    if row["last"] is not None:
        found["last_batch_share"] = _share(row["last"]["bad"], row["last"]["n"])
    return found


def _anomalies(lake: Lake, names: set[str], champion: str | None) -> Facts:
    """Sessions that the champion flags, of those that it has scored."""
    if SESSION_SCORES.name not in names or champion is None:
        return {"sessions": 0, "flagged": 0, "share": None}
    mine = lake.read(SESSION_SCORES).where(F.col("model_version") == champion)
    flagged = F.count_if(F.col("verdict").isin(*FLAGGED)).alias("flagged")
    row = _one(mine.agg(F.count(F.lit(1)).alias("sessions"), flagged))
    return {**row.asDict(), "share": _share(row["flagged"], row["sessions"])}


def _drift(lake: Lake, names: set[str]) -> Facts | None:
    """The measures of the last run that had sessions to measure, the largest of its batches."""
    if DRIFT.name not in names:
        return None
    rows = lake.read(DRIFT)
    last = _one(rows.agg(F.max_by(F.struct("run_id", "model_version"), "measured_at").alias("last")))["last"]
    if last is None:
        return None
    of_last = (F.col("run_id") == last["run_id"]) & (F.col("model_version") == last["model_version"])
    mine = rows.where(of_last).groupBy("measure")
    found = mine.agg(
        F.max("distance").alias("distance"),
        F.bool_or("warned").alias("warned"),
        F.bool_or("beyond").alias("beyond"),
        F.max("measured_at").alias("measured_at"),
    ).collect()
    return {
        "run_id": last["run_id"],
        "model_version": last["model_version"],
        "measured_at": _utc(found[0]["measured_at"]),
        "distance": max(row["distance"] for row in found),
        "measures": {row["measure"]: row["distance"] for row in sorted(found, key=lambda row: row["measure"])},
        "warned": any(row["warned"] for row in found),
        "beyond": any(row["beyond"] for row in found),
    }  # fmt: skip


def _model(lake: Lake, conf: Config) -> Facts:
    """The champion and why it is one; nothing where models have no folder that is known here."""
    if lake.files is None and not conf.output.get("models"):
        return {"champion": None, "versions": 0, "why": None}
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
    return {
        "champion": registry.champion(),
        "versions": len(registry.versions()),
        "why": registry.why(),
    }


def _last_runs(lake: Lake, names: set[str], now: dt.datetime) -> list[Facts]:
    """The last run of each step, the newest first; a row per step comes to the driver."""
    if RUNS.name not in names:
        return []
    order = Window.partitionBy("step").orderBy(F.desc("started_at"), F.desc("run_id"))
    last = lake.read(RUNS).withColumn("_nth", F.row_number().over(order)).where("_nth = 1")
    rows = last.select(*_OF_A_RUN, "counts", "versions_written").collect()
    found = [_aged(row.asDict(), now) for row in rows]
    return sorted(found, key=lambda run: run["started_at"], reverse=True)


def _aged(run: Facts, now: dt.datetime) -> Facts:
    at = run["started_at"]
    at = dt.datetime.fromisoformat(at) if isinstance(at, str) else _utc(at)
    return {**run, "started_at": at, "age_s": round((now - at).total_seconds(), 3)}


def _warnings(facts: Facts) -> list[str]:
    """What a person should look at, in words."""
    said = [
        f"{run['step']} {run['outcome']}: {run['error'] or 'no reason was recorded'}"
        for run in facts["runs"]
        if run["outcome"] != "done"
    ]
    if facts["lag"]["batch_open"] and not any(run["step"] == "ingest" for run in facts["running"]):
        said.append("a batch of ingest was begun and not finished; the next `offbeat ingest` finishes it")
    if facts["lag"]["sessions_unscored"] and facts["model"]["champion"] is not None:
        said.append(f"{facts['lag']['sessions_unscored']:,} sessions are not scored yet; run `offbeat score`")
    if facts["tables"] and facts["model"]["champion"] is None and facts["model"]["versions"] == 0:
        said.append("there is no model yet; run `offbeat train`")
    drift = facts["drift"]
    if drift is not None and (drift["warned"] or drift["beyond"]):
        said.append(
            f"the last scored sessions lie {drift['distance']:.2f} from what the model was trained on"
        )
    said += [
        f"table {table['name']} has contract {table['contract']}; `offbeat maintain --upgrade` brings it to "
        f"{CONTRACT_VERSION}"
        for table in facts["tables"]
        if table["contract"] < CONTRACT_VERSION
    ]
    return said


def _share(part: int | None, whole: int | None) -> float | None:
    return round((part or 0) / whole, 6) if whole else None


def _one(rows: DataFrame) -> Row:
    """The one row of an aggregate."""
    return rows.collect()[0]


def _utc(when: dt.datetime) -> dt.datetime:
    """Spark gives instants in the driver's own zone, without saying which."""
    return when.astimezone(dt.timezone.utc)
