"""What pages are put together from: figures, tables, key figures, callouts and anomaly cards, as markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from offbeat.reports import form, strips
from offbeat.reports.chart_base import Chart, Rows
from offbeat.reports.data_anomalies import Anomaly
from offbeat.reports.form import Column
from offbeat.reports.page import embed_json, render

_FILTER_FROM = 8  # rows; below, a filter is more to read than the table
_IDS = 200  # raw event ids on a card
_ODD_EVENTS = 3  # set out on a card

# What an on-call person reads first; {} are event names. The kinds are those of the table anomalies.
_HEADLINES = {
    "new_event": Markup("{event} came, which training never saw"),
    "missing": Markup("{expected} is missing before {event}"),
    "repeated": Markup("{event} came again, where {expected} was expected"),
    "inserted": Markup("{event} came in between, where {expected} was expected"),
    "time_gap": Markup("{event} came after an unusual time"),
    "length": Markup("The session has an unusual number of events"),
    "counts": Markup("The session has an unusual mix of events"),
}


@dataclass(frozen=True)
class KeyFigure:
    """A figure to take away: value with unit, what it is, and what it is measured against.

    Attributes:
        tone: plain, good or bad; said in words too, by whoever makes it.
    """

    label: str
    value: str
    note: str = ""
    tone: str = "plain"


def key_figures(figures: Iterable[KeyFigure]) -> Markup:
    """A row of key figures."""
    return render("key_figures.html", figures=list(figures))


def callout(text: str | Markup, *, tone: str = "info", title: str = "") -> Markup:
    """A boxed sentence that the page wants read. Tones: info, good, warn, bad."""
    return render("callout.html", text=text, tone=tone, title=title)


def missing(text: str) -> Markup:
    """Says that something is not there, and why or how to get it."""
    return Markup('<p class="missing">{}</p>').format(form.visible(text))


def slug(text: str) -> str:
    """A text as part of an id: letters, digits and hyphens."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text)


def query(sql: str, *, label: str) -> Markup:
    """A line of SQL, ready to be taken; a click or a key selects all of it."""
    return Markup('<pre class="sql" tabindex="0" role="region" aria-label="{}"><code>{}</code></pre>').format(
        form.visible(label), form.visible(sql)
    )


def paragraph(text: str | Markup) -> Markup:
    """A paragraph of text."""
    return Markup("<p>{}</p>").format(text if isinstance(text, Markup) else form.visible(text))


def bullets(texts: Iterable[str]) -> Markup:
    """A plain list."""
    items = Markup("").join(Markup("<li>{}</li>").format(form.visible(text)) for text in texts)
    return Markup("<ul>{}</ul>").format(items)


def grid(*parts: Markup) -> Markup:
    """Parts side by side where there is room."""
    return Markup('<div class="grid">{}</div>').format(Markup("").join(parts))


def folded(title: str, *parts: Markup) -> Markup:
    """Parts under a fold of their own."""
    inner = Markup("").join(parts)
    return Markup('<details class="fold"><summary>{}</summary>{}</details>').format(
        form.visible(title), inner
    )


def table(
    rows: Rows,
    columns: Sequence[Column],
    *,
    caption: str,
    name: str,
    note: str = "",
    filtered: bool | None = None,
) -> Markup:
    """A table that sorts, filters and downloads as CSV where scripts run, and reads as it is where not.

    Args:
        rows: list of dicts, or a pandas frame; the first column is the row's header.
        columns: with units in their titles.
        name: of the downloaded file, unique on its page: letters, digits and hyphens.
        note: what to know when reading it. filtered: offer a filter; by default from eight rows on.
    """
    plain = form.rows_of(rows)
    return render(
        "table.html",
        caption=caption,
        name=name,
        note=note,
        columns=list(columns),
        rows=[[form.cell(row, column) for column in columns] for row in plain],
        filtered=len(plain) >= _FILTER_FROM if filtered is None else filtered,
    )


def figure(
    chart: Chart,
    *,
    title: str,
    name: str,
    note: str = "",
    numbers: Markup | None = None,
    wide: bool = False,
) -> Markup:
    """A chart with its title, its text alternative and, under a fold, its numbers.

    Args:
        name: unique on its page; letters, digits and hyphens. note: what to know when reading it.
        numbers: a fuller table to stand for the chart's own.
        wide: it can't be read on a phone's width, so there it scrolls sideways.
    """
    shown = numbers or table(chart.rows, chart.columns, caption=title, name=f"{name}-numbers")
    return render(
        "figure.html",
        name=name,
        title=title,
        note=note,
        description=form.visible(chart.description),
        spec=embed_json(chart.spec),
        numbers=shown,
        wide=wide,
    )


def anomaly_card(anomaly: Anomaly, *, number: int, unit: str = "nats") -> Markup:
    """One anomaly, as a person on call needs it: what came, what was expected, what to do, where to look.

    Args:
        unit: of a surprise; "" where the detector's has none.
    """
    length = None
    if anomaly.start and anomaly.end:
        length = (form.utc(anomaly.end) - form.utc(anomaly.start)).total_seconds()
    difference = strips.difference_strip(anomaly.events, anomaly.nearest) if anomaly.nearest else None
    return render(
        "card.html",
        anomaly=anomaly,
        number=number,
        unit=unit,
        id=f"anomaly-{number}",
        kind=anomaly.kind.replace("_", " "),
        headline=headline(anomaly),
        length_s=length,
        chips=strips.sequence_strip(anomaly),
        odd=anomaly.actual[:_ODD_EVENTS],
        further=len(strips.odd_positions(anomaly)) - len(anomaly.actual[:_ODD_EVENTS]),
        n_events=len(anomaly.events),
        difference=difference,
        event_ids=anomaly.event_ids[:_IDS],
        covariates=sorted(anomaly.covariates.items()),
        raw=_raw_events(anomaly, number) if anomaly.raw else None,
        query=query(anomaly.sql, label=f"SQL for the raw events of anomaly {number}"),
    )


def _raw_events(anomaly: Anomaly, number: int) -> Markup:
    """The rows of events behind a card, the odd ones marked."""
    odd = set(strips.odd_positions(anomaly))
    values: dict[str, set[str | None]] = {}
    for raw in anomaly.raw:
        for name in {*raw.covariates, *anomaly.covariates}:
            values.setdefault(name, set()).add(raw.covariates.get(name))
    # What is the same in all of them stands above the table already.
    varying = sorted(name for name, seen in values.items() if len(seen) > 1)
    rows = [
        {
            "place": raw.place + 1,
            "odd": "odd" if raw.place in odd else "",
            "time": raw.time,
            "event": raw.event,
            "covariates": ", ".join(
                f"{name} {raw.covariates[name]}" for name in varying if raw.covariates.get(name)
            ),
            "file": (raw.source_file or "").rsplit("/", 1)[-1],
            "event_id": raw.event_id,
        }
        for raw in anomaly.raw
    ]
    columns = [
        Column("place", "place", "count"), Column("event", "event", "code"), Column("odd", "out of sequence"),
        *([Column("time", "time", "time")] if any(raw.time for raw in anomaly.raw) else []),
        *([Column("covariates", "covariates")] if varying else []),
        Column("file", "source file"), Column("event_id", "event id", "code"),
    ]  # fmt: skip
    n = len(anomaly.events)
    note = f"{len(rows)} of {form.count(n)} rows: those around the odd ones." if len(rows) < n else ""
    return table(
        rows,
        columns,
        caption=f"Raw events of anomaly {number}",
        name=f"raw-{number}",
        note=note,
        filtered=False,
    )


def headline(anomaly: Anomaly) -> Markup:
    """What happened in one line, event names set as code."""
    if not anomaly.actual:
        plain = _HEADLINES.get(anomaly.kind) if anomaly.kind in ("length", "counts") else None
        return plain or Markup("The session is stranger than its threshold allows")
    odd = anomaly.actual[0]
    expected = next((e.event for e in odd.expected if e.event != odd.event), None)
    names = {"event": _code(odd.event), "expected": _code(expected) if expected else Markup("another event")}
    if odd.position >= len(anomaly.events):
        return Markup("The session ended where {expected} was expected").format(**names)
    text = _HEADLINES.get(anomaly.kind) or Markup("{event} came where {expected} was expected")
    return text.format(**names)


def _code(text: str) -> Markup:
    return Markup("<code>{}</code>").format(escape(form.visible(form.event_name(text))))
