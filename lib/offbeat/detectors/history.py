"""What happened while a detector was fitted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class History:
    """What happened while a detector was fitted; empty lists where nothing is learnt in rounds.

    Attributes:
        loss, accuracy: per epoch, on the training sessions, weighted as in training.
        val_loss, val_accuracy: the same on the validation sessions; NaN without any.
        best_epoch: 0-based epoch whose weights were kept; -1 without epochs.
        n_sessions, n_events: size of the training sample.
        seconds: wall time of the fit.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    best_epoch: int = -1
    n_sessions: int = 0
    n_events: int = 0
    seconds: float = 0.0

    def add(self, *, loss: float, accuracy: float, val_loss: float, val_accuracy: float) -> None:
        """Note an epoch."""
        self.loss.append(loss)
        self.accuracy.append(accuracy)
        self.val_loss.append(val_loss)
        self.val_accuracy.append(val_accuracy)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; NaN becomes null."""
        return {
            name: [None if math.isnan(figure) else figure for figure in value]
            if isinstance(value, list)
            else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> History:
        """Read what `to_dict` gave."""
        read: dict[str, Any] = {
            name: [math.nan if figure is None else figure for figure in value]
            if isinstance(value, list)
            else value
            for name, value in values.items()
        }
        return cls(**read)
