"""What the config says under `output` and `lookups`, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import InputRefused, UsageError
from offbeat.ingest import sources
from offbeat.packs.curriculum.presets import PRESETS
from offbeat.tables import Lake

_OUTPUTS = ("export", "preset", "pages", "models")
_COHORT_COLUMNS = ("name", "start_date", "end_date", "program_id")


@dataclass(frozen=True)
class Output:
    """What is written besides tables.

    Attributes:
        export: folder for the flat data set as CSV and Parquet; None: none is written.
        preset: how what is missing is treated in it.
    """

    export: str | None
    preset: str

    @classmethod
    def of(cls, conf: Config) -> Output:
        """From the config's `output`.

        Raises:
            UsageError: a key or preset is unknown.
        """
        given: dict[str, Any] = dict(conf.output)
        unknown = [key for key in given if key not in _OUTPUTS]
        if unknown:
            raise UsageError(f"config output: unknown key {unknown[0]}; known here: {', '.join(_OUTPUTS)}")
        preset = given.get("preset", "keep")
        if preset not in PRESETS:
            raise UsageError(f"config output.preset: {preset!r} is none of {', '.join(PRESETS)}")
        return cls(given.get("export"), preset)


def read_cohorts(lake: Lake, conf: Config) -> DataFrame:
    """The cohorts table as the config's `lookups.cohorts` has it: a file, a Delta table, or a database.

    Raises:
        UsageError: the config names none.
        InputRefused: nothing is there, or a column is missing.
    """
    source = conf.lookups.get("cohorts")
    if source is None:
        raise UsageError(
            "config lookups.cohorts: missing; name the table of cohorts as a source (format, path), see "
            "conf/curriculum.yaml"
        )
    files = sources.find(lake.spark, source)
    groups = sources.read(lake.spark, source, files, salt="cohorts", known=None)
    rows = groups[0]
    names = rows.names or ()
    lower = [name.lower() for name in names]
    missing = [name for name in _COHORT_COLUMNS if name not in lower]
    if "id" not in lower and "cohort_id" not in lower:
        missing.insert(0, "id")
    if missing:
        raise InputRefused(
            f"lookups.cohorts {sources.name_of(source)}: no column {', '.join(missing)}; columns there: "
            f"{', '.join(names)}"
        )
    # The table is small; cut off from its source it is read once.
    return rows.frame.where(~F.col("malformed")).select(*(rows.value(name).alias(name) for name in names))
