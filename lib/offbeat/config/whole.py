"""`Config`: a config file, whole and checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError

from offbeat.config.base import Section
from offbeat.config.evaluate import Evaluate
from offbeat.config.model import Drift, Model, Score, Sessions
from offbeat.config.packs import Generate, Tabular, Templates
from offbeat.config.problems import problems
from offbeat.config.reading import read_data
from offbeat.config.services import Alerts, Maintain, Mlflow, Serve, Stream
from offbeat.config.source import Catalogue, Quarantine, Source
from offbeat.errors import UsageError

PACK_NAMES = ("tvm", "machine_logs", "curriculum", "installs", "top10")


class Config(Section):
    """A config file, whole and checked."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", description="names the models and the runs")
    pack: Literal["tvm", "machine_logs", "curriculum", "installs", "top10"] | None = Field(
        None, description="the use case whose steps, tables and pages are added"
    )
    lake: str = Field(description="a folder where it has a / or ://, else catalog.schema")
    volume: str | None = Field(
        None,
        description="folder of models, pages and checkpoints where the lake is a catalog: /Volumes/…",
    )
    source: tuple[Source, ...] = Field(description="one source, or a list of them")
    catalogues: tuple[Catalogue, ...] = Field((), description="lists of titles that a pack joins")
    lookups: dict[str, Source] = Field(
        default_factory=dict,
        description="further tables that a pack joins, by name, each read as a source is",
    )
    rules: dict[str, Any] = Field(
        default_factory=dict, description="what a pack's questions go by; the pack checks it"
    )
    quarantine: Quarantine = Field(default_factory=Quarantine)
    sessions: Sessions = Field(default_factory=Sessions)
    model: Model = Field(default_factory=Model)
    score: Score = Field(default_factory=Score)
    drift: Drift = Field(default_factory=Drift)
    tabular: Tabular = Field(default_factory=Tabular)
    evaluate: Evaluate = Field(default_factory=Evaluate)
    templates: Templates = Field(default_factory=Templates)
    output: dict[str, Any] = Field(default_factory=dict, description="what a pack writes besides tables")
    generate: Generate = Field(default_factory=Generate)
    serve: Serve = Field(default_factory=Serve)
    stream: Stream = Field(default_factory=Stream)
    maintain: Maintain = Field(default_factory=Maintain)
    alerts: Alerts = Field(default_factory=Alerts)
    mlflow: Mlflow = Field(default_factory=Mlflow)

    @classmethod
    def load(cls, path: str | Path, *, overrides: Sequence[str] = (), lake: str | None = None) -> Self:
        """Read, complete and check a config file.

        Args:
            path: a YAML file.
            overrides: `path.to.key=value`, the value read as YAML; a number in the path reaches into a list.
            lake: where given, in place of the file's.

        Raises:
            UsageError: the file can't be read, or any key or value in it is wrong; all are named.
        """
        data = read_data(Path(path), overrides=overrides, lake=lake)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise UsageError(f"config {path}: {'; '.join(problems(cls, error))}") from None

    @property
    def hash(self) -> str:
        """SHA-256 of the resolved config, 16 hex digits: the same config has the same hash, whoever hears of it."""
        values = self.model_dump(mode="json", exclude={"alerts", "mlflow"})
        text = json.dumps(values, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
