"""A chart as one static picture: SVG, its text alternative, and its numbers under a fold."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from markupsafe import Markup

from offbeat.errors import UsageError
from offbeat.reports import form
from offbeat.reports.chart_base import Chart

_WIDTH = 680  # px: a notebook's column
_PADDING = {
    "left": 18,
    "right": 8,
    "top": 5,
    "bottom": 5,
}  # names are set a little wider than they were measured
_COLOUR = re.compile(r"(--[\w-]+): (#[0-9a-f]{6})")
_LIGHT = ":root {"  # where the light colours stand in the pages' style


def drawn(chart: Chart, title: str = "") -> str:
    """A chart as HTML that needs no script; every text of the data is escaped.

    Raises:
        UsageError: the package that draws is not installed.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise UsageError(
            "charts: the package vl-convert-python is not installed; install offbeat[reports]"
        ) from error
    from offbeat.reports.page import render

    svg = vl_convert.vegalite_to_svg({**chart.spec, "width": _WIDTH, "padding": _PADDING})
    return str(
        render(
            "picture.html",
            title=title,
            description=form.visible(chart.description),
            svg=Markup(svg),  # noqa: S704 - Vega escapes the texts in it
            columns=chart.columns,
            rows=[[form.cell(row, column).text for column in chart.columns] for row in chart.rows],
            colours=_colours(),
        )
    )


@cache
def _colours() -> str:
    """The pages' light colours as a style: a notebook has none of them, and a picture looks the same in all."""
    text = files("offbeat.reports.templates").joinpath("page.css").read_text(encoding="utf-8")
    light = text[text.index(_LIGHT) :].partition("}")[0]
    return "; ".join(f"{name}: {value}" for name, value in _COLOUR.findall(light))
