"""The page of anomalies: how many, since when, where, which causes, and the strangest ones to look at."""

from __future__ import annotations

from dataclasses import asdict

from markupsafe import Markup

from offbeat.reports import charts, form, parts
from offbeat.reports.data import AnomalyPageData, Group, Share
from offbeat.reports.form import Column
from offbeat.reports.page import Section, render_page
from offbeat.reports.parts import KeyFigure
from offbeat.reports.sections import cards_section, scores_section, tables_section


def render_anomalies_page(data: AnomalyPageData) -> str:
    """The page as HTML; what is missing in `data` is said to be missing.

    Raises:
        UsageError: the chart library is not installed.
    """
    sections = [
        Section("overview", "At a glance", [parts.key_figures(_figures(data))]),
        _causes_section(data),
        _trend_section(data.by_day),
        _segments_section(data),
        cards_section(data.top, title="The strangest sessions", total=data.total),
        scores_section(data.scores),
        tables_section(data.head),
    ]
    return render_page(data.head, sections)


def _figures(data: AnomalyPageData) -> list[KeyFigure]:
    figures = [KeyFigure("Anomalies", form.count(data.total), "flagged sessions")]
    if data.scores and data.scores.sessions:
        note = f"of {form.count(data.scores.sessions)} sessions scored"
        figures.append(
            KeyFigure("Share flagged", form.share(data.scores.flagged / data.scores.sessions), note)
        )
    if data.groups:
        largest = data.groups[0]
        figures.append(
            KeyFigure("Causes", form.count(data.total_groups), "same kind, odd event and expectation")
        )
        note = f"{form.count(largest.sessions)} sessions of the largest cause"
        figures.append(KeyFigure("Largest cause", form.share(largest.sessions / data.total), note))
    return figures


def _causes_section(data: AnomalyPageData) -> Section:
    title, name = "Causes", "causes"
    if not data.groups:
        return Section(name, title, [parts.missing("No anomalies to group.")])
    columns = [
        Column("cause", "cause"), Column("sessions", "sessions", "count"),
        Column("share", "share of anomalies (%)", "share"),
        Column("entities", "entities", "count"), Column("max_score", "largest score", "number"),
        Column("first", "first seen", "time"), Column("last", "last seen", "time"),
    ]  # fmt: skip
    rows = [{**asdict(g), "cause": _cause(g), "share": g.sessions / data.total} for g in data.groups]
    by_kind = [{"kind": share.value.replace("_", " "), "sessions": share.flagged} for share in data.by_kind]
    made = [parts.table(rows, columns, caption="Causes, most sessions first", name="causes")]
    if by_kind:
        chart = charts.bars(by_kind, label="kind", value="sessions", title="sessions", kind="count")
        made.insert(0, parts.figure(chart, title="Anomalies by kind", name="kinds"))
    intro = "Anomalies that are alike – same kind, same odd event, same event expected in its place – are one cause."
    if data.total_groups > len(data.groups):
        intro += f" The {len(data.groups)} largest of {form.count(data.total_groups)} are shown."
    return Section(name, title, made, intro=intro)


def _cause(group: Group) -> str:
    text = group.kind.replace("_", " ")
    if group.event is None:
        return text
    text += f": {form.event_name(group.event)}"
    return text if group.expected is None else f"{text}, expected {form.event_name(group.expected)}"


def _trend_section(days: tuple[Share, ...]) -> Section:
    title, name = "Trend", "trend"
    if not days:
        return Section(name, title, [parts.missing("No trend: the log has no times, or nothing is flagged.")])
    rows = [
        {"day": day.value, "flagged": day.flagged, "sessions": day.sessions, "share": day.share}
        for day in days
    ]
    chart = charts.over_time(
        rows, time="day", value="flagged", title="flagged sessions", area=True, kind="count"
    )
    made = [
        parts.figure(
            chart,
            title="Flagged sessions by day",
            name="flagged-by-day",
            note="Day of the session's start, UTC.",
        )
    ]
    if all(row["share"] is not None for row in rows):
        chart = charts.over_time(rows, time="day", value="share", title="share flagged (%)", kind="share")
        made.append(
            parts.figure(
                chart,
                title="Share of sessions flagged",
                name="share-by-day",
                note="A rise means a cause, not more traffic.",
            )
        )
    return Section(name, title, [parts.grid(*made)])


def _segments_section(data: AnomalyPageData) -> Section:
    title, name = "Where", "segments"
    if not data.segments:
        return Section(
            name,
            title,
            [parts.missing("No covariates to divide by: the config names none, or the log has none.")],
        )
    made = [_segment(segment, shares) for segment, shares in data.segments.items()]
    return Section(name, title, [parts.grid(*made)], intro="The values with the most flagged sessions.")


def _segment(segment: str, shares: tuple[Share, ...]) -> Markup:
    rows = [
        {"value": share.value, "flagged": share.flagged, "sessions": share.sessions, "share": share.share}
        for share in shares
    ]
    slug = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in segment)
    columns = [Column("value", segment.replace("_", " ")), Column("flagged", "flagged sessions", "count")]
    if any(row["sessions"] is not None for row in rows):
        columns += [
            Column("sessions", "all sessions", "count"),
            Column("share", "share flagged (%)", "share"),
        ]
    return parts.table(rows, columns, caption=f"By {segment.replace('_', ' ')}", name=f"segment-{slug}")
