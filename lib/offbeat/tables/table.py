"""What a Delta table is: name, columns with comments, key, clustering, constraints, in one object."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyspark.sql.types import DataType, StructField, StructType

# Raised by one when a column is renamed or retyped, or may no longer be null: see upgrade.py.
CONTRACT_VERSION = 1


@dataclass(frozen=True)
class Col:
    """A column: its Spark SQL type as DDL, and the comment that a reader of the table sees."""

    name: str
    type: str
    comment: str
    null: bool = True

    @property
    def ddl(self) -> str:
        """The column in a `CREATE TABLE` or `ALTER TABLE`."""
        not_null = "" if self.null else " NOT NULL"
        return f"{quoted(self.name)} {self.type}{not_null} COMMENT {literal(self.comment)}"


@dataclass(frozen=True)
class Table:
    """A table of the contract.

    Attributes:
        key: columns that name a row; a MERGE goes by them.
        cluster_by: at most four columns that consumers filter by.
        checks: name to SQL condition; Delta refuses rows that break one.
        change_feed: whether consumers can follow its changes.
        entity: column that says whose rows these are, where it is called otherwise than `entity`.
        entity_if: SQL condition that holds where that column names an entity of the log, not something else.
    """

    name: str
    doc: str
    columns: tuple[Col, ...]
    key: tuple[str, ...]
    cluster_by: tuple[str, ...] = ()
    checks: dict[str, str] = field(default_factory=dict)
    change_feed: bool = False
    entity: str | None = None
    entity_if: str | None = None

    @property
    def entity_column(self) -> str | None:
        """Column that says whose rows these are; None where none does."""
        return self.entity or ("entity" if "entity" in self.column_names else None)

    @property
    def column_names(self) -> list[str]:
        """Names of the columns, in order."""
        return [column.name for column in self.columns]

    @property
    def schema(self) -> StructType:
        """The table's schema, as a writer must meet it."""
        return StructType(
            [
                StructField(c.name, DataType.fromDDL(c.type), c.null, {"comment": c.comment})
                for c in self.columns
            ]
        )

    @property
    def properties(self) -> dict[str, str]:
        """Delta's properties; only features that Polars, delta-rs and DuckDB can read are switched on."""
        fixed = {"delta.enableDeletionVectors": "false", "offbeat.table": self.name}
        fixed["offbeat.contract"] = str(CONTRACT_VERSION)
        fixed["delta.enableChangeDataFeed"] = str(self.change_feed).lower()
        # Given at creation, constraints are part of the first commit: no writer ever sees the table without them.
        return fixed | {f"delta.constraints.{name}": condition for name, condition in self.checks.items()}

    def ddl(self, reference: str) -> str:
        """`CREATE TABLE` for the table at `reference` (a quoted name)."""
        columns = ",\n  ".join(column.ddl for column in self.columns)
        cluster = f"\nCLUSTER BY ({', '.join(map(quoted, self.cluster_by))})" if self.cluster_by else ""
        properties = ", ".join(f"{literal(key)} = {literal(value)}" for key, value in self.properties.items())
        return (
            f"CREATE TABLE IF NOT EXISTS {reference} (\n  {columns}\n) USING DELTA{cluster}\n"
            f"COMMENT {literal(self.doc)}\nTBLPROPERTIES ({properties})"
        )


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever is in it."""
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A text as a SQL literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
