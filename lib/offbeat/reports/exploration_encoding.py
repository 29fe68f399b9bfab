"""The section of the page of exploration on what a model sees: events, categories and quantities as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from offbeat.detectors.covariates import Column as Encoding
from offbeat.reports import charts_seen, form, parts
from offbeat.reports.data_exploration import Covariate, Encoded, ExplorationPageData, Quantity, SessionsSeen
from offbeat.reports.exploration_sessions import gap_chart
from offbeat.reports.form import Column
from offbeat.reports.page import Section

_LEVELS = {0.0: "lowest", 0.25: "25 %", 0.5: "median", 0.75: "75 %", 1.0: "highest"}
_QUARTILES = 1.349  # the quartiles of a normal law lie so many deviations apart
_INTRO = (
    "Before: as the log has it. After: as it reaches a model – an event as a number, a gap as one of a few classes, "
    "a category as one column per value, a quantity moved and scaled so that its middle is 0 and its spread 1. "
    "Events and gaps go into the LSTM and the GRU, and covariates where the config names them; lengths and times of "
    "sessions go into the isolation forest and Mahalanobis alone. Models fit this on their training sessions alone; "
    "here it is done with all that is in the tables, by the same rules."
)


def encoding_section(data: ExplorationPageData) -> Section:
    """Events, sessions' quantities and covariates before and after."""
    title, name = "Before and after encoding and scaling", "encoding"
    made: list[Markup] = []
    if data.encoded is not None and data.encoded.rows:
        made.append(_events(data.encoded))
    if data.sessions is not None and data.sessions.gap_classes:
        made.append(parts.grid(*_gaps(data.sessions)))
    quantities = [] if data.sessions is None else [q for q in data.sessions.quantities if q.before]
    made += [parts.grid(*_histograms(quantity)) for quantity in quantities]
    covariates = data.events.covariates if data.events is not None else ()
    rows = [row for quantity in quantities for row in _scaled(quantity)]
    rows += [row for one in covariates if one.numbers is not None for row in _scaled_covariate(one)]
    if rows:
        made.append(_quantities(rows))
    categories = [_columns(one) for one in covariates if one.numbers is None and one.top]
    if categories:
        made.append(_categories([row for each in categories for row in each]))
    if not made:
        return Section(
            name, title, [parts.missing("Nothing to encode: neither events nor sessions are here.")]
        )
    return Section(name, title, made, intro=_INTRO)


def _events(encoded: Encoded) -> Markup:
    columns = [
        Column("event", "before: event", "code"), Column("number", "after: number", "count"),
        Column("events", "events", "count"),
    ]  # fmt: skip
    whose = f"the model {encoded.of_model}" if encoded.of_model else "all events, by frequency"
    note = f"Vocabulary of {whose}: {form.count(encoded.size)} numbers, "
    note += "the first four for padding, unknown, start and end."
    if encoded.unknown is not None:
        note += f" {form.share(encoded.unknown)} of the events are unknown to it."
    return parts.table(encoded.rows, columns, caption="Events as numbers", name="encoded-events", note=note)


def _gaps(seen: SessionsSeen) -> list[Markup]:
    """Gaps as they are, and the classes that the LSTM and the GRU take in their place."""
    bars = [
        {"range": str(nth), "gap": _class_of(one["low"], one["high"]), "n": one["n"]}
        for nth, one in enumerate(seen.gap_classes, start=1)
    ]
    columns = [
        Column("range", "after: class"), Column("gap", "before: gap"), Column("n", "pairs of events", "count"),
    ]  # fmt: skip
    note = "Input of the LSTM and the GRU: quantiles part the gaps; 0 stands for a gap that is not known."
    return [
        parts.figure(gap_chart(seen), title="Before: gaps", name="before-gaps"),
        parts.figure(
            charts_seen.ranges(bars, title="class of the gap", what="pairs of events", label="class"),
            title="After: classes of gaps", name="after-gaps", note=note,
            numbers=parts.table(bars, columns, caption="Classes of gaps", name="gap-classes", filtered=False),
        ),
    ]  # fmt: skip


def _class_of(low: float | None, high: float | None) -> str:
    if low is None:
        return f"to {form.duration(high)}"
    return f"above {form.duration(low)}" if high is None else f"{form.duration(low)} to {form.duration(high)}"


def _histograms(quantity: Quantity) -> list[Markup]:
    said = f"{quantity.name} ({quantity.unit})" if quantity.unit else quantity.name
    slug = parts.slug(quantity.name)
    return [
        parts.figure(
            charts_seen.bins(quantity.before, title=said, what="sessions"),
            title=f"Before: {quantity.name}", name=f"before-{slug}",
        ),
        parts.figure(
            charts_seen.bins(quantity.after, title=f"ln(1 + {quantity.name}), scaled", what="sessions"),
            title=f"After: {quantity.name}", name=f"after-{slug}",
            note="ln(1 + x), less its mean, by its deviation; for the isolation forest and Mahalanobis.",
        ),
    ]  # fmt: skip


def _scaled(quantity: Quantity) -> list[dict[str, Any]]:
    what = f"{quantity.name} ({quantity.unit})" if quantity.unit else quantity.name
    before = {said: quantity.levels[level] for level, said in _LEVELS.items()}
    after = {
        said: float((np.log1p(value) - quantity.center) / quantity.deviation)
        for said, value in before.items()
    }
    how = f"ln(1 + x), less {form.number(quantity.center)}, by {form.number(quantity.deviation)}"
    return _two_rows(what, before, after, how)


def _two_rows(what: str, before: dict[str, float], after: dict[str, float], how: str) -> list[dict[str, Any]]:
    return [
        {"what": what, "when": "before", "how": "", **before},
        {"what": what, "when": "after", "how": how, **after},
    ]


def _scaled_covariate(one: Covariate) -> list[dict[str, Any]]:
    """By the rule of the detectors: median and quartiles, at most five spreads from the middle."""
    numbers = one.numbers or {}
    spread = (numbers["0.75"] - numbers["0.25"]) / _QUARTILES or numbers["deviation"] or 1.0
    encoding = Encoding(one.name, center=numbers["0.5"], scale=spread)
    keys = {said: {0.0: "low", 1.0: "high"}.get(level, f"{level:g}") for level, said in _LEVELS.items()}
    before = {said: numbers[key] for said, key in keys.items()}
    after = {
        said: float(encoding.encode(np.array([repr(value)], object))[0, 0]) for said, value in before.items()
    }
    how = f"x, less {form.number(numbers['0.5'])}, by {form.number(spread)}, kept within ±5"
    return _two_rows(one.name, before, after, how)


def _quantities(rows: list[dict[str, Any]]) -> Markup:
    levels = (Column(said, said, "number") for said in _LEVELS.values())
    columns = [Column("what", "quantity"), Column("when", "scaling"), *levels, Column("how", "how")]
    return parts.table(rows, columns, caption="Quantities before and after", name="scaled", filtered=False)


def _columns(one: Covariate) -> list[dict[str, Any]]:
    """The values of a category with the column that each gets, those that share one, and the missing."""
    encoding = Encoding(one.name, categories=tuple(value for value, _ in one.top))
    rows = []
    for value, n in one.top:
        vector = encoding.encode(np.array([value], object))[0]
        rows.append({"name": one.name, "value": value, "events": n, "column": int(vector.argmax()) + 1})
    return rows


def _categories(rows: list[dict[str, Any]]) -> Markup:
    columns = [
        Column("name", "covariate", "code"), Column("value", "before: value"),
        Column("column", "after: column that is 1", "count"), Column("events", "events", "count"),
    ]  # fmt: skip
    note = "The most frequent values; rarer ones follow up to 50, the rest share a column, a missing value has its own."
    return parts.table(rows, columns, caption="Categories as columns", name="encoded-categories", note=note)
