"""How likely a session that still runs is to break its sequence, from what it has shown so far.

A logistic regression over what the model makes of a prefix: its largest surprise so far, whether that is above the
threshold already, how surprising its latest event was, and how long it is. It is fitted on prefixes of held-out
sessions, without labels. In a log where faults may be among them, one that ends above the threshold counts as broken
with the probability that it is faulty: of all sessions, the alert budget's share would be flagged by chance. In a log
declared normal none is broken: there faults are put into copies, as many as the alert budget, which is what the config
says of how rare they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from offbeat.detectors.base import Detector, EventScores, Sequences, offsets_of, ragged_index
from offbeat.training.inject import inject_faults

_MOST_SESSIONS = 2_000
_ROUNDS = 30
_RIDGE = 1e-5
_LEAST_STEP, _ENOUGH = 1e-4, 1e-10
_CAP = 4.0  # a surprise of so many thresholds says no more than one of fewer


@dataclass(frozen=True)
class Forecast:
    """Weights of the regression; see the module.

    Attributes:
        weights: float64, [5]: constant, largest surprise, whether above the threshold, latest surprise, ln of length.
        threshold: what surprises are measured by.
        prior: share of sessions that was taken to break.
    """

    weights: np.ndarray
    threshold: float
    prior: float

    def probability(self, largest: np.ndarray, latest: np.ndarray, n_events: np.ndarray) -> np.ndarray:
        """Probability that a session will have broken when it ends, float32, [n].

        Args:
            largest: largest surprise so far, [n].
            latest: surprise of the latest event, [n].
            n_events: events so far, [n].
        """
        logit = _features(largest, latest, n_events, self.threshold) @ self.weights
        return np.asarray(1 / (1 + np.exp(-np.clip(logit, -30, 30))), np.float32)

    def of_sessions(self, detector: Detector, sessions: Sequences) -> np.ndarray:
        """The same for whole prefixes; the prior for those without an event, and where the detector has no places."""
        found = detector.surprise(_unended(sessions), 1)
        if found is None:
            return np.full(len(sessions), self.prior, np.float32)
        steps = prefixes(found)
        last = steps.offsets[1:] - 1
        filled = np.diff(steps.offsets) > 0
        chosen = last[filled]
        result = np.full(len(sessions), self.prior, np.float32)
        result[filled] = self.probability(steps.largest[chosen], steps.latest[chosen], steps.n_events[chosen])
        return result

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"weights": self.weights.tolist(), "threshold": self.threshold, "prior": self.prior}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Forecast:
        """Read what `to_dict` gave."""
        return cls(np.array(values["weights"], float), float(values["threshold"]), float(values["prior"]))


@dataclass(frozen=True)
class Prefixes:
    """What every prefix of some sessions has shown, session after session.

    Attributes:
        offsets: int64, [n + 1]: session i has prefixes offsets[i]:offsets[i + 1], of 1, 2 … events.
        largest, latest: float32, [m]: surprise so far, and of the prefix's last event.
        n_events: int64, [m].
    """

    offsets: np.ndarray
    largest: np.ndarray
    latest: np.ndarray
    n_events: np.ndarray


def prefixes(scores: EventScores) -> Prefixes:
    """Every prefix of sessions that were scored without their end."""
    lengths = np.diff(scores.offsets)
    within = ragged_index(np.zeros(len(lengths), np.int64), lengths)
    session = np.repeat(np.arange(len(lengths)), lengths)
    # Largest so far, session by session: what is added grows from one to the next, so that no maximum reaches over.
    step = np.float64(scores.surprise.max(initial=0.0) + 1)
    largest = np.maximum.accumulate(scores.surprise + session * step) - session * step
    return Prefixes(offsets_of(lengths), np.asarray(largest, np.float32), scores.surprise, within + 1)


def fit_forecast(
    detector: Detector,
    validation: Sequences,
    threshold: float,
    *,
    budget: float,
    mixed: bool,
    size: int,
    seed: int,
) -> Forecast:
    """Fit on held-out sessions.

    Args:
        detector: fitted, on other sessions.
        validation: held-out sessions.
        threshold: score above which a session is flagged.
        budget: share of normal sessions that may be flagged.
        mixed: whether faulty sessions may be among them.
        size: of the vocabulary.
        seed: of the sample and of the faults that are put in.
    """
    rng = np.random.default_rng(seed)
    most = min(len(validation), _MOST_SESSIONS)
    sample = validation.take(np.sort(rng.choice(len(validation), most, replace=False)))
    outcome = _outcome(detector.score(sample) > threshold, budget) if mixed else np.zeros(most)
    weight = np.ones(most)
    prior = float(outcome.mean()) if mixed else 0.0
    parts, outcomes, weights = [sample], [outcome], [weight]
    if prior < budget:
        faulty, _ = inject_faults(sample, vocabulary_size=size, seed=seed)
        prior = budget
        parts.append(faulty)
        outcomes.append(np.ones(len(faulty)))
        weights.append(np.full(len(faulty), budget / (1 - budget) * most / max(1, len(faulty))))
    found = [detector.surprise(_unended(part), 1) for part in parts]
    if any(each is None for each in found):
        return Forecast(np.array([np.log(prior / (1 - prior)), 0, 0, 0, 0]), threshold, prior)
    rows = [_rows(prefixes(each), threshold) for each in found if each is not None]
    spread = [np.repeat(np.arange(len(part)), part.lengths) for part in parts]
    y = np.concatenate([values[at] for values, at in zip(outcomes, spread, strict=True)])
    w = np.concatenate(
        [
            values[at] / parts[n].lengths[at]
            for n, (values, at) in enumerate(zip(weights, spread, strict=True))
        ]
    )
    return Forecast(_regress(np.concatenate(rows), y, w, prior), threshold, prior)


def _outcome(flagged: np.ndarray, budget: float) -> np.ndarray:
    """Probability that a session is faulty: that of the flagged ones is what chance does not explain."""
    share = float(flagged.mean())
    believed = max(0.0, (share - budget) / (1 - budget)) / share if share else 0.0
    return np.where(flagged, believed, 0.0)


def _unended(sessions: Sequences) -> Sequences:
    """The same sessions as they are while they run."""
    return replace(sessions, ends=np.zeros(len(sessions), bool))


def _rows(steps: Prefixes, threshold: float) -> np.ndarray:
    return _features(steps.largest, steps.latest, steps.n_events, threshold)


def _features(largest: np.ndarray, latest: np.ndarray, n_events: np.ndarray, threshold: float) -> np.ndarray:
    unit = max(threshold, 1e-6)
    columns = [
        np.ones(len(largest)),
        np.minimum(largest / unit, _CAP),
        largest > threshold,
        np.minimum(latest / unit, _CAP),
        np.log1p(n_events),
    ]
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


def _regress(x: np.ndarray, y: np.ndarray, w: np.ndarray, prior: float) -> np.ndarray:
    """Weights of a logistic regression, by Newton's method with a little ridge; a step that does not help is halved."""
    weights = np.zeros(x.shape[1])
    weights[0] = np.log(max(prior, 1e-6) / max(1 - prior, 1e-6))
    share = w / max(float(w.sum()), 1e-9)
    ridge = np.full(len(weights), _RIDGE)
    ridge[0] = 1e-9

    def loss(at: np.ndarray) -> float:
        logit = x @ at
        return float(share @ (np.logaddexp(0, logit) - y * logit) + ridge @ at**2 / 2)

    best = loss(weights)
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (share * (y - p)) - ridge * weights
        bend = (x.T * (share * p * (1 - p))) @ x + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        size = 1.0
        while (after := loss(weights + size * step)) > best and size > _LEAST_STEP:
            size /= 2
        if best - after < _ENOUGH:
            break
        weights, best = weights + size * step, after
    return weights
