"""Which sessions a model may learn from, which set its threshold, and which judge it.

A split is a rule, not a list: it is kept with the model, and training, scoring and evaluation apply the same one.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import asdict, dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.config import Model
from offbeat.errors import InputRefused

log = logging.getLogger(__name__)

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_HASH_SPACE = 1_000_000
_TIME_BUCKETS = 1000


@dataclass(frozen=True)
class SplitRule:
    """How sessions are parted.

    Attributes:
        by: `role` (the source says which), `time` or `entity`.
        holdout: share that is held out for the test, and again for validation out of the rest.
        seed: of the hash, where entities are parted by one.
        train_until, validation_until: first microsecond (since 1970, UTC) of the next part, where `by` is time.
    """

    by: str
    holdout: float
    seed: int
    train_until: int | None = None
    validation_until: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The rule as plain values, for the model's manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> SplitRule:
        """The rule that `to_json` gave."""
        return cls(**data)

    def part(self) -> Column:
        """The part that a session belongs to: train, validation or test."""
        if self.by == "time":
            start = F.unix_micros("start")
            return (
                F.when(start < F.lit(self.train_until), TRAIN)
                .when(start < F.lit(self.validation_until), VALIDATION)
                .otherwise(TEST)
            )
        bucket = F.pmod(F.xxhash64(F.col("entity"), F.lit(self.seed)), F.lit(_HASH_SPACE))
        rest = 1.0 - self.holdout
        if self.by == "role":
            held = F.when(bucket < int(rest * _HASH_SPACE), TRAIN).otherwise(VALIDATION)
            return F.when(F.col("role") == "train", held).otherwise(TEST)
        return (
            F.when(bucket < int(rest * rest * _HASH_SPACE), TRAIN)
            .when(bucket < int(rest * _HASH_SPACE), VALIDATION)
            .otherwise(TEST)
        )


def make_split(sessions: DataFrame, model: Model) -> SplitRule:
    """The rule for these sessions: by the sources' roles where one is for training, else as the config says.

    Raises:
        InputRefused: there are no sessions to part.
    """
    facts = sessions.agg(
        F.count(F.lit(1)).alias("n"),
        F.count_if(F.col("role") == "train").alias("train"),
        F.count_if(F.col("start").isNull()).alias("timeless"),
        F.min(F.unix_micros("start")).alias("first"),
        F.max(F.unix_micros("start")).alias("last"),
    ).collect()[0]
    holdout, seed = model.split.holdout, model.seed
    if not facts["n"]:
        raise InputRefused("sessions: none that a model could learn from; ingest and sessionize a log first")
    if facts["train"]:
        return SplitRule("role", holdout, seed)
    if model.split.by == "entity":
        return SplitRule("entity", holdout, seed)
    if facts["timeless"] or facts["first"] == facts["last"]:
        log.warning("the log has no times to split by: entities are parted instead")
        return SplitRule("entity", holdout, seed)
    first_cut, second_cut = _time_cuts(sessions, facts["first"], facts["last"], holdout)
    return SplitRule("time", holdout, seed, first_cut, second_cut)


def _time_cuts(sessions: DataFrame, first: int, last: int, holdout: float) -> tuple[int, int]:
    """Instants after which a share `holdout` of the sessions starts, and that again of those before.

    Counts in a thousand equal buckets of time are exact and small; the cuts fall on their edges, so that the same
    sessions give the same cuts however they are partitioned.
    """
    width = max(1, -(-(last - first + 1) // _TIME_BUCKETS))
    bucket = F.floor((F.unix_micros("start") - F.lit(first)) / F.lit(width)).cast("int")
    counts = {
        row["bucket"]: row["count"] for row in sessions.groupBy(bucket.alias("bucket")).count().collect()
    }
    total, so_far = sum(counts.values()), 0
    cuts: list[int] = []
    goals = [(1 - holdout) ** 2, 1 - holdout]
    for at in range(_TIME_BUCKETS + 1):
        while len(cuts) < len(goals) and so_far >= goals[len(cuts)] * total:
            cuts.append(first + at * width)
        so_far += counts.get(at, 0)
    while len(cuts) < len(goals):
        cuts.append(last + 1)
    return cuts[0], cuts[1]


def describe(rule: SplitRule) -> str:
    """The rule in words, for logs and pages."""
    if rule.by == "time" and rule.train_until is not None and rule.validation_until is not None:
        until = [
            dt.datetime.fromtimestamp(us / 1e6, dt.timezone.utc)
            for us in (rule.train_until, rule.validation_until)
        ]
        return f"by time: trained before {until[0]:%Y-%m-%d %H:%M} UTC, threshold until {until[1]:%Y-%m-%d %H:%M} UTC"
    if rule.by == "role":
        return f"by source: {rule.holdout:.0%} of the training source's entities set the threshold"
    return f"by entity: {rule.holdout:.0%} held out for the test, as many of the rest for the threshold"
