"""What the tables minutes_viewed, card_checks and rule_checks say, in a few lines for the terminal."""

from __future__ import annotations

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from offbeat.packs.tvm.minutes import compare_to_truth

_SHOWN = 5


def minutes_story(minutes_viewed: DataFrame) -> list[str]:
    """Say how much of the report rests on flagged sessions, how far it is off, and which partners are hit.

    Args:
        minutes_viewed: rows of the table; where true minutes are null, nothing is said of them.

    Returns:
        Lines of text; one that says so where nothing was viewed.
    """
    total = compare_to_truth(minutes_viewed, by=()).first()
    if total is None or not total["minutes_reported"]:
        return ["Total Minutes Viewed: nothing was viewed."]
    share = total["minutes_flagged"] / total["minutes_reported"]
    first = (
        f"Total Minutes Viewed: {total['minutes_reported']:,.0f} reported, of them {total['minutes_flagged']:,.0f} "
        f"({share:.1%}) rest on flagged sessions."
    )
    partners = compare_to_truth(minutes_viewed).collect()
    if total["error_reported"] is None:
        return [first, *_flagged_lines(partners)]
    return [first, _truth_line(total), *_error_lines(partners)]


def _truth_line(total: Row) -> str:
    return (
        f"True were {total['minutes_true']:,.0f}: the report is off by {total['error_reported']:+.2%}, and "
        f"{total['misplaced_reported']:.2%} of the minutes are misplaced between day, partner, title and platform; "
        f"without flagged sessions {_percent(total['error_unflagged'])} and "
        f"{_percent(total['misplaced_unflagged'], sign='')} of the minutes that are left: "
        f"{1 - total['minutes_true_unflagged'] / total['minutes_true']:.1%} of the true ones go with them."
    )


def _error_lines(partners: list[Row]) -> list[str]:
    """The partners that the report is most wrong about."""
    hit = [partner for partner in partners if partner["error_reported"] is not None]
    hit.sort(key=lambda p: (-abs(p["error_reported"]), p["partner"]))
    return ["Hit most:"] + [
        f"  {p['partner']:<12} {p['minutes_reported']:>12,.0f} min  off by {p['error_reported']:+.2%}, "
        f"without flagged sessions {_percent(p['error_unflagged'])}"
        for p in hit[:_SHOWN]
    ]


def _flagged_lines(partners: list[Row]) -> list[str]:
    """The partners with the largest share of minutes on flagged sessions."""
    shares = [(p["minutes_flagged"] / p["minutes_reported"], p) for p in partners if p["minutes_reported"]]
    shares.sort(key=lambda each: (-each[0], each[1]["partner"]))
    return ["Hit most:"] + [
        f"  {p['partner']:<12} {p['minutes_reported']:>12,.0f} min  {share:.1%} on flagged sessions"
        for share, p in shares[:_SHOWN]
    ]


def _percent(value: float | None, *, sign: str = "+") -> str:
    return "unknown" if value is None else f"{value:{sign}.2%}"


def checks_story(card_checks: DataFrame, rule_checks: DataFrame, model_version: str) -> list[str]:
    """Say how often cards of detected faults are right, and how well each network keeps to the player's rules.

    Args:
        card_checks, rule_checks: the tables.
        model_version: whose cards.

    Returns:
        Lines of text; none where nothing was checked.
    """
    cards = card_checks.where(F.col("model_version") == model_version).where(
        "fault_kind = 'all' AND detected > 0"
    )
    lines = [
        f"Cards of {row['detected']:,} detected faults on unseen sessions: kind right {row['kind_of_detected']:.1%}, "
        f"position right {row['position_of_detected']:.1%}."
        for row in cards.collect()
    ]
    shares = rule_checks.groupBy("model_version").agg(
        F.count(F.lit(1)).alias("rules"),
        F.try_divide(F.sum("violations_flagged"), F.sum("violations")).alias("flagged"),
        F.try_divide(F.sum("legal_flagged"), F.sum("legal_uses")).alias("wrongly"),
        F.min_by("rule", "flagged_share").alias("weakest"),
        F.min("flagged_share").alias("least"),
    )
    return lines + [
        f"Of {row['rules']} rules of the player, broken on purpose, {row['model_version']} notices "
        f"{row['flagged']:.1%} of the violations (least of {row['weakest']}: {row['least']:.0%}) and takes "
        f"{row['wrongly']:.3%} of the legal uses for one."
        for row in shares.orderBy("model_version").collect()
        if None not in (row["flagged"], row["wrongly"])
    ]
