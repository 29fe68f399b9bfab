"""A chunk of a generated click log: all clicks of a block of addresses, and who is behind each.

A chunk depends on the seed, the settings and its number alone, so chunks can be made in any order.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from offbeat.packs.installs.history import Key, joined
from offbeat.packs.installs.market import DEVICES, Market, draw_rows
from offbeat.packs.installs.settings import Settings

KINDS = ("person", "gateway", "farm")
_DAY_S = 86_400
_CLICKS = (2.2, 40.0, 300.0)  # of an address, by kind, on average
_STRIDE = 1 << 20  # addresses of one chunk; no two chunks share one
# How busy each hour (UTC) is, and how much of it is left at night.
_HOURS = 1.0 + 0.75 * np.sin((np.arange(24) - 7) / 24 * 2 * np.pi)
_LOYAL, _BURSTS = 0.35, 0.5  # share of clicks on a visitor's favourite app, and soon after another click
_PROMPT_S, _LATE_S = 180.0, 6 * 3600.0


class Chunk(NamedTuple):
    """One chunk.

    Attributes:
        clicks: the log's columns, by time.
        truth: one row per address; see INSTALL_TRUTH.
        log_odds: float64, [clicks]: true log odds of an install, in the order of `clicks`.
        installed: bool, [clicks]: whether the log says that it was installed.
    """

    clicks: pa.Table
    truth: pa.Table
    log_odds: np.ndarray
    installed: np.ndarray


class _Clicks(NamedTuple):
    address: np.ndarray  # place in the chunk's addresses
    device: np.ndarray
    system: np.ndarray
    app: np.ndarray
    channel: np.ndarray
    time_s: np.ndarray  # since the log's beginning


def make_chunk(settings: Settings, market: Market, *, seed: int, number: int, clicks: int) -> Chunk:
    """Make about `clicks` clicks of addresses that no other chunk has."""
    rng = np.random.default_rng((seed, 2, number))
    kind = _addresses(settings, clicks, rng)
    each = np.maximum(1, rng.geometric(1 / np.array(_CLICKS)[kind]))
    address = np.repeat(np.arange(len(kind)), each)
    of = kind[address]
    row = _people(settings, market, address, of, rng)
    row = _farms(settings, market, row, of, rng)
    order = np.lexsort((row.app, row.address, row.time_s))
    row, of = _Clicks(*(part[order] for part in row)), of[order]
    visitor = joined(row.address, row.device, row.system)
    earlier = Key(joined(visitor, row.app), row.time_s * 1_000_000).before()
    odds = market.log_odds(row.app, row.channel, row.device, row.system, earlier)
    odds = odds - np.where(of == KINDS.index("farm"), 5.0, 0.0)
    bought = rng.random(len(odds)) < 1 / (1 + np.exp(-odds))
    late = rng.random(len(odds)) < settings.late
    delay = np.maximum(1, rng.lognormal(np.log(np.where(late, _LATE_S, _PROMPT_S)), 0.8)).astype(np.int64)
    seen = bought & (row.time_s + delay < settings.days * _DAY_S)
    ips = 1 + number * _STRIDE + rng.permutation(len(kind))
    truth = _truth(ips, kind, row.address, odds, seen, bought & ~seen)
    return Chunk(_table(settings, row, ips, delay, seen), truth, odds, seen)


def _addresses(settings: Settings, clicks: int, rng: np.random.Generator) -> np.ndarray:
    """Kind of each address, so that each kind has about its share of the clicks."""
    farms = settings.farms if settings.plant else 0.0
    shares = np.array([1 - farms - settings.gateways, settings.gateways, farms])
    expected = clicks * shares / np.array(_CLICKS)
    counts = np.floor(expected + rng.random(3)).astype(int)
    counts[0] = max(1, counts[0])
    return np.repeat(np.arange(3), counts)


def _people(
    settings: Settings, market: Market, address: np.ndarray, of: np.ndarray, rng: np.random.Generator
) -> _Clicks:
    """Clicks as people make them: each with devices of their own, in bursts, by day."""
    n = len(address)
    # A person has one device, a gateway dozens; who clicks is drawn from those behind the address.
    behind = np.where(of == KINDS.index("gateway"), rng.integers(20, size=n), 0)
    visitor = joined(address, behind)
    first = np.unique(visitor, return_index=True)[1]
    device = rng.choice(len(DEVICES), len(first), p=market.device_share)[visitor]
    system = rng.choice(len(market.system_share), len(first), p=market.system_share)[visitor]
    favourite = rng.choice(len(market.app_share), len(first), p=market.app_share)[visitor]
    app = np.where(
        rng.random(n) < _LOYAL, favourite, rng.choice(len(market.app_share), n, p=market.app_share)
    )
    channel = market.ways[app, draw_rows(market.way_share[app], rng)]
    hour = rng.choice(24, n, p=_HOURS / _HOURS.sum())
    time_s = rng.integers(settings.days, size=n) * _DAY_S + hour * 3600 + rng.integers(3600, size=n)
    # Half of a visitor's clicks follow another one within minutes.
    anchor = time_s[first][visitor]
    near = np.minimum(anchor + rng.exponential(240, n).astype(np.int64), settings.days * _DAY_S - 1)
    return _Clicks(address, device, system, app, channel, np.where(rng.random(n) < _BURSTS, near, time_s))


def _farms(
    settings: Settings, market: Market, row: _Clicks, of: np.ndarray, rng: np.random.Generator
) -> _Clicks:
    """Clicks of farms: a few apps of one buyer round and round, at a steady pace, all day, under changing devices."""
    farm = np.flatnonzero(of == KINDS.index("farm"))
    if not len(farm):
        return row
    _, owner, size = np.unique(row.address[farm], return_inverse=True, return_counts=True)
    turn = np.arange(len(farm)) - (np.cumsum(size) - size)[owner]
    round_length = rng.integers(2, 6, len(size))
    playlist = rng.choice(len(market.app_share), (len(size), 6), p=market.app_share)
    pace = rng.integers(3, 40, len(size))
    begin = (rng.random(len(size)) * np.maximum(1, settings.days * _DAY_S - size * pace)).astype(np.int64)
    app = playlist[owner, turn % round_length[owner]]
    time_s = begin[owner] + turn * pace[owner] + rng.integers(2, size=len(farm))
    parts = [part.copy() for part in row]
    parts[1][farm] = 0
    parts[2][farm] = rng.integers(4, size=len(farm))
    parts[3][farm], parts[4][farm] = app, market.ways[app, 0]
    parts[5][farm] = np.minimum(time_s, settings.days * _DAY_S - 1)
    return _Clicks(*parts)


def _table(
    settings: Settings, row: _Clicks, ips: np.ndarray, delay: np.ndarray, seen: np.ndarray
) -> pa.Table:
    """The log's columns as the real logs have them; times as text to the second."""
    midnight = (settings.first_day - dt.date(1970, 1, 1)).days * _DAY_S
    click, attributed = (
        pa.array((midnight + at).astype("datetime64[s]")).cast(pa.string())
        for at in (row.time_s, row.time_s + delay)
    )
    return pa.table(
        {
            "ip": ips[row.address],
            "app": row.app + 1,
            "device": DEVICES[row.device],
            "os": row.system,
            "channel": row.channel + 100,
            "click_time": click,
            "attributed_time": pc.if_else(pa.array(seen), attributed, None),
            "is_attributed": seen.astype(np.int8),
        }
    )


def _truth(
    ips: np.ndarray,
    kind: np.ndarray,
    address: np.ndarray,
    odds: np.ndarray,
    seen: np.ndarray,
    late: np.ndarray,
) -> pa.Table:
    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(address, weights=values, minlength=len(ips))

    return pa.table(
        {
            "ip": pa.array(ips).cast(pa.string()),
            "kind": pa.array(KINDS, pa.string()).take(pa.array(kind)),
            "clicks": np.bincount(address, minlength=len(ips)).astype(np.int64),
            "expected_installs": total(1 / (1 + np.exp(-odds))),
            "installs": total(seen).astype(np.int64),
            "late_installs": total(late).astype(np.int64),
        }
    )
