"""Sequences: a line is a session, `[id,]event event event`, without times.

With an id, the entity is the id. Without one it is `line-<hash of the line>#<n>` for the n-th time that the line
occurs, so that cutting the log into other files or batches changes nothing. It follows that a file without ids must not
come again with lines added: its old lines can't be told from repeats.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from offbeat.config import Columns, Source
from offbeat.ingest.files import SourceFile
from offbeat.ingest.formats.lines import read_lines
from offbeat.ingest.rows import Rows

COLUMNS = Columns(entity=("entity",), event=("event",), order="position", position="position")
_PREFIX = "line-"
_HASH_DIGITS = 24


def read(
    spark: SparkSession, source: Source, files: Sequence[SourceFile], *, salt: str, known: DataFrame | None
) -> list[Rows]:
    """Read the events of files in which a line is a session.

    Args:
        salt: what keeps equal lines of two sources apart.
        known: events of earlier batches (`entity`), whose copies are counted on; None where there are none.
    """
    lines = read_lines(spark, files, encoding=source.options.get("encoding"))
    return [parse(lines.where(F.trim("raw") != ""), salt=salt, known=known)]


def parse(lines: DataFrame, *, salt: str, known: DataFrame | None) -> Rows:
    """Parse rows of text (`raw`), each to as many rows as it has events; a line without events gives one."""
    comma = F.instr("raw", ",")
    has_id = comma > 0
    body = F.when(has_id, F.substr("raw", comma + 1)).otherwise(F.col("raw"))
    digest = F.substring(
        F.sha2(F.concat(F.lit(salt), F.lit("\n"), F.trim("raw")).cast("binary"), 256), 1, _HASH_DIGITS
    )
    split = lines.withColumns(
        {
            "entity": F.when(has_id, F.trim(F.substr("raw", F.lit(1), comma - 1))),
            "_line": F.when(~has_id, F.concat(F.lit(_PREFIX), digest)),
            "_events": F.split(F.trim(F.regexp_replace(body, r"[ \t]+", " ")), " "),
        }
    )
    named = split.where("_line IS NULL").unionByName(_numbered(split.where("_line IS NOT NULL"), known))
    # A line that can't be a session is one row for quarantine. Without events it has one empty event.
    whole = F.when(F.col("entity") != "", F.col("_events")).otherwise(F.array(F.lit("")))
    events = named.select(*lines.columns, "entity", F.posexplode(whole).alias("position", "event"))
    fields = F.struct(
        "entity",
        F.nullif(F.col("event"), F.lit("")).alias("event"),
        F.col("position").cast("string").alias("position"),
    )
    frame = events.select(*lines.columns, fields.alias("fields"), F.lit(False).alias("malformed"))
    return Rows(frame, F.col("raw"), ("entity", "event", "position"))


def _numbered(lines: DataFrame, known: DataFrame | None) -> DataFrame:
    """Tell equal lines apart by a number, counted on from those of earlier batches."""
    by_file = Window.partitionBy("_line").orderBy("source_file")
    copy = F.row_number().over(by_file) - 1
    if known is not None:
        mine = known.where(F.col("entity").startswith(_PREFIX)).select("entity").distinct()
        base = F.substring_index("entity", "#", 1)
        lines = lines.join(
            mine.groupBy(base.alias("_line")).agg(F.count("*").alias("_before")), "_line", "left"
        )
        copy = copy + F.coalesce("_before", F.lit(0))
    return lines.withColumn("entity", F.concat("_line", F.lit("#"), copy.cast("string"))).drop("_before")
