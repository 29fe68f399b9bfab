"""The only code that writes Delta tables: create, append, merge and overwrite, each once per transaction id."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from offbeat.errors import OffbeatError, UsageError
from offbeat.spark import has_context, set_if_allowed
from offbeat.tables.following import CHANGE_FEED, Following, catch_up
from offbeat.tables.foreign import assert_ours, assert_place
from offbeat.tables.locks import Note, notes, only_one
from offbeat.tables.table import CONTRACT_VERSION, Col, Table, literal, quoted

log = logging.getLogger(__name__)

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


class Lake:
    """The tables of one lake: a folder where the location has a `/` or `://`, else `catalog.schema`.

    Args:
        spark: an open session with Delta.
        location: folder, URL or `catalog.schema`.
        metadata: text written into each commit (run id, versions).
        volume: folder of what is no table, where the lake is a catalog or remote storage.
    """

    def __init__(
        self, spark: SparkSession, location: str, *, metadata: str = "", volume: str | None = None
    ) -> None:
        self.spark = spark
        self.is_folder = "/" in location or location.startswith(".")
        self.location = _absolute(location) if self.is_folder else location
        self.metadata = metadata
        self.volume = None if volume is None else _absolute(volume).rstrip("/")
        self.tables_read: dict[str, int] = {}
        self.tables_written: dict[str, int] = {}
        self._ensured: set[str] = set()
        self._lacking: dict[str, tuple[Col, ...]] = {}
        self._contracts: dict[str, int] = {}

    def reference(self, table: Table) -> str:
        """The table's quoted name in SQL."""
        if self.is_folder:
            return f"delta.{quoted(self.path(table.name))}"
        return ".".join(quoted(part) for part in (*self.location.split("."), table.name))

    def path(self, *parts: str) -> str:
        """Path of something inside a lake that is a folder."""
        return "/".join((self.location.rstrip("/"), *parts))

    @property
    def local_folder(self) -> Path | None:
        """The lake's folder on this machine; None where it is a catalog or remote storage."""
        return Path(self.location) if self.is_folder and "://" not in self.location else None

    @property
    def files(self) -> Path | None:
        """The folder of models and pages, as Python opens it; None where none was given."""
        if self.volume is not None:
            return Path(self.volume.removeprefix("dbfs:"))
        return self.local_folder

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
        self._contracts[table.name] = int(found["offbeat.contract"])
        self._ensured.add(table.name)
        return True

    def live_properties(self, table: Table) -> dict[str, str] | None:
        """All properties of the table as it is there; None where it is not."""
        return self._properties(table)

    def alter(self, table: Table, change: str) -> None:
        """Change the table itself: what follows `ALTER TABLE …`, in a commit of its own."""
        with self.commit(table):
            self.spark.sql(f"ALTER TABLE {self.reference(table)} {change}")

    def rewrite(self, table: Table, step: Callable[[DataFrame], DataFrame]) -> None:
        """Put rows of another form, with other columns, in place of all, in one commit."""
        rows = step(self.spark.read.table(self.reference(table)))
        writer = rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        with self.commit(table):
            if self.is_folder:
                writer.save(self.path(table.name))
            else:
                writer.saveAsTable(self.reference(table))

    def ensure(self, *tables: Table) -> None:
        """Create the tables that are missing; check those that are there, and give older ones their later columns.

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

    def read(self, table: Table) -> DataFrame:
        """The table as it is now; columns that came into the contract after it was made are null.

        Raises:
            UsageError: it is not there yet.
        """
        if not self.exists(table):
            raise UsageError(
                f"lake {self.location}: no table {table.name} yet; run the step that writes it first"
            )
        self.tables_read.setdefault(table.name, self.version(table))
        later = {column.name: F.lit(None).cast(column.type) for column in self._lacking.get(table.name, ())}
        rows = self.spark.read.table(self.reference(table))
        return rows.withColumns(later) if later else rows

    def read_stream(self, table: Table, *, options: dict[str, str] | None = None) -> DataFrame | Following:
        """The table's rows as they are added, for `drain`: a stream, or what stands for it over Spark Connect."""
        self.tables_read.setdefault(table.name, self.version(table))
        if not has_context(self.spark):
            return Following(table, options or {})
        reader = self.spark.readStream.format("delta").options(**(options or {}))
        return reader.load(self.path(table.name)) if self.is_folder else reader.table(self.reference(table))

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

    def append(self, table: Table, rows: DataFrame, *, txn: Txn | None = None) -> None:
        """Add rows; with `txn`, once, however often it is tried."""
        self.ensure(table)
        with self.commit(table, txn):
            self._writer(table, rows, "append", **self._once(txn))

    def overwrite(
        self, table: Table, rows: DataFrame, *, where: str | None = None, txn: Txn | None = None
    ) -> None:
        """Put rows in place of all, or of those that meet `where`, in one commit."""
        self.ensure(table)
        only = {"replaceWhere": where} if where else {}
        with self.commit(table, txn):
            self._writer(table, rows, "overwrite", **only, **self._once(txn))

    def replace(
        self,
        table: Table,
        rows: DataFrame,
        ids: DataFrame,
        *,
        within: dict[str, str],
        txn: Txn | None = None,
    ) -> None:
        """Put rows in place of all rows that have one of the ids, in one commit.

        Args:
            rows: at most one row per key of the table.
            ids: one column, part of the table's key: whose rows are replaced, also where none come in their place.
            within: values of other columns that the replaced rows have.
            txn: with it the commit is made once, however often it is tried.
        """
        there = self.read(table)
        for column, value in within.items():
            there = there.where(F.col(column) == F.lit(value))
        there = there.join(ids, ids.columns, "left_semi").select(*table.key)
        doomed = there.join(rows.select(*table.key), list(table.key), "left_anti")
        incoming = rows.select(*table.column_names).withColumn("_doomed", F.lit(False))
        outgoing = doomed.withColumn("_doomed", F.lit(True))
        both = incoming.unionByName(outgoing, allowMissingColumns=True)
        self.merge(table, both, txn=txn, delete="_doomed")

    def drain(
        self, changes: DataFrame | Following, write: Callable[[DataFrame, int, str], None], *, checkpoint: str
    ) -> None:
        """Run a stream until it has caught up; each batch goes to `write(rows, batch_id, query_id)`.

        The query's id lives in the checkpoint: with it in a transaction's name, a batch that is tried again writes
        once, and a new checkpoint starts afresh.

        Raises:
            UsageError: it is a stream, and Spark runs behind Spark Connect.
        """
        if isinstance(changes, Following):
            catch_up(self, changes, write, follower=checkpoint)
            return
        if not has_context(self.spark):
            raise UsageError(
                "a source that is a stream (kafka) can't be taken over Spark Connect; unset SPARK_REMOTE"
            )
        query_id: list[str] = []
        refused: list[OffbeatError] = []
        started = Event()

        def write_batch(rows: DataFrame, batch_id: int) -> None:
            started.wait()
            # A batch lives in a session of its own: views and the settings of a commit have to be there.
            outer, self.spark = self.spark, rows.sparkSession
            try:
                write(rows, batch_id, query_id[0])
            except OffbeatError as error:
                refused.append(error)
                raise
            finally:
                self.spark = outer

        writer = changes.writeStream.foreachBatch(write_batch).trigger(availableNow=True)
        query = writer.option("checkpointLocation", self._checkpoint(checkpoint)).start()
        query_id.append(str(query.id))
        started.set()
        try:
            query.awaitTermination()
        except StreamingQueryException:
            if refused:  # an error of ours keeps its line and its exit status
                raise refused[0] from None
            raise

    def _checkpoint(self, name: str) -> str:
        if self.volume is None and not self.is_folder:
            raise UsageError(
                f"lake {self.location}: checkpoints need a folder; set volume to a Volume or a shared folder"
            )
        return f"{self.volume}/checkpoints/{name}" if self.volume else self.path("checkpoints", name)

    def delete(self, table: Table, where: str) -> None:
        """Remove the rows that meet `where`."""
        if self.exists(table):
            with self.commit(table):
                self.spark.sql(f"DELETE FROM {self.reference(table)} WHERE {where}")

    def merge(
        self,
        table: Table,
        rows: DataFrame,
        *,
        txn: Txn | None = None,
        delete: str | None = None,
        prune: str | None = None,
    ) -> None:
        """Bring rows in by the table's key: new ones are inserted, known ones updated.

        Args:
            rows: at most one row per key; not recomputed to something else when read twice.
            delete: name of a boolean column of `rows`; where it is true, the table's row is removed.
            prune: condition on `t` (the table) that every matching row meets, so that files can be skipped.
        """
        self.ensure(table)
        view = f"merge_{table.name}_{uuid4().hex}"
        rows.createOrReplaceTempView(view)
        try:
            with self.commit(table, txn):
                self.spark.sql(self._merge_sql(table, view, delete, prune))
        finally:
            self.spark.catalog.dropTempView(view)

    def _merge_sql(self, table: Table, view: str, delete: str | None, prune: str | None) -> str:
        on = " AND ".join(f"t.{quoted(key)} = s.{quoted(key)}" for key in table.key)
        others = [name for name in table.column_names if name not in table.key]
        update = ", ".join(f"t.{quoted(name)} = s.{quoted(name)}" for name in others)
        names = ", ".join(map(quoted, table.column_names))
        values = ", ".join(f"s.{quoted(name)}" for name in table.column_names)
        clauses = [f"MERGE INTO {self.reference(table)} AS t USING {quoted(view)} AS s ON {on}"]
        clauses[0] += f" AND ({prune})" if prune else ""
        keep = f" AND NOT s.{quoted(delete)}" if delete else ""
        if delete:
            clauses.append(f"WHEN MATCHED AND s.{quoted(delete)} THEN DELETE")
        clauses.append(f"WHEN MATCHED THEN UPDATE SET {update}")
        clauses.append(f"WHEN NOT MATCHED{keep} THEN INSERT ({names}) VALUES ({values})")
        return "\n".join(clauses)

    def _once(self, txn: Txn | None) -> dict[str, str]:
        """What `commit` sets for the session, as options of one write: a service may refuse such settings."""
        said = {"userMetadata": self.metadata} if self.metadata else {}
        return said if txn is None else said | {"txnAppId": txn[0], "txnVersion": str(txn[1])}

    def _writer(self, table: Table, rows: DataFrame, mode: str, **options: str) -> None:
        columns = [F.col(quoted(c.name)).cast(c.type).alias(c.name) for c in table.columns]
        writer = rows.select(*columns).write.format("delta").mode(mode).options(**options)
        if self.is_folder:
            writer.save(self.path(table.name))
        else:
            writer.saveAsTable(self.reference(table))

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

    def complete(self, table: Table) -> int:
        """Add the columns that came into the contract after the table was made; its rows have null there.

        Returns:
            How many came.
        """
        later = self._lacking.pop(table.name, ())
        if later:
            self.alter(table, f"ADD COLUMNS ({', '.join(column.ddl for column in later)})")
        return len(later)


def _absolute(location: str) -> str:
    return location if "://" in location else str(Path(location).expanduser().absolute())


def _is_missing(error: Exception) -> bool:
    return any(sign in str(error) for sign in _MISSING)
