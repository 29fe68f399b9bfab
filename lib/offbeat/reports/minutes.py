"""What flagged sessions mean for a report of minutes viewed: how far it is off, and whom that hits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from offbeat.reports import charts, form, parts
from offbeat.reports.data import Minutes, MinutesSummary
from offbeat.reports.form import Column
from offbeat.reports.page import Section
from offbeat.reports.parts import KeyFigure

_BARS = 12  # groups drawn; the table below has more


def minutes_section(minutes: MinutesSummary | None) -> Section:
    """The section "What it means"."""
    title, name = "What it means", "meaning"
    if minutes is None or not minutes.total.reported:
        text = "No minutes viewed were computed: they come with the pack tvm, from logs of a video player."
        return Section(name, title, [parts.missing(text)])
    made = [parts.callout(sentence(minutes.total), tone=_tone(minutes.total))]
    groups = [
        _group(rows, word, plural)
        for rows, word, plural in (
            (minutes.by_partner, "partner", "partners"),
            (minutes.by_platform, "platform", "platforms"),
            (minutes.by_title, "title", "titles"),
        )
        if rows
    ]
    if len(minutes.by_day) > 1:
        groups.append(_days(minutes.by_day))
    if groups:
        made.append(parts.grid(*groups))
    return Section(name, title, made, intro=_intro(minutes.total))


def minutes_figures(total: Minutes) -> list[KeyFigure]:
    """Key figures on the minutes."""
    rests = KeyFigure(
        "Minutes on flagged sessions",
        form.share(total.flagged / total.reported) if total.reported else form.NONE,
        f"{form.count(total.flagged)} of {form.count(total.reported)} min reported",
    )
    if total.error is None:
        return [rests]
    note = f"{form.count(total.reported)} min reported, {form.count(total.true)} true"
    if total.error_unflagged is not None:
        note = f"{form.signed_share(total.error_unflagged)} without flagged sessions"
    return [
        rests,
        KeyFigure(
            "Report is off by", form.signed_share(total.error), note, "bad" if _worse(total) else "plain"
        ),
    ]


def sentence(total: Minutes) -> str:
    """The finding in words, with its figures."""
    text = f"The report says {form.count(total.reported)} minutes; {form.count(total.flagged)} of them "
    text += (
        f"({form.share(total.flagged / total.reported)}) rest on sessions whose events are out of sequence."
    )
    if total.error is None or total.true is None:
        return (
            text
            + " The true minutes of a real log are not known, so how far the report is off can't be said."
        )
    text += f" Really viewed were {form.count(total.true)} minutes: "
    text += f"the report is off by {form.signed_share(total.error)}."
    if total.error_unflagged is not None:
        text += f" Without the flagged sessions, what is left is off by {form.signed_share(total.error_unflagged)}."
    if total.misplaced is not None:
        text += " Where errors can't cancel – by day, partner, title and platform – "
        share = form.share(total.misplaced / total.true)
        text += f"{form.count(total.misplaced)} minutes ({share}) are in the wrong place."
    return text


def _intro(total: Minutes) -> str:
    text = "A session whose events are out of order counts minutes that nobody watched, or loses some."
    return text if total.true is None else text + " The log is generated, so the true minutes are known."


def _group(rows: Sequence[Minutes], word: str, plural: str) -> Markup:
    """A chart and a table of one grouping."""
    plain = _rows(rows, word)
    if any(row["error"] is not None for row in plain):
        drawn = [
            {word: row[word], "report": said, "error": row[key]}
            for row in plain[:_BARS]
            for said, key in (("as reported", "error"), ("without flagged sessions", "error_unflagged"))
        ]
        chart = charts.bars(
            drawn,
            label=word,
            value="error",
            series="report",
            title="minutes off by (% of true)",
            kind="signed_share",
        )
        title = f"How far the report is off, by {word}"
    else:
        chart = charts.bars(
            plain[:_BARS], label=word, value="share", title="minutes on flagged sessions (%)", kind="share"
        )
        title = f"Minutes that rest on flagged sessions, by {word}"
    note = f"The {plural} with the most flagged minutes first." if len(plain) > 1 else ""
    table = parts.table(plain, _columns(word, plain), caption=f"Minutes by {word}", name=f"minutes-{word}")
    return parts.figure(chart, title=title, name=f"minutes-by-{word}", note=note, numbers=table)


def _days(rows: Sequence[Minutes]) -> Markup:
    known = all(row.true is not None for row in rows)
    beside = ("true", "true") if known else ("without flagged sessions", "unflagged")
    lines = [
        {"day": row.group, "minutes": getattr(row, key), "series": name}
        for name, key in (("reported", "reported"), beside)
        for row in rows
    ]
    chart = charts.over_time(
        lines, time="day", value="minutes", series="series", title="minutes viewed", kind="count"
    )
    return parts.figure(
        chart, title="Minutes viewed by day", name="minutes-by-day", note="Day of the session's start, UTC."
    )


def _rows(rows: Sequence[Minutes], word: str) -> list[dict[str, Any]]:
    return [
        {
            word: row.group,
            "reported": row.reported,
            "flagged": row.flagged,
            "share": row.flagged / row.reported if row.reported else None,
            "true": row.true,
            "error": row.error,
            "error_unflagged": row.error_unflagged,
        }
        for row in rows
    ]


def _columns(word: str, rows: Sequence[dict[str, Any]]) -> list[Column]:
    columns = [
        Column(word, word), Column("reported", "reported (min)", "count"),
        Column("flagged", "on flagged sessions (min)", "count"),
        Column("share", "share flagged (%)", "share"),
    ]  # fmt: skip
    if any(row["true"] is not None for row in rows):
        columns += [
            Column("true", "true (min)", "count"),
            Column("error", "report off by (%)", "signed_share"),
            Column("error_unflagged", "off by, without flagged (%)", "signed_share"),
        ]
    return columns


def _worse(total: Minutes) -> bool:
    """Whether the report as it is is further off than what is left without flagged sessions."""
    return total.error is not None and abs(total.error) > abs(total.error_unflagged or 0)


def _tone(total: Minutes) -> str:
    return "warn" if _worse(total) or total.error is None else "info"
