"""The step `report`: reads a lake's tables and writes the pages beside them, each that has its tables."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.reports import gather
from offbeat.reports.anomalies import render_anomalies_page
from offbeat.reports.data import EvaluationPageData, Head, RunPageData, Scores, unit_of
from offbeat.reports.data_quality import PublishedFigure
from offbeat.reports.drill import Drill
from offbeat.reports.evaluation_page import render_evaluation_page
from offbeat.reports.exploration import render_exploration_page
from offbeat.reports.gather_anomalies import gather_anomaly_page, version_among
from offbeat.reports.gather_checks import CHECKS_ON_PAGE, gather_checks
from offbeat.reports.gather_exploration import ON_PAGE as ON_EXPLORATION_PAGE
from offbeat.reports.gather_exploration import gather_exploration
from offbeat.reports.index import (
    ANOMALIES_PAGE,
    EVALUATION_PAGE,
    EXPLORATION_PAGE,
    INDEX,
    find_pages,
    house_pages,
    other_pages,
)
from offbeat.reports.place import generated_from, has_folder, model_files, of_model, pages_folder, table_refs
from offbeat.reports.run_page import render_run_page
from offbeat.reports.write import Pages
from offbeat.scoring.feedback import not_muted
from offbeat.tables.contract import (
    ANOMALIES,
    EVALUATIONS,
    EVENTS,
    MINUTES_VIEWED,
    RUNS,
    SESSION_SCORES,
    SESSIONS,
    TABLES,
)
from offbeat.tables.lake import Lake
from offbeat.tables.table import Table
from offbeat.training.registry import Registry

_SEGMENTS = 4  # covariates that the page of anomalies divides by
_ON_EVALUATION_PAGE = (EVALUATIONS, SESSION_SCORES, RUNS)
_ON_ANOMALIES_PAGE = (ANOMALIES, SESSION_SCORES, SESSIONS, EVENTS)


def run(lake: Lake, conf: Config, *, run_id: str, pages: Pages | None = None) -> dict[str, Any]:
    """Write the pages: exploration, anomalies, evaluation, each where its tables are, and the index of all there are.

    They lie under `<lake>/pages/NAME/`, or in the folder that `output.pages` names. One that was made of the same
    tables, versions, model, code and config is left as it is; the index, which shows the last runs, never is.

    Args:
        run_id: what the pages name where no run of `score` is recorded.
        pages: counts those that were written before, by a pack.

    Returns:
        `page` (the index), `exploration_page`, `anomalies_page`, `evaluation_page`: where they are. `pages` and
        `pages_written`: how many there are, and how many of them were not there as they would be made now.

    Raises:
        UsageError: the lake has nothing to show, or no folder to write to, or the chart library is missing.
    """
    if not any(lake.exists(table) for table in (EVENTS, SESSIONS, SESSION_SCORES)):
        raise UsageError(
            f"lake {lake.location}: nothing to report of {conf.name}: neither events nor sessions nor scores; "
            "run `offbeat ingest` or `offbeat run` first"
        )
    maker = _Maker(lake, conf, run_id, pages)
    made: dict[str, Any] = {}
    links = [page.link for page in maker.pages]
    if EXPLORATION_PAGE in links:
        made["exploration_page"] = maker.write_exploration_page()
    if ANOMALIES_PAGE in links:
        made["anomalies_page"] = maker.write_anomalies_page()
    if EVALUATION_PAGE in links:
        made["evaluation_page"] = maker.write_evaluation_page()
    # Last, since it links to what there is.
    return {"page": maker.write_run_page(), **made, **maker.written.counts}


def write_exploration_page(
    lake: Lake, conf: Config, *, run_id: str, pages: Pages | None = None
) -> dict[str, str]:
    """Write the page of exploration alone, and give its path as `exploration_page`; nothing where there are no events.

    Raises:
        UsageError: the lake has no folder to write to, or the chart library is missing.
    """
    maker = _Maker(lake, conf, run_id, pages)
    if EXPLORATION_PAGE not in [page.link for page in maker.pages]:
        return {}
    return {"exploration_page": maker.write_exploration_page()}


def write_evaluation_page(lake: Lake, conf: Config, *, run_id: str) -> str | None:
    """Write the page of the champion's evaluation alone, and give its path; None where the lake has no folder for it.

    Raises:
        UsageError: the chart library is missing.
    """
    if not has_folder(lake, conf):
        return None
    maker = _Maker(lake, conf, run_id)
    return maker.write_evaluation_page() if maker.version is not None else None


class _Maker:
    """One lake, config and champion (where there is one), from which all pages are gathered."""

    def __init__(self, lake: Lake, conf: Config, run_id: str, written: Pages | None = None) -> None:
        self.lake = lake = lake.snapshot()
        self.conf = conf
        self.run_id = run_id
        self.folder = pages_folder(lake, conf)
        self.written = written or Pages(self.folder)
        models = conf.output.get("models")
        # A catalog without a folder for models has none.
        self.registry = Registry(lake, conf.name, folder=models) if models or lake.files else None
        self.version = self.registry.champion() if self.registry is not None else None
        self.pages = house_pages(lake, scored=self.version is not None)

    @property
    def model(self) -> Path | None:
        """Folder of the champion."""
        if self.registry is None or self.version is None:
            return None
        return self.registry.path(self.version)

    @cached_property
    def detector(self) -> str:
        """Name of the champion's detector; before there is one, of the one that the config wants."""
        name: str = of_model(self.model, "manifest.json").get("detector", self.conf.model.detector)
        return name

    @cached_property
    def scores(self) -> Scores | None:
        """How the champion's scores lie."""
        if self.version is None or not self.lake.exists(SESSION_SCORES):
            return None
        return gather.gather_scores(
            self.lake.read(SESSION_SCORES),
            model_version=self.version,
            unit=unit_of(self.detector),
            alert_budget=self.conf.score.alert_budget,
        )

    def write_run_page(self) -> str:
        """Write the index; gives its path."""
        anomalies, evaluations = self._of_champion(ANOMALIES), self._of_champion(EVALUATIONS)
        minutes, runs = self._read(MINUTES_VIEWED), self._read(RUNS)
        chosen = self.registry.why() if self.registry is not None else None
        steps = gather.gather_steps(runs, config_name=self.conf.name) if runs is not None else ()
        data = RunPageData(
            head=self._head(
                f"{self.conf.name}: sessions out of sequence",
                "What was found, what it means, and how far to trust it.",
                tuple(TABLES.values()),
                own=INDEX,
                files=(
                    *model_files(self.model, "history.json"),
                    *(["champion.json of the models"] if chosen else []),
                ),
            ),
            detector=self.detector,
            scores=self.scores,
            anomalies=gather.gather_cards(not_muted(anomalies), model_version=self.version or "")
            if anomalies is not None
            else (),
            evaluations=gather.gather_evaluations(evaluations, model_version=self.version or "")
            if evaluations is not None
            else (),
            minutes=gather.gather_minutes(minutes) if minutes is not None else None,
            epochs=gather.epochs_of(of_model(self.model, "history.json")),
            chosen=chosen,
            # A page can't know how long its own step will take.
            steps=tuple(step for step in steps if step.step != "report"),
            pages=find_pages(self.folder),
        )
        return self.written.write(INDEX, data.head, lambda: render_run_page(data), always=True)

    def write_exploration_page(self) -> str:
        """Write exploration.html; gives its path."""
        head = self._head(
            f"{self.conf.name}: exploration",
            "What the log is like, before any model says anything about it.",
            ON_EXPLORATION_PAGE,
            own=EXPLORATION_PAGE,
            files=model_files(self.model, "vocabulary.json"),
        )

        def render() -> str:
            return render_exploration_page(gather_exploration(self.lake, head, model=self.model))

        return self.written.write(EXPLORATION_PAGE, head, render)

    def write_evaluation_page(self) -> str:
        """Write evaluation.html; gives its path."""
        head = self._head(
            f"{self.conf.name}: evaluation",
            "How well it detects, judged on sessions that no detector has seen.",
            (*_ON_EVALUATION_PAGE, *CHECKS_ON_PAGE),
            own=EVALUATION_PAGE,
            files=(
                *model_files(self.model, "history.json"),
                *(["evaluate.published of the config"] if self.conf.evaluate.published else []),
            ),
        )
        return self.written.write(EVALUATION_PAGE, head, lambda: self._evaluation_page(head))

    def _evaluation_page(self, head: Head) -> str:
        evaluations = self._of_champion(EVALUATIONS)
        data = EvaluationPageData(
            head=head,
            detector=self.detector,
            evaluations=gather.gather_evaluations(evaluations, model_version=self.version or "")
            if evaluations is not None
            else (),
            epochs=gather.epochs_of(of_model(self.model, "history.json")),
            published=tuple(
                PublishedFigure(one.name, one.metric, one.value, one.source)
                for one in self.conf.evaluate.published
            ),
            checks=gather_checks(self.lake, model_version=self.version or ""),
        )
        return render_evaluation_page(data)

    def write_anomalies_page(self) -> str:
        """Write anomalies.html; gives its path."""
        head = self._head(
            f"{self.conf.name}: anomalies",
            "Which causes there are, since when, where, and the strangest sessions of each.",
            _ON_ANOMALIES_PAGE,
            own=ANOMALIES_PAGE,
        )
        return self.written.write(ANOMALIES_PAGE, head, lambda: self._anomalies_page(head))

    def _anomalies_page(self, head: Head) -> str:
        covariates = dict.fromkeys(name for source in self.conf.source for name in source.columns.covariates)
        shown = list(covariates)
        version = version_among(shown)
        segments = list(dict.fromkeys([*([version] if version else []), *shown]))[:_SEGMENTS]
        data = gather_anomaly_page(
            head,
            self.lake.read(ANOMALIES),
            model_version=self.version or "",
            sessions=self._read(SESSIONS),
            drill=Drill.of(self.lake),
            scores=self.scores,
            segments=segments,
        )
        return render_anomalies_page(data)

    def _read(self, table: Table) -> DataFrame | None:
        return self.lake.read(table) if self.lake.exists(table) else None

    def _of_champion(self, table: Table) -> DataFrame | None:
        """A table whose rows are a model's; None where there is no champion whose rows to show."""
        return self._read(table) if self.version is not None else None

    def _head(
        self, title: str, subtitle: str, tables: tuple[Table, ...], *, own: str, files: tuple[str, ...] = ()
    ) -> Head:
        run_id, run_date = self._newest
        return Head(
            title=title,
            subtitle=subtitle,
            run_id=run_id,
            run_date=run_date,
            model_version=self.version,
            tables=table_refs(self.lake, tables, self.folder),
            generated_from=generated_from(self.conf),
            pages=other_pages(self.pages, self.folder, own=own),
            files=files,
        )

    @cached_property
    def _newest(self) -> tuple[str, datetime | None]:
        """What the pages are of: the newest run of `score`, else this run."""
        if self.lake.exists(RUNS):
            mine = (
                (F.col("config_name") == self.conf.name)
                & (F.col("step") == "score")
                & (F.col("outcome") == "done")
            )
            rows = self.lake.read(RUNS).where(mine).orderBy(F.desc("started_at")).limit(1)
            for row in rows.select("run_id", F.unix_micros("run_date").alias("run_date")).collect():
                return row["run_id"], gather.from_micros(row["run_date"])
        return self.run_id, None
