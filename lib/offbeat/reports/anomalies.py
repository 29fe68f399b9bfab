"""The page of anomalies: how many, since when, where, which causes, and the strangest ones to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from markupsafe import Markup

from offbeat.reports import charts, form, parts
from offbeat.reports.chart_base import Chart
from offbeat.reports.data import AnomalyPageData
from offbeat.reports.data_anomalies import Group, Share
from offbeat.reports.form import Column
from offbeat.reports.page import Section, render_page
from offbeat.reports.parts import KeyFigure
from offbeat.reports.sections import cards_section, scores_section, tables_section

_DRAWN = 12  # causes in a chart
_MOST_OF = 0.8  # of the anomalies: so much is worth saying how few causes hold it


def render_anomalies_page(data: AnomalyPageData) -> str:
    """The page as HTML; what is missing in `data` is said to be missing.

    Raises:
        UsageError: the chart library is not installed.
    """
    sections = [
        Section("overview", "At a glance", [parts.key_figures(_figures(data))]),
        _causes_section(data),
        _trend_section(data),
        _segments_section(data),
        cards_section(
            data.top,
            title="The strangest sessions",
            total=data.total,
            unit=data.scores.unit if data.scores else "",
        ),
        scores_section(data.scores, muted=data.muted),
        tables_section(data.head),
    ]
    return render_page(data.head, sections)


def _figures(data: AnomalyPageData) -> list[KeyFigure]:
    note = f"flagged sessions; {form.count(data.muted)} more are muted" if data.muted else "flagged sessions"
    figures = [KeyFigure("Anomalies", form.count(data.total), note)]
    if data.scores and data.scores.sessions:
        note = f"of {form.count(data.scores.sessions)} sessions scored"
        note += ", without muted ones" if data.muted else ""
        figures.append(KeyFigure("Share flagged", form.share(data.total / data.scores.sessions), note))
    if data.groups:
        largest = (data.families or data.groups)[0]
        figures.append(_causes_figure(data))
        note = f"{form.count(largest.sessions)} sessions of the largest cause"
        figures.append(KeyFigure("Largest cause", form.share(largest.sessions / data.total), note))
    return figures


def _causes_figure(data: AnomalyPageData) -> KeyFigure:
    """How many causes there are; versions apart where they are known."""
    if not data.families or data.version is None:
        return KeyFigure("Causes", form.count(data.total_groups), _alike(data))
    each = data.version.replace("_", " ")
    apart = f"same kind and odd event; {form.count(data.total_groups)} with each {each} apart"
    return KeyFigure("Causes", form.count(data.total_families), apart)


def _causes_section(data: AnomalyPageData) -> Section:
    title, name = "Causes", "causes"
    if not data.groups:
        return Section(name, title, [parts.missing("No anomalies to group.")])
    made = []
    by_kind = [{"kind": share.value.replace("_", " "), "sessions": share.flagged} for share in data.by_kind]
    if by_kind:
        chart = charts.bars(by_kind, label="kind", value="sessions", title="sessions", kind="count")
        made.append(parts.figure(chart, title="Anomalies by kind", name="kinds"))
    if data.families:
        made.append(_table(data, data.families, "All versions together", "families"))
    made.append(_table(data, data.groups, "Causes, most sessions first", "causes"))
    queries = [part for group in data.groups if group.sql for part in _query(group)]
    if queries:
        made.append(parts.folded("The raw events of a cause, as SQL", *queries))
    return Section(name, title, made, intro=_causes_intro(data))


def _table(data: AnomalyPageData, groups: Sequence[Group], caption: str, name: str) -> Markup:
    """Groups of like anomalies, with the way to a card of each that has one."""
    together = name == "families"
    columns = [Column("cause", "cause", link="link")]
    if together:
        columns.append(Column("versions", "versions", "count"))
    if data.version is not None:
        columns.append(Column("version", f"mostly {data.version}" if together else data.version))
    columns += [
        Column("sessions", "sessions", "count"), Column("share", "share (%)", "share"),
        Column("entities", "entities", "count"), Column("max_score", "largest score", "number"),
        Column("first", "first seen (UTC)", "minute"), Column("last", "last seen (UTC)", "minute"),
    ]  # fmt: skip
    rows = [
        {
            **asdict(group),
            "cause": cause_name(group),
            "share": group.sessions / data.total,
            "link": _card_of(group, data, together=together),
        }
        for group in groups
    ]
    whole = data.total_families if together else data.total_groups
    note = f"The {len(groups)} largest of {form.count(whole)}." if whole > len(groups) else ""
    return parts.table(rows, columns, caption=caption, name=name, note=note)


def _causes_intro(data: AnomalyPageData) -> str:
    text = f"Anomalies that are alike – {_alike(data)} – are one cause"
    groups, held = data.families or data.groups, 0
    for most, group in enumerate(groups, start=1):
        held += group.sessions
        if held >= _MOST_OF * data.total or most == len(groups):
            said = "the largest one holds" if most == 1 else f"the {most} largest hold"
            together = ", all versions together," if data.families else ""
            return f"{text}; {said}{together} {form.share(held / data.total)} of the anomalies."
    return f"{text}."


def _alike(data: AnomalyPageData) -> str:
    """What anomalies of one cause have in common."""
    if data.version is None:
        return "same kind and odd event"
    return f"same kind, odd event and {data.version.replace('_', ' ')}"


def _card_of(group: Group, data: AnomalyPageData, *, together: bool) -> str | None:
    """The way to the first card that shows the cause."""
    for number, card in enumerate(data.top, start=1):
        odd = card.actual[0].event if card.actual else None
        ran = card.covariates.get(data.version) if data.version and not together else None
        if (card.kind, odd, ran) == (group.kind, group.event, None if together else group.version):
            return f"#anomaly-{number}"
    return None


def _query(group: Group) -> list[Markup]:
    said = cause_name(group) + (f", {group.version}" if group.version else "")
    return [
        parts.paragraph(f"{said} ({form.count(group.sessions)} sessions)"),
        parts.query(group.sql, label=said),
    ]


def cause_name(group: Group) -> str:
    """A cause in words."""
    text = group.kind.replace("_", " ")
    if group.event is None:
        return text
    text += f": {form.event_name(group.event)}"
    return text if group.expected is None else f"{text}, expected {form.event_name(group.expected)}"


def _trend_section(data: AnomalyPageData) -> Section:
    title, name, days = "Trend", "trend", data.by_day
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
        made.append(
            parts.figure(
                share_chart(days),
                title="Share of sessions flagged",
                name="share-by-day",
                note="A rise means a cause, not more traffic.",
            )
        )
    if len({share.series for share in data.kinds_by_day}) > 1:
        chart = charts.over_time(
            _divided(data.kinds_by_day), time="day", value="flagged", series="series", title="flagged sessions",
            kind="count",
        )  # fmt: skip
        note = "The most frequent kinds."
        made.append(
            parts.figure(chart, title="Flagged sessions by day and kind", name="kinds-by-day", note=note)
        )
    return Section(name, title, [parts.grid(*made)])


def share_chart(days: Sequence[Share]) -> Chart:
    """Share of sessions flagged, by day; days without sessions are left out."""
    rows = [{"day": day.value, "share": day.share} for day in days if day.share is not None]
    return charts.over_time(rows, time="day", value="share", title="share flagged (%)", kind="share")


def cause_chart(groups: Sequence[Group]) -> Chart:
    """The largest causes, by flagged sessions."""
    rows = [{"cause": cause_name(group), "sessions": group.sessions} for group in groups[:_DRAWN]]
    return charts.bars(rows, label="cause", value="sessions", title="sessions", kind="count")


def _divided(shares: Sequence[Share]) -> list[dict[str, Any]]:
    return [
        {
            "day": share.value,
            "series": share.series.replace("_", " "),
            "flagged": share.flagged,
            "share": share.share,
        }
        for share in shares
    ]


def _segments_section(data: AnomalyPageData) -> Section:
    title, name = "Where", "segments"
    if not data.segments:
        return Section(
            name,
            title,
            [parts.missing("No covariates to divide by: the config names none, or the log has none.")],
        )
    made = [_segment(segment, shares) for segment, shares in data.segments.items()]
    for segment, days in data.segments_by_day.items():
        if all(day.share is not None for day in days) and len({day.value for day in days}) > 1:
            chart = charts.over_time(
                _divided(days),
                time="day",
                value="share",
                series="series",
                title="share flagged (%)",
                kind="share",
            )
            said, name_of = segment.replace("_", " "), f"trend-{parts.slug(segment)}"
            note = "Of the values with the most flagged sessions."
            made.append(
                parts.figure(chart, title=f"Share flagged by day and {said}", name=name_of, note=note)
            )
    return Section(name, title, [parts.grid(*made)], intro="The values with the most flagged sessions.")


def _segment(segment: str, shares: tuple[Share, ...]) -> Markup:
    rows = [
        {"value": share.value, "flagged": share.flagged, "sessions": share.sessions, "share": share.share}
        for share in shares
    ]
    slug = parts.slug(segment)
    columns = [Column("value", segment.replace("_", " ")), Column("flagged", "flagged sessions", "count")]
    if any(row["sessions"] is not None for row in rows):
        columns += [
            Column("sessions", "all sessions", "count"),
            Column("share", "share flagged (%)", "share"),
        ]
    return parts.table(rows, columns, caption=f"By {segment.replace('_', ' ')}", name=f"segment-{slug}")
