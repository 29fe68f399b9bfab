"""What a question uses several times over is computed once, and let go when its table is written."""

from __future__ import annotations

from pyspark.sql import DataFrame

from offbeat import spark

_kept: list[DataFrame] = []


def keep(rows: DataFrame) -> DataFrame:
    """The same rows, computed once and kept, on disk where memory is short, until `let_go`."""
    kept = spark.keep(rows)
    _kept.append(kept)
    return kept


def let_go() -> None:
    """Let go of all that is kept."""
    while _kept:
        spark.let_go(_kept.pop())
