"""The step `report`: the page of the pack top10, computed from its tables."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.packs.top10 import sections
from offbeat.packs.top10.examples import BEFORE, EARLY
from offbeat.packs.top10.facts import Facts
from offbeat.packs.top10.prepare import LISTS
from offbeat.packs.top10.samples import gather
from offbeat.packs.top10.score import champion_of
from offbeat.packs.top10.shown import gather_shown
from offbeat.packs.top10.tables import (
    CHARTED,
    RUN_FORECASTS,
    TITLE_EXAMPLES,
    TITLE_FIGURES,
    TITLE_MATCHES,
    TITLE_RUNS,
    TITLE_SCORES,
    TITLES_UNMATCHED,
)
from offbeat.packs.top10.uses import newest_ranked, return_months, returning, to_feature
from offbeat.reports.data import Head
from offbeat.reports.index import INDEX, other_pages
from offbeat.reports.page import render_page
from offbeat.reports.place import generated_from, pages_folder, table_refs
from offbeat.reports.run import run, write_exploration_page
from offbeat.reports.sections import tables_section
from offbeat.reports.write import Pages
from offbeat.tables import Lake
from offbeat.tabular import load_model

log = logging.getLogger(__name__)

_ON_PAGE = (
    CHARTED,
    TITLE_MATCHES,
    TITLES_UNMATCHED,
    TITLE_EXAMPLES,
    TITLE_SCORES,
    TITLE_FIGURES,
    RUN_FORECASTS,
    TITLE_RUNS,
)


def report(lake: Lake, conf: Config, *, run_id: str, run_date: dt.datetime) -> dict[str, Any]:
    """Write the page; gives where it is. Before titles are scored and judged, the house's pages stand for it.

    Raises:
        UsageError: the lake has nothing to show, or no folder to write to.
    """
    if not all(lake.exists(table) for table in (TITLE_SCORES, TITLE_FIGURES)):
        log.warning("no titles of %s are scored and judged yet; run `offbeat run` first", conf.name)
        return run(lake, conf, run_id=run_id)
    lake = lake.snapshot()  # a page shows the versions that it names
    registry, version = champion_of(lake, conf)
    split = load_model(registry.path(version)).record["split"]
    folder = pages_folder(lake, conf)
    pages = Pages(folder)
    exploration = write_exploration_page(lake, conf, run_id=run_id, pages=pages)
    head = Head(
        title=f"{conf.name}: will it make the Netflix Top 10?",
        subtitle="Two questions, answered by what is known in time; and what the same figures look "
        "like where a model cheats.",
        run_id=run_id,
        run_date=run_date,
        model_version=version,
        tables=table_refs(lake, _ON_PAGE, folder),
        generated_from=generated_from(conf),
        pages=other_pages((), folder, own=INDEX),
    )

    def render() -> str:
        return render_page(
            head, [*sections.build(_facts(lake, conf, version, split["by"])), tables_section(head)]
        )

    return {"page": pages.write(INDEX, head, render), **exploration, **pages.counts}


def _facts(lake: Lake, conf: Config, version: str, by: str) -> Facts:
    """All that the page shows; `by`: how the model's test titles were set apart."""
    of_model = F.col("model_version") == version
    scores = lake.read(TITLE_SCORES).where(of_model)
    forecasts = lake.read(RUN_FORECASTS).where(of_model) if lake.exists(RUN_FORECASTS) else None
    examples = lake.read(TITLE_EXAMPLES)
    main = next(each.name for each in conf.catalogues if each.main)
    listed = lake.read(TITLE_MATCHES).where((F.col("left_source") == LISTS) & (F.col("source") == main))
    most, seed = conf.model.sample.max_sessions, conf.model.seed
    unmatched = (
        lake.read(TITLES_UNMATCHED)
        .groupBy("left_source", "source", "reason")
        .agg(
            F.count("*").alias("titles"),
            F.slice(F.sort_array(F.collect_list("title")), 1, 5).alias("examples"),
        )
    )
    quality = (
        lake.read(TITLE_MATCHES).groupBy("left_source", "source", "quality").agg(F.count("*").alias("titles"))
    )
    order = ("left_source", "source")
    return Facts(
        by=by,
        figures=[row.asDict() for row in lake.read(TITLE_FIGURES).where(of_model).collect()],
        quality=[row.asDict() for row in quality.orderBy(*order, "quality").collect()],
        unmatched=[row.asDict() for row in unmatched.orderBy(*order, "reason").collect()],
        shown=gather_shown(lake),
        before=gather(examples, BEFORE, most=most, seed=seed),
        early=gather(examples, EARLY, most=most, seed=seed),
        newest=newest_ranked(scores, forecasts, listed, examples) if forecasts is not None else [],
        feature=to_feature(scores, examples),
        returning=returning(forecasts) if forecasts is not None else [],
        months=return_months(lake.read(CHARTED)),
    )
