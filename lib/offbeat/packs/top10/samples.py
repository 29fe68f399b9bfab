"""Examples as arrays on the driver, and their split by time or by title."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.errors import InputRefused
from offbeat.evaluation.leakage import assert_disjoint
from offbeat.packs.top10.examples import HORIZON_DAYS

_FEWEST = 10  # of each label, on each side
_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Examples:
    """Examples of one question, in order of their ids.

    Attributes:
        known_on: day on which a label of 1 was certain; day 0 where it is 0. Days count from 1970.
    """

    ids: np.ndarray
    titles: list[str]
    groups: np.ndarray
    as_of: np.ndarray
    dated: np.ndarray
    known_on: np.ndarray
    labels: np.ndarray
    numbers: list[Mapping[str, float]]
    texts: list[Mapping[str, Sequence[str]]]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> Examples:
        """Those of the rows (places)."""
        pick = [int(i) for i in rows]
        return Examples(
            self.ids[rows],
            [self.titles[i] for i in pick],
            self.groups[rows],
            self.as_of[rows],
            self.dated[rows],
            self.known_on[rows],
            self.labels[rows],
            [self.numbers[i] for i in pick],
            [self.texts[i] for i in pick],
        )

    def labelled_on(self, day: int) -> Examples:
        """The same with the labels that were known on that day."""
        known = (self.labels == 1) & (self.known_on < day)
        return Examples(
            self.ids,
            self.titles,
            self.groups,
            self.as_of,
            self.dated,
            self.known_on,
            known.astype(int),
            self.numbers,
            self.texts,
        )


@dataclass(frozen=True)
class Parts:
    """Training and test examples of a split; `cut` is its day where it goes by time."""

    train: Examples
    test: Examples
    cut: dt.date | None


def gather(examples: DataFrame, question: str, *, most: int, seed: int) -> Examples:
    """Examples of a question whose label is known, on the driver; of more than `most`, those with the smallest hashes.

    Raises:
        InputRefused: there are too few of a label.
    """
    known = examples.where((F.col("question") == question) & F.col("label").isNotNull())
    mine = known.orderBy(F.xxhash64("title_id", F.lit(seed)), "title_id")
    rows = mine.limit(most).select(
        "title_id", "title", "title_group", F.unix_date("as_of").alias("as_of"), "dated",
        F.coalesce(F.unix_date("known_on"), F.lit(0)).alias("known_on"), "label", "numbers", "texts",
    ).collect()  # fmt: skip
    rows = sorted(rows, key=lambda row: str(row["title_id"]))
    labels = np.array([row["label"] for row in rows], int)
    for label, what in ((1, "charting"), (0, "other")):
        if (labels == label).sum() < 2 * _FEWEST:
            raise InputRefused(
                f"examples of {question}: only {(labels == label).sum()} {what} titles; give longer "
                "lists or a fuller catalogue"
            )
    return Examples(
        np.array([row["title_id"] for row in rows], object),
        [row["title"] for row in rows],
        np.array([row["title_group"] for row in rows], object),
        np.array([row["as_of"] for row in rows], int),
        np.array([row["dated"] for row in rows], bool),
        np.array([row["known_on"] for row in rows], int),
        labels,
        [row["numbers"] for row in rows],
        [row["texts"] for row in rows],
    )


def split(examples: Examples, *, by: str, holdout: float, seed: int, cut: dt.date | None = None) -> Parts:
    """Set test titles apart.

    - time: the last titles by their own day; training knows only labels of before that day.
    - entity: whole titles, by a hash of their name.

    Args:
        cut: day of an earlier split by time, which stays as it was when titles have come since.

    Raises:
        InputRefused: a side has too few titles of a label.
        GuardFailed: a title is on both sides.
    """
    day: dt.date | None = None
    if by == "time":
        dated = np.sort(examples.as_of[examples.dated])
        if not len(dated):
            raise InputRefused("split by time: no title has a day of its own; use model.split.by: entity")
        day = cut or _EPOCH + dt.timedelta(
            days=int(dated[min(len(dated) - 1, int(len(dated) * (1 - holdout)))])
        )
        first = (day - _EPOCH).days
        held = examples.dated & (examples.as_of >= first)
        test = examples.take(np.flatnonzero(held))
        # Titles of the last weeks before the cut could not yet chart by then.
        early = (examples.as_of <= first - HORIZON_DAYS) & ~np.isin(examples.groups, np.unique(test.groups))
        train = examples.take(np.flatnonzero(early)).labelled_on(first)
    else:
        share = np.array([share_of(f"{seed}|{group}") for group in examples.groups])
        test = examples.take(np.flatnonzero(share < holdout))
        train = examples.take(np.flatnonzero(share >= holdout))
    assert_disjoint({"train": train.groups, "test": test.groups}, what="title")
    for name, part in (("training", train), ("test", test)):
        if min((part.labels == 1).sum(), (part.labels == 0).sum()) < _FEWEST:
            raise InputRefused(
                f"split by {by}: {(part.labels == 1).sum()} charting of {len(part)} titles in {name}; "
                "give longer lists, or another model.split"
            )
    return Parts(train, test, day)


def share_of(text: str) -> float:
    """A number from 0 to 1 that only the text decides."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16) / 16**12
