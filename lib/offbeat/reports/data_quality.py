"""What pages say on how well a detector detects, as plain values; see `data`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Evaluation:
    """A row of the table evaluations: a metric of a detector on a split, with its 95 % interval."""

    detector: str
    metric: str
    value: float | None
    split: str = "test"
    subset: str = "all"
    verdict_rule: str = "flagged"
    basis: str = "honest"
    low: float | None = None
    high: float | None = None
    seconds: float | None = None
    note: str | None = None
    model_version: str = ""


@dataclass(frozen=True)
class Epoch:
    """One pass of training: loss in nats per event, accuracy (the likeliest event came) from 0 to 1."""

    epoch: int
    loss: float | None = None
    validation_loss: float | None = None
    accuracy: float | None = None
    validation_accuracy: float | None = None


@dataclass(frozen=True)
class PrPoint:
    """A point of a precision-recall curve; `chosen` marks the threshold in force."""

    recall: float
    precision: float
    threshold: float | None = None
    chosen: bool = False


@dataclass(frozen=True)
class PublishedFigure:
    """What others report on the same data, and where."""

    name: str
    metric: str
    value: float
    source: str


@dataclass(frozen=True)
class Checks:
    """What a model was put to the test with besides sessions; rows of the tables, by column.

    Attributes:
        rules: of rule_checks, all models that were checked. cards: of card_checks. predictions: of
            prediction_checks. drift: of drift, the oldest first.
    """

    rules: tuple[Mapping[str, Any], ...] = ()
    cards: tuple[Mapping[str, Any], ...] = ()
    predictions: tuple[Mapping[str, Any], ...] = ()
    drift: tuple[Mapping[str, Any], ...] = ()
