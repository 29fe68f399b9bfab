"""What tables take: rows, bytes and files, from what Delta knows of them; no data is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from offbeat.errors import UsageError
from offbeat.tables.lake import Lake
from offbeat.tables.table import Table, literal


def there(lake: Lake, tables: Sequence[Table]) -> list[Table]:
    """The tables that are there; one that is broken is an error of one line.

    Raises:
        UsageError: something else wrote one, or its log can't be read.
    """
    folder = lake.local_folder
    found = []
    for table in tables:
        if folder is not None and not (folder / table.name).exists():
            continue  # quicker than to ask Spark, which most tables of packs would be asked for in vain
        with _told(lake, table):
            if lake.exists(table):
                found.append(table)
    return found


def footprints(lake: Lake, tables: Sequence[Table]) -> list[dict[str, Any]]:
    """Rows, size, files, version and contract of each table, in the order given.

    Raises:
        UsageError: a table lacks files, or its log can't be read.
    """
    found = []
    for table in tables:
        with _told(lake, table):
            files = _of_a_folder(lake, table) if lake.local_folder is not None else _of_delta(lake, table)
        found.append(
            {"name": table.name, **files, "version": lake.version(table), "contract": lake.contract_of(table)}
        )
    rows = _rows(lake, tables) if tables else {}
    return [{"name": each["name"], "rows": rows[each["name"]], **each} for each in found]


def _rows(lake: Lake, tables: Sequence[Table]) -> dict[str, int]:
    """Rows of all tables in one query, which the statistics of their logs answer."""
    counts = (
        f"SELECT {literal(table.name)} AS name, count(*) AS n FROM {lake.reference(table)}"  # noqa: S608 - quoted
        for table in tables
    )
    return {row["name"]: row["n"] for row in lake.spark.sql(" UNION ALL ".join(counts)).collect()}


def _of_a_folder(lake: Lake, table: Table) -> dict[str, Any]:
    """Files as they lie in a folder of this machine.

    Raises:
        UsageError: some that the table needs are gone.
    """
    files = [Path(unquote(urlparse(url).path)) for url in lake.read(table).inputFiles()]
    gone = [file for file in files if not file.exists()]
    if gone:
        raise UsageError(
            f"lake {lake.location}: table {table.name} lacks {len(gone)} of its {len(files)} files, first "
            f"{gone[0].name}; bring them back from a copy, or make the lake anew"
        )
    log = Path(lake.path(table.name, "_delta_log"))
    changed = max((commit.stat().st_mtime for commit in log.glob("*.json")), default=None)
    return {
        "size_bytes": sum(file.stat().st_size for file in files),
        "files": len(files),
        "modified_at": None if changed is None else dt.datetime.fromtimestamp(changed, dt.timezone.utc),
    }


def _of_delta(lake: Lake, table: Table) -> dict[str, Any]:
    """Files as Delta counts them."""
    detail = lake.detail(table)
    modified = detail["lastModified"]
    return {
        "size_bytes": int(detail["sizeInBytes"]),
        "files": int(detail["numFiles"]),
        "modified_at": None if modified is None else modified.astimezone(dt.timezone.utc),
    }


@contextmanager
def _told(lake: Lake, table: Table) -> Iterator[None]:
    """Say in a line of ours what Spark or Delta could not read."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UsageError(
            f"lake {lake.location}: table {table.name} can't be read ({said[:200]}); bring it back from a copy, or "
            "give another --lake"
        ) from error
