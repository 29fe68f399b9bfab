"""The pages of the pack: the one on installs, put together from tables, and the house's on click sequences."""

from __future__ import annotations

import os
from typing import Any

from pyspark.sql import functions as F

from offbeat import __version__
from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.packs.installs import sections
from offbeat.packs.installs.pictures import threshold_of
from offbeat.packs.installs.scoring import registry_of
from offbeat.packs.installs.seen import Seen, gather
from offbeat.packs.installs.tables import BOTS, INSTALL_CHARTS, INSTALL_SCORES, INSTALL_SEGMENTS
from offbeat.reports import form, parts, write_page
from offbeat.reports import run as house
from offbeat.reports.data import Head, PageRef, TableRef
from offbeat.reports.page import Section, render_page
from offbeat.reports.parts import KeyFigure
from offbeat.tables import Lake
from offbeat.tables.contract import ANOMALIES, EVALUATIONS, SESSION_SCORES
from offbeat.tabular import load_model
from offbeat.training.registry import Registry

_TABLES = (INSTALL_SCORES, INSTALL_SEGMENTS, BOTS, INSTALL_CHARTS, EVALUATIONS)


def write_report(lake: Lake, conf: Config, *, run_id: str) -> dict[str, Any]:
    """Write the page on installs, and the house's pages on sessions where sessions are scored.

    Raises:
        UsageError: nothing is scored yet.
    """
    registry = registry_of(lake, conf)
    version = registry.champion()
    if version is None or not lake.exists(INSTALL_SCORES):
        raise UsageError(
            f"lake {lake.location}: no clicks of {conf.name} are scored yet; run `offbeat run` first"
        )
    made: dict[str, Any] = {}
    others: tuple[PageRef, ...] = ()
    sessions_model = Registry(lake, conf.name, folder=conf.output.get("models")).champion()
    if sessions_model is not None and lake.exists(SESSION_SCORES):
        pages = house.run(lake, conf, run_id=run_id)
        made["sessions_page"] = pages["page"]
        others = (PageRef("Click sequences", "index.html"),)
        if lake.exists(ANOMALIES):
            others = (*others, PageRef("All anomalies", "anomalies.html"))
    saved = load_model(registry.path(version))
    folder = house._folder(lake, conf)  # noqa: SLF001 - the one place that says where pages lie
    seen = gather(lake, conf, version, saved, sessions_model)
    html = render_page(
        _head(lake, conf, version, run_id, str(folder), others),
        [_found(lake, seen), *sections.build(seen)],
    )
    return {"page": str(write_page(folder / "installs.html", html)), **made}


def _head(
    lake: Lake, conf: Config, version: str, run_id: str, folder: str, others: tuple[PageRef, ...]
) -> Head:
    def ref(table: Any) -> TableRef:
        link = os.path.relpath(str(lake.local_folder / table.name), folder) if lake.local_folder else None
        return TableRef(table.name, lake.version(table), link=link, doc=table.doc)

    return Head(
        title=f"{conf.name}: who installs after a click",
        subtitle="How likely each click is to lead to an install, how far to trust that, and what it is worth.",
        run_id=run_id,
        model_version=version,
        tables=tuple(ref(table) for table in _TABLES if lake.exists(table)),
        generated_from=f"offbeat {__version__} with config {conf.name} (hash {conf.hash[:12]})",
        pages=others,
    )


def _found(lake: Lake, seen: Seen) -> Section:
    scores = lake.read(INSTALL_SCORES).where(F.col("model_version") == seen.version)
    facts = scores.agg(
        F.count(F.lit(1)).alias("n"),
        F.sum("install_prob").alias("expected"),
        F.sum("installed").alias("found"),
    ).collect()[0]
    note = (
        f"the log counts {form.count(facts['found'])}"
        if facts["found"] is not None
        else "the log does not say"
    )
    figures = [
        KeyFigure("Clicks scored", form.count(facts["n"]), "each has a probability"),
        KeyFigure("Installs expected", form.number(facts["expected"]), note),
    ]
    area = seen.metric(seen.champion, "roc_auc")
    if area is not None:
        reach = f"{area['low']:.3f} to {area['high']:.3f} with 95 %, on later clicks"
        figures.append(KeyFigure("ROC-AUC", f"{area['value']:.4f}", reach))
    if seen.bots is not None:
        farms = [row for row in seen.bots if row["is_farm"]]
        clicks = sum(row["clicks"] for row in farms)
        figures.append(
            KeyFigure("Likely click farms", form.count(len(farms)), f"with {form.count(clicks)} clicks")
        )
    called = form.share(threshold_of(seen.conf.tabular.cost))
    text = (
        f"{sections.name_of(seen.champion)} scores; a click is called above {called}, where one ad more pays."
    )
    return Section("found", "What the run found", [parts.key_figures(figures), parts.paragraph(text)])
