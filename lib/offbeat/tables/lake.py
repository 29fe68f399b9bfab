"""The only code that writes Delta tables: create, append, merge and overwrite, each once per transaction id."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from uuid import uuid4

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.errors import UsageError
from offbeat.spark import has_context
from offbeat.tables.draining import drain_stream
from offbeat.tables.following import Following, catch_up
from offbeat.tables.live import LiveTables, Txn
from offbeat.tables.table import Table, quoted

__all__ = ["Lake", "Txn"]


class Lake(LiveTables):
    """The tables of one lake: a folder where the location has a `/` or `://`, else `catalog.schema`.

    Args:
        spark: an open session with Delta.
        location: folder, URL or `catalog.schema`.
        metadata: text written into each commit (run id, versions).
        volume: folder of what is no table, where the lake is a catalog or remote storage.
    """

    pins: dict[str, int] | None = None
    """Of a snapshot: the versions that stay."""

    def snapshot(self) -> Lake:
        """This lake to read from alone: each table stays at the version that it has when it is first asked for."""
        made = copy(self)
        made.pins = {}
        return made

    def version_read(self, table: Table) -> int:
        """The version that `read` reads: the newest; of a snapshot, that of the first time."""
        if self.pins is None:
            return self.version(table)
        if table.name not in self.pins:
            self.pins[table.name] = self.version(table)
        return self.pins[table.name]

    def read(self, table: Table) -> DataFrame:
        """The table as it is now; columns that came into the contract after it was made are null.

        Raises:
            UsageError: it is not there yet.
        """
        if not self.exists(table):
            raise UsageError(
                f"lake {self.location}: no table {table.name} yet; run the step that writes it first"
            )
        version, reference = self.version_read(table), self.reference(table)
        self.tables_read.setdefault(table.name, version)
        later = {column.name: F.lit(None).cast(column.type) for column in self._lacking.get(table.name, ())}
        if self.pins is None:
            rows = self.spark.read.table(reference)
        else:
            rows = self.spark.sql(f"SELECT * FROM {reference} VERSION AS OF {version}")
        return rows.withColumns(later) if later else rows

    def read_stream(self, table: Table, *, options: dict[str, str] | None = None) -> DataFrame | Following:
        """The table's rows as they are added, for `drain`: a stream, or what stands for it over Spark Connect."""
        self.tables_read.setdefault(table.name, self.version(table))
        if not has_context(self.spark):
            return Following(table, options or {})
        reader = self.spark.readStream.format("delta").options(**(options or {}))
        return reader.load(self.path(table.name)) if self.is_folder else reader.table(self.reference(table))

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

    def rewrite(self, table: Table, step: Callable[[DataFrame], DataFrame]) -> None:
        """Put rows of another form, with other columns, in place of all, in one commit."""
        rows = step(self.spark.read.table(self.reference(table)))
        writer = rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        with self.commit(table):
            if self.is_folder:
                writer.save(self.path(table.name))
            else:
                writer.saveAsTable(self.reference(table))

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

    def delete(self, table: Table, where: str) -> None:
        """Remove the rows that meet `where`."""
        if self.exists(table):
            with self.commit(table):
                self.spark.sql(f"DELETE FROM {self.reference(table)} WHERE {where}")

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
        drain_stream(self, changes, write, checkpoint=checkpoint)

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
