"""Labels from a file of their own, by entity, for logs that don't say themselves what was faulty."""

from __future__ import annotations

import difflib
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.config import Labels, Source
from offbeat.errors import InputRefused

_TRUE, _FALSE = ("1", "1.0", "true"), ("0", "0.0", "false")


def as_label(text: Column) -> Column:
    """1 or 0 as the text says it; null where it says neither."""
    word = F.lower(F.trim(text))
    return F.when(word.isin(*_TRUE), 1).when(word.isin(*_FALSE), 0).cast("int")


def add_labels(rows: DataFrame, source: Source) -> DataFrame:
    """Fill in `label` of rows of the contract from the source's file of labels; an entity that it lacks has none.

    Ids of events are made before, so that labels can come later than the log did.

    Raises:
        InputRefused: the file is not there, lacks a column, or has a label that is neither 0 nor 1.
    """
    if source.labels is None:
        return rows
    known = _read(rows, source.labels)
    joined = rows.join(F.broadcast(known), rows["entity"] == known["_labelled"], "left")
    return joined.withColumn("label", F.coalesce("label", "_label")).drop("_labelled", "_label")


def _read(rows: DataFrame, labels: Labels) -> DataFrame:
    """Columns `_labelled` and `_label`, one row per entity: the largest label that is given for it."""
    if "://" not in labels.path and not Path(labels.path).exists():
        raise InputRefused(f"labels {labels.path}: no such file; give a csv under source.labels.path")
    raw = rows.sparkSession.read.csv(labels.path, header=True, escape='"')
    for name in (labels.entity, labels.label):
        if name not in raw.columns:
            near = difflib.get_close_matches(name, raw.columns, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}? " if near else ""
            raise InputRefused(
                f"labels {labels.path}: no column {name}; {hint}columns there: {', '.join(raw.columns)}; "
                "name the right one under source.labels"
            )
    label = as_label(F.col(labels.label))
    wrong = raw.where(label.isNull()).select(labels.label).first()
    if wrong is not None:
        raise InputRefused(f"labels {labels.path}: {wrong[0]!r} in column {labels.label}; expected 0 or 1")
    entity = F.trim(labels.entity).alias("_labelled")
    return raw.groupBy(entity).agg(F.max(label).alias("_label")).where("_labelled IS NOT NULL")
