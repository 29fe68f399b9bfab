"""What a generated click log is like: the settings under `generate.settings`, checked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from offbeat.packs.knobs import not_whole, out_of_bounds, refuse, refuse_unknown


@dataclass(frozen=True)
class Settings:
    """What a generated click log is like.

    Attributes:
        start: first day, `YYYY-MM-DD`.
        days: days that the log spans.
        apps, channels: how many there are.
        install_rate: share of clicks that lead to an install, about.
        farms: share of the clicks that come from click farms.
        gateways: share of the clicks that come from addresses with many people behind them.
        late: share of installs that take hours rather than minutes; those after the end of the log are not in it.
        plant: whether there are click farms at all.
        chunk_clicks: about how many clicks are made at once; bounds the memory.
    """

    start: str = "2025-03-03"
    days: int = 4
    apps: int = 160
    channels: int = 160
    install_rate: float = 0.0025
    farms: float = 0.12
    gateways: float = 0.4
    late: float = 0.3
    plant: bool = True
    chunk_clicks: int = 100_000

    def __post_init__(self) -> None:
        bounds = {
            "days": (1, 365), "apps": (2, 10_000), "channels": (2, 10_000), "install_rate": (0.0001, 0.5),
            "farms": (0, 0.9), "gateways": (0, 0.9), "late": (0, 1), "chunk_clicks": (1000, 2_000_000),
        }  # fmt: skip
        problems = out_of_bounds(self, bounds) + not_whole(self, ("days", "apps", "channels", "chunk_clicks"))
        if not problems and self.farms + self.gateways > 0.95:  # noqa: PLR2004 - some people stay
            problems.append("farms and gateways: together above 0.95; leave some clicks to people")
        try:
            _ = self.first_day
        except ValueError:
            problems.append(f"start: expected a day as YYYY-MM-DD, got {self.start!r}")
        refuse("generate.settings", problems)

    @classmethod
    def of(cls, given: Mapping[str, Any], *, plant: bool = True) -> Settings:
        """Settings from the config's `generate.settings`.

        Raises:
            UsageError: a key is unknown or a value can't be; all are named.
        """
        refuse_unknown(
            "generate.settings", given, (each.name for each in fields(cls) if each.name != "plant")
        )
        text = {"start": str(given["start"])} if "start" in given else {}  # YAML makes a date of it
        return cls(**{**given, **text, "plant": plant})

    @property
    def first_day(self) -> dt.date:
        """The first day."""
        return dt.date.fromisoformat(self.start)
