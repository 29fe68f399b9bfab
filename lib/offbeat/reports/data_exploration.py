"""What the page of exploration shows, as plain values; see `data`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from offbeat.reports.data import Head

Rows = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Missing:
    """How many rows lack a column's value; an empty text is missing too."""

    column: str
    missing: int
    rows: int

    @property
    def share(self) -> float | None:
        """Missing over all, 0 to 1."""
        return self.missing / self.rows if self.rows else None


@dataclass(frozen=True)
class Covariate:
    """A covariate of the events.

    Attributes:
        values: events that have it. distinct: its distinct values, estimated where `estimated` is set.
        top: value to number of events, most first; empty where there are too many values to rank.
        numbers: low, quartiles, high, mean, deviation … of one that is a quantity; None of a category.
    """

    name: str
    values: int
    distinct: int
    estimated: bool = False
    top: tuple[tuple[str, int], ...] = ()
    numbers: Mapping[str, float] | None = None


@dataclass(frozen=True)
class EventsSeen:
    """The table events in figures.

    Attributes:
        step: what a point of `volume` covers: minute, hour, day, week, month or year.
        volume: `time`, `events`, in order. hours: `weekday`, `hour`, `events`.
        frequencies: `event`, `events`, the most frequent first; `distinct` is the number of all of them.
    """

    rows: int
    entities: int
    distinct: int
    first: datetime | None = None
    last: datetime | None = None
    step: str = "day"
    volume: Rows = ()
    hours: Rows = ()
    frequencies: Rows = ()
    missing: tuple[Missing, ...] = ()
    covariates: tuple[Covariate, ...] = ()


@dataclass(frozen=True)
class Quantity:
    """A number that each session has, before and after it is scaled for a model.

    Attributes:
        levels: quantile (0 to 1) to value. center, deviation: of ln(1 + value).
        before, after: bars as `low`, `high`, `n`.
    """

    name: str
    unit: str
    levels: Mapping[float, float]
    mean: float
    center: float
    deviation: float
    before: Rows = ()
    after: Rows = ()


@dataclass(frozen=True)
class SessionsSeen:
    """The table sessions in figures.

    Attributes:
        states: `state`, `sessions`. lengths, gaps: bars as `low`, `high`, `n`, on a scale of powers of ten.
        gap_classes: classes of gaps as recurrent networks take them: `low` (None of the first), `high` (None of the
            last), in seconds, `n`.
        transitions: `before`, `after`, `n`, among the most frequent events; the rest is “other”.
        flows: `step`, `before`, `after`, `n`: the first steps of sessions.
        firsts, lasts: `event`, `sessions`.
        at_once: events that follow an equal one of their session at the same instant.
    """

    rows: int
    events: int
    states: Rows = ()
    labelled: int = 0
    abnormal: int = 0
    quantities: tuple[Quantity, ...] = ()
    lengths: Rows = ()
    gaps: Rows = ()
    gap_classes: Rows = ()
    transitions: Rows = ()
    flows: Rows = ()
    firsts: Rows = ()
    lasts: Rows = ()
    at_once: int = 0


@dataclass(frozen=True)
class Activity:
    """How events lie among entities.

    Attributes:
        bars: entities by number of events, as `low`, `high`, `n` (entities), `events`.
        top: `entity`, `events`, `sessions`, `first`, `last`, the busiest first.
    """

    entities: int
    bars: Rows = ()
    top: Rows = ()


@dataclass(frozen=True)
class Intake:
    """What ingest took and refused.

    Attributes:
        reasons: `reason`, `rows`, `sources`. files: `file`, `rows_in`, `events`, `duplicates`, `quarantined`.
    """

    rows_in: int = 0
    duplicates: int = 0
    quarantined: int = 0
    reasons: Rows = ()
    files: Rows = ()
    n_files: int = 0


@dataclass(frozen=True)
class Encoded:
    """Events as numbers.

    Attributes:
        of_model: the model whose vocabulary it is; None where it is what a model would learn of all events here.
        size: numbers in all, the four marks included.
        rows: `event`, `number` (None where the vocabulary lacks it), `events`.
        unknown: share of the events that the vocabulary lacks.
    """

    of_model: str | None
    size: int
    rows: Rows = ()
    unknown: float | None = None


@dataclass(frozen=True)
class ExplorationPageData:
    """Everything on the page of exploration; what is None is said to be missing."""

    head: Head
    events: EventsSeen | None = None
    sessions: SessionsSeen | None = None
    activity: Activity | None = None
    intake: Intake | None = None
    encoded: Encoded | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)
