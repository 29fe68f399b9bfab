"""What was normal when a model was trained: the statistics that drift is measured against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import UNKNOWN, Vocabulary
from offbeat.training.forecast import Forecast

_LEVELS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Baseline:
    """Statistics of the training sessions, and of the held-out ones where scores or unknown events are concerned.

    Attributes:
        n_sessions, n_events: of the training part.
        event_shares: float64, [vocabulary]: share of the events with each number.
        length_quantiles: float64, [101]: events per session, at each per cent.
        unknown_share: share of unknown events among the held-out ones; among the training ones where none are held out.
        score_quantiles: float32, [101]: of the held-out sessions, at each per cent.
        forecast: how likely an open session is to break; None where the model was made before there was one.
        n_held: held-out sessions that the scores are of; 0 where the model was made before this was kept.
    """

    n_sessions: int
    n_events: int
    event_shares: np.ndarray
    length_quantiles: np.ndarray
    unknown_share: float
    score_quantiles: np.ndarray
    forecast: Forecast | None = None
    n_held: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        arrays = {name: value.tolist() for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        forecast = None if self.forecast is None else self.forecast.to_dict()
        return {**vars(self), **arrays, "forecast": forecast}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Baseline:
        """Read what `to_dict` gave."""
        read: dict[str, Any] = {
            name: np.array(value) if isinstance(value, list) else value for name, value in values.items()
        }
        if read.get("forecast") is not None:
            read["forecast"] = Forecast.from_dict(read["forecast"])
        return cls(**read)


def describe_normal(
    train: Sequences, validation: Sequences | None, vocabulary: Vocabulary, score_quantiles: np.ndarray
) -> Baseline:
    """Statistics of what a model was trained on.

    Args:
        train: training sessions.
        validation: held-out ones; None where they are not at hand.
        vocabulary: of the training part.
        score_quantiles: scores of the held-out sessions at evenly spaced levels from 0 to 1.
    """
    held = train if validation is None or not len(validation.ids) else validation
    lengths = train.lengths if len(train) else np.zeros(1)
    places = np.round(_LEVELS * (len(score_quantiles) - 1)).astype(int)
    return Baseline(
        n_sessions=len(train),
        n_events=len(train.ids),
        event_shares=np.bincount(train.ids, minlength=len(vocabulary)) / max(1, len(train.ids)),
        length_quantiles=np.quantile(lengths, _LEVELS),
        unknown_share=float((held.ids == UNKNOWN).mean()) if len(held.ids) else 0.0,
        score_quantiles=np.asarray(score_quantiles)[places],
        n_held=len(held),
    )
