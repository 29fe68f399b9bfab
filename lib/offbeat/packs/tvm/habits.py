"""How often the player does what its rules allow, and how long it takes: by platform, app version and partner.

Every choice that can happen at all happens often enough to be learned: none is rarer than about one in 300 where
it is open. What is rarer than that is a fault.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from offbeat.packs.tvm.catalog import KIND_SHARES, PARTNERS, PLATFORMS, VERSIONS
from offbeat.packs.tvm.machine import MACHINE
from offbeat.packs.tvm.rules import AMBIENT, RULES

# How much a rule is taken, against 1 for what simply comes next.
WEIGHTS = {
    "preroll_1": 0.4,
    "preroll_2": 0.25,
    "preroll_3": 0.12,
    "midroll_1": 0.3,
    "midroll_2": 0.25,
    "midroll_3": 0.1,
    "ad_skip": 0.2,
    "pause": 0.06,
    "seek": 0.05,
    "seek_paused": 0.15,
    "stall": 0.06,
    "stall_seeking": 0.25,
    "stall_ad": 0.05,
    "stop": 0.04,
    "stop_paused": 0.1,
    "relaunch": 0.07,
    "next_episode": 0.08,
}
CRASH_WEIGHT = 0.05  # the app dies while it buffers and is not launched again

PLATFORM_HABITS: dict[str, dict[str, float]] = {
    "web": {"pause": 1.4, "seek": 1.3, "stop": 1.2},
    "ios": {"stall": 1.2, "pause": 1.1},
    "android": {"stall": 1.4, "relaunch": 1.3, "stall_ad": 1.3},
    "roku": {"seek": 0.7, "stall_seeking": 1.5},
    "tv": {"pause": 0.8, "stop": 0.8, "next_episode": 1.5},
}
VERSION_HABITS: dict[str, dict[str, float]] = {
    "5.8": {"stall": 1.3, "stall_seeking": 1.4, "relaunch": 1.2},
    "6.0": {},
    "6.1": {"stall": 0.8, "next_episode": 1.3},
    # The release plays on by itself and asks less: more episodes in a row, fewer hands on the controls.
    "6.2": {"stall": 0.8, "next_episode": 3.0, "midroll_1": 1.6, "midroll_2": 1.6, "seek_paused": 1.5},
}
AD_POLICIES: dict[str, dict[str, float]] = {
    "light": {"preroll_1": 0.6, "preroll_2": 0.4, "preroll_3": 0.4, "midroll_1": 0.6, "midroll_2": 0.4,
              "midroll_3": 0.4, "ad_skip": 0.0},
    "standard": {"ad_skip": 0.0},
    "heavy": {"preroll_2": 1.5, "preroll_3": 2.0, "midroll_2": 1.5, "midroll_3": 2.0, "ad_skip": 0.0},
    "skippable": {},
}  # fmt: skip

HANDLED = {"content_play", "pause", "resume", "seek_start", "seek_end", "buffer_start", "buffer_end"}
"""Events that more ambient ones follow than others."""

AMBIENT_HABITS: dict[str, tuple[float, ...]] = {  # in the order of `AMBIENT`
    "web": (3, 3, 2, 2, 3, 2),
    "ios": (3, 2, 3, 2, 3, 2),
    "android": (3, 2, 3, 2, 3, 2),
    "roku": (2, 2, 2, 3, 3, 3),
    "tv": (3, 2, 2, 3, 3, 3),
}


class Seconds(NamedTuple):
    """How long after the event before it an event comes: log-normal, kept within bounds."""

    median: float
    spread: float
    low: float
    high: float


# No silence may reach the 30 minutes that end a session, not even with an event lost from its middle:
# the longest pause and the longest beat together stay below.
PAUSE = Seconds(75, 1.2, 2, 1100)
WAITS: dict[str, Seconds] = {
    "session_start": Seconds(0.8, 0.4, 0.3, 5),
    "app_launch": Seconds(25, 0.8, 5, 240),  # again, after a crash
    **{f"content_load_{kind}": Seconds(8, 0.9, 1, 300) for kind in KIND_SHARES},
    **{f"ad_pod_start_{ads}": Seconds(0.5, 0.3, 0.3, 2) for ads in (1, 2, 3)},
    "ad_start": Seconds(0.4, 0.3, 0.3, 2),
    "ad_complete": Seconds(5, 0.4, 1.5, 10),
    **{f"ad_quartile_{share}": Seconds(5, 0.4, 1.5, 10) for share in (25, 50, 75)},
    "ad_skip": Seconds(2, 0.4, 0.5, 5),
    "ad_pod_end": Seconds(0.4, 0.3, 0.3, 2),
    "content_play": Seconds(0.9, 0.5, 0.3, 10),
    "resume": PAUSE,
    "content_stop": PAUSE,
    "seek_start": Seconds(10, 0.8, 1, 120),
    "seek_end": Seconds(1.6, 0.6, 0.4, 15),
    "buffer_start": Seconds(0.8, 0.4, 0.3, 4),
    "buffer_end": Seconds(4, 1.0, 0.4, 60),
    "session_end": Seconds(3, 0.8, 0.5, 60),
    "app_close": Seconds(1.5, 0.6, 0.3, 20),
}


@cache
def waits() -> np.ndarray:
    """`WAITS` by event code: float64, [events, 4]: log of the median, spread, low, high.

    NaN for events that come when content's own time says so.
    """
    table = np.full((len(MACHINE.events), 4), np.nan)
    for event, wait in WAITS.items():
        table[MACHINE.events.index(event)] = (np.log(wait.median), *wait[1:])
    return table


class Choices(NamedTuple):
    """What may come next, for walking many sessions at once.

    Attributes:
        event: int16, [states, choices]: code of the event; -1 stands for the end of the session.
        chance: float32, [profiles, states, choices]: cumulative probability, 1 from the last choice on.
    """

    event: np.ndarray
    chance: np.ndarray


def profile_of(
    platform: np.ndarray, version: np.ndarray, partner: np.ndarray, kind: np.ndarray
) -> np.ndarray:
    """Number of the habits that go with these places in `PLATFORMS`, `VERSIONS`, `PARTNERS` and the content's kind."""
    policies = list(AD_POLICIES)
    policy = np.array([policies.index(each.ads) for each in PARTNERS])[partner]
    shape = (len(PLATFORMS), len(VERSIONS), len(policies), len(KIND_SHARES))
    return np.ravel_multi_index((platform, version, policy, kind), shape)


def _factors() -> np.ndarray:
    """By how much each profile takes each rule more or less than others: float64, [profiles, rules]."""
    rows = []
    for platform in PLATFORM_HABITS.values():
        for version in VERSION_HABITS.values():
            for policy in AD_POLICIES.values():
                for kind in KIND_SHARES:
                    # A session loads what its title is.
                    loads = {f"load_{other}": float(other == kind) for other in KIND_SHARES}
                    habits = (platform, version, policy, loads)
                    rows.append([np.prod([h.get(rule.name, 1.0) for h in habits]) for rule in RULES])
    return np.array(rows)


@cache
def choices() -> Choices:
    """The rules with their weights, for every profile."""
    open_to = [np.flatnonzero(row >= 0) for row in MACHINE.after]
    width = max(map(len, open_to)) + 1
    event = np.full((len(open_to), width), -1, np.int16)
    rule = np.full((len(open_to), width), -1)
    base = np.zeros((len(open_to), width))
    weights = np.array([WEIGHTS.get(each.name, 1.0) for each in RULES])
    for state, codes in enumerate(open_to):
        event[state, : len(codes)] = codes
        rule[state, : len(codes)] = MACHINE.rule[state, codes]
        base[state, : len(codes)] = weights[MACHINE.rule[state, codes]]
        base[state, len(codes)] = (
            CRASH_WEIGHT if len(codes) and MACHINE.may_end[state] else float(not len(codes))
        )
    factors = np.pad(_factors(), ((0, 0), (0, 1)), constant_values=1.0)  # the end has no rule: number -1
    chance = np.cumsum(base * factors[:, rule], axis=2)
    chance /= chance[:, :, -1:]
    return Choices(event, chance.astype(np.float32))


@cache
def ambient_chances() -> np.ndarray:
    """Cumulative shares of the ambient events by platform: float64, [platforms, ambient events]."""
    table = np.array([AMBIENT_HABITS[platform] for platform in PLATFORMS])
    assert table.shape[1] == len(AMBIENT)  # noqa: S101 - the two tables above must agree
    return np.cumsum(table / table.sum(axis=1, keepdims=True), axis=1)
