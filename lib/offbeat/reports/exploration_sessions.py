"""Sections of the page of exploration on sessions: lengths and gaps, transitions, first and last events, entities."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from offbeat.reports import charts, charts_seen, form, parts
from offbeat.reports.chart_base import Chart
from offbeat.reports.data_exploration import Activity, EventsSeen, Quantity, SessionsSeen
from offbeat.reports.form import Column
from offbeat.reports.page import Section

OTHER, START, END = "other events", "<start>", "<end>"
_NO_SESSIONS = "No table sessions here. `offbeat sessionize` writes it."
_LEVELS = {
    0.0: "lowest",
    0.01: "1 %",
    0.25: "25 %",
    0.5: "median",
    0.75: "75 %",
    0.99: "99 %",
    1.0: "highest",
}
_LIKELIEST = 60  # transitions in the table


def lengths_section(seen: SessionsSeen | None) -> Section:
    """How long sessions are, in events and in time, and how far their events lie apart."""
    title, name = "Sessions: lengths and gaps", "lengths"
    if seen is None or not seen.rows:
        return Section(
            name, title, [parts.missing(_NO_SESSIONS if seen is None else "The table sessions is empty.")]
        )
    note = "Ranges grow by powers of ten."
    made = [
        parts.figure(length_chart(seen), title="Sessions by number of events", name="length-chart", note=note)
    ]
    if seen.gaps:
        made.append(
            parts.figure(
                gap_chart(seen), title="Gaps between events of a session", name="gap-chart", note=note
            )
        )
    rows = [{"what": _named(one), "mean": one.mean, **_levels(one)} for one in seen.quantities]
    columns = [
        Column("what", "of a session"), *(Column(said, said, "number") for said in _LEVELS.values()),
        Column("mean", "mean", "number"),
    ]  # fmt: skip
    states = [{**row, "share": row["sessions"] / seen.rows} for row in seen.states]
    shown = [
        Column("state", "state"), Column("sessions", "sessions", "count"), Column("share", "share (%)", "share"),
        Column("meaning", "what it means"),
    ]  # fmt: skip
    meaning = {
        "open": "may still grow", "closed": "over",
        "cut": "cut at the limit of events or time; its next piece continues it",
    }  # fmt: skip
    states = [{**row, "meaning": meaning.get(str(row["state"]), "")} for row in states]
    tables = [
        parts.table(rows, columns, caption="Quantiles over sessions", name="quantiles", filtered=False),
        parts.table(states, shown, caption="Sessions by state", name="states", filtered=False),
    ]
    return Section(name, title, [parts.grid(*made), *tables])


def length_chart(seen: SessionsSeen) -> Chart:
    """Sessions by number of events."""
    bars = _ranges(seen.lengths, form.count, whole=True)
    return charts_seen.ranges(bars, title="events per session", what="sessions")


def gap_chart(seen: SessionsSeen) -> Chart:
    """Neighbours in a session by the time between them."""
    bars = _ranges(seen.gaps, form.duration)
    return charts_seen.ranges(bars, title="time since the event before", what="pairs of events")


def _named(one: Quantity) -> str:
    return f"{one.name} ({one.unit})" if one.unit else one.name


def _levels(one: Quantity) -> dict[str, float]:
    return {said: one.levels[level] for level, said in _LEVELS.items()}


def _ranges(
    bars: Sequence[Mapping[str, Any]], said: Callable[[float], str], *, whole: bool = False
) -> list[dict[str, Any]]:
    """Bars with their range in words; counts hold whole numbers alone, and a range without one is left out."""
    made = []
    for bar in bars:
        low, high = bar["low"], bar["high"]
        if whole:
            first, last = _first_whole(low), _first_whole(high) - 1
            if first > last:
                continue
            text = said(first) if first == last else f"{said(first)}–{said(last)}"
        else:
            text = "0" if low == 0 else f"to {said(high)}"
        made.append({"range": text, "n": bar["n"]})
    return made


def _first_whole(edge: float) -> int:
    """The first whole number from an edge on; edges that are whole numbers but for rounding are these."""
    return int(-(-(edge - 1e-6) // 1))


def transitions_section(seen: SessionsSeen | None, events: EventsSeen | None) -> Section:
    """Which event follows which: heat map, flow of the first steps, and a table."""
    title, name = "Transitions", "transitions"
    if seen is None or not seen.transitions:
        text = _NO_SESSIONS if seen is None else "No session has two events."
        return Section(name, title, [parts.missing(text)])
    rows = _moves(seen, _order(seen, events))
    columns = [
        Column("event", "event"), Column("next event", "next event"), Column("sessions", "times", "count"),
        Column("share", "share of what follows the event (%)", "share"),
    ]  # fmt: skip
    most = sorted(rows, key=lambda row: (-row["sessions"], row["event"], row["next event"]))[:_LIKELIEST]
    table = parts.table(
        most, columns, caption="Transitions, the most frequent first", name="transition-table"
    )
    made = [
        parts.figure(
            transition_chart(seen, events), title="What follows what", name="transition-map", wide=True, numbers=table,
            note="Each row adds up to 100 %: how often the event in a column comes next; stronger = more often.",
        )
    ]  # fmt: skip
    if seen.flows:
        flow = flow_chart(seen, events)
        note = "From left to right the first to the last of the first events; the thicker, the more sessions."
        made.append(
            parts.figure(flow, title="The first steps of sessions", name="flow", note=note, wide=True)
        )
    text = "The most frequent events have a name; all others count as “other events”."
    return Section(name, title, made, intro=text)


def transition_chart(seen: SessionsSeen, events: EventsSeen | None) -> Chart:
    """Which event follows which, as shares of what follows."""
    order = _order(seen, events)
    rows = _moves(seen, order)
    names = [form.event_name(event) for event in order]
    return charts.heat_map(
        sorted(rows, key=lambda row: names.index(row["next event"])),
        x="next event", y="event", value="share", title="share of what follows", kind="share",
        down=[name for name in names if any(row["event"] == name for row in rows)],
    )  # fmt: skip


def flow_chart(seen: SessionsSeen, events: EventsSeen | None) -> Chart:
    """How sessions flow through their first events."""
    return charts_seen.flow(seen.flows, order=_order(seen, events), rest=OTHER, title="sessions")


def _moves(seen: SessionsSeen, order: list[str]) -> list[dict[str, Any]]:
    """Transitions in the order of their events, with their share of what follows."""
    after = {row["before"]: 0 for row in seen.transitions}
    for row in seen.transitions:
        after[row["before"]] += row["n"]
    place = {event: nth for nth, event in enumerate(order)}
    return [
        {
            "event": form.event_name(row["before"]), "next event": form.event_name(row["after"]),
            "sessions": row["n"], "share": row["n"] / after[row["before"]],
        }
        for row in sorted(seen.transitions, key=lambda row: (place[row["before"]], place[row["after"]]))
    ]  # fmt: skip


def _order(seen: SessionsSeen, events: EventsSeen | None) -> list[str]:
    """Start, the events by frequency, the other ones, end."""
    names = {row[key] for row in (*seen.transitions, *seen.flows) for key in ("before", "after")}
    frequent = [row["event"] for row in events.frequencies] if events else []
    middle = [event for event in frequent if event in names] + sorted(
        names - set(frequent) - {START, OTHER, END}
    )
    return [START, *(event for event in middle if event not in (START, OTHER, END)), OTHER, END]


def ends_section(seen: SessionsSeen | None) -> Section:
    """The events that sessions begin and end with."""
    title, name = "First and last events", "ends"
    if seen is None or not seen.firsts:
        return Section(
            name, title, [parts.missing(_NO_SESSIONS if seen is None else "The table sessions is empty.")]
        )
    made = []
    for rows, said, slug in (
        (seen.firsts, "First events", "first"),
        (seen.lasts, "Last events of closed sessions", "last"),
    ):
        if not rows:
            made.append(parts.missing("No session is closed yet, so no last events."))
            continue
        chart = ends_chart(rows)
        note = f"The {len(rows)} most frequent." if len(rows) > 1 else ""
        made.append(parts.figure(chart, title=said, name=f"{slug}-events", note=note))
    return Section(name, title, [parts.grid(*made)])


def ends_chart(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Sessions by their first, or their last, event."""
    return charts.bars(rows, label="event", value="sessions", title="sessions", kind="count")


def activity_section(seen: Activity | None) -> Section:
    """How events lie among entities, and the busiest of them."""
    title, name = "Entities by activity", "activity"
    if seen is None or not seen.entities:
        return Section(name, title, [parts.missing("No events, so no entities.")])
    chart = activity_chart(seen)
    columns = [
        Column("entity", "entity", "code"), Column("events", "events", "count"),
        *([Column("sessions", "sessions", "count")] if any(row["sessions"] for row in seen.top) else []),
        Column("first", "first seen", "time"), Column("last", "last seen", "time"),
    ]  # fmt: skip
    made: list[Markup] = [
        parts.figure(chart, title="Entities by number of events", name="entity-chart", note=_held(seen)),
        parts.table(seen.top, columns, caption="The busiest entities", name="entities"),
    ]
    return Section(name, title, made)


def activity_chart(seen: Activity) -> Chart:
    """Entities by number of events."""
    bars = _ranges(seen.bars, form.count, whole=True)
    return charts_seen.ranges(bars, title="events of an entity", what="entities")


def _held(seen: Activity) -> str:
    """How much of the log the busiest entities hold."""
    events = sum(bar["events"] for bar in seen.bars)
    entities = held = 0
    for bar in reversed(seen.bars):
        entities, held = entities + bar["n"], held + bar["events"]
        if held * 2 >= events:
            break
    if not events:
        return ""
    return (
        f"The {form.count(entities)} busiest ({form.share(entities / seen.entities)}) have "
        f"{form.share(held / events)} of the events."
    )
