"""Who is watching what: platforms, app versions, partners, titles and their popularity.

Plain data, the same for every seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np


@dataclass(frozen=True)
class Partner:
    """Who supplies titles; `ads` names the habit (see `habits.AD_POLICIES`) of its ad pods."""

    name: str
    share: float
    ads: str


PLATFORMS = {"web": 0.28, "ios": 0.18, "android": 0.20, "roku": 0.14, "tv": 0.20}
"""Share of devices by platform."""

VERSIONS = ("5.8", "6.0", "6.1", "6.2")
VERSION_SHARES = (0.2, 0.5, 0.3, 0.0)
"""App versions from old to new, with the share of devices on each at the first day; the last is yet to come."""

PARTNERS = (
    Partner("northlight", 0.27, "heavy"),
    Partner("cinemara", 0.20, "standard"),
    Partner("bluefin", 0.15, "skippable"),
    Partner("papercrane", 0.12, "standard"),
    Partner("orbit", 0.09, "light"),
    Partner("sundial", 0.07, "skippable"),
    Partner("kastel", 0.06, "heavy"),
    Partner("fjord", 0.04, "standard"),
)

TITLES_PER_PARTNER = 20
KIND_SHARES = {"clip": 0.36, "episode": 0.42, "film": 0.22}
BEAT_S = {"clip": (45.0, 110.0), "episode": (100.0, 240.0), "film": (300.0, 500.0)}
"""Shortest and longest time between two beats (heartbeats or quartiles) of a title, by kind, in seconds."""

_FIRST = (
    "Amber", "Borrowed", "Café", "Distant", "Eleven", "Fading", "Glass", "Hollow", "Iron", "Jade",
    "Kind", "Last", "Midnight", "Northern", "Open", "Paper", "Quiet", "Restless", "Silver", "Tall",
)  # fmt: skip
_SECOND = (
    "Harbour", "Letters", "Orchard", "Signal", "Tide", "Winter", "Garden", "Mirror", "Station", "Señorita",
    "Summer", "Voices", "Bridge", "Lantern", "Kitchen", "Rivals", "Shore", "Echoes", "Meadow", "Engine",
)  # fmt: skip


@dataclass(frozen=True)
class Titles:
    """The catalogue as arrays, partner after partner, most popular title of a partner first.

    Attributes:
        names: each title's name.
        kind: int8, place in `KIND_SHARES`.
        beat_s: float64, seconds of content between two beats.
        popularity: float64, cumulative share within a partner, the same for all partners.
    """

    names: tuple[str, ...]
    kind: np.ndarray
    beat_s: np.ndarray
    popularity: np.ndarray


@cache
def titles() -> Titles:
    """The catalogue: `TITLES_PER_PARTNER` titles for each of `PARTNERS`."""
    rng = np.random.default_rng(20)
    count = len(PARTNERS) * TITLES_PER_PARTNER
    numbers = rng.permutation(len(_FIRST) * len(_SECOND))[:count]
    kind = rng.choice(len(KIND_SHARES), count, p=list(KIND_SHARES.values()))
    low, high = np.array(list(BEAT_S.values()))[kind].T
    weights = 1 / np.arange(1, TITLES_PER_PARTNER + 1)
    return Titles(
        names=tuple(f"{_FIRST[n // len(_SECOND)]} {_SECOND[n % len(_SECOND)]}" for n in numbers),
        kind=kind.astype(np.int8),
        beat_s=rng.uniform(low, high),
        popularity=np.cumsum(weights) / weights.sum(),
    )
