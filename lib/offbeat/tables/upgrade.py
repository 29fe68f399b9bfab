"""Brings the tables of a lake to the contract of this offbeat: `maintain --upgrade`.

What only adds or loosens (a column that may be null, new or known; a comment, a check, a property) needs no new version
of the contract: every writer adds missing columns and drops NOT NULL by itself, and `--upgrade` does the rest. What
renames or retypes a column, or forbids null, raises CONTRACT_VERSION by one, and gets a step in MIGRATIONS from the
version before; a lake goes through all steps that it lacks. Each change is one commit, so a run that is killed goes on
where it was. A test holds each table against its first form.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

from pyspark.sql import DataFrame

from offbeat.errors import UsageError
from offbeat.tables import table as contract
from offbeat.tables.contract import RUNS, SESSION_SCORES
from offbeat.tables.lake import Lake
from offbeat.tables.table import Table, literal, quoted
from offbeat.tables.views import VERDICTS, ensure_verdicts

log = logging.getLogger(__name__)

_VERSION = "offbeat.contract"
_FEED = "delta.enableChangeDataFeed"
_CHECK = "delta.constraints."

# By contract version and table: how rows of that version become rows of the next one. A step that was killed before its
# version was noted is done again, so it leaves alone what is of the next form already.
MIGRATIONS: dict[tuple[int, str], Callable[[DataFrame], DataFrame]] = {}


def upgrade(lake: Lake, tables: Iterable[Table]) -> dict[str, int]:
    """Bring all tables that are there to the contract; what is as it should be gets no commit.

    Returns:
        tables_checked, tables_upgraded.

    Raises:
        UsageError: something else, or a newer offbeat, wrote a table; or rows break a check that it lacked.
    """
    counts = {"tables_checked": 0, "tables_upgraded": 0}
    for table in tables:
        live = lake.live_properties(table)
        if live is None:
            continue
        done = _migrate(lake, table, live)
        lake.exists(table)
        done += lake.complete(table)
        done += _comment(lake, table)
        done += _check(lake, table, lake.live_properties(table) or {})
        done += _set(lake, table, lake.live_properties(table) or {})
        counts["tables_checked"] += 1
        counts["tables_upgraded"] += bool(done)
        if done:
            log.info(
                "maintain: %s: %d changes, now at contract %d", table.name, done, contract.CONTRACT_VERSION
            )
    if lake.exists(RUNS) and lake.exists(SESSION_SCORES) and ensure_verdicts(lake):
        counts["tables_upgraded"] += 1
        log.info("maintain: the view %s was made anew", VERDICTS)
    return counts


def _migrate(lake: Lake, table: Table, live: Mapping[str, str]) -> int:
    """Take a table through the steps that it lacks; how many."""
    if live.get("offbeat.table") != table.name or not live.get(_VERSION, "").isdigit():
        return 0  # `Lake.exists` says what is wrong
    steps = 0
    for version in range(int(live[_VERSION]), contract.CONTRACT_VERSION):
        step = MIGRATIONS.get((version, table.name))
        if step is not None:
            lake.rewrite(table, step)
            lake.set_property(table, _VERSION, str(version + 1))
            steps += 1
    return steps


def _comment(lake: Lake, table: Table) -> int:
    """Give columns, and the table, the words of the contract."""
    schema = lake.spark.read.table(lake.reference(table)).schema
    live = {field.name: field.metadata.get("comment", "") for field in schema}
    changed = [column for column in table.columns if live[column.name] != column.comment]
    for column in changed:
        said = f"ALTER COLUMN {quoted(column.name)} COMMENT {literal(column.comment)}"
        lake.alter(table, said)
    return len(changed)


def _check(lake: Lake, table: Table, live: Mapping[str, str]) -> int:
    """Add the checks that the table lacks, and those that were worded otherwise anew."""
    done = 0
    for name, condition in table.checks.items():
        there = live.get(f"{_CHECK}{name}")
        if there == condition:
            continue
        if there is not None:
            lake.alter(table, f"DROP CONSTRAINT {quoted(name)}")
        try:
            lake.alter(table, f"ADD CONSTRAINT {quoted(name)} CHECK ({condition})")
        except Exception as error:
            if "DELTA_NEW_CHECK_CONSTRAINT_VIOLATION" not in str(error):
                raise
            raise UsageError(
                f"lake {lake.location}: rows of table {table.name} break the check {name} ({condition}); mend or "
                "remove them, then upgrade again"
            ) from None
        done += 1
    return done


def _set(lake: Lake, table: Table, live: Mapping[str, str]) -> int:
    """Set the contract's properties that differ, its version among them."""
    wanted = {name: value for name, value in table.properties.items() if not name.startswith(_CHECK)}
    wanted[_VERSION] = str(contract.CONTRACT_VERSION)
    if live.get(_FEED) == "true":  # switched on since, for who follows it
        wanted.pop(_FEED)
    differ = {name: value for name, value in wanted.items() if live.get(name) != value}
    if differ:
        lake.set_properties(table, differ)
    return len(differ)
