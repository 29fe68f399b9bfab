"""JSON lines: an object per line. Nested values stay JSON text; `a.b` names what lies inside."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from offbeat.config import Source
from offbeat.ingest.files import SourceFile
from offbeat.ingest.formats.lines import read_lines
from offbeat.ingest.rows import Rows


def read(spark: SparkSession, source: Source, files: Sequence[SourceFile]) -> list[Rows]:
    """Read the rows of files with a JSON object per line."""
    numbered = source.columns.order == "line"
    lines = read_lines(spark, files, encoding=source.options.get("encoding"), numbered=numbered)
    return [parse(lines.where(F.trim("raw") != ""))]


def parse(lines: DataFrame) -> Rows:
    """Parse rows of text (`raw`); a text that is not one whole object, or has a name twice, is malformed."""
    parsed = lines.withColumn("fields", F.from_json("raw", "map<string,string>"))
    names = F.map_keys("fields")
    malformed = F.col("fields").isNull() | (F.size(F.array_distinct(names)) < F.size(names))
    return Rows(parsed.withColumn("malformed", malformed), F.col("raw"), None)
