"""Sequences: a line is a session, `[id,]event event event`, without times.

Where the config names columns (`event`, `label`, `entity`), the file is a csv with a header instead: a row is a
session, its column `event` holds the events between blanks.

With an id, the entity is the id. Without one it is `line-<hash of the line>#<n>` for the n-th time that the line
occurs, so that cutting the log into other files or batches changes nothing. It follows that a file without ids must not
come again with lines added: its old lines can't be told from repeats.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from offbeat.config import Columns, Source
from offbeat.errors import InputRefused
from offbeat.ingest.files import SourceFile
from offbeat.ingest.formats import delimited
from offbeat.ingest.formats.lines import read_lines
from offbeat.ingest.labels import as_label
from offbeat.ingest.rows import Rows

_PREFIX = "line-"
_HASH_DIGITS = 24


def is_table(given: Columns) -> bool:
    """Whether the file is a csv with a header: the config names its columns."""
    plain = Columns()
    return given.event != plain.event or given.entity != plain.entity or given.label is not None


def columns(given: Columns) -> Columns:
    """What is what in the rows that `read` gives, whatever the file calls it."""
    label = None if given.label is None else "label"
    return Columns(
        entity=("entity",), event=("event",), label=label, order="position", position="position", time=None
    )


def read(
    spark: SparkSession, source: Source, files: Sequence[SourceFile], *, salt: str, known: DataFrame | None
) -> list[Rows]:
    """Read the events of files in which a line is a session.

    Args:
        salt: what keeps equal lines of two sources apart.
        known: events of earlier batches (`entity`), whose copies are counted on; None where there are none.
    """
    if is_table(source.columns):
        groups = delimited.read(spark, source, files)
        return [of_table(rows, source, salt=salt, known=known) for rows in groups]
    lines = read_lines(spark, files, encoding=source.options.get("encoding"))
    return [parse(lines.where(F.trim("raw") != ""), salt=salt, known=known)]


def parse(lines: DataFrame, *, salt: str, known: DataFrame | None) -> Rows:
    """Parse rows of text (`raw`), each to as many rows as it has events; a line without events gives one."""
    comma = F.instr("raw", ",")
    has_id = comma > 0
    body = F.when(has_id, F.substr("raw", comma + 1)).otherwise(F.col("raw"))
    split = lines.withColumns(
        {
            "_id": F.when(has_id, F.trim(F.substr("raw", F.lit(1), comma - 1))),
            "_body": body,
            "malformed": F.lit(False),
        }
    )
    return _exploded(split, lines.columns, salt=salt, known=known)


def of_table(rows: Rows, source: Source, *, salt: str, known: DataFrame | None) -> Rows:
    """The same for rows of a csv, whose column `event` holds the events between blanks.

    Raises:
        InputRefused: a column that the config names isn't there.
    """
    given, plain = source.columns, Columns()
    has_ids = given.entity != plain.entity
    wanted = [*given.event, *(given.entity if has_ids else ()), *([given.label] if given.label else [])]
    lacking = [name for name in wanted if name not in (rows.names or ())]
    if lacking or len(given.event) > 1 or len(given.entity) > 1:
        raise InputRefused(
            f"source {source.path}: no column {lacking[0]}; columns there: {', '.join(rows.names or ())}"
            if lacking
            else f"source {source.path}: format sequences takes one column as event and one as entity"
        )
    label = {} if given.label is None else {"_given_label": rows.value(given.label)}
    more = {"_id": F.trim(rows.value(given.entity[0])) if has_ids else F.lit(None).cast("string")}
    split = rows.frame.withColumns({**more, "_body": rows.value(given.event[0]), **label})
    kept = [name for name in rows.frame.columns if name not in ("fields", "malformed")]
    return _exploded(split, kept, salt=salt, known=known, header=rows.header, has_ids=has_ids)


def _exploded(
    split: DataFrame,
    kept: Sequence[str],
    *,
    salt: str,
    known: DataFrame | None,
    header: str | None = None,
    has_ids: bool = False,
) -> Rows:
    """Rows of events from rows of sessions: `_id` (null: numbered by its line), `_body`, `malformed`, `_given_label`.

    Args:
        has_ids: every row should have an id; one that lacks it is one row for quarantine.
    """
    digest = F.substring(
        F.sha2(F.concat(F.lit(salt), F.lit("\n"), F.trim("raw")).cast("binary"), 256), 1, _HASH_DIGITS
    )
    lacks_id = F.col("_id").isNull() & F.lit(not has_ids)
    split = split.withColumns(
        {
            "entity": F.col("_id"),
            "_line": F.when(lacks_id, F.concat(F.lit(_PREFIX), digest)),
            "_events": F.split(F.trim(F.regexp_replace(F.coalesce("_body", F.lit("")), r"[ \t]+", " ")), " "),
        }
    )
    named = split.where("_line IS NULL").unionByName(_numbered(split.where("_line IS NOT NULL"), known))
    # A line that can't be a session is one row for quarantine. Without events it has one empty event.
    whole = F.when((F.col("entity") != "") & ~F.col("malformed"), F.col("_events")).otherwise(
        F.array(F.lit(""))
    )
    more = [name for name in ("_given_label",) if name in split.columns]
    for name in more:
        given = F.col(name)
        bad = (F.trim(given) != "") & as_label(given).isNull()
        whole = F.when(bad, F.slice(whole, 1, 1)).otherwise(whole)
    events = named.select(*kept, "malformed", "entity", *more, F.posexplode(whole).alias("position", "event"))
    fields = {
        "entity": F.col("entity"),
        "event": F.nullif(F.col("event"), F.lit("")),
        "position": F.col("position").cast("string"),
    } | ({"label": F.col("_given_label")} if more else {})
    struct = F.struct(*(value.alias(name) for name, value in fields.items()))
    frame = events.select(*kept, struct.alias("fields"), "malformed")
    return Rows(frame, F.col("raw"), tuple(fields), header=header)


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
