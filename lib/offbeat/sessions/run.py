"""The step: brings the table sessions up to the table events, once, also where it is killed on the way.

- A first load makes all sessions of the events as they are, in one commit, then writes into a property of the table
  which rules and which version of events they rest on, and the name of a fresh checkpoint. Killed before that, it is
  done again.
- From then on a stream takes the versions of events that follow. A batch only says which runs may have changed: these
  are made again from the table of events, and what differs is merged. A batch that is tried again finds no difference;
  of two runs at once, the transaction (the stream's id and the batch's number) lets one through.
- Where the rules, or the table of events, are others than the property says, the first load is done again.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import NamedTuple
from uuid import uuid4

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from offbeat.config import Config, Sessions
from offbeat.errors import OffbeatError
from offbeat.sessions.build import build_sessions, clock_us, extent_of
from offbeat.sessions.incremental import KIND, changes_of
from offbeat.sessions.rules import Rules
from offbeat.spark import keep, let_go
from offbeat.tables.contract import EVENTS, SESSIONS
from offbeat.tables.lake import Lake

log = logging.getLogger(__name__)

_BASIS = "offbeat.sessions.basis"  # property of the table sessions
_IN_THE_MAKING = "none"  # and, after a blank, the checkpoint of the run that makes it
_COUNTED_AS = {"new": "sessions_new", "changed": "sessions_changed", "gone": "sessions_deleted"}


class Basis(NamedTuple):
    """What the table sessions rests on."""

    origin: str  # hash of the rules, and id of the table of events
    events_version: int  # what the first load has taken; the stream takes what follows
    checkpoint: str

    @classmethod
    def of(cls, lake: Lake) -> Basis | None:
        """The basis of a lake's sessions; None where there is none yet, or one is in the making."""
        found = lake.property(SESSIONS, _BASIS)
        if found is None or found.partition(" ")[0] == _IN_THE_MAKING:
            return None
        origin, version, checkpoint = str(found).split(" ")
        return cls(origin, int(version), checkpoint)

    def claim(self, lake: Lake) -> None:
        """Say that the sessions are made again: no run of another basis goes on; of two that say so one gives up."""
        lake.ensure(SESSIONS)
        lake.set_property(SESSIONS, _BASIS, f"{_IN_THE_MAKING} {self.checkpoint}")

    def assert_claimed(self, lake: Lake) -> None:
        """Refuse to go on where another run has claimed the sessions since.

        Raises:
            OffbeatError: one has.
        """
        if lake.property(SESSIONS, _BASIS) != f"{_IN_THE_MAKING} {self.checkpoint}":
            raise _overtaken(lake)

    def write(self, lake: Lake) -> None:
        """Make it the basis of the lake's sessions."""
        lake.set_property(SESSIONS, _BASIS, " ".join(map(str, self)))


def run(
    lake: Lake,
    conf: Config,
    *,
    run_date: dt.datetime,  # noqa: ARG001 - all steps take it; what is open, the log's own clock says
    files_per_batch: int = 1000,
) -> dict[str, int]:
    """Bring the table sessions up to the events.

    Args:
        lake: with the table events.
        conf: section `sessions` says where a session ends.
        run_date: not used: the log's own clock says what is open.
        files_per_batch: most files of new events in a batch.

    Returns:
        Counts: `events` taken, `sessions_new`, `sessions_changed`, `sessions_deleted`, and `open` ones in the table.

    Raises:
        UsageError: there are no events yet, or something else wrote a table.
        OffbeatError: another run works on the same sessions.
    """
    can_follow = lake.exists(EVENTS) and lake.can_follow(EVENTS)
    version = lake.version(EVENTS)
    events = lake.read(EVENTS)
    origin = f"{Rules.of(conf.sessions).hash}-{lake.table_id(EVENTS)}"
    basis = Basis.of(lake)
    if basis is None or basis.origin != origin or not can_follow:
        basis = Basis(origin, version, f"sessionize/{uuid4().hex}")
        counts = _load(lake, events, conf.sessions, basis)
    else:
        sessionizer = Sessionizer(lake, conf.sessions, basis)
        if version > basis.events_version:
            sessionizer.catch_up(files_per_batch)
        counts = sessionizer.counts
    counts["open"] = lake.read(SESSIONS).where(F.col("state") == "open").count()
    return counts


def _load(lake: Lake, events: DataFrame, conf: Sessions, basis: Basis) -> dict[str, int]:
    """Make all sessions, in place of those that are there."""
    if Basis.of(lake) is not None:
        log.info("the rules of sessions, or the table of events, have changed: all sessions are made again")
    basis.claim(lake)  # killed from here on, no old rules go on with new sessions
    extent = extent_of(events)
    made_again = build_sessions(
        events,
        conf,
        watermark_us=extent.latest_us,
        n_events=extent.n_events,
        has_covariates=extent.has_covariates,
    )
    basis.assert_claimed(lake)
    lake.overwrite(SESSIONS, made_again)
    basis.assert_claimed(lake)
    basis.write(lake)
    made = lake.read(SESSIONS).count()
    return {"events": extent.n_events, "sessions_new": made, "sessions_changed": 0, "sessions_deleted": 0}


def rest_on(lake: Lake, events_version: int) -> None:
    """Say that the sessions hold all that a version of events has, and take what follows by a fresh checkpoint.

    For who has removed the same rows from both tables, and the history that the checkpoint goes by.
    """
    basis = Basis.of(lake) if lake.exists(SESSIONS) else None
    if basis is not None and basis.events_version != events_version:
        basis._replace(events_version=events_version, checkpoint=f"sessionize/{uuid4().hex}").write(lake)


class Sessionizer:
    """Takes new events, batch by batch.

    Args:
        lake: where events are and sessions go.
        conf: the rules.
        basis: what the sessions rest on.
    """

    def __init__(self, lake: Lake, conf: Sessions, basis: Basis) -> None:
        self._lake, self._conf, self._basis = lake, conf, basis
        self.counts = {"events": 0, "sessions_new": 0, "sessions_changed": 0, "sessions_deleted": 0}

    def catch_up(self, files_per_batch: int) -> None:
        """Take the events that were added since the last run; a commit that rewrites or deletes adds none."""
        options = {
            "startingVersion": str(self._basis.events_version + 1),
            "skipChangeCommits": "true",
            "maxFilesPerTrigger": str(files_per_batch),
        }
        added = self._lake.read_stream(EVENTS, options=options)
        self._lake.drain(added, self.write_batch, checkpoint=self._basis.checkpoint)

    def write_batch(self, new: DataFrame, batch_id: int, query_id: str) -> None:
        """Bring the sessions up to a batch of events; one that is tried again writes once."""
        lake = self._lake
        if Basis.of(lake) != self._basis:
            raise _overtaken(lake)
        new = keep(new)
        try:
            facts = new.agg(
                F.count(F.lit(1)).alias("n"), F.max(F.unix_micros("event_time")).alias("us")
            ).collect()[0]
            if facts["n"]:
                self._write(new, facts["us"], (f"sessionize-{query_id}", batch_id))
            self.counts["events"] += facts["n"]
        finally:
            let_go(new)

    def _write(self, new: DataFrame, latest_us: int | None, txn: tuple[str, int]) -> None:
        lake = self._lake
        events, sessions = lake.read(EVENTS), lake.read(SESSIONS)
        clock = _clock_us(events, latest_us)
        with changes_of(new, events=events, sessions=sessions, conf=self._conf, watermark_us=clock) as found:
            changes = keep(found)
            try:
                kinds = changes.groupBy(KIND).agg(F.count(F.lit(1)).alias("n"), *_start_bounds()).collect()
                if kinds:
                    rows = changes.withColumn("_gone", F.col(KIND) == "gone")
                    lake.merge(SESSIONS, rows, txn=txn, delete="_gone", prune=_prune(kinds))
            finally:
                let_go(changes)
        for row in kinds:
            self.counts[_COUNTED_AS[row[KIND]]] += row["n"]


def _overtaken(lake: Lake) -> OffbeatError:
    return OffbeatError(f"lake {lake.location}: another run makes all sessions again; start this one again")


def _clock_us(events: DataFrame, latest_us: int | None) -> int | None:
    """Time of the latest event of all; only files that may hold later ones than the new events are read."""
    if latest_us is None:
        return clock_us(events)
    return clock_us(events.where(F.col("event_time") >= F.timestamp_micros(F.lit(latest_us))))


def _start_bounds() -> list[Column]:
    start = F.unix_micros("start")
    untimed = F.bool_or(F.col("start").isNull())
    return [F.min(start).alias("first_us"), F.max(start).alias("last_us"), untimed.alias("untimed")]


def _prune(kinds: list[Row]) -> str:
    """A condition that all rows meet that changes can match, since a session_id says its start."""
    firsts = [row["first_us"] for row in kinds if row["first_us"] is not None]
    lasts = [row["last_us"] for row in kinds if row["last_us"] is not None]
    conditions = ["t.`start` IS NULL"] if any(row["untimed"] for row in kinds) else []
    if firsts:
        first, last = (f"timestamp_micros({at})" for at in (min(firsts), max(lasts)))
        conditions.append(f"t.`start` BETWEEN {first} AND {last}")
    return " OR ".join(conditions)
