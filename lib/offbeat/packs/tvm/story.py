"""What the table minutes_viewed says, in a few lines for the terminal."""

from __future__ import annotations

from pyspark.sql import DataFrame, Row

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
        f"{_percent(total['misplaced_unflagged'], sign='')}."
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
