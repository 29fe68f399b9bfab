"""Charts of a model: intervals of metrics, precision and recall, training, confusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from offbeat.reports import charts, form
from offbeat.reports.chart_base import (
    SERIES,
    Chart,
    Rows,
    Spec,
    axis,
    by_series,
    chart,
    distinct,
    named,
    tip,
    values,
)
from offbeat.reports.form import Column, rows_of

_MIDDLE = 0.5  # of an axis from 0 to 1


def intervals(rows: Rows, *, label: str, title: str, series: str) -> Chart:
    """Values with their intervals, one line per label, series side by side.

    Args:
        rows: `label`, `series`, value, low, high (None where there is no interval), all on one scale.
        title: what the values are, with unit.
    """
    rows = rows_of(rows)
    names, labels = distinct(rows, series), distinct(rows, label)
    coloured = by_series(names)
    place: Spec = {
        "y": axis("y", None, "nominal", sort=labels, axis={"labelLimit": 180, "ticks": False, "grid": True}),
        "yOffset": {"field": "series", "sort": names},
        **coloured,
    }
    tips = [tip("y", label), tip("series", series)]
    tips += [tip(name, name, "quantitative", ".4~g") for name in ("value", "low", "high")]
    # Shape and colour share one legend only where all but the channel is the same.
    shape = {
        "field": "series",
        "type": "nominal",
        "scale": {"domain": names},
        "legend": coloured["color"]["legend"],
    }
    point = {"type": "point", "filled": True, "size": 80, "opacity": 1}
    along: Spec = {"scale": {"zero": False, "padding": 10}, "axis": {"tickCount": 6}}
    at = {**place, "x": axis("value", title, **along), "shape": shape, "tooltip": tips}
    layers: list[Spec] = [{"mark": point, "encoding": at}]
    if any(row.get("low") is not None for row in rows):
        reach = {**place, "x": axis("low", title, **along), "x2": {"field": "high"}}
        layers.insert(0, {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": reach})
    data = values(rows, y=label, series=series, value="value", low="low", high="high")
    ends = (Column("low", "low (95 %)", "number"), Column("high", "high (95 %)", "number"))
    columns = (Column(label, label), Column(series, series), Column("value", title, "number"), *ends)
    text = f"{title} with 95 % intervals for {', '.join(labels)}; {' and '.join(names)}."
    height = max(70, (16 * len(names) + 14) * len(labels))
    return chart({"data": data, "layer": layers}, rows, columns, text, height=height)


def pr_curve(rows: Rows) -> Chart:
    """Precision against recall, the chosen point marked.

    Args:
        rows: recall, precision (0 to 1), threshold, chosen (bool); any order.
    """
    rows = sorted(rows_of(rows), key=lambda row: (row["recall"], -row["precision"]))
    chosen = [{**row, "text": "threshold in force"} for row in rows if row.get("chosen")]
    percent: Spec = {"scale": {"domain": [0, 1]}, "axis": {"format": ".0%", "tickCount": 5}}
    place = {"x": axis("recall", "recall", **percent), "y": axis("precision", "precision", **percent)}
    patterns = {"recall": ".2%", "precision": ".2%", "threshold": ".4~g"}
    tips = [tip(name, name, "quantitative", pattern) for name, pattern in patterns.items()]
    names = {name: name for name in patterns}
    line = {"type": "line", "interpolate": "step-before"}
    point = {
        "type": "point",
        "filled": True,
        "size": 140,
        "color": SERIES[5],
        "shape": "diamond",
        "opacity": 1,
    }
    # Towards the middle, so that the text stays on the picture.
    to_left = bool(chosen) and chosen[0]["recall"] > _MIDDLE
    side = {"align": "right", "dx": -10} if to_left else {"align": "left", "dx": 10}
    label = {"type": "text", "dy": 14, **side}
    curve, there = values(rows, **names), values(chosen, **names, text="text")
    layers = [
        {"data": curve, "mark": line, "encoding": {**place, "order": {"field": "recall"}, "tooltip": tips}},
        {"data": there, "mark": point, "encoding": {**place, "tooltip": tips}},
        {"data": there, "mark": label, "encoding": {**place, "text": {"field": "text"}}},
    ]
    kinds = {"threshold": "number", "recall": "share", "precision": "share"}
    text = f"Precision against recall at {len(rows)} thresholds"
    for at in chosen[:1]:
        text += f"; the one in force has recall {form.share(at['recall'])}, precision {form.share(at['precision'])}"
    columns = tuple(Column(name, name, kind) for name, kind in kinds.items())
    return chart({"layer": layers}, rows, columns, f"{text}.", height=280)


def lines(
    rows: Rows,
    *,
    x: str,
    y: str,
    series: str,
    x_title: str,
    title: str,
    kind: str = "number",
    order: Sequence[str] = (),
) -> Chart:
    """A value against another, one line per series.

    Args:
        rows: `x` and `y` numbers, `series` a text; any order. One with a true `chosen` is a point in force: a diamond
            beside its line.
        x_title, title: what they are, with units.
        kind: `number`, or `share`: both axes in per cent.
        order: of the series, where it is not that of their names: the first is drawn the strongest.
    """
    rows = sorted(
        (row for row in rows_of(rows) if row.get(y) is not None), key=lambda row: (row[series], row[x])
    )
    names = [named(each) for each in order] or distinct(rows, series)
    pattern = "~%" if kind == "share" else "~g"
    encoding = {
        "x": axis("x", x_title, axis={"format": pattern, "tickCount": 6}),
        "y": axis("y", title, scale={"domain": [0, 1]}, axis={"tickCount": 5, "format": ".2~f"}),
        "tooltip": [
            tip("series", series),
            tip("x", x_title, "quantitative", f".3{pattern}"),
            tip("y", title, "quantitative", ".4~g"),
        ],
        **by_series(names, dashed=True),
    }
    columns = (Column(series, series), Column(x, x_title, kind), Column(y, title, "number"))
    text = f"{title} by {x_title} for {', '.join(names)}."
    mark = {"type": "line", "point": {"size": 36}, "clip": True}
    chosen = [row for row in rows if row.get("chosen")]
    data = values([row for row in rows if not row.get("chosen")], x=x, y=y, series=series)
    line: Spec = {"data": data, "mark": mark, "encoding": encoding}
    if not chosen:
        return chart(line, rows, columns, text, height=240)
    diamond = {"type": "point", "filled": True, "size": 150, "shape": "diamond", "opacity": 1}
    place = {key: value for key, value in encoding.items() if key != "strokeDash"}
    there: Spec = {"data": values(chosen, x=x, y=y, series=series), "mark": diamond, "encoding": place}
    for one in chosen:
        said = (f"{name} {form.KINDS[kind](one[name])}" for name in (x, y))
        text += f" In force for {named(str(one[series]))}: {', '.join(said)}."
    return chart({"layer": [line, there]}, rows, columns, text, height=240)


def training_curves(rows: Rows, *, what: str, title: str) -> Chart:
    """A measure of training and validation by epoch.

    Args:
        rows: epoch, `what`, `validation_{what}`; None where not known. title: what it is, with unit.
    """
    rows = rows_of(rows)
    series = {"training": what, "validation": f"validation_{what}"}
    long = [
        {"epoch": row["epoch"], "series": name, "value": row.get(key)}
        for row in rows
        for name, key in series.items()
        if row.get(key) is not None
    ]
    encoding = {
        "x": axis("x", "epoch", axis={"format": "d", "tickMinStep": 1, "tickCount": 8}),
        "y": axis("y", title, scale={"zero": False}, axis={"tickCount": 5, "format": ".3~g"}),
        "tooltip": [tip("x", "epoch"), tip("series", "on"), tip("y", title, "quantitative", ".4~g")],
        **by_series(list(series), dashed=True),
    }
    columns = (
        Column("epoch", "epoch", "count"),
        *(Column(key, f"{name} {title}", "number") for name, key in series.items()),
    )
    last = rows[-1] if rows else {}
    text = f"{title} by epoch, {len(rows)} epochs; at the end {form.number(last.get(what))} in training"
    text += f" and {form.number(last.get(series['validation']))} in validation."
    mark = {"type": "line", "point": {"size": 40}}
    data = values(long, x="epoch", y="value", series="series")
    return chart({"data": data, "mark": mark, "encoding": encoding}, rows, columns, text, height=220)


def confusion_matrix(*, true_flagged: int, false_flagged: int, missed: int, true_normal: int) -> Chart:
    """Sessions by label and verdict; colour is the share within the label."""
    rows: list[dict[str, Any]] = [
        {"label": "abnormal", "verdict": "flagged", "sessions": true_flagged},
        {"label": "abnormal", "verdict": "not flagged", "sessions": missed},
        {"label": "normal", "verdict": "flagged", "sessions": false_flagged},
        {"label": "normal", "verdict": "not flagged", "sessions": true_normal},
    ]
    for row in rows:
        total = sum(other["sessions"] for other in rows if other["label"] == row["label"])
        row["share"] = row["sessions"] / total if total else None
    made = charts.heat_map(
        rows, x="verdict", y="label", value="share", text="sessions", title="share of the label", kind="share"
    )
    text = f"Confusion matrix: {form.count(true_flagged)} abnormal sessions flagged, {form.count(missed)} missed; "
    text += f"{form.count(false_flagged)} normal sessions flagged, {form.count(true_normal)} not."
    columns = (
        Column("label", "label"), Column("verdict", "verdict"),
        Column("sessions", "sessions", "count"), Column("share", "share of the label", "share"),
    )  # fmt: skip
    return Chart({**made.spec, "height": 130}, text, rows, columns)
