"""The page of exploration: what a log is like before anything is said about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from markupsafe import Markup

from offbeat.reports import charts, form, parts
from offbeat.reports.chart_base import Chart
from offbeat.reports.data_exploration import Covariate, EventsSeen, ExplorationPageData
from offbeat.reports.exploration_encoding import encoding_section
from offbeat.reports.exploration_intake import intake_section
from offbeat.reports.exploration_sessions import (
    activity_section,
    ends_section,
    lengths_section,
    transitions_section,
)
from offbeat.reports.form import Column
from offbeat.reports.page import Section, render_page
from offbeat.reports.parts import KeyFigure
from offbeat.reports.sections import tables_section

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_BARS = 20
_COVARIATES_DRAWN = 8
_NO_EVENTS = "No table events here. `offbeat ingest` writes it."


def render_exploration_page(data: ExplorationPageData) -> str:
    """The page as HTML; what is missing in `data` is said to be missing.

    Raises:
        UsageError: the chart library is not installed.
    """
    sections = [
        Section("overview", "At a glance", [parts.key_figures(_figures(data)), *map(_note, data.notes)]),
        _volume_section(data.events),
        _frequencies_section(data.events),
        _missing_section(data.events),
        _covariates_section(data.events),
        lengths_section(data.sessions),
        transitions_section(data.sessions, data.events),
        ends_section(data.sessions),
        activity_section(data.activity),
        intake_section(data.intake, data.sessions.at_once if data.sessions else None),
        encoding_section(data),
        tables_section(data.head),
    ]
    return render_page(data.head, sections)


def _note(text: str) -> Markup:
    return parts.callout(text, tone="warn")


def _figures(data: ExplorationPageData) -> list[KeyFigure]:
    figures = []
    if data.events is not None:
        seen = data.events
        figures.append(
            KeyFigure("Events", form.count(seen.rows), f"{form.count(seen.distinct)} different ones")
        )
        if seen.first and seen.last:
            whole = (seen.last - seen.first).total_seconds()
            reach = f"{seen.first:%Y-%m-%d %H:%M} to {seen.last:%Y-%m-%d %H:%M} UTC"
            figures.append(KeyFigure("Time covered", form.duration(whole), reach))
    if data.activity is not None:
        figures.append(KeyFigure("Entities", form.count(data.activity.entities), "whose events these are"))
    if data.sessions is not None:
        seen_sessions = data.sessions
        mean = seen_sessions.events / seen_sessions.rows if seen_sessions.rows else None
        figures.append(
            KeyFigure("Sessions", form.count(seen_sessions.rows), f"{form.number(mean)} events on average")
        )
        if seen_sessions.labelled:
            share = form.share(seen_sessions.abnormal / seen_sessions.labelled)
            figures.append(
                KeyFigure(
                    "Labelled abnormal",
                    share,
                    f"of {form.count(seen_sessions.labelled)} sessions with a label",
                )
            )
    if data.intake is not None:
        taken = data.intake
        figures.append(
            KeyFigure("Duplicates left out", form.count(taken.duplicates), "rows that were there already")
        )
        figures.append(
            KeyFigure("Rows refused", form.count(taken.quarantined), "in quarantine, with their reasons")
        )
    return figures


def _volume_section(seen: EventsSeen | None) -> Section:
    title, name = "Volume over time", "volume"
    if seen is None:
        return Section(name, title, [parts.missing(_NO_EVENTS)])
    if not seen.volume:
        return Section(name, title, [parts.missing("The log has no times, so no volume over time.")])
    note = f"Start of the {seen.step}, UTC."
    made = [parts.figure(volume_chart(seen), title=f"Events by {seen.step}", name="volume-chart", note=note)]
    if seen.hours:
        made.append(
            parts.figure(
                hours_chart(seen),
                title="Events by weekday and hour",
                name="hours",
                note="Hour of the day, UTC.",
                wide=True,
            )
        )
    return Section(name, title, made)


def volume_chart(seen: EventsSeen) -> Chart:
    """Events over time."""
    return charts.over_time(
        _dated(seen), time="time", value="events", title="events", area=True, kind="count"
    )


def hours_chart(seen: EventsSeen) -> Chart:
    """Events by weekday and hour of the day, UTC."""
    rows = [
        {"weekday": _WEEKDAYS[row["weekday"]], "hour": f"{row['hour']:02d}", "events": row["events"]}
        for row in seen.hours
    ]
    days = [day for day in _WEEKDAYS if any(row["weekday"] == day for row in rows)]
    return charts.heat_map(
        rows, x="hour", y="weekday", value="events", title="events", kind="count", down=days
    )


def frequency_chart(seen: EventsSeen) -> Chart:
    """The most frequent events."""
    return charts.bars(seen.frequencies[:_BARS], label="event", value="events", title="events", kind="count")


def covariate_chart(one: Covariate) -> Chart:
    """The most frequent values of a category."""
    rows = [{"value": value, "events": n} for value, n in one.top]
    return charts.bars(rows, label="value", value="events", title="events", kind="count")


def _dated(seen: EventsSeen) -> list[dict[str, Any]]:
    """Points of the line; whole days are written as such."""
    if seen.step in ("minute", "hour"):
        return [dict(row) for row in seen.volume]
    return [{**row, "time": f"{row['time']:%Y-%m-%d}"} for row in seen.volume]


def _frequencies_section(seen: EventsSeen | None) -> Section:
    title, name = "Events", "events"
    if seen is None or not seen.frequencies:
        return Section(
            name, title, [parts.missing(_NO_EVENTS if seen is None else "The table events is empty.")]
        )
    shares = [row["events"] / seen.rows for row in seen.frequencies]
    rows = [
        {**row, "place": place, "share": share, "so_far": so_far}
        for place, (row, share, so_far) in enumerate(
            zip(seen.frequencies, shares, accumulate(shares), strict=True), start=1
        )
    ]
    columns = [
        Column("event", "event", "code"), Column("events", "events", "count"),
        Column("share", "share of all (%)", "share"), Column("so_far", "with those above (%)", "share"),
    ]  # fmt: skip
    note = (
        f"The {len(rows)} most frequent of {form.count(seen.distinct)}." if seen.distinct > len(rows) else ""
    )
    table = parts.table(rows, columns, caption="Events by frequency", name="frequencies", note=note)
    return Section(
        name,
        title,
        [
            parts.figure(
                frequency_chart(seen), title="The most frequent events", name="frequency-chart", numbers=table
            )
        ],
    )


def _missing_section(seen: EventsSeen | None) -> Section:
    title, name = "Missing values", "missing"
    if seen is None or not seen.missing:
        return Section(
            name, title, [parts.missing(_NO_EVENTS if seen is None else "The table events is empty.")]
        )
    rows = [
        {"column": one.column, "missing": one.missing, "share": one.share, "there": one.rows - one.missing}
        for one in seen.missing
    ]
    columns = [
        Column("column", "column", "code"), Column("missing", "missing", "count"),
        Column("share", "share missing (%)", "share"), Column("there", "there", "count"),
    ]  # fmt: skip
    intro = (
        "Null, or an empty text. A log need not have positions and labels; an event without a name, or whose time "
        "can't be read, is refused and counted under quarantine."
    )
    return Section(
        name,
        title,
        [parts.table(rows, columns, caption="Missing values by column", name="missing-values")],
        intro=intro,
    )


def _covariates_section(seen: EventsSeen | None) -> Section:
    title, name = "Covariates", "covariates"
    if seen is None or not seen.covariates:
        text = "No covariates: the config names none under source.columns.covariates, or the log has none."
        return Section(name, title, [parts.missing(_NO_EVENTS if seen is None else text)])
    made: list[Markup] = []
    categories = [one for one in seen.covariates if one.numbers is None]
    quantities = [one for one in seen.covariates if one.numbers is not None]
    if categories:
        rows = [
            {
                "name": one.name, "values": one.values,
                "distinct": f"about {one.distinct:,}" if one.estimated else f"{one.distinct:,}",
                "top": one.top[0][0] if one.top else None,
                "share": one.top[0][1] / one.values if one.top else None,
            }
            for one in categories
        ]  # fmt: skip
        columns = [
            Column("name", "covariate", "code"), Column("values", "events with it", "count"),
            Column("distinct", "distinct values"), Column("top", "most frequent"),
            Column("share", "its share (%)", "share"),
        ]  # fmt: skip
        made.append(parts.table(rows, columns, caption="Categories", name="categories", filtered=False))
        drawn = [one for one in categories if len(one.top) > 1][:_COVARIATES_DRAWN]
        made.append(parts.grid(*map(_category, drawn)))
    if quantities:
        made.append(_numbers(quantities))
    return Section(name, title, made, intro="What the log says of an event besides its name and time.")


def _category(one: Covariate) -> Markup:
    rows = [{"value": value, "events": n, "share": n / one.values} for value, n in one.top]
    columns = [
        Column("value", one.name), Column("events", "events", "count"), Column("share", "share (%)", "share"),
    ]  # fmt: skip
    slug = parts.slug(one.name)
    table = parts.table(rows, columns, caption=f"Values of {one.name}", name=f"values-{slug}")
    more = one.distinct - len(one.top)
    note = f"{form.count(more)} more values are not drawn." if more > 0 else ""
    return parts.figure(
        covariate_chart(one), title=one.name, name=f"covariate-{slug}", note=note, numbers=table
    )


def _numbers(quantities: Sequence[Covariate]) -> Markup:
    said = {
        "low": "lowest", "0.01": "1 %", "0.25": "25 %", "0.5": "median", "0.75": "75 %", "0.99": "99 %",
        "high": "highest", "mean": "mean", "deviation": "deviation",
    }  # fmt: skip
    rows: list[Mapping[str, Any]] = [
        {"name": one.name, "values": one.values, **dict(one.numbers or {})} for one in quantities
    ]
    columns = [
        Column("name", "covariate", "code"), Column("values", "events with it", "count"),
        *(Column(key, title, "number") for key, title in said.items()),
    ]  # fmt: skip
    note = "In the log's own units; quantiles to one part in 10,000."
    return parts.table(rows, columns, caption="Quantities", name="quantities", note=note, filtered=False)
