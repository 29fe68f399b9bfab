"""Upkeep of tables: few large files in place of many small ones, in the order of clustering; old files removed."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from offbeat.spark import set_if_allowed
from offbeat.tables.lake import Lake
from offbeat.tables.table import Table

log = logging.getLogger(__name__)

RETENTION = (
    "delta.deletedFileRetentionDuration"  # VACUUM goes by it, and so do checkpoints that forget old files
)
_DELTA_DEFAULT_S = 7 * 86_400
_VACUUM_COMMITS = (
    "spark.databricks.delta.vacuum.logging.enabled"  # two commits that say nothing to who follows a table
)


def maintain(lake: Lake, tables: Iterable[Table], *, retention_s: float) -> dict[str, int]:
    """Compact and cluster tables, then remove files that no version of the last `retention_s` seconds has.

    Each table is compacted in one commit that changes no row: who reads goes on reading the files that it knows, which
    stay for the time of retention. What has nothing to compact gets no commit.

    Returns:
        tables, files_compacted and files_made, files_removed.
    """
    totals = {"tables": 0, "files_compacted": 0, "files_made": 0, "files_removed": 0}
    for table in tables:
        if not lake.exists(table):
            continue
        compacted, made = _optimize(lake, table)
        removed = _vacuum(lake, table, retention_s)
        log.info("maintain: %s: %d files into %d, %d removed", table.name, compacted, made, removed)
        found = (1, compacted, made, removed)
        totals = {name: totals[name] + n for name, n in zip(totals, found, strict=True)}
    return totals


def _optimize(lake: Lake, table: Table) -> tuple[int, int]:
    """Compact a table; how many files were read, and how many came in their place."""
    with lake.commit(table):
        metrics = lake.spark.sql(f"OPTIMIZE {lake.reference(table)}").collect()[0]["metrics"]
    return int(metrics["numFilesRemoved"]), int(metrics["numFilesAdded"])


def _vacuum(lake: Lake, table: Table, retention_s: float) -> int:
    """Remove the files that have been out of use for the time of retention; how many."""
    wanted, live = interval(retention_s), lake.property(table, RETENTION)
    if live != wanted and not (live is None and retention_s == _DELTA_DEFAULT_S):
        lake.set_property(table, RETENTION, wanted)
    before = _n_files(lake, table)
    vacuum(lake, table)
    return before - _n_files(lake, table)


def vacuum(lake: Lake, table: Table) -> None:
    """Remove the files that have been out of use for as long as the table's property says."""
    silent = set_if_allowed(lake.spark, _VACUUM_COMMITS, "false")
    try:
        lake.spark.sql(f"VACUUM {lake.reference(table)}").collect()
    finally:
        if silent:
            lake.spark.conf.unset(_VACUUM_COMMITS)


def interval(seconds: float) -> str:
    """A time as Delta's properties have it."""
    return f"interval {round(seconds)} seconds"


def _n_files(lake: Lake, table: Table) -> int:
    """Files of a table in a folder of this machine; elsewhere listing them costs more than the number says."""
    folder = lake.local_folder
    if folder is None:
        return 0
    place = folder / table.name
    return sum("_delta_log" not in file.parts for file in place.rglob("*.parquet"))
