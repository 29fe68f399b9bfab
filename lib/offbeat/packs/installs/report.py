"""The pages of the pack: the one on installs, put together from tables, and the house's on click sequences."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.packs.installs import sections
from offbeat.packs.installs.marketing import training_end
from offbeat.packs.installs.pictures import threshold_of
from offbeat.packs.installs.scoring import registry_of
from offbeat.packs.installs.seen import Seen, gather
from offbeat.packs.installs.tables import BOTS, INSTALL_CHARTS, INSTALL_SCORES, INSTALL_SEGMENTS
from offbeat.reports import form, parts
from offbeat.reports import run as house
from offbeat.reports.data import Head, PageRef
from offbeat.reports.index import house_pages, other_pages
from offbeat.reports.page import Section, render_page
from offbeat.reports.parts import KeyFigure
from offbeat.reports.place import generated_from, pages_folder, table_refs
from offbeat.reports.write import Pages
from offbeat.tables import Lake
from offbeat.tables.contract import EVALUATIONS
from offbeat.tabular import load_model
from offbeat.training.registry import Registry

log = logging.getLogger(__name__)

_TABLES = (INSTALL_SCORES, INSTALL_SEGMENTS, BOTS, INSTALL_CHARTS, EVALUATIONS)
_PAGE = "installs.html"


def write_report(lake: Lake, conf: Config, *, run_id: str) -> dict[str, Any]:
    """Write the page on installs and the house's pages, whose index links to it; before clicks are scored, these alone.

    Raises:
        UsageError: the lake has nothing to show.
    """
    registry = registry_of(lake, conf)
    version = registry.champion()
    if version is None or not lake.exists(INSTALL_SCORES):
        log.warning(
            "no page on installs: no clicks of %s are scored yet; run `offbeat score` first", conf.name
        )
        return house.run(lake, conf, run_id=run_id)
    lake = lake.snapshot()  # a page shows the versions that it names
    sessions_model = Registry(lake, conf.name, folder=conf.output.get("models")).champion()
    saved = load_model(registry.path(version))
    folder = pages_folder(lake, conf)
    others = other_pages(house_pages(lake, scored=sessions_model is not None), folder, own=_PAGE)

    def render() -> str:
        seen = gather(lake, conf, version, saved, sessions_model)
        return render_page(head, [_found(lake, seen), *sections.build(seen)])

    pages = Pages(folder)
    head = _head(lake, conf, version, run_id, folder, others)
    page = pages.write(_PAGE, head, render)
    # The house's pages come last: their index links to what there is.
    made = house.run(lake, conf, run_id=run_id, pages=pages)
    return {**made, "page": page, "sessions_page": made["page"]}


def _head(
    lake: Lake, conf: Config, version: str, run_id: str, folder: Path, others: tuple[PageRef, ...]
) -> Head:
    return Head(
        title=f"{conf.name}: who installs after a click",
        subtitle="How likely each click is to lead to an install, how far to trust that, and what it is worth.",
        run_id=run_id,
        model_version=version,
        tables=table_refs(lake, _TABLES, folder),
        generated_from=generated_from(conf),
        pages=others,
    )


def _found(lake: Lake, seen: Seen) -> Section:
    scores = lake.read(INSTALL_SCORES).where(F.col("model_version") == seen.version)
    later = F.col("installed").isNotNull() & (F.col("click_time") >= training_end(seen.saved))
    facts = scores.agg(
        F.count(F.lit(1)).alias("n"),
        F.sum("install_prob").alias("expected"),
        F.count_if(later).alias("labelled"),
        F.sum(F.when(later, F.col("install_prob"))).alias("expected_of_known"),
        F.sum(F.when(later, F.col("installed"))).alias("found"),
    ).collect()[0]
    note = "the log does not say"
    if facts["labelled"]:
        note = (
            f"of the {form.count(facts['labelled'])} labelled after training "
            f"{form.number(facts['expected_of_known'])} against {form.count(facts['found'])} in the log"
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
