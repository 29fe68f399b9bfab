"""The rules of where a session ends, in whole microseconds: nothing that decides a boundary is a float."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from offbeat.config import Sessions

ALGORITHM = 1  # raised by one when the same events and rules give other sessions than before
_LONGEST_US = 2**60  # 36,000 years: longer than any log, and far from the end of int64


@dataclass(frozen=True)
class Rules:
    """Where a session ends.

    Attributes:
        gap_us: longest silence inside a session; None: an entity is one session.
        order_by: what orders events of equal time, before event_id does.
        ignore: events that neither open a session nor bridge a gap.
        max_events: a session is cut after so many events; None: never.
        max_duration_us: a session is cut before the first event later than this after its start; None: never.
    """

    gap_us: int | None
    order_by: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    max_events: int | None = None
    max_duration_us: int | None = None

    @classmethod
    def of(cls, sessions: Sessions) -> Rules:
        """The rules that a config states."""
        return cls(
            gap_us=_microseconds(sessions.gap),
            order_by=tuple(name for name in sessions.order_by if name != "event_time"),
            ignore=tuple(sorted(set(sessions.ignore))),
            max_events=sessions.max_events,
            max_duration_us=_microseconds(sessions.max_duration),
        )

    @property
    def hash(self) -> str:
        """Names the rules: sessions made by rules of another hash have to be made again."""
        text = json.dumps([ALGORITHM, asdict(self)], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _microseconds(duration_s: float | None) -> int | None:
    return None if duration_s is None else min(round(duration_s * 1_000_000), _LONGEST_US)
