"""Charts of rows: histogram of scores, bars, lines over time, heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from offbeat.reports import form
from offbeat.reports.chart_base import (
    SERIES,
    Chart,
    Rows,
    Spec,
    axis,
    by_series,
    chart,
    distinct,
    is_share,
    largest,
    named,
    plain,
    powers,
    shares,
    short,
    tip,
    values,
)
from offbeat.reports.form import Column, rows_of

_ROW_HEIGHT = 28
_BAR_HEIGHT = 18  # of one series in a row
_CELL_HEIGHT = 34
_MOST_POINTS = 80  # more would hide the line
_FEW_YEARS = 2  # two may be a week around new year
_LEVEL = 3  # columns whose names fit side by side on a phone
_STRONGEST = 0.6  # of the colour in a heat map, so that the text on it keeps its contrast
_SIDES = ("up to the threshold", "above it")
_OVERLAID = 0.7  # opacity of bars that stand in front of each other


def histogram(
    rows: Rows,
    *,
    threshold: float | None = None,
    lowest_threshold: float | None = None,
    unit: str = "",
    what: str = "sessions",
) -> Chart:
    """Sessions by score, with the threshold.

    Args:
        rows: low, high (score at the edges), sessions (count), above (bool: beyond the threshold).
        threshold: score above which a session is flagged, drawn as a rule; the highest where segments have their own.
        lowest_threshold: the lowest of them, drawn too; in between a range has a bar for each side.
        unit: unit of the score. what: what is counted.
    """
    rows = [{**row, "side": _SIDES[bool(row.get("above"))]} for row in rows_of(rows)]
    title = f"score ({unit})" if unit else "score"
    data = values(rows, low="low", high="high", n="sessions", side="side")
    highest = max((row["sessions"] for row in rows), default=0)
    encoding = _histogram_encoding(title, what, highest)
    mark = {"type": "bar", "binSpacing": 1} | ({} if lowest_threshold is None else {"opacity": _OVERLAID})
    layers: list[Spec] = [{"data": data, "mark": mark, "encoding": encoding}]
    total = sum(row["sessions"] for row in rows)
    text = f"Histogram of {title} of {form.count(total)} {what}"
    if threshold is not None:
        rules = {"threshold": threshold}
        if lowest_threshold is not None:
            rules = {"lowest threshold": lowest_threshold, "highest threshold": threshold}
        for nth, (name, at) in enumerate(rules.items()):
            layers += _threshold_rule(at, title, name, y=2 + 16 * nth)
        beyond = sum(row["sessions"] for row in rows if row.get("above"))
        said = " to ".join(map(form.number, rules.values()))
        whose = "the threshold" if lowest_threshold is None else "their segment's threshold"
        text += f"; {form.count(beyond)} lie above {whose} of {said}"
    columns = (
        Column("low", f"above ({unit})" if unit else "above", "number"),
        Column("high", f"up to ({unit})" if unit else "up to", "number"),
        *([] if lowest_threshold is None else [Column("side", "threshold of the segment")]),
        Column("sessions", what, "count"),
    )
    return chart(
        {"layer": layers},
        [{k: row[k] for k in ("low", "high", "side", "sessions")} for row in rows],
        columns,
        f"{text}.",
    )


def _histogram_encoding(title: str, what: str, highest: int) -> Spec:
    # A log-like scale that knows zero: the few strange sessions stay visible beside the many normal ones.
    tall = short(None, values=powers(highest))
    sides = {"domain": list(_SIDES), "range": [SERIES[0], SERIES[5]]}
    return {
        "x": axis("low", title, bin="binned", axis={"format": ".3~g", "tickCount": 10}),
        "x2": {"field": "high"},
        "y": axis("n", f"{what} (log-like scale)", scale={"type": "symlog"}, axis=tall),
        "color": {"field": "side", "type": "nominal", "scale": sides, "legend": {"title": None}},
        "tooltip": [
            tip("low", "score from", "quantitative", ".3~g"),
            tip("high", "to", "quantitative", ".3~g"),
            tip("n", what),
        ],
    }


def _threshold_rule(threshold: float, title: str, name: str, *, y: int) -> list[Spec]:
    """Layers: a dashed vertical rule at the threshold, with its value."""
    data = {"values": [{"x": threshold, "text": f"{name} {form.number(threshold)}"}]}
    place = {"x": axis("x", title)}
    label = {"type": "text", "align": "left", "baseline": "top", "dx": 5, "y": y}
    return [
        {"data": data, "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.5}, "encoding": place},
        {"data": data, "mark": label, "encoding": {**place, "text": {"field": "text"}}},
    ]


def bars(
    rows: Rows, *, label: str, value: str, title: str, series: str | None = None, kind: str = "number"
) -> Chart:
    """Horizontal bars, one per row, in the order given; side by side where there are series.

    Args:
        label, value, series: entries of a row. title: what the value is, with its unit.
        kind: how values are written in the table, see `form.KINDS`; shares are drawn as percentages.
    """
    rows = rows_of(rows)
    names, labels = distinct(rows, series), distinct(rows, label)
    pattern = ".1%" if is_share(kind) else ",.4~g"
    of_series = [tip("series", "series")] if series else []
    quiet = {"labelLimit": 140, "ticks": False, "domain": False}
    across = {"format": shares(row[value] for row in rows), "tickCount": 5} if is_share(kind) else short()
    encoding: Spec = {
        "y": axis("y", None, "nominal", sort=labels, axis=quiet),
        "x": axis("x", title, axis=across),
        "tooltip": [tip("y", label), *of_series, tip("x", title, "quantitative", pattern)],
    }
    if series:
        encoding |= by_series(names) | {"yOffset": {"field": "series", "sort": names}}
    said = label.replace("_", " ")
    text = f"Bars: {title} by {said}, {len(labels)} in all{largest(rows, (label,), value, kind)}."
    mark = {"type": "bar", "cornerRadiusEnd": 2, "color": SERIES[0]}
    spec = {"data": _data(rows, label, value, series, across=False), "mark": mark, "encoding": encoding}
    height = (_BAR_HEIGHT * len(names) + 8 if series else _ROW_HEIGHT) * len(labels)
    return chart(
        spec,
        rows,
        _columns(Column(label, said), series, Column(value, title, kind)),
        text,
        height=max(60, height),
    )


def over_time(
    rows: Rows,
    *,
    time: str,
    value: str,
    title: str,
    series: str | None = None,
    area: bool = False,
    kind: str = "number",
) -> Chart:
    """Lines over time (UTC), or an area from zero.

    Args:
        time: entry with a date, an aware datetime or ISO text. value, series: entries of a row.
        title: what the value is, with its unit. area: fill down to zero.
        kind: how values are written in the table, see `form.KINDS`; shares are drawn as percentages.
    """
    rows = rows_of(rows)
    days = all(len(str(plain(row[time]))) <= len("2026-05-01") for row in rows)
    across = {"tickCount": 6, "labelOverlap": True} | ({"format": _days_format(rows, time)} if days else {})
    up = {"format": ".2~%", "tickCount": 5} if is_share(kind) else short()
    moment = tip("x", "UTC", "temporal", "%Y-%m-%d" if days else "%Y-%m-%d %H:%M")
    pattern = ".2%" if is_share(kind) else ",.4~g"
    encoding: Spec = {
        "x": axis("x", "day (UTC)" if days else "time (UTC)", "temporal", axis=across),
        "y": axis("y", title, scale={"zero": area}, axis=up),
        "tooltip": [
            {**moment, "timeUnit": "utcyearmonthdatehoursminutes"},
            *([tip("series", "series")] if series else []),
            tip("y", title, "quantitative", pattern),
        ],
    }
    if series:
        encoding |= by_series(distinct(rows, series), dashed=True)
    mark: Spec = {"type": "line", "point": {"size": 36} if len(rows) <= _MOST_POINTS else False}
    if area:
        mark |= {"type": "area", "line": {"color": SERIES[0]}, "fillOpacity": 0.2, "color": SERIES[0]}
    text = f"{title} over time, {len(rows)} points{largest(rows, (time,), value, kind)}."
    first = Column(time, "day" if days else "time (UTC)", "day" if days else "time")
    spec = {"data": _data(rows, time, value, series), "mark": mark, "encoding": encoding}
    return chart(spec, rows, _columns(first, series, Column(value, title, kind)), text)


def _days_format(rows: list[dict[str, Any]], time: str) -> str:
    """How days stand on an axis: with their year where there are several."""
    years = {str(plain(row[time]))[:4] for row in rows}
    return "%b %-d" if len(years) <= 1 else "%b %Y" if len(years) > _FEW_YEARS else "%b %-d, %Y"


def heat_map(
    rows: Rows,
    *,
    x: str,
    y: str,
    value: str,
    title: str,
    text: str | None = None,
    kind: str = "number",
    down: Sequence[str] = (),
) -> Chart:
    """A value by two categories, in the order of the rows; darker = larger.

    Args:
        x, y, value: entries of a row. text: entry written into each cell, as a count. title: what the value is.
        down: values of y from top to bottom, where the rows have another order.
    """
    rows = rows_of(rows)
    across, down = distinct(rows, x), [named(each) for each in down] or distinct(rows, y)
    place: Spec = {
        "x": axis("x", x, "nominal", sort=across, axis={"labelAngle": 0 if len(across) <= _LEVEL else -40}),
        "y": axis("y", y, "nominal", sort=down, axis={"labelLimit": 130}),
    }
    scale = {"domainMin": 0, "range": [0.04, _STRONGEST]}
    shade = {"field": "value", "type": "quantitative", "scale": scale, "legend": None}
    pattern = ".1%" if is_share(kind) else ",.4~g"
    tips = [tip("x", x), tip("y", y), tip("value", title, "quantitative", pattern)]
    cell = {"type": "rect", "color": SERIES[0], "stroke": "var(--surface)", "strokeWidth": 2}
    layers: list[Spec] = [{"mark": cell, "encoding": {**place, "opacity": shade, "tooltip": tips}}]
    fields = {"x": x, "y": y, "value": value}
    if text:
        fields["text"] = text
        written = {"field": "text", "type": "quantitative", "format": ","}
        layers.append({"mark": {"type": "text", "fontSize": 13}, "encoding": {**place, "text": written}})
    said = (
        f"Heat map: {title} by {y} and {x}, {len(down)} by {len(across)}{largest(rows, (y, x), value, kind)}."
    )
    columns = (Column(y, y), Column(x, x), Column(value, title, kind))
    spec = {"data": values(rows, **fields), "layer": layers}
    return chart(spec, rows, columns, said, height=max(90, _CELL_HEIGHT * len(down)))


def _data(
    rows: list[dict[str, Any]], label: str, value: str, series: str | None, *, across: bool = True
) -> Spec:
    """The rows' label, value and series as a spec's data; the label runs across or down."""
    fields = {"x": label, "y": value} if across else {"x": value, "y": label}
    return values(rows, **fields, **({"series": series} if series else {}))


def _columns(first: Column, series: str | None, last: Column) -> tuple[Column, ...]:
    return (first, Column(series, series), last) if series else (first, last)
