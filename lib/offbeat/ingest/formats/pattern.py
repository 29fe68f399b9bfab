"""Text whose lines a regular expression with named groups describes: access logs, application logs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from offbeat.config import Source
from offbeat.errors import UsageError
from offbeat.ingest.files import SourceFile
from offbeat.ingest.formats.lines import read_lines
from offbeat.ingest.rows import Rows

# A noncharacter of Unicode, never part of a text: parts the groups, so that one match a line is enough.
_PART = "\ufdd0"
_ESCAPED_OR_NAMED = re.compile(r"\\.|\(\?P?<(?P<name>[A-Za-z_]\w*)>|\(\?P=(?P<back>\w+)\)", re.DOTALL)


def read(spark: SparkSession, source: Source, files: Sequence[SourceFile]) -> list[Rows]:
    """Read the rows of text files, one per line."""
    numbered = source.columns.order == "line"
    lines = read_lines(spark, files, encoding=source.options.get("encoding"), numbered=numbered)
    return [parse(lines.where(F.trim("raw") != ""), source)]


def parse(lines: DataFrame, source: Source) -> Rows:
    """Parse rows of text (`raw`); a line that the pattern does not describe as a whole is malformed.

    A group that takes no part in the match, or matches nothing, is null.

    Raises:
        UsageError: the pattern is none, or names no group.
    """
    numbers, java = translate(source.pattern)
    groups = sorted(numbers.items(), key=lambda item: item[1])
    matched = F.regexp_replace(
        "raw", rf"^(?:{java})\s*$", _PART + _PART.join(f"${number}" for _, number in groups)
    )
    parts = F.when(matched.startswith(_PART) & ~F.col("raw").contains(_PART), F.split(matched, _PART))
    frame = lines.withColumn("_parts", parts)
    names = tuple(name for name, _ in groups)
    values = (F.nullif(F.col("_parts")[place + 1], F.lit("")).alias(name) for place, name in enumerate(names))
    frame = frame.select("*", F.struct(*values).alias("fields"), F.col("_parts").isNull().alias("malformed"))
    return Rows(frame.drop("_parts"), F.col("raw"), names)


def translate(pattern: str | None) -> tuple[dict[str, int], str]:
    r"""Numbers of the named groups, and the pattern as Java takes it.

    `(?P<name>…)`, `(?<name>…)` and `(?P=name)` are understood; Java's names allow no `_`, so groups go by number.

    Raises:
        UsageError: it is not a regular expression, or has no named group.
    """
    if pattern is None:
        raise UsageError(
            "config: source.pattern is missing; format text needs a regular expression with named groups"
        )
    try:
        numbers = dict(re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", pattern)).groupindex)
    except re.error as error:
        raise UsageError(f"config: source.pattern is no regular expression: {error}; got {pattern}") from None
    if not numbers:
        raise UsageError(f"config: source.pattern has no named group like (?P<event>\\S+); got {pattern}")

    def java(part: re.Match[str]) -> str:
        if part["name"]:
            return "("
        return f"(?:\\{numbers[part['back']]})" if part["back"] else part[0]

    return numbers, _ESCAPED_OR_NAMED.sub(java, pattern)
