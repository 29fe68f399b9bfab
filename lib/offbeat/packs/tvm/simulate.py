"""Many viewers at once: sessions that keep the rules, with times. Arrays only; all sessions take a step together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from offbeat.packs.tvm.habits import HANDLED, ambient_chances, choices, waits
from offbeat.packs.tvm.machine import MACHINE

_MIN_WAIT_S = 0.3  # no two events come closer, so that jitter and ambient events between never touch
_MAX_AMBIENT = 4  # between two meaningful events
_BEATS = np.array(
    [
        event in {"heartbeat", "content_end"} or event.startswith("content_quartile")
        for event in MACHINE.events
    ]
)
_PODS = np.array([event.startswith("ad_pod_start") for event in MACHINE.events])


@dataclass(frozen=True)
class Viewings:
    """Sessions as flat arrays, session after session, events in order.

    Attributes:
        session: int32, [events]: whose event.
        code: int16, [events]: which event, see `machine.EVENTS`.
        at_s: float64, [events]: seconds since the session's first event.
        viewed_s: float64, [sessions]: seconds in which content ran.
        length_s: float64, [sessions]: time of the last event.
    """

    session: np.ndarray
    code: np.ndarray
    at_s: np.ndarray
    viewed_s: np.ndarray
    length_s: np.ndarray


# A hand on the controls brings menus, sizes and rates along; content that runs by itself is quiet.
_AMBIENT_AFTER = np.array([3.0 if event in HANDLED else 0.6 for event in MACHINE.events])


def simulate(profile: np.ndarray, beat_s: np.ndarray, rng: np.random.Generator) -> Viewings:
    """Let every session take its way through the rules until it ends.

    Args:
        profile: int, [sessions]: habits, see `habits.profile_of`.
        beat_s: float, [sessions]: seconds of content between two beats of its title.
    """
    walkers = _Walkers(profile, beat_s)
    steps = [walkers.step(rng)]
    while walkers.active.size:
        steps.append(walkers.step(rng))
    session, code, at_s = (np.concatenate(column) for column in zip(*steps, strict=True))
    order = np.argsort(session, kind="stable")
    return Viewings(
        session=session[order].astype(np.int32),
        code=code[order],
        at_s=at_s[order],
        viewed_s=walkers.viewed_s,
        length_s=walkers.clock_s,
    )


class _Walkers:
    """Where each session stands while it is made."""

    def __init__(self, profile: np.ndarray, beat_s: np.ndarray) -> None:
        self.profile = profile
        self.beat_s = beat_s
        self.left_s = beat_s.copy()  # content time until the next beat
        self.state = np.zeros(len(profile), np.int64)
        self.clock_s = np.zeros(len(profile))
        self.viewed_s = np.zeros(len(profile))
        self.active = np.arange(len(profile))

    def step(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Let each session that has not ended take one event; gives session, code and time of each."""
        event, chance = choices()
        state = self.state[self.active]
        draw = rng.random(len(state), dtype=np.float32)
        code = event[state, (draw[:, None] >= chance[self.profile[self.active], state]).sum(axis=1)]
        going = code >= 0
        self.active, state, code = self.active[going], state[going], code[going]
        playing = MACHINE.playing[state]
        wait_s = self._wait(code, playing, rng)
        first = state == 0
        wait_s[first] = 0.0
        self.clock_s[self.active] += wait_s
        self.viewed_s[self.active] += np.where(playing, wait_s, 0.0)
        self.state[self.active] = MACHINE.after[state, code]
        return self.active, code, self.clock_s[self.active]

    def _wait(self, code: np.ndarray, playing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Seconds until the event; content's own time rules beats and what interrupts content."""
        median, spread, low, high = waits()[code].T
        own = np.clip(np.exp(median + spread * rng.standard_normal(len(code))), low, high)
        left = self.left_s[self.active]
        beat = _BEATS[code]
        part = left * rng.uniform(0.08, 0.92, len(code))
        within = playing & ~beat & ~_PODS[code]  # a pod comes right after its beat
        wait_s = np.where(beat, left, np.where(within, part, own))
        wait_s = np.maximum(wait_s, _MIN_WAIT_S)
        self.left_s[self.active] = np.where(
            beat, self.beat_s[self.active], np.where(within, left - part, left)
        )
        return wait_s


def add_ambient(viewings: Viewings, platform: np.ndarray, rate: float, rng: np.random.Generator) -> Viewings:
    """Put events that mean nothing between the meaningful ones.

    Args:
        platform: int, [sessions]: place in `catalog.PLATFORMS`.
        rate: ambient events per meaningful one.
    """
    session, at_s = viewings.session, viewings.at_s
    last = np.diff(session, append=-1) != 0
    chatty = 1 / (1 + rate * _AMBIENT_AFTER[viewings.code])
    count = np.where(last, 0, np.minimum(rng.geometric(chatty) - 1, _MAX_AMBIENT))
    gap_s = np.diff(at_s, append=at_s[-1:])
    after = np.repeat(np.arange(len(session)), count)
    nth = np.arange(len(after)) - np.repeat(np.cumsum(count) - count, count)
    place = (nth + rng.uniform(0.25, 0.75, len(after))) / count[after]  # each in its own part of the gap
    chance = ambient_chances()[platform[session[after]]]
    kind = (rng.random(len(after))[:, None] >= chance).sum(axis=1).clip(0, chance.shape[1] - 1)
    order = np.argsort(np.concatenate([np.arange(len(session)), after + 0.5]), kind="stable")
    return Viewings(
        session=np.concatenate([session, session[after]])[order],
        code=np.concatenate([viewings.code, len(MACHINE.events) + kind])[order].astype(np.int16),
        at_s=np.concatenate([at_s, at_s[after] + place * gap_s[after]])[order],
        viewed_s=viewings.viewed_s,
        length_s=viewings.length_s,
    )


def lose_ambient(viewings: Viewings, share: float, rng: np.random.Generator) -> Viewings:
    """Lose a share of the events that mean nothing, on their way: the session stays legal."""
    ambient = viewings.code >= len(MACHINE.events)
    kept = ~ambient | (rng.random(len(ambient)) >= share)
    return replace(
        viewings, session=viewings.session[kept], code=viewings.code[kept], at_s=viewings.at_s[kept]
    )
