"""The flat data set for other tools, and how the studies treated what is missing."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.errors import UsageError

PRESETS = ("keep", "fill", "drop")
"""keep: what is missing stays missing; fill: 0, Unknown cohort and 2000-01-01; drop: rows with anything missing go."""

_FILLED_DATE = "2000-01-01"
_MAY_MISS = ("cohort_id", "program_id", "program", "class_start", "class_end")

STUDY_NAMES = {
    "endpoint": ("raw_path", "path as logged; so is page_viewed and path"),
    "path_1": ("topic", "first part of the path"),
    "path_2": ("lesson", "the rest of it; the studies have path_2, path_3 … for its parts"),
    "subdomain": ("topic", "what follows the site's name"),
    "user_id": ("user", "who"),
    "cohort_id": ("cohort_id", "class, as logged"),
    "name": ("cohort", "name of the class; cohort_name"),
    "class_start_date": ("class_start", "start_date"),
    "class_end_date": ("class_end", "end_date"),
    "source_ip": ("ip", "ip"),
    "date": ("day", "date of the access"),
    "time": ("at", "instant of the access; timestamp, datetime"),
    "program_id": ("program_id", "program of the class"),
    "program": ("program", "its name; program_name, program_type"),
}
"""Column of the studies -> ours, and what it is."""


def apply_preset(accesses: DataFrame, preset: str) -> DataFrame:
    """Treat missing cohorts and dates as the preset says.

    Raises:
        UsageError: there is no such preset.
    """
    if preset not in PRESETS:
        raise UsageError(f"config output.preset: {preset!r} is none of {', '.join(PRESETS)}")
    if preset == "keep":
        return accesses
    if preset == "drop":
        return accesses.dropna(subset=[name for name in _MAY_MISS if name in accesses.columns])
    filled: dict[str, Column] = {name: F.coalesce(name, F.lit(0)) for name in ("cohort_id", "program_id")}
    filled |= {
        name: F.coalesce(name, F.lit(_FILLED_DATE).cast("date")) for name in ("class_start", "class_end")
    }
    filled["program"] = F.coalesce("program", F.lit("0"))
    return accesses.withColumns({name: value for name, value in filled.items() if name in accesses.columns})


def flat(accesses: DataFrame, preset: str = "keep") -> DataFrame:
    """One flat row per access, ready for a spreadsheet or Tableau: no nested values, dates and instants as such."""
    programs = F.concat_ws(" + ", "page_programs")
    return apply_preset(accesses.withColumn("page_programs", programs), preset)
