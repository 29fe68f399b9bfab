"""What all charts share: a Vega-Lite spec from rows, with its text and its numbers.

A chart never hands a column name or a text of the data to Vega as code: the fields inside a spec are always
`x`, `y`, `series` …, and texts are values. Colours are the page's CSS variables, so that a chart follows
light, dark and print without being drawn again.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from offbeat.reports import form
from offbeat.reports.form import Column, rows_of

SERIES = tuple(f"var(--c{number})" for number in range(1, 7))
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3], [10, 4])  # colour is never the only difference
_HEIGHT = 240
_LEGEND_LINE = 28  # letters that fit beside each other on a phone
_TITLE_LINE = 32  # the same, of an axis

Spec = dict[str, Any]
Rows = Any  # list of dicts or pandas frame; see form.rows_of

CONFIG: Spec = {
    "background": "transparent",
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    "aria": False,  # the figure around it has the text; marks would be read out one by one
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "labelLimit": 150,
    },
    "legend": {
        "labelColor": "var(--ink)",
        "titleColor": "var(--muted)",
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "orient": "top",
        "symbolStrokeWidth": 2,
        "labelLimit": 220,
    },
    "text": {"color": "var(--ink)", "fontSize": 12},
    "axisY": {"titlePadding": 8},
    "bar": {"color": SERIES[0]},
    "line": {"color": SERIES[0], "strokeWidth": 2},
    "rule": {"color": "var(--ink)"},
    "range": {"category": list(SERIES)},
}


@dataclass(frozen=True)
class Chart:
    """A chart, and what stands for it where it can't be seen.

    Attributes:
        spec: Vega-Lite specification, with its data.
        description: one sentence: what it shows and its main figures.
        rows: the numbers behind it.
        columns: how they are set in a table.
    """

    spec: Spec
    description: str
    rows: list[dict[str, Any]]
    columns: tuple[Column, ...]

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from offbeat.reports.drawing import drawn

        return drawn(self)


def chart(
    layers: Spec, rows: Rows, columns: tuple[Column, ...], description: str, *, height: int = _HEIGHT
) -> Chart:
    """Complete a spec (mark and encoding, or layers) with what all charts share."""
    shared = {
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": CONFIG,
    }
    return Chart({**shared, **layers}, description, rows_of(rows), columns)


def values(rows: Rows, **fields: str) -> Spec:
    """A spec's data: the named entries of the rows under fixed names; texts made visible, times in ISO form."""
    return {"values": [{name: plain(row.get(key)) for name, key in fields.items()} for row in rows_of(rows)]}


def axis(field: str, title: str | None, kind: str = "quantitative", **more: Any) -> Spec:
    """The encoding of a field on an axis; times are drawn in UTC, a title that a phone has no room for in lines."""
    if kind == "temporal":
        more = {"scale": {"type": "utc"}, **more}
    lines = textwrap.wrap(title, _TITLE_LINE) if title else []
    return {"field": field, "type": kind, "title": lines if len(lines) > 1 else title, **more}


def short(ticks: int | None = 5, **more: Any) -> Spec:
    """An axis of counts and amounts, written short, each by itself: 0, 500, 1.2k (one pattern for all would say 0k)."""
    text = "abs(datum.value) < 1 ? format(datum.value, '~g') : format(datum.value, '~s')"
    return {"labelExpr": text} | ({"tickCount": ticks} if ticks else {}) | more


def powers(highest: float) -> list[int]:
    """Ticks of a log-like axis that knows zero: 0, 1, 10 and so on."""
    return [0, *(10**power for power in range(12) if 10**power <= highest)]


def shares(values: Iterable[float | None]) -> str:
    """A d3 format for shares on an axis, with as many digits as it takes to tell five ticks apart."""
    known = [float(value) for value in values if value is not None]
    across = max([*known, 0.0]) - min([*known, 0.0])
    return ".0%" if across >= 0.05 else ".1%" if across >= 0.005 else ".2%"  # noqa: PLR2004 - five ticks of one digit


def tip(field: str, title: str, kind: str = "nominal", pattern: str | None = None) -> Spec:
    """A line of the tooltip; `pattern` is a d3 format."""
    return {"field": field, "title": title, "type": kind} | ({"format": pattern} if pattern else {})


def distinct(rows: list[dict[str, Any]], key: str | None) -> list[str]:
    """The texts of an entry, each once, in the order of the rows; none without a key."""
    return list(dict.fromkeys(named(str(row[key])) for row in rows)) if key else []


def largest(rows: list[dict[str, Any]], labels: tuple[str, ...], value: str, kind: str) -> str:
    """What a look at a chart tells first, for its description: the largest value and where it is."""
    known = [row for row in rows if row.get(value) is not None]
    if not known:
        return ""
    top = max(known, key=lambda row: float(row[value]))
    where = ", ".join(form.visible(str(plain(top[label]))) for label in labels)
    return f"; the largest is {form.KINDS[kind](top[value])} at {where}"


def is_share(kind: str) -> bool:
    """Whether values of a kind (see `form.KINDS`) are drawn as percentages."""
    return kind.endswith("share")


def by_series(names: list[str], *, dashed: bool = False) -> Spec:
    """The encoding of `series`: colour, and dashes for lines; a legend only where there are several."""
    shown: Spec = {"title": None, "columns": 1 if sum(map(len, names)) > _LEGEND_LINE else 0}
    if dashed:
        shown |= {"symbolType": "stroke", "symbolSize": 500}
    legend = shown if len(names) > 1 else None
    scale = {"domain": names, "range": [SERIES[i % len(SERIES)] for i in range(len(names))]}
    encoding: Spec = {"color": {"field": "series", "type": "nominal", "scale": scale, "legend": legend}}
    if dashed:
        dashes = {"domain": names, "range": [DASHES[i % len(DASHES)] for i in range(len(names))]}
        encoding["strokeDash"] = {"field": "series", "type": "nominal", "scale": dashes, "legend": legend}
    return encoding


def plain(value: Any) -> Any:
    """A value as Vega takes it."""
    if isinstance(value, datetime):
        return form.iso(value)
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    return named(value) if isinstance(value, str) else value


def named(text: str) -> str:
    """A text of the data as it stands in a chart: a long one clipped, what hides made visible."""
    return form.visible(form.clipped(text))
