"""The charts of the pages in a notebook: `Pictures(lake)` reads a lake's tables and gives charts that draw themselves.

A picture is one static SVG with its text alternative and its numbers: no script runs and nothing is fetched, so it
shows wherever a notebook is opened, a viewer without a kernel too. A bare `Chart`, as the functions of `charts` and
`charts_model` make it of any rows, draws itself in the same way.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.errors import UsageError
from offbeat.evaluation.stress import NOTES
from offbeat.reports import (
    anomalies,
    charts,
    charts_model,
    evaluation_checks,
    exploration,
    exploration_sessions,
    gather,
    gather_anomalies,
    quality,
    sections,
)
from offbeat.reports.chart_base import Chart
from offbeat.reports.data import unit_of
from offbeat.reports.data_exploration import EventsSeen, SessionsSeen
from offbeat.reports.data_quality import Evaluation
from offbeat.reports.drawing import drawn
from offbeat.reports.evaluation_page import stress_chart, stress_rows
from offbeat.reports.gather_checks import gather_checks
from offbeat.reports.gather_events import gather_events
from offbeat.reports.gather_exploration import frequent_events
from offbeat.reports.gather_sessions import gather_activity, gather_sessions
from offbeat.reports.place import of_model
from offbeat.scoring.feedback import not_muted
from offbeat.scoring.sql import only_name
from offbeat.tables.contract import ANOMALIES, EVALUATIONS, EVENTS, MINUTES_VIEWED, SESSION_SCORES, SESSIONS
from offbeat.tables.lake import Lake
from offbeat.training.registry import Registry


@dataclass(frozen=True)
class Picture:
    """A chart with its title, as a notebook shows it."""

    title: str
    chart: Chart

    def _repr_html_(self) -> str:
        return drawn(self.chart, self.title)


class Pictures:
    """The charts of the pages, of one lake: Spark aggregates, only what a chart has room for is collected.

    Events, sessions and evaluations are read once; after a step that changes them, make new `Pictures`.

    Args:
        lake: a lake with the tables that a chart is of; a chart without its table says which step writes it.
        name: the config's name; may be left out where the lake has models of one config alone.
        version: model version; the champion where not given.
        models: folder of the models, as `output.models` names it, where the lake is a catalog.
    """

    def __init__(
        self, lake: Lake, *, name: str | None = None, version: str | None = None, models: str | None = None
    ) -> None:
        self.lake = lake
        self._name, self._version, self._models = name, version, models

    def volume(self) -> Picture:
        """Events over time; a silence shows."""
        if not self._events.volume:
            raise UsageError(f"lake {self.lake.location}: the log has no times, so no volume over time")
        return Picture(f"Events by {self._events.step}", exploration.volume_chart(self._events))

    def hours(self) -> Picture:
        """Events by weekday and hour, UTC."""
        return Picture("Events by weekday and hour", exploration.hours_chart(self._events))

    def events(self) -> Picture:
        """The most frequent events."""
        return Picture("The most frequent events", exploration.frequency_chart(self._events))

    def covariates(self, name: str) -> Picture:
        """The most frequent values of a covariate that is a category."""
        for one in self._events.covariates:
            if one.name == name and one.top:
                return Picture(name, exploration.covariate_chart(one))
        there = ", ".join(one.name for one in self._events.covariates if one.top) or "none"
        raise UsageError(f"covariate {name}: no category of the log; these are: {there}")

    def lengths(self) -> Picture:
        """Sessions by number of events."""
        return Picture("Sessions by number of events", exploration_sessions.length_chart(self._sessions))

    def gaps(self) -> Picture:
        """Neighbours in a session by the time between them."""
        return Picture("Gaps between events of a session", exploration_sessions.gap_chart(self._sessions))

    def transitions(self) -> Picture:
        """Which event follows which, among the most frequent ones: shares of what follows."""
        chart = exploration_sessions.transition_chart(self._sessions, self._events_if_there)
        return Picture("What follows what", chart)

    def flow(self) -> Picture:
        """A Sankey diagram of the first steps of sessions."""
        chart = exploration_sessions.flow_chart(self._sessions, self._events_if_there)
        return Picture("The first steps of sessions", chart)

    def firsts(self) -> Picture:
        """Sessions by their first event."""
        return Picture("First events", exploration_sessions.ends_chart(self._sessions.firsts))

    def lasts(self) -> Picture:
        """Closed sessions by their last event."""
        return Picture(
            "Last events of closed sessions", exploration_sessions.ends_chart(self._sessions.lasts)
        )

    def entities(self) -> Picture:
        """Entities by number of events."""
        sessions = self.lake.read(SESSIONS) if self.lake.exists(SESSIONS) else None
        seen = gather_activity(None if sessions is not None else self.lake.read(EVENTS), sessions)
        if seen is None or not seen.entities:
            raise UsageError(f"lake {self.lake.location}: no events, so no entities")
        return Picture("Entities by number of events", exploration_sessions.activity_chart(seen))

    def scores(self) -> Picture:
        """Sessions by score, with the threshold."""
        found = gather.gather_scores(
            self.lake.read(SESSION_SCORES), model_version=self.version, unit=unit_of(self._detector)
        )
        return Picture(f"How strange the sessions are to {self.version}", sections.scores_chart(found))

    def training(self, what: str = "loss") -> Picture:
        """Loss or accuracy of training and validation by epoch."""
        epochs = gather.epochs_of(of_model(self._folder, "history.json"))
        if not epochs:
            raise UsageError(f"model {self.version}: its detector has no epochs, so there are no curves")
        chart = sections.training_chart(epochs, what, unit=unit_of(self._detector))
        return Picture(f"{what.capitalize()} by epoch", chart)

    def precision_recall(self) -> Picture:
        """Precision against recall on sessions that the model has not seen, the threshold in force marked."""
        points = [asdict(point) for point in quality.curve_points(self._known(self._detector))]
        return Picture("Precision against recall", charts_model.pr_curve(points))

    def detectors(self, metric: str = "pr_auc") -> Picture:
        """A metric of the model beside that of simple detectors, with intervals."""
        rows = [
            {"detector": r.detector, "basis": r.basis, "value": r.value, "low": r.low, "high": r.high}
            for r in self._known(None)
            if r.metric == metric
        ]
        title = f"{quality.metric_name(metric)} (0 to 1)"
        chart = charts_model.intervals(rows, label="detector", series="basis", title=title)
        split = quality.main_split(self._evaluated)
        return Picture(f"{quality.metric_name(metric)} of detectors, split {split}", chart)

    def confusion(self, detector: str | None = None) -> Picture:
        """Labels against verdicts, of the model or of a detector that was judged beside it."""
        name = detector or self._detector
        chart = quality.confusion_chart(self._known(name))
        if chart is None:
            raise UsageError(f"detector {name}: not judged with labels of both kinds; run evaluate")
        return Picture(f"Labels against verdicts: {name}", chart)

    def stress(self, kind: str) -> Picture:
        """Figures under one kind of stress, by its level."""
        rows = stress_rows(self._evaluated, kind)
        if not rows:
            known = ", ".join(NOTES)
            raise UsageError(f"stress {kind}: no curve; set evaluate.stress to some of {known} and evaluate")
        return Picture(f"Under stress: {kind.replace('_', ' ')}", stress_chart(kind, rows))

    def drift(self) -> Picture:
        """Distances of scored batches to the training sessions, over time."""
        rows = gather_checks(self.lake, model_version=self.version).drift
        if not rows:
            raise UsageError(f"lake {self.lake.location}: drift is not measured yet; run score")
        return Picture("Distance to the training sessions", evaluation_checks.drift_chart(rows))

    def calibration(self) -> Picture:
        """Probability of a fault as foreseen, against the share of sessions that broke."""
        rows = gather_checks(self.lake, model_version=self.version).predictions
        bins = evaluation_checks.calibration_bins(rows)
        if not bins:
            raise UsageError(f"lake {self.lake.location}: no predictions were checked yet; run evaluate")
        return Picture("Calibration", evaluation_checks.calibration_chart(bins))

    def trend(self) -> Picture:
        """Share of flagged sessions by UTC day, muted ones left out."""
        days = gather_anomalies.gather_days(self._anomalies, self.lake.read(SESSIONS))
        return Picture("Share of sessions flagged", anomalies.share_chart(days))

    def causes(self, version: str | None = None) -> Picture:
        """The largest causes of anomalies, muted ones left out.

        Args:
            version: covariate by which causes are told apart.
        """
        groups, _, n = gather_anomalies.gather_groups(self._anomalies, version=version)
        return Picture(f"Causes, the largest of {n}", anomalies.cause_chart(groups))

    def segments(self, covariate: str) -> Picture:
        """Share of flagged sessions by a covariate, muted ones left out."""
        value = F.col("covariates")[covariate]
        found = gather_anomalies.gather_shares(self._anomalies, self.lake.read(SESSIONS), value)
        rows = [{covariate: each.value, "share": each.share} for each in found if each.sessions]
        chart = charts.bars(
            rows, label=covariate, value="share", title="share of sessions flagged", kind="share"
        )
        return Picture(f"Flagged sessions by {covariate}", chart)

    def minutes(self) -> Picture:
        """Minutes viewed by partner: on flagged sessions and without them (pack tvm)."""
        found = gather.gather_minutes(self.lake.read(MINUTES_VIEWED))
        if found is None:
            raise UsageError(f"lake {self.lake.location}: the table minutes_viewed is empty; run score first")
        rows = [
            {"partner": one.group, "part": part, "minutes": value}
            for one in found.by_partner
            for part, value in (("without flagged", one.unflagged), ("flagged", one.flagged))
        ]
        chart = charts.bars(
            rows, label="partner", value="minutes", title="minutes", series="part", kind="count"
        )
        return Picture("Minutes viewed", chart)

    @property
    def version(self) -> str:
        """The model version that charts of scores are of."""
        version = self._version or self._registry.champion()
        if version is None:
            raise UsageError(f"models {self._registry.folder}: no champion yet; run train first")
        return version

    @property
    def _registry(self) -> Registry:
        name = self._name or only_name(self.lake, self._models)
        return Registry(self.lake, name, folder=self._models)

    @property
    def _folder(self) -> Path:
        return self._registry.path(self.version)

    @property
    def _detector(self) -> str:
        return str(of_model(self._folder, "manifest.json").get("detector", ""))

    @cached_property
    def _events(self) -> EventsSeen:
        return gather_events(self.lake.read(EVENTS))

    @property
    def _events_if_there(self) -> EventsSeen | None:
        return self._events if self.lake.exists(EVENTS) else None

    @cached_property
    def _sessions(self) -> SessionsSeen:
        sessions, events = self.lake.read(SESSIONS), self._events_if_there
        known = [row["event"] for row in events.frequencies] if events else frequent_events(sessions)
        return gather_sessions(sessions, known)

    @property
    def _anomalies(self) -> DataFrame:
        return not_muted(self.lake.read(ANOMALIES).where(F.col("model_version") == self.version))

    @cached_property
    def _evaluated(self) -> tuple[Evaluation, ...]:
        return gather.gather_evaluations(self.lake.read(EVALUATIONS), model_version=self.version)

    def _known(self, detector: str | None) -> list[Evaluation]:
        """Rows on all sessions of the split that a page leads with."""
        rows = self._evaluated
        return quality.known_rows(rows, quality.main_split(rows), detector=detector)
