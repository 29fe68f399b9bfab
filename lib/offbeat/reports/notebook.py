"""The charts of the pages in a notebook: `Pictures(lake)` reads a lake's tables and gives charts that draw themselves.

A picture is one static SVG with its text alternative and its numbers: no script runs and nothing is fetched, so it
shows wherever a notebook is opened, a viewer without a kernel too. A bare `Chart`, as the functions of `charts` and
`charts_model` make it of any rows, draws itself in the same way.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.errors import UsageError
from offbeat.reports import charts, charts_model, gather, gather_anomalies, quality
from offbeat.reports.chart_base import Chart
from offbeat.reports.drawing import drawn
from offbeat.scoring.sql import only_name
from offbeat.tables.contract import ANOMALIES, EVALUATIONS, EVENTS, MINUTES_VIEWED, SESSION_SCORES, SESSIONS
from offbeat.tables.lake import Lake
from offbeat.training.registry import Registry

_IN_NATS = ("lstm", "gru")  # detectors whose score is a surprise
_MOST = 20  # bars, or rows and columns of a heat map


@dataclass(frozen=True)
class Picture:
    """A chart with its title, as a notebook shows it."""

    title: str
    chart: Chart

    def _repr_html_(self) -> str:
        return drawn(self.chart, self.title)


class Pictures:
    """Charts of one lake: Spark aggregates, only what a chart has room for is collected.

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

    def events(self) -> Picture:
        """The most frequent events, by number."""
        counted = self.lake.read(EVENTS).groupBy("event").agg(F.count("*").alias("events"))
        rows = counted.orderBy(F.desc("events"), "event").limit(_MOST).collect()
        chart = charts.bars(_plain(rows), label="event", value="events", title="events", kind="count")
        return Picture(f"The {len(rows)} most frequent events", chart)

    def days(self) -> Picture:
        """Events by UTC day."""
        day = F.to_date("event_time").cast("string").alias("day")
        counted = self.lake.read(EVENTS).groupBy(day).agg(F.count("*").alias("events"))
        rows = counted.where("day IS NOT NULL").orderBy("day").collect()
        chart = charts.over_time(
            _plain(rows), time="day", value="events", title="events", area=True, kind="count"
        )
        return Picture("Events by day", chart)

    def lengths(self) -> Picture:
        """Sessions by number of events, in powers of two."""
        top = F.pow(F.lit(2), F.ceil(F.log2("n_events"))).cast("bigint")
        rows = self.lake.read(SESSIONS).groupBy(top.alias("top")).agg(F.count("*").alias("sessions"))
        named = [
            {"events": _range(row["top"]), "sessions": row["sessions"]}
            for row in rows.orderBy("top").collect()
        ]
        chart = charts.bars(named, label="events", value="sessions", title="sessions", kind="count")
        return Picture("How long sessions are", chart)

    def transitions(self, most: int = 12) -> Picture:
        """Which event follows which, among the most frequent ones: shares of what follows."""
        pairs = F.explode(F.arrays_zip(F.col("events").alias("was"), _following().alias("next")))
        moves = (
            self.lake.read(SESSIONS).select(pairs.alias("pair")).select("pair.*").where("next IS NOT NULL")
        )
        counted = moves.groupBy("was", "next").agg(F.count("*").alias("n"))
        totals = counted.groupBy("was").agg(F.sum("n").alias("all")).orderBy(F.desc("all"), "was").limit(most)
        known = totals.select(F.col("was").alias("next"))
        rows = counted.join(F.broadcast(totals), "was").join(F.broadcast(known), "next")
        found = rows.orderBy(F.desc("all"), "was", F.desc("n"), "next").limit(most * most).collect()
        shares = [{"event": r["was"], "followed by": r["next"], "share": r["n"] / r["all"]} for r in found]
        chart = charts.heat_map(
            shares, x="followed by", y="event", value="share", title="share of what follows", kind="share"
        )
        return Picture("Which event follows which", chart)

    def scores(self) -> Picture:
        """Sessions by score, with the threshold."""
        unit = "nats" if self._of_model("manifest.json").get("detector") in _IN_NATS else ""
        found = gather.gather_scores(self.lake.read(SESSION_SCORES), model_version=self.version, unit=unit)
        rows = [{"low": b.low, "high": b.high, "sessions": b.sessions, "above": b.above} for b in found.bins]
        chart = charts.histogram(rows, threshold=found.threshold, unit=found.unit)
        return Picture(f"How strange the sessions are to {self.version}", chart)

    def training(self, what: str = "loss") -> Picture:
        """Loss or accuracy of training and validation by epoch."""
        rows = [asdict(epoch) for epoch in gather.epochs_of(self._of_model("history.json"))]
        if not rows:
            raise UsageError(f"model {self.version}: its detector has no epochs, so there are no curves")
        title = {"loss": "loss (nats per event)"}.get(what, f"{what} (0 to 1)")
        return Picture(
            f"{what.capitalize()} by epoch", charts_model.training_curves(rows, what=what, title=title)
        )

    def precision_recall(self) -> Picture:
        """Precision against recall on sessions that the model has not seen, the threshold in force marked."""
        points = [asdict(point) for point in quality.curve_points(self._honest())]
        return Picture("Precision against recall", charts_model.pr_curve(points))

    def detectors(self, metric: str = "pr_auc") -> Picture:
        """A metric of the model beside that of simple detectors, with intervals."""
        rows = self._evaluated()
        split = quality.main_split(rows)
        drawn_rows = [
            {"detector": r.detector, "basis": r.basis, "value": r.value, "low": r.low, "high": r.high}
            for r in rows
            if (r.split, r.subset, r.verdict_rule, r.metric) == (split, "all", "flagged", metric)
        ]
        title = f"{quality.metric_name(metric)} (0 to 1)"
        chart = charts_model.intervals(drawn_rows, label="detector", series="basis", title=title)
        return Picture(f"{quality.metric_name(metric)} of detectors, split {split}", chart)

    def trend(self) -> Picture:
        """Share of flagged sessions by UTC day."""
        days = gather_anomalies.gather_days(self._anomalies(), self.lake.read(SESSIONS))
        rows = [{"day": day.value, "share": day.share} for day in days if day.sessions]
        chart = charts.over_time(
            rows, time="day", value="share", title="share of sessions flagged", area=True, kind="share"
        )
        return Picture("Flagged sessions by day", chart)

    def segments(self, covariate: str) -> Picture:
        """Share of flagged sessions by a covariate."""
        value = F.col("covariates")[covariate]
        found = gather_anomalies.gather_shares(self._anomalies(), self.lake.read(SESSIONS), value)
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

    def _of_model(self, file: str) -> dict[str, Any]:
        path = self._registry.path(self.version) / file
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return found

    def _anomalies(self) -> DataFrame:
        return self.lake.read(ANOMALIES).where(F.col("model_version") == self.version)

    def _evaluated(self) -> tuple[Any, ...]:
        return gather.gather_evaluations(self.lake.read(EVALUATIONS), model_version=self.version)

    def _honest(self) -> list[Any]:
        """Rows of the model itself, on all sessions of the split that a page leads with."""
        rows = self._evaluated()
        split, detector = quality.main_split(rows), self._of_model("manifest.json").get("detector")
        wanted = (split, detector, "all", "flagged")
        return [r for r in rows if (r.split, r.detector, r.subset, r.verdict_rule) == wanted]


def _following() -> Any:
    """Each event's successor in its session; null after the last."""
    return F.concat(F.slice("events", 2, 2**31 - 1), F.array(F.lit(None).cast("string")))


def _range(top: int) -> str:
    return str(top) if top <= 2 else f"{top // 2 + 1} to {top}"  # noqa: PLR2004 - 1 and 2 stand alone


def _plain(rows: list[Any]) -> list[dict[str, Any]]:
    return [row.asDict() for row in rows]
