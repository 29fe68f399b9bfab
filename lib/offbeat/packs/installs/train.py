"""The step `train` of the pack: the session model as everywhere, and beside it the models of installs."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import numpy as np

from offbeat.config import Config
from offbeat.evaluation.leakage import assert_disjoint, assert_known_in_time, assert_missingness_silent
from offbeat.packs.installs.clicks import KNOWN_AFTER, lake_clicks, whole_fields
from offbeat.packs.installs.networks import fit_networks
from offbeat.packs.installs.scoring import registry_of
from offbeat.packs.installs.table import (
    ClickTable,
    Split,
    describe,
    judged_rows,
    load_table,
    make_split,
    train_rows,
)
from offbeat.packs.installs.training import Design, Fitted, choose, fit_all
from offbeat.tables import Lake
from offbeat.tabular import save_model
from offbeat.training import run as house
from offbeat.training.registry import Registry

log = logging.getLogger(__name__)

COPIES = ("attributed_time",)
"""What the log keeps beside its clicks to show how it would leak."""


def train(lake: Lake, conf: Config, *, run_id: str, run_date: dt.datetime) -> dict[str, Any]:  # noqa: ARG001 - as every step
    """Train a session model, which finds click farms, and the models of installs; the best of them becomes champion.

    Raises:
        GuardFailed: a feature is known only after the outcome.
        InputRefused: there are too few installs.
    """
    assert_known_in_time(conf.tabular.features, KNOWN_AFTER)
    summary = house.run(lake, conf, run_id=run_id)
    table = load_table(lake, conf)
    split = make_split(table, conf.model.split.holdout)
    assert_honest(table, split)
    log.info(
        "models of installs: %s clicks, %s installs, %s", len(table), table.installed.sum(), describe(split)
    )
    design, fitted = fit_all(table, split, conf.tabular, seed=conf.model.seed)
    best = choose(fitted, conf.tabular.champion)
    networks = fit_networks(table, split, conf.tabular.networks, seed=conf.model.seed)
    record = {
        "split": split.to_json(),
        "whole": whole_fields(lake_clicks(lake, conf)),
        "extra": list(conf.tabular.features),
        "run_id": run_id,
        "config_hash": conf.hash,
        "seed": conf.model.seed,
        "share": table.share,
    }
    versions = _save_all(registry_of(lake, conf), design, fitted, record)
    record["networks"] = list(networks)
    for name, network in networks.items():
        versions[name] = network.save(registry_of(lake, conf).folder, record)
    version = _save_champion(registry_of(lake, conf), design, best, record, versions)
    return {
        **summary,
        "install_model": version,
        "clicks": len(table),
        "installs": int(table.installed.sum()),
        "fitted_on": len(train_rows(table, split)),
        **{f"validation_{name}": value for name, value in best.validation.items()},
    }


def assert_honest(table: ClickTable, split: Split) -> None:
    """Guards that run with every training and evaluation.

    Raises:
        GuardFailed: a visitor is on both sides, or whether a column is there tells the label.
    """
    parts = {"training": train_rows(table, split), "test": judged_rows(table, split)}
    assert_disjoint({name: np.unique(table.visitor[rows]) for name, rows in parts.items()}, what="visitor")
    train = train_rows(table, split)
    missing = {
        name: np.array([value is None for value in values[train]])
        for name, values in table.extra.items()
        if name not in COPIES
    }
    if missing:
        assert_missingness_silent(missing, table.installed[train])


def _save_all(
    registry: Registry, design: Design, fitted: list[Fitted], record: dict[str, Any]
) -> dict[str, str]:
    return {
        one.name: save_model(
            registry.folder,
            one.model,
            name=one.name,
            columns=design.columns,
            record={**record, **_told(one)},
            extra=design.rates.to_arrays(),
        )
        for one in fitted
    }


def _told(one: Fitted) -> dict[str, Any]:
    """What a model's record says of its own."""
    return {
        "model": one.name,
        "validation": one.validation,
        "visitor_weight": one.visitor_weight,
        "seconds": one.seconds,
    }


def _save_champion(
    registry: Registry, design: Design, best: Fitted, record: dict[str, Any], versions: dict[str, str]
) -> str:
    """The best once more, with the names of all that were fitted beside it; that version scores."""
    version = save_model(
        registry.folder,
        best.model,
        name=f"install-{best.name}",
        columns=design.columns,
        record={**record, **_told(best), "beside": versions},
        extra=design.rates.to_arrays(),
    )
    registry.promote(version, reason=f"{best.name}: best on validation")
    return version
