"""What a use case adds to the house: a generator with known truth, and what its anomalies mean.

A pack is a module with these functions:

- `generate(lake, conf)`: write the pack's log under `generate.path`, and its truth to the table truth.
- `after_score(lake, conf, model_version)`: write what the pack makes of the anomalies.
- `labels(lake)`: which sessions are faulty, where the truth is known.
- `after_evaluate(lake, conf, model_version)`: write what needs the truth beside it.

Those that write return counts and figures for the run's summary. A module may have, besides:

- `STEPS`: steps that the pack does in a way of its own, by name (`sessionize`, `train`, `score`, `evaluate`, `report`,
  …): each is called as `step(lake, conf, run_id=…, run_date=…)` in place of the house's, and may call that one itself.
- `rewrite(lake, conf)`: what makes other events of those that came, an `ingest.job.Rewrite`, or None.
- `story(lake, conf)`: what the terminal says after `run`, as lines.

Tables that a pack writes are declared in its module `tables`, as the tuple `TABLES`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from pyspark.sql import DataFrame

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.ingest.job import Rewrite
from offbeat.tables import TABLES, Lake, Table

PACKS = {
    "tvm": "offbeat.packs.tvm.pack",
    "machine_logs": "offbeat.packs.machine_logs.pack",
    "top10": "offbeat.packs.top10.pack",
    "curriculum": "offbeat.packs.curriculum.pack",
    "installs": "offbeat.packs.installs.pack",
}
"""Name of a pack -> its module, imported when it is first asked for."""


class Pack(Protocol):
    """What every pack's module offers."""

    def generate(self, lake: Lake, conf: Config) -> dict[str, Any]:
        """Write the pack's log and its truth."""

    def after_score(self, lake: Lake, conf: Config, model_version: str) -> dict[str, Any]:
        """Write what the pack makes of the anomalies."""

    def labels(self, lake: Lake) -> DataFrame | None:
        """`session_id` and `faulty` (0, 1) of each session; None where nothing knows."""

    def after_evaluate(self, lake: Lake, conf: Config, model_version: str) -> dict[str, Any]:
        """Write what needs the truth beside it."""


class OwnStep(Protocol):
    """A step as a pack does it."""

    def __call__(self, lake: Lake, conf: Config, *, run_id: str, run_date: dt.datetime) -> dict[str, Any]:
        """Do the step; gives counts and figures, and `model_version` where a model was made or used."""


def rewrite_of(lake: Lake, conf: Config) -> Rewrite | None:
    """What the config's pack makes of events; None where it has none, or leaves them as they came."""
    make = getattr(pack_of(conf), "rewrite", None) if conf.pack in PACKS else None
    return make(lake, conf) if make is not None else None


def pack_of(conf: Config) -> Pack:
    """The config's pack.

    Raises:
        UsageError: the config names none, or one that is not there.
    """
    if conf.pack is None or conf.pack not in PACKS:
        raise UsageError(f"config pack: {conf.pack or 'none given'}; known here: {', '.join(PACKS)}")
    pack: Pack = import_module(PACKS[conf.pack])
    return pack


def own_step(conf: Config, step: str) -> OwnStep | None:
    """The pack's own form of a step; None where the house's holds."""
    if conf.pack not in PACKS:
        return None
    steps: Mapping[str, OwnStep] = getattr(pack_of(conf), "STEPS", {})
    return steps.get(step)


def story_of(lake: Lake, conf: Config) -> list[str]:
    """What the pack has to say after a run; nothing where it has no words of its own."""
    story = getattr(pack_of(conf), "story", None) if conf.pack in PACKS else None
    return list(story(lake, conf)) if story is not None else []


def all_tables() -> dict[str, Table]:
    """Every table that offbeat writes, those of packs included, by name."""
    found = dict(TABLES)
    for module in PACKS.values():
        name = f"{module.rpartition('.')[0]}.tables"
        if find_spec(name) is not None:
            found |= {table.name: table for table in import_module(name).TABLES}
    return found
