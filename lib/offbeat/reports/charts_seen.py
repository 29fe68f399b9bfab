"""Charts of a log as it came: bars over ranges, and how sessions flow from event to event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from offbeat.reports import form
from offbeat.reports.chart_base import (
    SERIES,
    Chart,
    Rows,
    Spec,
    axis,
    chart,
    distinct,
    largest,
    powers,
    short,
    tip,
    values,
)
from offbeat.reports.form import Column, rows_of

_RIBBON = 8  # straight pieces of a ribbon's edge
_BETWEEN = 0.03  # of the height, between two events of one step
_HALF = 0.045  # of the way from step to step: half the width of an event's bar
_RARE = 0.02  # share of all sessions, below which an event of a step has no bar of its own
_THIN = 0.004  # share of all sessions; thinner ribbons are dust
_FLOW_HEIGHT = 420
_NAME = 40  # letters of an event; a ribbon repeats both names at each of its points


def ranges(rows: Rows, *, title: str, what: str, label: str = "range") -> Chart:
    """Upright bars, one per range, in the order given.

    Args:
        rows: `range` (a text), `n`. title: what the ranges are of, with unit. what: what is counted.
        label: what a range is called in the table.
    """
    rows = rows_of(rows)
    encoding: Spec = {
        "x": axis(
            "x",
            title,
            "nominal",
            sort=distinct(rows, "range"),
            axis={"labelAngle": -40, "labelOverlap": True, "ticks": False, "labelLimit": 90},
        ),
        "y": axis("y", what, axis=short()),
        "tooltip": [tip("x", title), tip("y", what, "quantitative", ",")],
    }
    text = f"Bars: {what} by {title}, {len(rows)} ranges{largest(rows, ('range',), 'n', 'count')}."
    spec = {
        "data": values(rows, x="range", y="n"),
        "mark": {"type": "bar", "color": SERIES[0]},
        "encoding": encoding,
    }
    shown = [{"range": row["range"], "n": row["n"]} for row in rows]
    return chart(spec, shown, (Column("range", label), Column("n", what, "count")), text, height=200)


def bins(rows: Rows, *, title: str, what: str) -> Chart:
    """A histogram of bars of one width.

    Args:
        rows: `low`, `high`, `n`. title: what is on the axis, with unit. what: what is counted.
    """
    rows = rows_of(rows)
    tall = short(None, values=powers(max((row["n"] for row in rows), default=0)))
    encoding: Spec = {
        "x": axis("low", title, bin="binned", axis=short(6)),
        "x2": {"field": "high"},
        "y": axis("n", f"{what} (log-like)", scale={"type": "symlog"}, axis=tall),
        "tooltip": [
            tip("low", "from", "quantitative", ".3~g"),
            tip("high", "to", "quantitative", ".3~g"),
            tip("n", what, "quantitative", ","),
        ],
    }
    text = f"Histogram of {title}: {form.count(sum(row['n'] for row in rows))} {what}."
    spec = {
        "data": values(rows, low="low", high="high", n="n"),
        "mark": {"type": "bar", "binSpacing": 1, "color": SERIES[0]},
        "encoding": encoding,
    }
    columns = (Column("low", "from", "number"), Column("high", "to", "number"), Column("n", what, "count"))
    return chart(spec, rows, columns, text, height=180)


def flow(rows: Rows, *, order: Sequence[str], rest: str, title: str) -> Chart:
    """A Sankey diagram: what sessions do first, and what each does next.

    Args:
        rows: `step` (0-based), `before`, `after`, `n`. order: events from top to bottom.
        rest: stands for all events that are too rare at a step to be drawn. title: what is counted.
    """
    rows = _without_dust(rows_of(rows), rest)
    nodes = _nodes(rows, list(order))
    ribbons = _ribbons(rows, nodes, list(order))
    links = [row for row in rows if _thick(row, nodes)]
    place: Spec = {"x": axis("x", None, axis=None, scale={"domain": _across(nodes)})}
    up: Spec = {"scale": {"domain": [0, 1], "reverse": True}, "axis": None}
    box = [{"x": x - _HALF, "x2": x + _HALF, **node} for (x, _), node in nodes.items()]
    layers: list[Spec] = [
        {
            "data": {"values": ribbons},
            "mark": {"type": "area", "fillOpacity": 0.28, "color": SERIES[0], "line": False},
            "encoding": {
                **place,
                "y": axis("y", None, **up),
                "y2": {"field": "y2"},
                "detail": {"field": "link", "type": "nominal"},
                "tooltip": [tip("before", "from"), tip("after", "to"), tip("n", title, "quantitative", ",")],
            },
        },
        {
            "data": {"values": box},
            "mark": {"type": "rect", "color": SERIES[0]},
            "encoding": {
                **place,
                "x2": {"field": "x2"},
                "y": axis("y", None, **up),
                "y2": {"field": "y2"},
                "tooltip": [tip("name", "event"), tip("n", title, "quantitative", ",")],
            },
        },
        {
            "data": {"values": [{**one, "x": one["x2"], "y": (one["y"] + one["y2"]) / 2} for one in box]},
            "mark": {"type": "text", "align": "left", "dx": 4, "limit": 104, "fontSize": 11},
            "encoding": {**place, "y": axis("y", None, **up), "text": {"field": "name"}},
        },
    ]
    columns = (
        Column("place", "place in the session", "count"),
        Column("before", "event"),
        Column("after", "next event"),
        Column("n", title, "count"),
    )
    shown = [{**row, "place": row["step"] + 1} for row in rows]
    top = largest(links, ("before", "after"), "n", "count")
    text = f"Flow of sessions through their first events, {len(nodes)} events, {len(links)} ways{top}."
    return chart({"layer": layers}, shown, columns, text, height=_FLOW_HEIGHT)


Nodes = dict[tuple[int, str], dict[str, Any]]


def _without_dust(rows: Sequence[Mapping[str, Any]], rest: str) -> list[dict[str, Any]]:
    """The rows with the events that are rare at a step put together."""
    sums = _sums(rows)
    whole = sum(n for (step, _), n in sums.items() if step == 0)
    seen: dict[tuple[int, str, str], int] = {}
    for row in rows:
        ends = [
            event if sums[step, event] >= _RARE * whole else rest
            for step, event in ((row["step"], row["before"]), (row["step"] + 1, row["after"]))
            if (step, event) in sums
        ]
        if len(ends) == 2:  # noqa: PLR2004 - both ends are known
            key = (row["step"], ends[0], ends[1])
            seen[key] = seen.get(key, 0) + row["n"]
    return [{"step": step, "before": b, "after": a, "n": n} for (step, b, a), n in seen.items()]


def _sums(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, str], int]:
    """Sessions at each event of each step."""
    sums: dict[tuple[int, str], int] = {}
    for row in rows:
        if row["step"] == 0:
            sums[0, row["before"]] = sums.get((0, row["before"]), 0) + row["n"]
        sums[row["step"] + 1, row["after"]] = sums.get((row["step"] + 1, row["after"]), 0) + row["n"]
    return sums


def _nodes(rows: Sequence[Mapping[str, Any]], order: list[str]) -> Nodes:
    """Each event of each step with its place: from `y` to `y2` down the step, both 0 to 1."""
    sums = _sums(rows)
    whole = sum(n for (step, _), n in sums.items() if step == 0) or 1
    most = max((sum(1 for step, _ in sums if step == at) for at, _ in sums), default=1)
    scale = max(0.2, 1 - _BETWEEN * (most - 1)) / whole
    nodes: Nodes = {}
    for step in sorted({step for step, _ in sums}):
        top = 0.0
        for event in sorted((e for at, e in sums if at == step), key=lambda e: _rank(e, order)):
            n = sums[step, event]
            nodes[step, event] = {
                "name": form.visible(form.clipped(form.event_name(event), _NAME)),
                "n": n,
                "y": top,
                "y2": top + n * scale,
            }
            top += n * scale + _BETWEEN
    return nodes


def _ribbons(rows: Sequence[Mapping[str, Any]], nodes: Nodes, order: list[str]) -> list[dict[str, Any]]:
    """The edges of every ribbon, as points that belong together by `link`."""
    left = {key: node["y"] for key, node in nodes.items()}
    right = dict(left)
    points: list[dict[str, Any]] = []
    ordered = sorted(
        rows, key=lambda row: (row["step"], _rank(row["before"], order), _rank(row["after"], order))
    )
    for number, row in enumerate(ordered):
        start, end = (row["step"], row["before"]), (row["step"] + 1, row["after"])
        node = nodes[start]
        width = row["n"] * (node["y2"] - node["y"]) / max(node["n"], 1)
        from_y, to_y = left[start], right[end]
        left[start] += width
        right[end] += width
        if not _thick(row, nodes):
            continue
        said = {"link": number, "n": row["n"], "before": nodes[start]["name"], "after": nodes[end]["name"]}
        for i in range(_RIBBON + 1):
            t = i / _RIBBON
            y = from_y + (to_y - from_y) * t * t * (3 - 2 * t)
            x = row["step"] + _HALF + (1 - 2 * _HALF) * t
            points.append({**said, "x": round(x, 3), "y": round(y, 4), "y2": round(y + width, 4)})
    return points


def _thick(row: Mapping[str, Any], nodes: Nodes) -> bool:
    whole = sum(node["n"] for (step, _), node in nodes.items() if step == 0)
    return bool(row["n"] >= _THIN * whole)


def _rank(event: str, order: list[str]) -> tuple[int, str]:
    return (order.index(event) if event in order else len(order), event)


def _across(nodes: Nodes) -> list[float]:
    """Ends of the axis: room for the names right of the last step."""
    last = max((step for step, _ in nodes), default=0)
    return [-_HALF, last + 0.75]
