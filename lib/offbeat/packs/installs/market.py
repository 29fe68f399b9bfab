"""The market that a generated click log comes from: apps and channels, how popular they are, and how well they sell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offbeat.packs.installs.settings import Settings

DEVICES = np.array([1, 2, 0, 3032, 3543, 3866, 59, 40])
_DEVICE_SHARE = np.array([0.943, 0.043, 0.005, 0.004, 0.002, 0.001, 0.001, 0.001])
_DEVICE_EFFECT = np.array([0.0, 0.4, 2.6, -2.0, -2.0, -2.0, 1.2, 1.2])
_SYSTEMS = 60
_WAYS = 4  # channels that show an app, at most
_TIRED = 0.9  # how much the log odds fall with ln(1 + earlier clicks on the same app)


@dataclass(frozen=True)
class Market:
    """Popularity and log odds of installing, the same for every chunk of a log.

    Attributes:
        app_share: float64, [apps], sums to 1.
        ways: int64, [apps, 4]: channels of each app. way_share: float64, [apps, 4], rows sum to 1.
        app_effect, channel_effect, system_effect, device_effect: what each adds to the log odds.
        base: log odds before any effect.
    """

    app_share: np.ndarray
    ways: np.ndarray
    way_share: np.ndarray
    app_effect: np.ndarray
    channel_effect: np.ndarray
    system_share: np.ndarray
    system_effect: np.ndarray
    device_share: np.ndarray
    device_effect: np.ndarray
    base: float

    @classmethod
    def of(cls, settings: Settings, seed: int) -> Market:
        """The market of a seed; its base is set so that people install at about the rate that is asked for."""
        rng = np.random.default_rng((seed, 1))
        app_share = _falling(settings.apps, 1.1)
        # Much-clicked apps are much-advertised ones: they sell worse than the few that people look for.
        app_effect = (
            rng.normal(0, 1.6, settings.apps) - 0.8 * (np.log(app_share) - np.log(app_share).mean()) / 2
        )
        ways = rng.integers(settings.channels, size=(settings.apps, _WAYS))
        way_share = rng.dirichlet(np.full(_WAYS, 0.7), settings.apps)
        system_effect = rng.normal(0, 0.35, _SYSTEMS)
        channel_effect = rng.normal(0, 0.7, settings.channels)
        market = cls(
            app_share, ways, way_share, app_effect, channel_effect, _falling(_SYSTEMS, 0.9), system_effect,
            _DEVICE_SHARE, _DEVICE_EFFECT, 0.0,
        )  # fmt: skip
        return cls(**{**market.__dict__, "base": market.base_for(settings, rng)})

    def base_for(self, settings: Settings, rng: np.random.Generator) -> float:
        """Base log odds at which a sample of first clicks, with farms diluting them, installs at the asked rate."""
        n = 20_000
        app = rng.choice(len(self.app_share), n, p=self.app_share)
        way = self.ways[app, draw_rows(self.way_share[app], rng)]
        effect = self.app_effect[app] + self.channel_effect[way]
        effect += self.device_effect[rng.choice(len(DEVICES), n, p=self.device_share)]
        people = 1 - (settings.farms if settings.plant else 0.0)
        goal = settings.install_rate / people * 1.3  # earlier clicks on the same app take some away
        low, high = -20.0, 5.0
        for _ in range(50):
            middle = (low + high) / 2
            rate = (1 / (1 + np.exp(-(effect + middle)))).mean()
            low, high = (middle, high) if rate < goal else (low, middle)
        return float(middle)

    def log_odds(
        self,
        app: np.ndarray,
        channel: np.ndarray,
        device: np.ndarray,
        system: np.ndarray,
        earlier: np.ndarray,
    ) -> np.ndarray:
        """Log odds that clicks of people lead to an install; all [n].

        Args:
            device: place in `DEVICES`. earlier: earlier clicks of the same visitor on the same app.
        """
        effects = self.app_effect[app] + self.channel_effect[channel]
        effects = effects + self.device_effect[device] + self.system_effect[system]
        found: np.ndarray = self.base + effects - _TIRED * np.log1p(earlier)
        return found


def draw_rows(shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One place per row, with the row's shares; int64, [n]."""
    edges = np.cumsum(shares, axis=1)
    drawn = rng.random(len(shares))[:, None] * edges[:, -1:]
    found: np.ndarray = (drawn > edges).sum(axis=1)
    inside: np.ndarray = np.minimum(found, shares.shape[1] - 1)
    return inside


def _falling(n: int, power: float) -> np.ndarray:
    shares = 1.0 / np.arange(1, n + 1) ** power
    found: np.ndarray = shares / shares.sum()
    return found
