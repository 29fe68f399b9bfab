"""Who was forgotten on request: a hash each, so that files that are read again don't bring them back."""

from __future__ import annotations

import hashlib

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.tables.lake import Lake
from offbeat.tables.table import Col, Table

PLANNED, DONE = "planned", "done"
_SALT = "offbeat forgets "  # so that the hash is none that other lists have

FORGOTTEN = Table(
    name="forgotten",
    doc="An entity that was forgotten on request; ingest leaves it out from then on. Key: entity_hash.",
    columns=(
        Col("entity_hash", "string", "SHA-256 of the entity, salted: it names nobody by itself", null=False),
        Col(
            "state",
            "string",
            "planned: being forgotten; done: gone from all tables and from history",
            null=False,
        ),
        Col("rows", "bigint", "rows of it that were removed, of all tables"),
        Col("run_id", "string", "run that wrote the row; see runs", null=False),
        Col("asked_at", "timestamp", "run date of that run", null=False),
    ),
    key=("entity_hash",),
    checks={"forgotten_state_is_known": "state IN ('planned', 'done')"},
)


def hash_of(entity: str) -> str:
    """What `forgotten` keeps of an entity."""
    return hashlib.sha256(f"{_SALT}{entity}".encode()).hexdigest()


def hash_column(entity: Column) -> Column:
    """The same of a column; null where there is no entity."""
    return F.sha2(F.concat(F.lit(_SALT), entity).cast("binary"), 256)


def without_forgotten(lake: Lake, rows: DataFrame) -> DataFrame:
    """The rows, but for those of entities that were forgotten."""
    if not lake.exists(FORGOTTEN):
        return rows
    gone = lake.read(FORGOTTEN).select(F.col("entity_hash").alias("_forgotten"))
    return rows.join(F.broadcast(gone), hash_column(rows["entity"]) == F.col("_forgotten"), "left_anti")
