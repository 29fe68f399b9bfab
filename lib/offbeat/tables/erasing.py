"""History taken away: what a table held before its newest version can be read nowhere any more.

Rows that were deleted live on in earlier versions: in their data files, in the change feed, and as smallest and largest
values in the log. VACUUM takes the files. The log is cut where all of it stands in a checkpoint, which Delta would do
too, a month later and by whole days.
"""

from __future__ import annotations

import re
from pathlib import Path

from offbeat.tables.lake import Lake
from offbeat.tables.table import Table
from offbeat.tables.upkeep import RETENTION, interval, vacuum

_EACH_COMMIT = "delta.checkpointInterval"
_IN_THE_LOG = re.compile(r"\.?(\d{20})\.(?:(\d{20})\.)?(?:json|crc|checkpoint|compacted)")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.[0-9a-f-]+)?\.(?:parquet|json)")


def erase_history(lake: Lake, table: Table, *, retention_s: float) -> None:
    """Remove all files that the newest version does not need, and write a checkpoint that knows none of them.

    Who reads an earlier version meanwhile fails. `cut_log` takes the rest.

    Args:
        retention_s: how long files out of use are kept from then on.
    """
    lake.set_properties(table, {RETENTION: interval(0), _EACH_COMMIT: "1"})
    vacuum(lake, table)
    lake.set_properties(table, {RETENTION: interval(retention_s), _EACH_COMMIT: None})


def cut_log(lake: Lake, table: Table) -> int:
    """Remove the log before the last checkpoint, in a folder of this machine; how many files went.

    Elsewhere the log goes by `delta.logRetentionDuration`.
    """
    if lake.local_folder is None:
        return 0
    log = lake.local_folder / table.name / "_delta_log"
    last = max(
        (int(found[1]) for file in log.iterdir() if (found := _CHECKPOINT.fullmatch(file.name))), default=-1
    )
    doomed = sorted(file for file in log.iterdir() if _last_version(file) < last)
    for file in doomed:  # the oldest first: who lists the log meanwhile sees no hole
        file.unlink(missing_ok=True)
    return len(doomed)


def _last_version(file: Path) -> float:
    """The last version that a file of the log tells of."""
    found = _IN_THE_LOG.match(file.name)
    return float("inf") if found is None else int(found[2] or found[1])
