"""What a generated log is like: the settings under `generate.settings`, checked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from offbeat.packs.knobs import is_number, not_whole, out_of_bounds, refuse, unknown

FAULT_KINDS = ("swap", "drop", "repeat", "insert", "delay")
MEAN_EVENTS = 31.7
"""Rows of a session on average: how a number of rows becomes a number of sessions."""


def _even_rates() -> dict[str, float]:
    return dict.fromkeys(FAULT_KINDS, 0.02)


@dataclass(frozen=True)
class Settings:
    """What a generated log is like.

    Attributes:
        start: first day, `YYYY-MM-DD`.
        days: days that the log spans.
        plant: whether faults are put into sessions.
        fault_rates: share of sessions with a fault, by kind; kinds left out have none.
        hidden: share of faults that, where the session has a place for one, no three neighbours betray.
        ambient: events that mean nothing, per meaningful one.
        jitter_s: how far a time stamp may be off, in seconds; never changes the order.
        skew_s: how far a device's clock may be off, in seconds, the same for all its events.
        delay_s: mean time that a row is under way, in seconds: rows arrive in another order than they were sent in.
        lost: share of ambient events that never arrive; the loss of one that means something is the fault drop.
        duplicates: share of rows delivered twice, event_id and all.
        late: share of rows that come in a later file, with their right time.
        offline: share of sessions on phones that come in a later file as a whole.
        release_day: day of the log, from 0, on which the newest app version comes out and devices begin to move to it;
            its habits are others (see `habits.VERSION_HABITS`). One beyond `days` never comes.
        chunk_sessions: about how many sessions are made at once; bounds the memory.
    """

    start: str = "2025-03-03"
    days: int = 14
    plant: bool = True
    fault_rates: Mapping[str, float] = field(default_factory=_even_rates)
    hidden: float = 0.4
    ambient: float = 0.2
    jitter_s: float = 0.004
    skew_s: float = 1.5
    delay_s: float = 2.0
    lost: float = 0.01
    duplicates: float = 0.004
    late: float = 0.002
    offline: float = 0.01
    release_day: int = 5
    chunk_sessions: int = 10_000

    def __post_init__(self) -> None:
        refuse("generate.settings", [*self._bad_shares(), *self._bad_numbers()])

    @classmethod
    def of(cls, given: Mapping[str, Any], *, plant: bool = True) -> Settings:
        """Settings from the config's `generate.settings`.

        Raises:
            UsageError: a key is unknown or a value can't be; all are named.
        """
        known = [each.name for each in fields(cls) if each.name != "plant"]
        problems = [unknown(key, known) for key in given if key not in known]
        if not isinstance(given.get("fault_rates", {}), Mapping):
            problems.append(f"fault_rates: expected kinds and shares, got {given['fault_rates']!r}")
        refuse("generate.settings", problems)
        text = {"start": str(given["start"])} if "start" in given else {}  # YAML makes a date of it
        return cls(**{**given, **text, "plant": plant})

    @property
    def first_day(self) -> dt.date:
        """The first day."""
        return dt.date.fromisoformat(self.start)

    def _bad_shares(self) -> list[str]:
        shares = {name: getattr(self, name) for name in ("hidden", "lost", "duplicates", "late", "offline")}
        problems = [
            f"fault_rates: {unknown(k, FAULT_KINDS)}" for k in self.fault_rates if k not in FAULT_KINDS
        ]
        shares |= {f"fault_rates.{kind}": rate for kind, rate in self.fault_rates.items()}
        bad = {name: share for name, share in shares.items() if not is_number(share) or not 0 <= share <= 1}
        problems += [f"{name}: expected a share from 0 to 1, got {share!r}" for name, share in bad.items()]
        if not problems and sum(self.fault_rates.values()) > 1:
            problems.append("fault_rates: together above 1; a session has one fault at most")
        return problems

    def _bad_numbers(self) -> list[str]:
        bounds: dict[str, tuple[float, float]] = {
            "ambient": (0, 2),
            "jitter_s": (0, 0.008),
            "skew_s": (0, 60),
            "delay_s": (0, 3600),
            "days": (1, 365),
            "release_day": (0, 10_000),
            "chunk_sessions": (1, 100_000),
        }
        problems = out_of_bounds(self, bounds) + not_whole(self, ("days", "release_day", "chunk_sessions"))
        try:
            _ = self.first_day
        except ValueError:
            problems.append(f"start: expected a day as YYYY-MM-DD, got {self.start!r}")
        return problems
