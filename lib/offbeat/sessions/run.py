"""The step: brings the table sessions up to the table events.

All sessions are made of the events as they are, in one commit. A property of the table says which rules and which
version of events they rest on; where these are as they were, there is nothing to do.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import NamedTuple
from uuid import uuid4

from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.sessions.build import build_sessions, clock_us
from offbeat.sessions.rules import Rules
from offbeat.tables.contract import EVENTS, SESSIONS
from offbeat.tables.lake import Lake

log = logging.getLogger(__name__)

_BASIS = "offbeat.sessions.basis"  # property of the table sessions


class Basis(NamedTuple):
    """What the table sessions rests on."""

    origin: str  # hash of the rules, and id of the table of events
    events_version: int  # what the first load has taken; the stream takes what follows
    checkpoint: str

    def __str__(self) -> str:
        return " ".join(map(str, self))

    @classmethod
    def of(cls, lake: Lake) -> Basis | None:
        """The basis of a lake's sessions; None where there are none yet."""
        found = lake.property(SESSIONS, _BASIS)
        if found is None:
            return None
        origin, version, checkpoint = found.split(" ")
        return cls(origin, int(version), checkpoint)


def run(
    lake: Lake,
    conf: Config,
    *,
    run_date: dt.datetime,  # noqa: ARG001 - all steps take it; what is open, the log's own clock says
) -> dict[str, int]:
    """Bring the table sessions up to the events.

    Args:
        lake: with the table events.
        conf: section `sessions` says where a session ends.
        run_date: not used: the log's own clock says what is open.

    Returns:
        Counts: `events` taken, `sessions_new`, `sessions_changed`, `sessions_deleted`, and `open` ones in the table.

    Raises:
        UsageError: there are no events yet, or something else wrote a table.
    """
    version = lake.version(EVENTS)
    events = lake.read(EVENTS)
    origin = f"{Rules.of(conf.sessions).hash}-{lake.table_id(EVENTS)}"
    basis = Basis.of(lake)
    counts = {"events": 0, "sessions_new": 0, "sessions_changed": 0, "sessions_deleted": 0}
    if basis is None or basis.origin != origin or basis.events_version != version:
        lake.overwrite(SESSIONS, build_sessions(events, conf.sessions, watermark_us=clock_us(events)))
        lake.set_property(SESSIONS, _BASIS, str(Basis(origin, version, f"sessionize/{uuid4().hex}")))
        counts["events"] = events.count()
        counts["sessions_new"] = lake.read(SESSIONS).count()
    counts["open"] = lake.read(SESSIONS).where(F.col("state") == "open").count()
    return counts
