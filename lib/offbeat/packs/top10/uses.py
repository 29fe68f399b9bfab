"""The five uses, each answered from tables, with intervals where a share is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.evaluation.intervals import wilson_interval
from offbeat.packs.top10.examples import BEFORE, EARLY
from offbeat.packs.top10.run_model import BACK_WEEKS
from offbeat.packs.top10.samples import Examples
from offbeat.packs.top10.weekly import returns_of

_FEWEST = 8  # titles of a group that a share is said of
_SHOWN = 15
_NEWEST = 40  # titles of the newest lists: four of ten


@dataclass(frozen=True)
class Hypothesis:
    """A claim about success, and what the titles say of it: shares with and without, and the difference's interval."""

    claim: str
    with_n: int
    with_share: float
    without_n: int
    without_share: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """holds, holds not (the other way), or not decided by so many titles."""
        if self.low > 0:
            return "holds"
        return "the other way" if self.high < 0 else "not decided"


def hypotheses(before: Examples, early: Examples) -> list[Hypothesis]:
    """Claims that people make, judged on all examples."""
    hours = np.array([row.get("weekly_hours_viewed", np.nan) for row in early.numbers])
    found = [
        _compare(
            "More hours in the first week: listed again",
            hours >= np.nanmedian(hours),
            ~np.isnan(hours),
            early.labels,
        ),
        _compare(
            "A franchise or sequel charts more often",
            *_flag(before, lambda n, _: n.get("franchise")),
            before.labels,
        ),
        _compare(
            "A new title charts more often than an older one",
            *_flag(before, lambda n, _: _at_most(n.get("age_years"), 1)),
            before.labels,
        ),
        _compare(
            "A high Metascore (70 and more) charts more often",
            *_flag(before, lambda n, _: _at_least(n.get("metascore"), 70)),
            before.labels,
        ),
        _compare(
            "Several genres chart more often than one",
            *_flag(before, lambda _, t: _several(t.get("genre"))),
            before.labels,
        ),
        _compare(
            "A short title (two words at most) charts more often",
            *_flag(before, lambda n, _: _at_most(n.get("title_words"), 2)),
            before.labels,
        ),
        _compare(
            "English titles chart more often",
            *_flag(before, lambda _, t: _is_english(t.get("language"))),
            before.labels,
        ),
    ]
    return [each for each in found if each is not None]


def _flag(examples: Examples, asks: Callable[[Any, Any], Any]) -> tuple[np.ndarray, np.ndarray]:
    """Whether a claim's condition is met, and whether that is known."""
    said = [asks(n, t) for n, t in zip(examples.numbers, examples.texts, strict=True)]
    return np.array([bool(each) for each in said]), np.array([each is not None for each in said])


def _at_most(value: float | None, bound: float) -> bool | None:
    return None if value is None else value <= bound


def _at_least(value: float | None, bound: float) -> bool | None:
    return None if value is None else value >= bound


def _several(names: Sequence[str] | None) -> bool | None:
    return len(names) > 1 if names else None


def _is_english(names: Sequence[str] | None) -> bool | None:
    return names[0] == "en" if names else None


def _compare(claim: str, met: np.ndarray, known: np.ndarray, labels: np.ndarray) -> Hypothesis | None:
    with_, without = labels[met & known], labels[~met & known]
    if min(len(with_), len(without)) < _FEWEST:
        return None
    a, b = float(with_.mean()), float(without.mean())
    # Newcombe's interval of a difference, from the two Wilson intervals.
    (la, ua), (lb, ub) = (
        wilson_interval(with_.sum(), len(with_)),
        wilson_interval(without.sum(), len(without)),
    )
    low = (a - b) - float(np.sqrt((a - la) ** 2 + (ub - b) ** 2))
    high = (a - b) + float(np.sqrt((ua - a) ** 2 + (b - lb) ** 2))
    return Hypothesis(claim, len(with_), a, len(without), b, low, high)


def shares_by(examples: Examples, names: Callable[[Any], Iterable[str]]) -> list[dict[str, Any]]:
    """Share of charting titles per name with its interval; those whose lower end is highest first."""
    n, yes = Counter[str](), Counter[str]()
    for texts, label in zip(examples.texts, examples.labels, strict=True):
        for name in names(texts):
            n[name] += 1
            yes[name] += int(label)
    rows: list[dict[str, Any]] = []
    for name, count in n.items():
        if count >= _FEWEST:
            low, high = wilson_interval(yes[name], count)
            rows.append(
                {
                    "name": name,
                    "titles": count,
                    "charting": yes[name],
                    "share": yes[name] / count,
                    "low": float(low),
                    "high": float(high),
                }
            )
    return sorted(rows, key=lambda row: (-row["low"], row["name"]))[:_SHOWN]


def genres_of(texts: Any) -> list[str]:
    """A title's genres and pairs of them."""
    genres = sorted(texts.get("genre", ()))
    return [*genres, *(" + ".join(pair) for pair in combinations(genres, 2))]


def cast_of(texts: Any) -> list[str]:
    """A title's cast and pairs of them."""
    cast = sorted(texts.get("cast", ()))[:8]
    return [*cast, *(" + ".join(pair) for pair in combinations(cast, 2))]


def quartiles(early: Examples) -> list[dict[str, Any]]:
    """How often a title is listed again, by the hours of its first week."""
    hours = np.array([row.get("weekly_hours_viewed", np.nan) for row in early.numbers])
    order = np.argsort(hours[~np.isnan(hours)], kind="stable")
    labels = early.labels[~np.isnan(hours)]
    rows = []
    for place, part in enumerate(np.array_split(order, 4)):
        if len(part):
            low, high = wilson_interval(labels[part].sum(), len(part))
            known = hours[~np.isnan(hours)][part]
            rows.append(
                {
                    "quarter": f"{place + 1} of 4",
                    "from": float(known.min()) / 1e6,
                    "to": float(known.max()) / 1e6,
                    "titles": len(part),
                    "share": float(labels[part].mean()),
                    "low": float(low),
                    "high": float(high),
                }
            )
    return rows


def newest_ranked(
    scores: DataFrame, forecasts: DataFrame, matches: DataFrame, examples: DataFrame
) -> list[dict[str, Any]]:
    """New releases by what the early model says of them, then other titles of the newest lists by further weeks.

    New is what was first listed in the last four weeks: whether it is listed again is not known yet.

    Args:
        matches: of titles of the lists with the main catalogue.
    """
    pairs = matches.select(F.col("left_id").alias("chart_id"), "title_id")
    new = examples.where((F.col("question") == EARLY) & F.col("label").isNull()).select("title_id", "as_of")
    early = scores.where(F.col("question") == EARLY).select("title_id", F.col("probability").alias("again"))
    found = forecasts.join(pairs.join(new.join(early, "title_id"), "title_id"), "chart_id", "left")
    rows = found.where("state = 'listed' OR again IS NOT NULL").select(
        "title", "state", F.col("as_of").alias("first_week"), "again",
        "weeks_so_far", "stays_next", "weeks_more", "comes_back",
    )  # fmt: skip
    best = rows.orderBy(F.desc_nulls_last("again"), F.desc_nulls_last("weeks_more"), "title")
    return [row.asDict() for row in best.limit(_NEWEST).collect()]


def to_feature(scores: DataFrame, examples: DataFrame) -> list[dict[str, Any]]:
    """Titles that the model holds likely and that no list has had: what a wider showing could help."""
    silent = examples.where((F.col("question") == BEFORE) & (F.col("label") == 0)).select("title_id")
    mine = scores.where(F.col("question") == BEFORE).join(silent, "title_id", "left_semi")
    best = mine.orderBy(F.desc("probability"), "title").limit(_SHOWN)
    rows = best.select(
        "title",
        "as_of",
        "probability",
        "held_out",
        F.expr(
            "transform(slice(filter(reasons, r -> r.effect > 0), 1, 3), r -> concat(r.field, ' (', r.text, ')'))"
        ).alias("why"),
    ).collect()
    return [
        row.asDict() | {"why": ", ".join(row["why"]), "held_out": "yes" if row["held_out"] else "no"}
        for row in rows
    ]


def returning(forecasts: DataFrame) -> list[dict[str, Any]]:
    """Titles that have left the lists in the last half year and are likeliest to come back."""
    newest = forecasts.agg(F.max("last_week").alias("newest"))
    open_yet = F.col("last_week") > F.date_sub("newest", 7 * BACK_WEEKS)
    gone = forecasts.where("state = 'gone'").crossJoin(newest).where(open_yet)
    rows = gone.orderBy(F.desc("comes_back"), "title").limit(_SHOWN)
    shown = rows.select("title", "comes_back", "last_week", "weeks_so_far", "season")
    return [row.asDict() for row in shown.collect()]


def return_months(charted: DataFrame) -> list[dict[str, Any]]:
    """Returns of titles after more than eight weeks away, by month."""
    rows = returns_of(charted).groupBy(F.month("week").alias("month")).count().orderBy("month").collect()
    return [{"month": f"{row['month']:02d}", "returns": row["count"]} for row in rows]
