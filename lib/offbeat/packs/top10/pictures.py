"""The pictures as Vega-Lite with controls: a switch between raw and cleaned data, and filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from offbeat.packs.top10.shown import CLEANED, RAW, Group, Shown, grouped, rows_of, top
from offbeat.packs.top10.treemap import WHOLE, Box, squarify
from offbeat.reports.chart_base import SERIES, Chart, Spec, axis, chart, short, tip, values
from offbeat.reports.form import Column

_BARS = 15
_TILES = 24
_BUBBLES = 150
_TILE_TEXT = 90  # area of a tile that has room for its name
_HEIGHT = 360
_LABEL = 110  # pixels of a name, at most
# As much of a name is written as its tile has room for at the width of the page; nothing where that is too little.
_ROOM = f"floor(min({_LABEL}, (datum.x2 - datum.x) * width / 100) / 6.3)"
_FITTING = (
    f"length(datum.label) <= {_ROOM} ? datum.label : "
    f"{_ROOM} < 6 ? '' : slice(datum.label, 0, {_ROOM} - 1) + '…'"
)
_VIEW: Spec = {
    "name": "view",
    "value": CLEANED,
    "bind": {"input": "select", "options": [CLEANED, RAW], "name": "data "},
}
_MEASURES = {"weeks": "weeks in the Top 10", "hours": "hours viewed (million)"}


def title_bars(shown: Sequence[Shown]) -> Chart:
    """Bars of the titles with the most weeks, or hours."""
    rows = []
    for view in (CLEANED, RAW):
        mine = [title for title in shown if title.view == view]
        for measure, said in _MEASURES.items():
            best = sorted(mine, key=lambda t, m=measure: (-getattr(t, m), t.title))[:_BARS]  # type: ignore[misc]
            for place, title in enumerate(best):
                value = title.hours / 1e6 if measure == "hours" else float(title.weeks)
                rows.append(
                    {"view": view, "measure": said, "title": title.title, "place": place, "value": value}
                )
    picked = {
        "name": "measure",
        "value": _MEASURES["weeks"],
        "bind": {"input": "select", "options": list(_MEASURES.values()), "name": "by "},
    }
    data = values(rows, view="view", measure="measure", y="title", x="value", place="place")
    encoding: Spec = {
        "y": axis(
            "y",
            None,
            "nominal",
            sort={"field": "place"},
            axis={"labelLimit": 170, "ticks": False, "domain": False},
        ),
        "x": axis("x", None, axis=short()),
        "tooltip": [tip("y", "title"), tip("x", "value", "quantitative", ",.4~g")],
    }
    spec = {
        "params": [_VIEW, picked],
        "data": data,
        "transform": [{"filter": "datum.view == view && datum.measure == measure"}],
        "mark": {"type": "bar", "color": SERIES[0], "cornerRadiusEnd": 2},
        "encoding": encoding,
    }
    columns = (
        Column("view", "data"),
        Column("measure", "measure"),
        Column("title", "title"),
        Column("value", "value", "number"),
    )
    text = (
        f"Bars: the {_BARS} titles with the most weeks in the Top 10, or the most hours, from "
        "raw or from cleaned data."
    )
    return chart(spec, rows, columns, text, height=26 * _BARS)


def director_treemap(shown: Sequence[Shown]) -> Chart:
    """Tiles of directors by number of charting titles."""
    groups = top(grouped(shown, lambda title: title.directors), _TILES)
    rows = [
        row | box
        for view in (RAW, CLEANED)
        for row, box in _tiles([g for g in groups if g.view == view], "all")
    ]
    return _treemap(rows, "directors", "Treemap: directors by number of charting titles")


def genre_treemap(shown: Sequence[Shown]) -> Chart:
    """Tiles of genres, titles of one genre apart from those of several."""
    rows: list[dict[str, Any]] = []
    for view in (RAW, CLEANED):
        mine = [title for title in shown if title.view == view and title.genres]
        sides = [
            ("one genre", [t for t in mine if len(t.genres) == 1]),
            ("several genres", [t for t in mine if len(t.genres) > 1]),
        ]
        halves = squarify([len(titles) for _, titles in sides])
        for (said, titles), box in zip(sides, halves, strict=False):
            groups = top(grouped(titles, lambda title: title.genres), _TILES)
            rows += [row | place for row, place in _tiles(groups, said, box)]
    return _treemap(
        rows,
        "genres",
        "Treemap: genres by number of charting titles, those of one genre apart from those of several",
    )


def _tiles(
    groups: Sequence[Group], side: str, box: Box = WHOLE
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    boxes = squarify([len(group.titles) for group in groups], box)
    return [
        (
            row | {"side": side},
            {
                **tile._asdict(),
                "label": row["name"] if (tile.x2 - tile.x) * (tile.y2 - tile.y) > _TILE_TEXT else "",
            },
        )
        for row, tile in zip(rows_of(groups), boxes, strict=False)
    ]


def _treemap(rows: list[dict[str, Any]], what: str, text: str) -> Chart:
    data = values(
        rows,
        view="view",
        name="name",
        side="side",
        n="titles",
        weeks="weeks",
        x="x",
        y="y",
        x2="x2",
        y2="y2",
        label="label",
    )
    whole = {"scale": {"domain": [0, 100]}, "axis": None}
    place: Spec = {
        "x": {"field": "x", "type": "quantitative", **whole},
        "x2": {"field": "x2"},
        "y": {"field": "y", "type": "quantitative", **whole},
        "y2": {"field": "y2"},
    }
    sides = list(dict.fromkeys(row["side"] for row in rows))
    colour = {
        "field": "side",
        "type": "nominal",
        "scale": {"domain": sides, "range": list(SERIES[: len(sides)])},
        "legend": {"title": None} if len(sides) > 1 else None,
    }
    tips = [
        tip("name", what),
        tip("side", "titles of"),
        tip("n", "titles", "quantitative"),
        tip("weeks", "mean weeks", "quantitative", ".2~f"),
    ]
    middle = {
        "x": {"field": "cx", "type": "quantitative", **whole},
        "y": {"field": "cy", "type": "quantitative", **whole},
    }
    spec = {
        "params": [_VIEW],
        "data": data,
        "transform": [
            {"filter": "datum.view == view"},
            {"calculate": "(datum.x + datum.x2) / 2", "as": "cx"},
            {"calculate": "(datum.y + datum.y2) / 2", "as": "cy"},
            {"calculate": _FITTING, "as": "fitting"},
        ],
        "layer": [
            {
                "mark": {"type": "rect", "fillOpacity": 0.25, "stroke": "var(--surface)", "strokeWidth": 3},
                "encoding": {**place, "color": colour, "tooltip": tips},
            },
            {
                "mark": {"type": "text", "limit": _LABEL, "fontSize": 11},
                "encoding": {**middle, "text": {"field": "fitting"}},
            },
        ],
    }
    columns = (
        Column("view", "data"),
        Column("side", "titles of"),
        Column("name", what),
        Column("titles", "titles", "count"),
        Column("weeks", "mean weeks in the Top 10", "number"),
    )
    return chart(spec, rows, columns, f"{text}, from raw or from cleaned data.", height=_HEIGHT)


def director_bubbles(shown: Sequence[Shown]) -> Chart:
    """Bubbles of directors: mean Metascore across, mean weeks up, size by titles; with filters."""
    groups = top(
        [g for g in grouped(shown, lambda title: title.directors) if g.metascore is not None], _BUBBLES
    )
    rows = rows_of(groups)
    data = values(
        rows,
        view="view",
        name="name",
        n="titles",
        x="metascore",
        y="weeks",
        which="which",
        cast="cast",
        all_titles="all_titles",
        all_cast="all_cast",
    )
    most = max((row["weeks"] for row in rows), default=1.0)
    params: list[Spec] = [
        _VIEW,
        {"name": "title", "value": "", "bind": {"input": "search", "name": "title has "}},
        {"name": "actor", "value": "", "bind": {"input": "search", "name": "cast has "}},
        {
            "name": "weeks",
            "value": 0,
            "bind": {
                "input": "range",
                "min": 0,
                "max": max(1, int(most)),
                "step": 1,
                "name": "mean weeks from ",
            },
        },
        {
            "name": "score",
            "value": 1,
            "bind": {"input": "range", "min": 1, "max": 100, "step": 1, "name": "mean Metascore from "},
        },
    ]
    kept = (
        "datum.view == view && datum.y >= weeks && datum.x >= score && "
        "indexof(lower(datum.all_titles), lower(title)) >= 0 && indexof(lower(datum.all_cast), lower(actor)) >= 0"
    )
    encoding: Spec = {
        "x": axis("x", "mean Metascore", scale={"zero": False, "padding": 14}, axis={"tickCount": 8}),
        "y": axis("y", "mean weeks in the Top 10", axis={"tickCount": 8}),
        "size": {
            "field": "n",
            "type": "quantitative",
            "title": "titles",
            "scale": {"range": [60, 700]},
            "legend": None,
        },
        "tooltip": [
            tip("name", "director"),
            tip("n", "titles", "quantitative"),
            tip("x", "mean Metascore", "quantitative", ".3~g"),
            tip("y", "mean weeks", "quantitative", ".3~g"),
            tip("which", "titles"),
            tip("cast", "cast"),
        ],
    }
    mark = {"type": "circle", "color": SERIES[0], "opacity": 0.55, "stroke": "var(--ink)", "strokeWidth": 0.5}
    spec = {
        "params": params,
        "data": data,
        "transform": [{"filter": kept}],
        "mark": mark,
        "encoding": encoding,
    }
    columns = (
        Column("view", "data"),
        Column("name", "director"),
        Column("titles", "titles", "count"),
        Column("metascore", "mean Metascore", "number"),
        Column("weeks", "mean weeks in the Top 10", "number"),
        Column("which", "which"),
    )
    return chart(
        spec,
        rows,
        columns,
        "Bubbles: directors by mean Metascore and mean weeks in the Top 10; the larger, the more titles.",
        height=_HEIGHT,
    )
