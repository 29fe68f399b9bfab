"""Anomalies as pages show them, as plain values; see `data`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Expected:
    """An event that the model held likely at a place, with its probability (0 to 1)."""

    event: str
    probability: float


@dataclass(frozen=True)
class OddEvent:
    """An event that came where others were expected.

    Attributes:
        position: 0-based place in the session; n_events stands for its end.
        rank: 1 = the likeliest.
        surprise: -ln(probability), nats.
        expected: likeliest events there, falling.
    """

    position: int
    event: str
    probability: float
    rank: int
    surprise: float
    expected: tuple[Expected, ...] = ()


@dataclass(frozen=True)
class RawEvent:
    """A row of the table events, as a card shows it; `place` is its 0-based place in the session."""

    place: int
    event_id: str
    event: str
    time: datetime | None = None
    source_file: str | None = None
    label: int | None = None
    covariates: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Anomaly:
    """A row of the table anomalies; `actual` holds the strangest event first.

    Attributes:
        raw: rows of events behind it, around the odd ones; `sql` reads all of them.
    """

    session_id: str
    entity: str
    score: float
    kind: str
    events: tuple[str, ...]
    model_version: str = ""
    start: datetime | None = None
    end: datetime | None = None
    percentile: float | None = None
    verdict: str = "anomalous"
    threshold: float | None = None
    positions: tuple[int, ...] = ()
    times: tuple[datetime | None, ...] = ()
    actual: tuple[OddEvent, ...] = ()
    nearest: tuple[str, ...] | None = None
    edits: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()
    action: str | None = None
    covariates: Mapping[str, str | None] = field(default_factory=dict)
    run_id: str = ""
    raw: tuple[RawEvent, ...] = ()
    sql: str = ""


@dataclass(frozen=True)
class Group:
    """Anomalies that are alike: same kind, same strangest event, same version.

    Attributes:
        expected: the event most often expected there. version: the one, or of a group of all `versions` the most
            frequent; None where the log has no versions.
        sql: reads the raw events of all of them.
    """

    kind: str
    event: str | None
    expected: str | None
    sessions: int
    entities: int
    max_score: float
    first: datetime | None = None
    last: datetime | None = None
    version: str | None = None
    sql: str = ""
    versions: int = 0


@dataclass(frozen=True)
class Share:
    """Flagged sessions among all sessions of one value (a day, a platform …); `sessions` None: not known.

    Attributes:
        series: what it is a part of, where a trend is divided.
    """

    value: str
    flagged: int
    sessions: int | None = None
    series: str = ""

    @property
    def share(self) -> float | None:
        """Flagged over all, 0 to 1."""
        return self.flagged / self.sessions if self.sessions else None
