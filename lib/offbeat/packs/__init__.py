"""What a use case adds to the house: a generator with known truth, and what its anomalies mean.

A pack is a module with these functions:

- `generate(lake, conf)`: write the pack's log under `generate.path`, and its truth to the table truth.
- `after_score(lake, conf, model_version)`: write what the pack makes of the anomalies.
- `labels(lake)`: which sessions are faulty, where the truth is known.
- `after_evaluate(lake, conf, model_version)`: write what needs the truth beside it.

Those that write return counts and figures for the run's summary.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from pyspark.sql import DataFrame

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.tables import Lake

PACKS = {"tvm": "offbeat.packs.tvm.pack"}
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


def pack_of(conf: Config) -> Pack:
    """The config's pack.

    Raises:
        UsageError: the config names none, or one that is not there.
    """
    if conf.pack is None or conf.pack not in PACKS:
        raise UsageError(f"config pack: {conf.pack or 'none given'}; known here: {', '.join(PACKS)}")
    pack: Pack = import_module(PACKS[conf.pack])
    return pack
