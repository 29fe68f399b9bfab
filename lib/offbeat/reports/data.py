"""What the pages are made of: plain values, gathered from tables by `gather`, rendered without Spark.

Instants are aware datetimes; a naive one is taken as UTC. None stands for "not known", and a page says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from offbeat.reports.data_anomalies import Anomaly, Group, Share
from offbeat.reports.data_quality import Checks, Epoch, Evaluation, PrPoint, PublishedFigure

VERDICTS = ("normal", "anomalous", "unknown_event", "short", "open")
FLAGGED = ("anomalous", "unknown_event")
_IN_NATS = ("lstm", "gru")  # detectors whose score is a surprise
_BY_EACH_RUN = ("runs",)  # tables with a new version after every run, whatever it found


def unit_of(detector: str) -> str:
    """The unit of a detector's score; "" where it has none."""
    return "nats" if detector in _IN_NATS else ""


@dataclass(frozen=True)
class TableRef:
    """A table that a page was computed from.

    Attributes:
        version: Delta version that was read.
        rows: number of rows in it.
        link: where it lies, relative to the page, or an http(s) address; anything else is not made a link.
        doc: what a row is.
    """

    name: str
    version: int | None = None
    rows: int | None = None
    link: str | None = None
    doc: str = ""


@dataclass(frozen=True)
class PageRef:
    """Another page, as the reader of this one gets there: a relative link."""

    title: str
    link: str
    what: str = ""


@dataclass(frozen=True)
class Head:
    """The top of a page: what it is about and what it was computed from.

    Attributes:
        generated_from: one line on the code and config behind the figures, e.g. `offbeat 0.1.0, config tvm (3f2a…)`.
        run_date: date that the run stands for; never the clock of the rendering.
        pages: other pages on the same run.
        files: what else figures come from: files of the model, keys of the config.
    """

    title: str
    subtitle: str = ""
    run_id: str | None = None
    run_date: datetime | None = None
    model_version: str | None = None
    tables: tuple[TableRef, ...] = ()
    generated_from: str = ""
    pages: tuple[PageRef, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def made_of(self) -> str:
        """A hash of all that a page is made of: tables at their versions, model, code, config, and what it links to.

        Not of the run that it names: one that found nothing new leaves the page as it is.
        """
        tables = [
            (table.name, table.version, table.link) for table in self.tables if table.name not in _BY_EACH_RUN
        ]
        pages = [(page.title, page.link) for page in self.pages]
        made = (self.title, self.subtitle, self.model_version, self.generated_from, tables, pages)
        return hashlib.sha256(repr(made).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Bin:
    """Sessions with `low < score <= high`; the first bin takes its lower edge too.

    Attributes:
        above: whether it lies above the threshold.
        open_end: whether scores beyond `high` are counted in it.
    """

    low: float
    high: float
    sessions: int
    above: bool
    open_end: bool = False


@dataclass(frozen=True)
class Scores:
    """How the scores of all sessions lie.

    Attributes:
        sessions: number of scored sessions.
        verdicts: verdict to number of sessions.
        bins: histogram, rising; an edge of it is the threshold.
        unit: unit of the score, "" where the detector's own has none.
        threshold: above which a session is flagged; the highest where segments have their own.
        alert_budget: share of normal sessions that may be flagged, which the threshold was chosen for.
        lowest_threshold: the lowest of the segments' own; None where there is one threshold for all.
    """

    sessions: int
    verdicts: Mapping[str, int]
    bins: tuple[Bin, ...] = ()
    threshold: float | None = None
    unit: str = "nats"
    alert_budget: float | None = None
    lowest_threshold: float | None = None

    @property
    def flagged(self) -> int:
        """Number of sessions with the verdict anomalous or unknown_event."""
        return sum(self.verdicts.get(verdict, 0) for verdict in FLAGGED)


@dataclass(frozen=True)
class Minutes:
    """Minutes viewed in one group (a partner, a title, a platform, a day, or all).

    Attributes:
        reported: minutes as the report counts them.
        flagged: of these, minutes that rest on flagged sessions.
        unflagged: of these, minutes without flagged sessions.
        true: generated truth of all sessions; None for real logs.
        true_unflagged: generated truth of the sessions that are not flagged.
        misplaced: sum over the cells of minutes_viewed of |reported - true|, where errors can't cancel.
    """

    group: str
    reported: float
    flagged: float
    unflagged: float
    true: float | None = None
    true_unflagged: float | None = None
    misplaced: float | None = None

    @property
    def error(self) -> float | None:
        """How far the reported minutes are from the true ones, as a share of the true ones; signed."""
        return _relative(self.reported, self.true)

    @property
    def error_unflagged(self) -> float | None:
        """The same for the minutes that are left without flagged sessions."""
        return _relative(self.unflagged, self.true_unflagged)


@dataclass(frozen=True)
class MinutesSummary:
    """The table minutes_viewed by group; each list is bounded, most flagged minutes first, days in order."""

    total: Minutes
    by_partner: tuple[Minutes, ...] = ()
    by_platform: tuple[Minutes, ...] = ()
    by_title: tuple[Minutes, ...] = ()
    by_day: tuple[Minutes, ...] = ()


@dataclass(frozen=True)
class Step:
    """A row of the table runs: one step of the run."""

    step: str
    seconds: float
    outcome: str = "done"
    counts: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class RunPageData:
    """Everything on the page that a run writes; what is None or empty is said to be missing.

    Attributes:
        detector: name of the model's detector, to tell it from the ones beside it.
        chosen: why this model and not another, with the figures of both; None where nothing is known.
        caveats: sentences on the method and its limits, shown under a fold.
        pages: all other pages that there are on this run.
    """

    head: Head
    detector: str = "lstm"
    scores: Scores | None = None
    anomalies: tuple[Anomaly, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    minutes: MinutesSummary | None = None
    epochs: tuple[Epoch, ...] = ()
    chosen: str | None = None
    pr_curve: tuple[PrPoint, ...] = ()
    steps: tuple[Step, ...] = ()
    caveats: tuple[str, ...] = ()
    pages: tuple[PageRef, ...] = ()


@dataclass(frozen=True)
class AnomalyPageData:
    """Everything on the page of anomalies.

    Attributes:
        total: number of anomalies that nobody muted; all that the page shows is of these. muted: of the others.
        total_groups: number of groups of like ones; `groups` holds the largest.
        families: the largest groups with all versions put together; nothing where there are no versions.
        version: covariate that holds the version, which divides causes; None where there is none.
        by_kind: per kind, most sessions first.
        by_day: per UTC day of the session's start, in order. kinds_by_day: the same of the most frequent kinds.
        segments: covariate to its values, most flagged first.
        segments_by_day: covariate to days of the values with the most flagged sessions.
        top: the ones shown as cards.
    """

    head: Head
    total: int = 0
    muted: int = 0
    scores: Scores | None = None
    groups: tuple[Group, ...] = ()
    total_groups: int = 0
    families: tuple[Group, ...] = ()
    total_families: int = 0
    version: str | None = None
    by_kind: tuple[Share, ...] = ()
    by_day: tuple[Share, ...] = ()
    kinds_by_day: tuple[Share, ...] = ()
    segments: Mapping[str, tuple[Share, ...]] = field(default_factory=dict)
    segments_by_day: Mapping[str, tuple[Share, ...]] = field(default_factory=dict)
    top: tuple[Anomaly, ...] = ()


def _relative(value: float, truth: float | None) -> float | None:
    return (value - truth) / truth if truth else None


@dataclass(frozen=True)
class EvaluationPageData:
    """The page of an evaluation.

    Attributes:
        detector: name of the model that is judged, as in the evaluations.
        evaluations: rows of the table of that model version.
        epochs: of its training.
        published: figures of others. checks: rules, cards, predictions, drift.
    """

    head: Head
    detector: str
    evaluations: tuple[Evaluation, ...] = ()
    epochs: tuple[Epoch, ...] = ()
    published: tuple[PublishedFigure, ...] = ()
    checks: Checks = field(default_factory=Checks)
