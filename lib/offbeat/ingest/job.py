"""What a run of the step `ingest` works with."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Protocol

from pyspark.sql import DataFrame

from offbeat.config import Config
from offbeat.tables.lake import Lake

Counts = dict[str, int]
KINDS = ("rows_in", "events", "duplicates", "quarantined")


class Rewrite(Protocol):
    """What a pack makes of events before they are written: templates of raw lines."""

    def apply(self, rows: DataFrame) -> DataFrame:
        """The same rows of the contract, with other events."""

    def keep(self) -> None:
        """Write what `apply` has learnt from the rows, so that every later run gives the same events."""


@dataclass(frozen=True)
class Job:
    """A run of the step.

    Attributes:
        rewrite: what the config's pack makes of events; ids are taken before, of what came.
        run_date: UTC instant that the run stands for.
        time_from: where given, earlier events are left out.
        time_to: where given, events from this instant on are left out.
        with_streams: whether messages of Kafka are taken too.
        arrivals: when the files and messages came that the run has taken, milliseconds since 1970.
    """

    lake: Lake
    conf: Config
    run_date: dt.datetime
    time_from: dt.datetime | None = None
    time_to: dt.datetime | None = None
    rewrite: Rewrite | None = None
    with_streams: bool = False
    arrivals: list[int] = field(default_factory=list)

    @property
    def newest(self) -> dt.datetime:
        """Instant after which a time lies in the future."""
        return self.run_date + dt.timedelta(seconds=self.conf.quarantine.future_skew)

    @property
    def is_bounded(self) -> bool:
        """Whether only events of a part of the time are wanted."""
        return self.time_from is not None or self.time_to is not None


def as_utc(when: dt.date) -> dt.datetime:
    """An instant; a date stands for its end, so that its own events are none of the future."""
    if not isinstance(when, dt.datetime):
        when = dt.datetime.combine(when, dt.time.max)
    return when.astimezone(dt.timezone.utc) if when.tzinfo else when.replace(tzinfo=dt.timezone.utc)


def start_as_utc(when: dt.date | None) -> dt.datetime | None:
    """An instant; a date stands for its beginning."""
    if when is None:
        return None
    return as_utc(when if isinstance(when, dt.datetime) else dt.datetime.combine(when, dt.time.min))
