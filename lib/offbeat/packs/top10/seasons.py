"""In which months a title comes back: those of its own earlier returns, judged on later weeks."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from pyspark.sql import DataFrame

from offbeat.packs.top10.judge import Place, share_figure, single
from offbeat.packs.top10.weekly import returns_of

QUESTION, METRIC = "return_season", "share_in_month"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_Return = tuple[str, dt.date]


def gather_returns(charted: DataFrame) -> list[_Return]:
    """Returns of titles, seasons taken together: chart_id and week."""
    return sorted((row["chart_id"], row["week"]) for row in returns_of(charted).collect())


def months_of(returns: Iterable[_Return]) -> dict[str, list[int]]:
    """Months in which a title came back, by chart_id, the most frequent first."""
    counts: dict[str, Counter[int]] = {}
    for chart, week in returns:
        counts.setdefault(chart, Counter())[week.month] += 1
    return {chart: sorted(found, key=lambda month: (-found[month], month)) for chart, found in counts.items()}


def season_figures(charted: DataFrame, cut: dt.date, truth: Mapping[str, int]) -> list[dict[str, Any]]:
    """Rows of title_figures on months learned before the cut.

    Args:
        truth: month in which a generated title comes back, by chart_id; empty where nobody knows.
    """
    return judge_seasons(gather_returns(charted), cut, truth)


def judge_seasons(returns: Iterable[_Return], cut: dt.date, truth: Mapping[str, int]) -> list[dict[str, Any]]:
    """How many returns from the cut on fell in a month that the title's earlier returns name, beside all months."""
    known = list(returns)
    earlier, later = ([r for r in known if (r[1] >= cut) == side] for side in (False, True))
    learned = months_of(earlier)
    asked = [(chart, week) for chart, week in later if chart in learned]
    made: list[dict[str, Any]] = []
    if asked:
        hits = np.array([week.month in learned[chart] for chart, week in asked], int)
        share = Counter(week.month for _, week in earlier)
        usual = float(np.mean([sum(share[m] for m in learned[chart]) / len(earlier) for chart, _ in asked]))
        note = f"of {len(later)} returns from {cut} on, those of titles that had come back before"
        made.append(share_figure(Place(QUESTION, "time", "own_months", "honest", note), METRIC, hits))
        made.append(
            single(
                Place(
                    QUESTION,
                    "time",
                    "all_months",
                    "reference",
                    "as many months, by how often any title returns in them",
                ),
                METRIC,
                usual,
                hits,
            )
        )
    right = np.array([truth[chart] in months for chart, months in learned.items() if chart in truth], int)
    if len(right):
        note = "seasonal titles whose months, learned before the cut, hold the generator's own"
        made.append(share_figure(Place(QUESTION, "time", "true_season", "reference", note), METRIC, right))
    return made
