"""What a model was put to the test with besides sessions: rules, cards, predictions, and drift since training."""

from __future__ import annotations

from typing import Any

from pyspark.sql import functions as F

from offbeat.packs.tvm.tables import CARD_CHECKS, RULE_CHECKS
from offbeat.reports.data_quality import Checks
from offbeat.reports.gather import from_micros
from offbeat.tables.lake import Lake
from offbeat.tables.table import Table
from offbeat.tables.watching import DRIFT, PREDICTION_CHECKS

CHECKS_ON_PAGE = (RULE_CHECKS, CARD_CHECKS, PREDICTION_CHECKS, DRIFT)
_MOST = 400  # rows of each; far above what one model writes
_BATCHES = 200  # of drift, the newest


def gather_checks(lake: Lake, *, model_version: str) -> Checks:
    """The rows of one model; of the rules also those of the models that were checked beside it."""
    return Checks(
        rules=_rows(lake, RULE_CHECKS, None, ["rule", "detector", "model_version"]),
        cards=_rows(lake, CARD_CHECKS, model_version, ["fault_kind"]),
        predictions=_rows(lake, PREDICTION_CHECKS, model_version, ["metric", "bin"]),
        drift=_drift(lake, model_version),
    )


def _rows(lake: Lake, table: Table, version: str | None, keys: list[str]) -> tuple[dict[str, Any], ...]:
    if not lake.exists(table):
        return ()
    rows = lake.read(table)
    mine = rows if version is None else rows.where(F.col("model_version") == version)
    return tuple(row.asDict(recursive=True) for row in mine.orderBy(*keys).limit(_MOST).collect())


def _drift(lake: Lake, version: str) -> tuple[dict[str, Any], ...]:
    """Distances of the newest batches, the oldest of them first."""
    if not lake.exists(DRIFT):
        return ()
    mine = lake.read(DRIFT).where(F.col("model_version") == version)
    columns = (
        "batch",
        "measure",
        "distance",
        "psi",
        "observed",
        "expected",
        "n_sessions",
        "warned",
        "beyond",
    )
    rows = mine.select(*columns, F.unix_micros("measured_at").alias("at"))
    newest = rows.orderBy(F.desc("at"), F.desc("batch"), "measure").limit(4 * _BATCHES).collect()
    return tuple({**row.asDict(), "at": from_micros(row["at"])} for row in reversed(newest))
