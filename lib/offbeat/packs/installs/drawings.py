"""The charts of the page on installs: curves, reliability, errors click by click."""

from __future__ import annotations

from typing import Any

from offbeat.reports import charts, charts_model
from offbeat.reports.chart_base import (
    SERIES,
    Chart,
    Spec,
    axis,
    by_series,
    chart,
    distinct,
    tip,
    values,
)
from offbeat.reports.form import Column

Rows = list[dict[str, Any]]

_KINDS = {
    "training, no install": ("circle", SERIES[0]),
    "test, no install": ("circle", SERIES[1]),
    "installer without a spike": ("diamond", SERIES[3]),
    "spike, true installer": ("triangle-up", SERIES[2]),
    "spike, false installer": ("cross", SERIES[5]),
}


def curve(rows: Rows, *, across: str, up: str, chance: bool, percent: bool = True) -> Chart:
    """One line per series over a share of the clicks.

    Args:
        rows: series, x (share of the clicks), y. chance: draw what picking at random gives.
        percent: whether `up` is a share.
    """
    names = distinct(rows, "series")
    scale = {"type": "symlog", "constant": 0.005}
    tall: Spec = {"axis": {"format": "~%", "tickCount": 5}} if percent else {"axis": {"tickCount": 5}}
    ticks = {"labelExpr": "format(datum.value, '~%')", "values": [0, 0.01, 0.05, 0.2, 0.5, 1]}
    x = axis("x", across, scale=scale, axis=ticks)
    place = {
        "x": x,
        "y": axis("y", up, **tall),
        "tooltip": [
            tip("series", "model"),
            tip("x", across, "quantitative", ".2%"),
            tip("y", up, "quantitative", ".1%" if percent else ".3~g"),
        ],
        **by_series(names, dashed=True),
    }
    layers: list[Spec] = [
        {"data": values(rows, x="x", y="y", series="series"), "mark": {"type": "line"}, "encoding": place}
    ]
    if chance:
        ends = {"values": [{"x": step / 50, "y": step / 50 if percent else 1} for step in range(51)]}
        rule = {"type": "line", "color": "var(--muted)", "strokeWidth": 1, "strokeDash": [2, 3]}
        layers.append({"data": ends, "mark": rule, "encoding": {"x": x, "y": axis("y", up)}})
    at = [row for row in rows if row["x"] >= 0.0099][:1]  # noqa: PLR2004 - one in a hundred
    text = f"{up} by {across}, for {', '.join(names)}"
    text += f"; {at[0]['series']} reaches {at[0]['y']:.3g} at 1 %." if at else "."
    columns = (
        Column("series", "model"), Column("x", across, "share"), Column("y", up, "share" if percent else "number"),
        Column("n", "clicks", "count"),
    )  # fmt: skip
    return chart({"layer": layers}, rows, columns, text, height=280)


def reliability(rows: Rows, *, unit: str = "clicks") -> Chart:
    """Probability given against share found, with intervals, on scales that show small ones.

    Args:
        rows: series, x (mean probability), y (share found), low, high, n.
        unit: what was counted.
    """
    names = distinct(rows, "series")
    scale = {"type": "symlog", "constant": 0.001}
    ticks = {"labelExpr": "format(datum.value, '~%')", "values": [0, 0.001, 0.01, 0.05, 0.2, 0.5, 1]}
    x = axis("x", "probability given", scale=scale, axis=ticks)
    y = axis("y", "share that installed", scale=scale, axis=ticks)
    data = values(rows, x="x", y="y", low="low", high="high", n="n", series="series")
    tips = [tip("series", "model"), tip("x", "given", "quantitative", ".3%"), tip("y", "found", "quantitative", ".3%"),
            tip("n", unit)]  # fmt: skip
    coloured = by_series(names)
    reach = {
        "x": x,
        "y": {**axis("low", "share that installed"), "scale": scale},
        "y2": {"field": "high"},
        **coloured,
    }
    ideal = {"values": [{"x": 10 ** (step / 10 - 5), "y": 10 ** (step / 10 - 5)} for step in range(51)]}
    rule = {"type": "line", "color": "var(--muted)", "strokeWidth": 1, "strokeDash": [2, 3]}
    layers: list[Spec] = [
        {"data": ideal, "mark": rule, "encoding": {"x": x, "y": y}},
        {"data": data, "mark": {"type": "rule", "strokeWidth": 1.5}, "encoding": reach},
        {
            "data": data,
            "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
            "encoding": {"x": x, "y": y, "tooltip": tips, **coloured},
        },
    ]
    columns = (
        Column("series", "model"), Column("x", "probability given", "share"), Column("y", "share found", "share"),
        Column("low", "low (95 %)", "share"), Column("high", "high (95 %)", "share"), Column("n", unit, "count"),
    )  # fmt: skip
    text = f"Reliability of {', '.join(names)}: on the dotted line the probability given is the share found."
    return chart({"layer": layers}, rows, columns, text, height=280)


def importance(rows: Rows) -> Chart:
    """Bars: the fall of PR-AUC when a feature is shuffled; rows have label and x."""
    return charts.bars(rows, label="label", value="x", title="fall of PR-AUC when shuffled")


_ACROSS = "observation: training, then test"


def errors(rows: Rows) -> Chart:
    """Error per observation, training region first, spikes marked by what they were.

    Args:
        rows: label (kind), x (place), y (error in nats), low (clicks before), high (limit of a spike).
    """
    kinds = [kind for kind in _KINDS if any(row["label"] == kind for row in rows)]
    late = [row["x"] for row in rows if not row["label"].startswith("training")]
    # A zoom may lie in the test alone: there is no border in it.
    border = min(late) if late and len(late) < len(rows) else None
    data = values(rows, x="x", y="y", series="label", low="low")
    shape = {"domain": kinds, "range": [_KINDS[kind][0] for kind in kinds]}
    colour = {"domain": kinds, "range": [_KINDS[kind][1] for kind in kinds]}
    legend = {"title": None, "columns": 1}
    x = axis("x", _ACROSS, axis={"tickCount": 6, "grid": False})
    y = axis("y", "error (nats)", axis={"tickCount": 5})
    tips = [tip("series", "click"), tip("y", "error", "quantitative", ".4~g"), tip("low", "clicks before it")]
    thin = {"type": "line", "color": "var(--line)", "strokeWidth": 1}
    layers: list[Spec] = [
        {"data": data, "mark": thin, "encoding": {"x": x, "y": y}},
        {
            "data": data,
            "mark": {"type": "point", "filled": True, "size": 44, "opacity": 0.9},
            "encoding": {
                "x": x, "y": y, "tooltip": tips,
                "color": {"field": "series", "type": "nominal", "scale": colour, "legend": legend},
                "shape": {"field": "series", "type": "nominal", "scale": shape, "legend": legend},
            },
        },
    ]  # fmt: skip
    layers += _rules(border, rows[0]["high"] if rows else None)
    columns = (
        Column("x", "observation", "count"), Column("label", "click"), Column("y", "error (nats)", "number"),
        Column("low", "clicks before it", "count"),
    )  # fmt: skip
    counts = {kind: sum(row["label"] == kind for row in rows) for kind in kinds}
    told = ", ".join(f"{n} {kind}" for kind, n in counts.items())
    return chart(
        {"layer": layers}, rows, columns, f"Error of the network click by click: {told}.", height=300
    )


def _rules(border: float | None, limit: float | None) -> list[Spec]:
    """A rule where the test region begins, and one at the height of a spike."""
    found: list[Spec] = []
    if border is not None:
        data = {"values": [{"x": border - 0.5}]}
        mark = {"type": "rule", "strokeWidth": 1.5}
        found.append({"data": data, "mark": mark, "encoding": {"x": axis("x", _ACROSS)}})
    if limit is not None:
        data = {"values": [{"y": limit}]}
        mark = {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.5}
        found.append({"data": data, "mark": mark, "encoding": {"y": axis("y", "error (nats)")}})
    return found


def figures(rows: Rows, title: str) -> Chart:
    """A metric of each model with its interval; rows have model, value, low, high."""
    return charts_model.intervals(
        [{**row, "basis": title} for row in rows], label="model", title=title, series="basis"
    )


def confusion(rows: Rows) -> Chart:
    """Clicks by outcome and call; rows have label (`outcome|call`) and n."""
    cells = []
    for row in rows:
        truth, call = row["label"].split("|")
        total = sum(other["n"] for other in rows if other["label"].startswith(f"{truth}|"))
        cells.append(
            {"outcome": truth, "call": call, "clicks": row["n"], "share": row["n"] / total if total else None}
        )
    made = charts.heat_map(
        cells, x="call", y="outcome", value="share", text="clicks", title="share of the outcome", kind="share"
    )
    text = (
        "Confusion matrix: "
        + ", ".join(f"{c['clicks']:,} {c['outcome']} and {c['call']}" for c in cells)
        + "."
    )
    columns = (
        Column("outcome", "outcome"), Column("call", "call"), Column("clicks", "clicks", "count"),
        Column("share", "share of the outcome", "share"),
    )  # fmt: skip
    return Chart({**made.spec, "height": 130}, text, cells, columns)
