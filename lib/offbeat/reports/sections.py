"""Sections that pages show: scores and verdicts, anomaly cards, training curves, the tables behind a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from offbeat.reports import charts, charts_model, form, parts
from offbeat.reports.chart_base import Chart
from offbeat.reports.data import VERDICTS, Head, Scores
from offbeat.reports.data_anomalies import Anomaly
from offbeat.reports.data_quality import Epoch
from offbeat.reports.form import Column
from offbeat.reports.page import Section

_MEANING = {
    "normal": "at or below the threshold",
    "anomalous": "above the threshold: out of sequence",
    "unknown_event": "made mostly of events that training never saw",
    "short": "too few events to judge",
    "open": "may still grow, not judged yet",
}


def scores_section(scores: Scores | None, *, muted: int = 0) -> Section:
    """Histogram of scores with the threshold, and sessions by verdict.

    Args:
        muted: flagged sessions that a person muted; counted here, and said to be where there are any.
    """
    title, name = "Scores and verdicts", "scores"
    if scores is None or not scores.sessions:
        return Section(
            name, title, [parts.missing("No session has been scored yet. `offbeat score` does it.")]
        )
    verdicts = [
        {"verdict": v, "sessions": n, "share": n / scores.sessions, "meaning": _MEANING.get(v, "")}
        for v in [*VERDICTS, *sorted(set(scores.verdicts) - set(VERDICTS))]
        if (n := scores.verdicts.get(v, 0))
    ]
    columns = [
        Column("verdict", "verdict"), Column("sessions", "sessions", "count"),
        Column("share", "share of all (%)", "share"), Column("meaning", "what it means"),
    ]  # fmt: skip
    made = [parts.table(verdicts, columns, caption="Sessions by verdict", name="verdicts")]
    if scores.bins:
        note = "Higher is stranger."
        if scores.lowest_threshold is not None:
            note += (
                " Thresholds differ by segment: between the two rules a range may have a bar for each side."
            )
        if scores.bins[-1].open_end:
            note += f" The last bar holds everything above {form.number(scores.bins[-1].low)}."
        made.insert(
            0,
            parts.figure(
                scores_chart(scores), title="How strange the sessions are", name="score-histogram", note=note
            ),
        )
    return Section(name, title, made, intro=_scores_intro(scores, muted))


def scores_chart(scores: Scores) -> Chart:
    """Sessions by score, with the threshold."""
    rows = [{"low": b.low, "high": b.high, "sessions": b.sessions, "above": b.above} for b in scores.bins]
    lowest = scores.lowest_threshold
    return charts.histogram(rows, threshold=scores.threshold, lowest_threshold=lowest, unit=scores.unit)


def _scores_intro(scores: Scores, muted: int) -> str:
    text = f"{form.count(scores.flagged)} of {form.count(scores.sessions)} sessions are flagged"
    text += f" ({form.share(scores.flagged / scores.sessions)})"
    text += f", {form.count(muted)} muted ones among them." if muted else "."
    if scores.threshold is not None:
        unit = f"\u00a0{scores.unit}" if scores.unit else ""
        if scores.lowest_threshold is None:
            text += f" The threshold of {form.number(scores.threshold)}{unit} was set on held-out sessions"
        else:
            ends = f"{form.number(scores.lowest_threshold)} to {form.number(scores.threshold)}{unit}"
            text += f" The thresholds by segment, {ends}, were set on held-out sessions"
        if scores.alert_budget is not None:
            text += f", so that {form.share(scores.alert_budget)} of normal ones raise an alert"
        text += "."
    return text


def cards_section(
    anomalies: Sequence[Anomaly], *, title: str, total: int | None = None, unit: str = "nats"
) -> Section:
    """Anomalies as cards, in the order given.

    Args:
        total: flagged sessions in all. unit: of a surprise.
    """
    if not anomalies:
        return Section(
            "anomalies", title, [parts.missing("No session is flagged: nothing is above the threshold.")]
        )
    intro = (
        "The strangest sessions of each kind and odd event first, so that one cause doesn't fill the page."
    )
    if total is not None and total > len(anomalies):
        intro += f" {len(anomalies)} of {form.count(total)}; the table anomalies holds all of them."
    cards = [
        parts.anomaly_card(anomaly, number=number, unit=unit)
        for number, anomaly in enumerate(anomalies, start=1)
    ]
    return Section("anomalies", title, cards, intro=intro)


def tables_section(head: Head) -> Section:
    """The tables that the page was computed from, with their versions and where they lie."""
    if not head.tables:
        return Section("tables", "Tables", [parts.missing("The tables behind this page are not named.")])
    rows = [
        {"name": t.name, "version": t.version, "rows": t.rows, "link": t.link, "doc": t.doc}
        for t in head.tables
    ]
    columns = [Column("name", "table", "code", link="link"), Column("version", "version", "count")]
    if any(row["rows"] is not None for row in rows):
        columns.append(Column("rows", "rows", "count"))
    columns.append(Column("doc", "a row is"))
    caption = "Delta tables, and the versions that were read"
    return Section(
        "tables", "Tables", [parts.table(rows, columns, caption=caption, name="tables", filtered=False)]
    )


def training_section(epochs: Sequence[Epoch], chosen: str | None = None, *, unit: str = "nats") -> Section:
    """Why this model was chosen, and loss and accuracy by epoch.

    Args:
        unit: of the loss of an event; "" where the detector's loss is of something else.
    """
    title, name = "Training", "training"
    why = [parts.paragraph(f"Why this model: {chosen}.")] if chosen else []
    if not epochs:
        text = "No training curves: the model was trained in an earlier run, or its detector has no epochs."
        return Section(name, title, [*why, parts.missing(text)])
    made = []
    for what, shown in (("loss", "Loss"), ("accuracy", "Accuracy")):
        if any(
            value is not None
            for one in epochs
            for value in (getattr(one, what), getattr(one, f"validation_{what}"))
        ):
            chart = training_chart(epochs, what, unit=unit)
            right = "How often the likeliest event came." if unit else "How often the verdict was right."
            note = right if what == "accuracy" else "Lower is better."
            made.append(parts.figure(chart, title=shown, name=f"training-{what}", note=note))
    return Section(name, title, [*why, parts.grid(*made)])


def training_chart(epochs: Sequence[Epoch], what: str, *, unit: str) -> Chart:
    """Loss or accuracy of training and validation by epoch.

    Args:
        unit: of the loss of an event.
    """
    title = "accuracy (0 to 1)" if what == "accuracy" else f"loss ({unit} per event)" if unit else "loss"
    return charts_model.training_curves([asdict(epoch) for epoch in epochs], what=what, title=title)
