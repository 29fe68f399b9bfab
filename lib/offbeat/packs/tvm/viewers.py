"""Who watches what, and when: devices of a block, and their sessions of one day. Arrays only."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from offbeat.packs.tvm.catalog import (
    PARTNERS,
    PLATFORMS,
    TITLES_PER_PARTNER,
    VERSION_SHARES,
    VERSIONS,
    titles,
)
from offbeat.packs.tvm.habits import profile_of
from offbeat.packs.tvm.settings import MEAN_EVENTS, Settings

_WEEKDAY_ACTIVE, _WEEKEND_ACTIVE = 0.32, 0.42  # share of devices that watch on a day
_SECOND = 0.3  # of these, share that comes back the same day
_MEAN_SESSIONS = (
    (5 * _WEEKDAY_ACTIVE + 2 * _WEEKEND_ACTIVE) / 7 * (1 + 0.765 * _SECOND)
)  # of a device on a day
_LOYAL = 0.5  # share of sessions spent with the device's favourite partner
_UPGRADES = 0.4  # share of devices that move to the next app version within the log's days
_TAKE_UP = 0.7  # share of devices that take a release, most of them within days of it
_TAKE_UP_DAYS = 2.0
_WEEKEND = 5

_HOUR_S = 3600.0
_FIRST_START_H, _LAST_START_H = 5.5, 23.9
_LAST_END_S = 28.8 * _HOUR_S  # more than 40 minutes before a device can start its next day
_REST_S = 36 * 60.0  # a device's sessions lie further apart than the 30 minutes that end one

_DEVICES, _SESSIONS = 1, 2  # streams of random numbers


@dataclass(frozen=True)
class Layout:
    """How a log is cut into chunks.

    Attributes:
        seed: what all random numbers grow from.
        settings: what the log is like.
        devices: devices of a block.
        blocks: blocks of devices; each makes one chunk a day.
    """

    seed: int
    settings: Settings
    devices: int
    blocks: int

    @classmethod
    def of(cls, rows: int, seed: int, settings: Settings) -> Layout:
        """The layout of a log of about `rows` events."""
        sessions_a_day = rows / MEAN_EVENTS / settings.days
        blocks = max(1, math.ceil(sessions_a_day / settings.chunk_sessions))
        devices = max(1, round(sessions_a_day / blocks / _MEAN_SESSIONS))
        return cls(seed, settings, devices, blocks)

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return self.settings.days * self.blocks

    def place(self, chunk: int) -> tuple[int, int]:
        """Day and block of a chunk."""
        return chunk % self.settings.days, chunk // self.settings.days


@dataclass(frozen=True)
class Viewers:
    """Sessions that begin on one day, as arrays over the sessions.

    Attributes:
        device: int64, place in the block.
        first: int64, for a second session of the day the place of the device's first one; -1 for a first one.
        platform, version, partner: int64, places in the catalogue.
        title: int64, place in `catalog.titles()`.
        start_s: float64, seconds since the day's midnight; for a second session, rest after the first one's end.
        skew_s: float64, how far the device's clock is off.
    """

    device: np.ndarray
    first: np.ndarray
    platform: np.ndarray
    version: np.ndarray
    partner: np.ndarray
    title: np.ndarray
    start_s: np.ndarray
    skew_s: np.ndarray

    def __len__(self) -> int:
        return len(self.device)

    @property
    def profile(self) -> np.ndarray:
        """Number of each session's habits."""
        return profile_of(self.platform, self.version, self.partner, titles().kind[self.title])

    def take(self, index: np.ndarray) -> Viewers:
        """The sessions at `index`; `first` means nothing after."""
        return replace(self, **{name: column[index] for name, column in vars(self).items()})


def viewers_of(layout: Layout, chunk: int) -> Viewers:
    """The sessions of a chunk, before anything has happened in them."""
    day, block = layout.place(chunk)
    devices = _devices(layout, block)
    rng = np.random.default_rng((layout.seed, _SESSIONS, block, day))
    weekend = (layout.settings.first_day.weekday() + day) % 7 >= _WEEKEND
    share = _WEEKEND_ACTIVE if weekend else _WEEKDAY_ACTIVE
    active = np.flatnonzero(rng.random(layout.devices) < share)
    again = np.flatnonzero(rng.random(len(active)) < _SECOND)
    device = np.concatenate([active, active[again]])
    first = np.concatenate([np.full(len(active), -1), again])
    partner = np.where(
        rng.random(len(device)) < _LOYAL, devices["favourite"][device], _partners(rng.random(len(device)))
    )
    nth = (
        (rng.random(len(device))[:, None] >= titles().popularity).sum(axis=1).clip(0, TITLES_PER_PARTNER - 1)
    )
    evening = rng.normal(20, 2.2, len(device))
    hour = np.where(rng.random(len(device)) < 0.7, evening, rng.uniform(6, 23, len(device)))  # noqa: PLR2004
    start_s = hour.clip(_FIRST_START_H, _LAST_START_H) * _HOUR_S + rng.uniform(0, 60, len(device))
    rest_s = _REST_S + rng.exponential(1.5 * _HOUR_S, len(device))
    return Viewers(
        device=device,
        first=first,
        platform=devices["platform"][device],
        version=_versions(devices, day)[device],
        partner=partner,
        title=partner * TITLES_PER_PARTNER + nth,
        start_s=np.where(first < 0, start_s, rest_s),
        skew_s=devices["skew_s"][device],
    )


def starts_of(viewers: Viewers, length_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """When each session begins, and which of them happen.

    A second session begins after the first one's end and a rest. One that would run into the next morning, where the
    device may start again, does not happen.

    Args:
        length_s: float64, [sessions]: how long each lasts.

    Returns:
        Seconds since midnight, float64, and whether the session happens, bool.
    """
    second = viewers.first >= 0
    first = np.maximum(viewers.first, 0)
    start_s = viewers.start_s + np.where(second, (viewers.start_s + length_s)[first], 0.0)
    happens = start_s + length_s <= _LAST_END_S
    happens &= ~second | (happens[first] & (start_s <= _LAST_START_H * _HOUR_S))
    return start_s, happens


def _devices(layout: Layout, block: int) -> dict[str, np.ndarray]:
    """What stays with a device through all days, as arrays over the block's devices."""
    rng = np.random.default_rng((layout.seed, _DEVICES, block))
    count, days = layout.devices, layout.settings.days
    return {
        "platform": rng.choice(len(PLATFORMS), count, p=list(PLATFORMS.values())),
        "version": rng.choice(len(VERSIONS), count, p=VERSION_SHARES),
        "upgrade": np.where(rng.random(count) < _UPGRADES, rng.integers(0, days, count), days),
        "favourite": _partners(rng.random(count)),
        "skew_s": rng.uniform(-1, 1, count) * layout.settings.skew_s,
        "release": np.where(
            rng.random(count) < _TAKE_UP,
            layout.settings.release_day + rng.exponential(_TAKE_UP_DAYS, count),
            np.inf,
        ),
    }


def _versions(devices: dict[str, np.ndarray], day: int) -> np.ndarray:
    """The app version of each device on a day: the release once it was taken, else no newer than the one before it."""
    newest = len(VERSIONS) - 1
    stepped = np.minimum(devices["version"] + (devices["upgrade"] <= day), newest - 1)
    return np.where(devices["release"] <= day, newest, stepped)


def _partners(draw: np.ndarray) -> np.ndarray:
    """Partners by their share, from numbers between 0 and 1."""
    shares = np.cumsum([partner.share for partner in PARTNERS])
    return np.searchsorted(shares / shares[-1], draw, side="right").clip(0, len(PARTNERS) - 1)
