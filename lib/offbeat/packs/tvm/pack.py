"""The pack tvm: a log with known faults, and what flagged sessions mean for Total Minutes Viewed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.packs.knobs import log_progress
from offbeat.packs.tvm.checks import write_checks
from offbeat.packs.tvm.generate import write_log
from offbeat.packs.tvm.minutes import build_minutes_viewed
from offbeat.packs.tvm.settings import Settings
from offbeat.packs.tvm.story import checks_story
from offbeat.packs.tvm.tables import CARD_CHECKS, RULE_CHECKS
from offbeat.packs.tvm.truth import label_sessions
from offbeat.scoring.feedback import not_muted
from offbeat.tables import Lake
from offbeat.tables.contract import ANOMALIES, MINUTES_VIEWED, SESSIONS, TRUTH
from offbeat.training.registry import Registry

_MADE_OF = "offbeat.made_of"


def generate(lake: Lake, conf: Config) -> dict[str, Any]:
    """Write the log under `generate.path` and its truth to the table truth; what is there already stays.

    Returns:
        The counts of `write_log`, and `path`.

    Raises:
        UsageError: no path is given, a setting is wrong, or the folder holds something else.
    """
    wanted = conf.generate
    if wanted.path is None:
        raise UsageError("config generate.path: missing; say which folder the log goes to")
    settings = Settings.of(wanted.settings, plant=wanted.plant)
    counts = write_log(
        wanted.path, rows=wanted.rows, seed=wanted.seed, settings=settings, progress=log_progress
    )
    truth = lake.spark.read.parquet(str(Path(wanted.path).absolute() / "truth"))
    lake.ensure(TRUTH)
    if _fingerprint(truth) != _fingerprint(lake.read(TRUTH)):
        lake.overwrite(TRUTH, truth.select(*TRUTH.column_names))
    return {**counts, "path": wanted.path}


def after_score(lake: Lake, conf: Config, model_version: str) -> dict[str, Any]:  # noqa: ARG001 - as every pack
    """Write minutes_viewed: the report, and the part of it that rests on flagged sessions."""
    state = _state(lake, model_version)
    if lake.exists(MINUTES_VIEWED) and lake.property(MINUTES_VIEWED, _MADE_OF) == state:
        return {}
    return _write_minutes(lake, model_version, truth=None)


def labels(lake: Lake) -> DataFrame | None:
    """Which sessions hold a planted fault, by the table truth."""
    return label_sessions(lake.read(SESSIONS), lake.read(TRUTH)) if lake.exists(TRUTH) else None


def after_evaluate(lake: Lake, conf: Config, model_version: str) -> dict[str, Any]:
    """Write minutes_viewed again with the true minutes beside, and what the truth says of cards and rules."""
    if not lake.exists(TRUTH):
        return {}
    minutes = _write_minutes(lake, model_version, truth=lake.read(TRUTH))
    return minutes | write_checks(lake, conf, model_version)


def story(lake: Lake, conf: Config) -> list[str]:
    """What the terminal says after a run: how far cards and rules can be trusted, where the truth is known."""
    champion = Registry(lake, conf.name, folder=conf.output.get("models")).champion()
    if champion is None or not (lake.exists(CARD_CHECKS) and lake.exists(RULE_CHECKS)):
        return []
    return ["", *checks_story(lake.read(CARD_CHECKS), lake.read(RULE_CHECKS), champion)]


def _write_minutes(lake: Lake, model_version: str, *, truth: DataFrame | None) -> dict[str, Any]:
    flagged = not_muted(lake.read(ANOMALIES)).where(F.col("model_version") == model_version)
    state = _state(lake, model_version)
    lake.overwrite(MINUTES_VIEWED, build_minutes_viewed(lake.read(SESSIONS), flagged, truth))
    if lake.property(MINUTES_VIEWED, _MADE_OF) != state:
        lake.set_property(MINUTES_VIEWED, _MADE_OF, state)
    return {"minutes_viewed": lake.read(MINUTES_VIEWED).count()}


def _state(lake: Lake, model_version: str) -> str:
    """Which tables and model the report rests on; not the truth, which `evaluate` alone sets beside it."""
    made_of = [f"{lake.table_id(table)}:{lake.version(table)}" for table in (SESSIONS, ANOMALIES)]
    return " ".join((*made_of, model_version))


def _fingerprint(rows: DataFrame) -> tuple[Any, ...]:
    """The same for the same rows in any order."""
    hashed = rows.select(F.xxhash64(*TRUTH.column_names).alias("hash"))
    return tuple(hashed.agg(F.count("hash"), F.bit_xor("hash")).first() or ())
