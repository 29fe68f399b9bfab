"""Tables of a lake as they are there: whose, at which version, with which properties; and commits, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from pyspark.sql import SparkSession

from offbeat.errors import UsageError
from offbeat.spark import has_context, set_if_allowed
from offbeat.tables.following import CHANGE_FEED
from offbeat.tables.foreign import assert_ours, assert_place
from offbeat.tables.locks import Note, notes, only_one
from offbeat.tables.place import Place
from offbeat.tables.table import CONTRACT_VERSION, Col, Table, literal, quoted

# A transaction: the application's id and a version that grows. Delta drops a second commit of the same pair,
# and refuses two at once, so that a retry writes once and of two concurrent runs one loses cleanly.
Txn = tuple[str, int]
_TXN_APP_ID = "spark.databricks.delta.write.txnAppId"
_TXN_VERSION = "spark.databricks.delta.write.txnVersion"
# How Spark and Delta say that nothing is there. What lies at a local place is looked at before they are asked;
# elsewhere creating the table fails where something else is in its way.
_MISSING = (
    "TABLE_OR_VIEW_NOT_FOUND",
    "PATH_DOES_NOT_EXIST",
    "doesn't exist",
    "MISSING_DELTA_TABLE",
)
_USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"


class LiveTables(Place):
    """What is known of a lake's tables, and how they are changed as tables; their rows are the lake's business.

    Args:
        metadata: text written into each commit (run id, versions).
    """

    def __init__(
        self, spark: SparkSession, location: str, *, metadata: str = "", volume: str | None = None
    ) -> None:
        super().__init__(spark, location, volume=volume)
        self.metadata = metadata
        self.tables_read: dict[str, int] = {}
        self.tables_written: dict[str, int] = {}
        self._ensured: set[str] = set()
        self._lacking: dict[str, tuple[Col, ...]] = {}
        self._strict: dict[str, tuple[str, ...]] = {}
        self._contracts: dict[str, int] = {}

    def exists(self, table: Table) -> bool:
        """Whether the table is there; a table that something else wrote is an error.

        Raises:
            UsageError: there is something at its place that offbeat did not write.
        """
        if table.name in self._ensured:
            return True
        found = self._properties(table)
        if found is None:
            return False
        schema = self.spark.read.table(self.reference(table)).schema
        self._lacking[table.name] = assert_ours(table, found, schema, location=self.location)
        not_null = {field.name for field in schema if not field.nullable}
        self._strict[table.name] = tuple(c.name for c in table.columns if c.null and c.name in not_null)
        self._contracts[table.name] = int(found["offbeat.contract"])
        self._ensured.add(table.name)
        return True

    def live_properties(self, table: Table) -> dict[str, str] | None:
        """All properties of the table as it is there; None where it is not."""
        return self._properties(table)

    def ensure(self, *tables: Table) -> None:
        """Create the tables that are missing; check those that are there, and bring older ones up by `complete`.

        Raises:
            UsageError: a table was written by something else, or has other columns than the contract.
        """
        for table in tables:
            if self.exists(table):
                self.complete(table)
                continue
            with only_one(self.local_folder, f"a commit to {table.name}"):
                self.spark.sql(table.ddl(self.reference(table)))
            self._ensured.add(table.name)

    def complete(self, table: Table) -> int:
        """Add the columns that came into the contract after the table was made, and let null where it now may be.

        Returns:
            How many columns came or may be null now.
        """
        later, strict = self._lacking.pop(table.name, ()), self._strict.pop(table.name, ())
        if later:
            self.alter(table, f"ADD COLUMNS ({', '.join(column.ddl for column in later)})")
        for name in strict:
            self.alter(table, f"ALTER COLUMN {quoted(name)} DROP NOT NULL")
        return len(later) + len(strict)

    def alter(self, table: Table, change: str) -> None:
        """Change the table itself: what follows `ALTER TABLE …`, in a commit of its own."""
        with self.commit(table):
            self.spark.sql(f"ALTER TABLE {self.reference(table)} {change}")

    def version(self, table: Table) -> int:
        """Delta version of the table's newest commit."""
        if self.local_folder is not None:  # names of commits say it; DESCRIBE HISTORY reads them all
            commits = (self.local_folder / table.name / "_delta_log").glob("*.json")
            return max((int(commit.stem) for commit in commits if commit.stem.isdigit()), default=-1)
        row = self.spark.sql(f"DESCRIBE HISTORY {self.reference(table)} LIMIT 1").first()
        return int(row["version"]) if row is not None else -1

    def can_follow(self, table: Table) -> bool:
        """Whether `read_stream` gives what is added; if not, it does from now on: tables made earlier lack the feed."""
        if has_context(self.spark) or self.property(table, CHANGE_FEED) == "true":
            return True
        self.set_property(table, CHANGE_FEED, "true")
        return False

    def contract_of(self, table: Table) -> int:
        """Version of the contract that the table was made by, or brought up to."""
        return (
            self._contracts[table.name]
            if self.exists(table) and table.name in self._contracts
            else CONTRACT_VERSION
        )

    def detail(self, table: Table) -> dict[str, Any]:
        """What Delta says of the table: numFiles, sizeInBytes, lastModified, properties, id and more."""
        return self.spark.sql(f"DESCRIBE DETAIL {self.reference(table)}").collect()[0].asDict()

    def table_id(self, table: Table) -> str:
        """Delta's id of the table: another one where the table was dropped and made again."""
        return str(self.detail(table)["id"])

    def property(self, table: Table, name: str) -> str | None:
        """A property of the table; None where it, or the table, is not there."""
        return (self._properties(table) or {}).get(name)

    def set_property(self, table: Table, name: str, value: str) -> None:
        """Set a property of the table, in a commit of its own."""
        self.set_properties(table, {name: value})

    def set_properties(self, table: Table, values: Mapping[str, str | None]) -> None:
        """Set properties of the table, in a commit, and take away those whose value is None, in another."""
        kept = {name: value for name, value in values.items() if value is not None}
        gone = [literal(name) for name, value in values.items() if value is None]
        changes = []
        if gone:
            changes.append(f"UNSET TBLPROPERTIES IF EXISTS ({', '.join(gone)})")
        if kept:
            given = ", ".join(f"{literal(name)} = {literal(value)}" for name, value in kept.items())
            changes.append(f"SET TBLPROPERTIES ({given})")
        for change in changes:
            self.alter(table, change)

    @contextmanager
    def commit(self, table: Table, txn: Txn | None = None) -> Iterator[None]:
        """Set what Delta reads at a commit, and unset it after; on a local disk, commits wait for each other.

        Where the settings are refused (Databricks serverless), a MERGE that is tried again goes by its key alone.
        """
        settings = {_USER_METADATA: self.metadata} if self.metadata else {}
        if txn is not None:
            settings |= {_TXN_APP_ID: txn[0], _TXN_VERSION: str(txn[1])}
        with only_one(self.local_folder, f"a commit to {table.name}"):
            made = [key for key, value in settings.items() if set_if_allowed(self.spark, key, value)]
            try:
                yield
            finally:
                for key in made:
                    self.spark.conf.unset(key)
        self.tables_written[table.name] = self.version(table)

    def one_at_a_time(
        self, step: str, note: Mapping[str, Any] | None = None
    ) -> AbstractContextManager[list[Note]]:
        """Do a step while no other process of this machine does it on this lake; waits for one that does.

        Args:
            note: what `at_work` tells of it meanwhile; with it come the notes of runs before that were killed.
        """
        return only_one(self.local_folder, step, note)

    def at_work(self, *steps: str) -> list[Note]:
        """Notes of the steps that a process of this machine does on this lake now, or was killed at."""
        return notes(self.local_folder, steps)

    def _properties(self, table: Table) -> dict[str, str] | None:
        """The live table's properties; None where there is nothing at its place."""
        if self.local_folder is not None:
            assert_place(self.local_folder, table)
        try:
            rows = self.spark.sql(f"SHOW TBLPROPERTIES {self.reference(table)}").collect()
        except Exception as error:
            if "SCHEMA_NOT_FOUND" in str(error) and not self.is_folder:
                raise UsageError(
                    f"lake {self.location}: no such schema; CREATE SCHEMA {self.location}, or give another with --lake"
                ) from None
            if _is_missing(error):
                return None
            raise
        return {row["key"]: row["value"] for row in rows}


def _is_missing(error: Exception) -> bool:
    return any(sign in str(error) for sign in _MISSING)
