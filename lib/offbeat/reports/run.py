"""The step `report`: reads a lake's tables and writes the pages beside them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat import __version__
from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.reports import gather
from offbeat.reports.anomalies import render_anomalies_page
from offbeat.reports.data import EvaluationPageData, Head, PageRef, RunPageData, Scores, TableRef
from offbeat.reports.data_quality import PublishedFigure
from offbeat.reports.evaluation_page import render_evaluation_page
from offbeat.reports.gather_anomalies import gather_anomaly_page
from offbeat.reports.index import ANOMALIES_PAGE, EVALUATION_PAGE, INDEX, find_pages
from offbeat.reports.run_page import render_run_page
from offbeat.reports.write import write_page
from offbeat.scoring.feedback import not_muted
from offbeat.tables.contract import (
    ANOMALIES,
    EVALUATIONS,
    MINUTES_VIEWED,
    RUNS,
    SESSION_SCORES,
    SESSIONS,
    TABLES,
)
from offbeat.tables.lake import Lake
from offbeat.tables.table import Table
from offbeat.training.registry import Registry

_IN_NATS = ("lstm", "gru")  # detectors whose score is a surprise
_SEGMENTS = 4  # covariates that the page of anomalies divides by
_ON_EVALUATION_PAGE = (EVALUATIONS, SESSION_SCORES, RUNS)
_ON_ANOMALIES_PAGE = (ANOMALIES, SESSION_SCORES, SESSIONS)


def run(lake: Lake, conf: Config, *, run_id: str) -> dict[str, Any]:
    """Write the pages: the run, which is the index of all pages there are, the anomalies, the evaluation.

    They lie under `<lake>/pages/NAME/`, or in the folder that `output.pages` names.

    Args:
        run_id: what the pages name where no run of `score` is recorded.

    Returns:
        `page` (the index), `anomalies_page`, `evaluation_page`: where they are.

    Raises:
        UsageError: nothing is scored yet, the lake has no folder to write to, or the chart library is missing.
    """
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
    version = registry.champion()
    if version is None or not lake.exists(SESSION_SCORES):
        raise UsageError(
            f"lake {lake.location}: nothing of {conf.name} is scored yet; run `offbeat run` first"
        )
    maker = _Maker(lake, conf, version, registry.path(version), _folder(lake, conf), run_id)
    scores = maker.scores()
    made: dict[str, Any] = {}
    if lake.exists(ANOMALIES):
        html = render_anomalies_page(maker.anomalies_page(scores))
        made["anomalies_page"] = str(write_page(maker.folder / ANOMALIES_PAGE, html))
    if lake.exists(EVALUATIONS):
        made["evaluation_page"] = maker.write_evaluation_page()
    # Last, since it links to what there is.
    page = write_page(maker.folder / INDEX, render_run_page(maker.run_page(scores)))
    return {"page": str(page), **made}


def write_evaluation_page(lake: Lake, conf: Config, *, run_id: str) -> str | None:
    """Write the page of the champion's evaluation alone, and give its path; None where the lake has no folder for it.

    Raises:
        UsageError: the chart library is missing.
    """
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
    version = registry.champion()
    if version is None or (lake.local_folder is None and not conf.output.get("pages")):
        return None
    maker = _Maker(lake, conf, version, registry.path(version), _folder(lake, conf), run_id)
    return maker.write_evaluation_page()


def _folder(lake: Lake, conf: Config) -> Path:
    named = conf.output.get("pages")
    if named:
        return Path(named)
    if lake.local_folder is None:
        raise UsageError(
            f"lake {lake.location}: pages need a folder; set output.pages to a Volume or a mounted folder"
        )
    return lake.local_folder / "pages" / conf.name


class _Maker:
    """One lake, config and model, from which both pages are gathered."""

    def __init__(
        self, lake: Lake, conf: Config, version: str, model: Path, folder: Path, run_id: str
    ) -> None:
        self.lake = lake
        self.conf = conf
        self.version = version
        self.model = model
        self.folder = folder
        self.run_id = run_id
        self.detector: str = _json(model / "manifest.json").get("detector", conf.model.detector)

    def scores(self) -> Scores:
        return gather.gather_scores(
            self.lake.read(SESSION_SCORES),
            model_version=self.version,
            unit="nats" if self.detector in _IN_NATS else "",
            alert_budget=self.conf.score.alert_budget,
        )

    def run_page(self, scores: Scores) -> RunPageData:
        anomalies, evaluations = self._read(ANOMALIES), self._read(EVALUATIONS)
        minutes, runs = self._read(MINUTES_VIEWED), self._read(RUNS)
        steps = gather.gather_steps(runs, config_name=self.conf.name) if runs is not None else ()
        return RunPageData(
            head=self._head(
                f"{self.conf.name}: sessions out of sequence",
                "What was found, what it means, and how far to trust it.",
                tuple(TABLES.values()),
                own=INDEX,
            ),
            detector=self.detector,
            scores=scores,
            anomalies=gather.gather_cards(not_muted(anomalies), model_version=self.version)
            if anomalies is not None
            else (),
            evaluations=gather.gather_evaluations(evaluations, model_version=self.version)
            if evaluations is not None
            else (),
            minutes=gather.gather_minutes(minutes) if minutes is not None else None,
            epochs=gather.epochs_of(_json(self.model / "history.json")),
            chosen=Registry(self.lake, self.conf.name, folder=self.conf.output.get("models")).why(),
            # A page can't know how long its own step will take.
            steps=tuple(step for step in steps if step.step != "report"),
            pages=find_pages(self.folder),
        )

    def write_evaluation_page(self) -> str:
        """Write evaluation.html; gives its path."""
        evaluations = self._read(EVALUATIONS)
        data = EvaluationPageData(
            head=self._head(
                f"{self.conf.name}: evaluation",
                "How well it detects, judged on sessions that no detector has seen.",
                _ON_EVALUATION_PAGE,
                own=EVALUATION_PAGE,
            ),
            detector=self.detector,
            evaluations=gather.gather_evaluations(evaluations, model_version=self.version)
            if evaluations is not None
            else (),
            epochs=gather.epochs_of(_json(self.model / "history.json")),
            published=tuple(
                PublishedFigure(one.name, one.metric, one.value, one.source)
                for one in self.conf.evaluate.published
            ),
        )
        return str(write_page(self.folder / EVALUATION_PAGE, render_evaluation_page(data)))

    def anomalies_page(self, scores: Scores) -> Any:
        covariates = dict.fromkeys(name for source in self.conf.source for name in source.columns.covariates)
        return gather_anomaly_page(
            self._head(
                f"{self.conf.name}: anomalies",
                "Which causes there are, since when, where, and the strangest sessions of each.",
                _ON_ANOMALIES_PAGE,
                own=ANOMALIES_PAGE,
            ),
            not_muted(self.lake.read(ANOMALIES)),
            model_version=self.version,
            sessions=self._read(SESSIONS),
            scores=scores,
            segments=list(covariates)[:_SEGMENTS],
        )

    def _read(self, table: Table) -> DataFrame | None:
        return self.lake.read(table) if self.lake.exists(table) else None

    def _head(self, title: str, subtitle: str, tables: tuple[Table, ...], *, own: str) -> Head:
        """What the page is of: the newest run of `score`, else this run."""
        run_id, run_date = self.run_id, None
        if self.lake.exists(RUNS):
            mine = (
                (F.col("config_name") == self.conf.name)
                & (F.col("step") == "score")
                & (F.col("outcome") == "done")
            )
            rows = self.lake.read(RUNS).where(mine).orderBy(F.desc("started_at")).limit(1)
            for row in rows.select("run_id", F.unix_micros("run_date").alias("run_date")).collect():
                run_id, run_date = row["run_id"], gather.from_micros(row["run_date"])
        return Head(
            title=title,
            subtitle=subtitle,
            run_id=run_id,
            run_date=run_date,
            model_version=self.version,
            tables=tuple(self._table(table) for table in tables if self.lake.exists(table)),
            generated_from=f"offbeat {__version__} with config {self.conf.name} (hash {self.conf.hash[:12]})",
            pages=tuple(page for page in self._pages() if page.link != own),
        )

    def _pages(self) -> list[PageRef]:
        """The pages that this step writes, by the tables that are there."""
        written = [PageRef("The run", INDEX)]
        if self.lake.exists(ANOMALIES):
            written.append(PageRef("All anomalies", ANOMALIES_PAGE))
        if self.lake.exists(EVALUATIONS):
            written.append(PageRef("Evaluation", EVALUATION_PAGE))
        return written

    def _table(self, table: Table) -> TableRef:
        version = self.lake.tables_read.get(table.name, self.lake.version(table))
        folder = self.lake.local_folder
        link = os.path.relpath(folder / table.name, self.folder) if folder is not None else None
        return TableRef(table.name, version, link=link, doc=table.doc)


def _json(path: Path) -> dict[str, Any]:
    """A file of the model's folder; empty where the model has none."""
    if not path.is_file():
        return {}
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values
