"""The pack machine_logs: raw lines of machines, whose events are templates mined on the training part."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.packs.machine_logs.mining import LineTemplates
from offbeat.tables import Lake


def generate(lake: Lake, conf: Config) -> dict[str, Any]:  # noqa: ARG001 - as every pack
    """There is nothing to generate.

    Raises:
        UsageError: always.
    """
    raise UsageError("generate: pack machine_logs makes no log; give one under source.path")


def rewrite(lake: Lake, conf: Config) -> LineTemplates | None:
    """Templates in place of raw lines, unless `templates.mine` is false."""
    return LineTemplates(lake, conf) if conf.templates.mine else None


def after_score(lake: Lake, conf: Config, model_version: str) -> dict[str, Any]:  # noqa: ARG001
    """Nothing: the anomalies say it all."""
    return {}


def labels(lake: Lake) -> DataFrame | None:  # noqa: ARG001
    """None: labels come with the log."""
    return None


def after_evaluate(lake: Lake, conf: Config, model_version: str) -> dict[str, Any]:  # noqa: ARG001
    """Nothing: there is no truth but the labels."""
    return {}
