"""The page of an evaluation: all that the table evaluations knows of one model, and of the detectors beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from markupsafe import Markup

from offbeat.evaluation.report import CURVE
from offbeat.evaluation.stress import NOTES, PREFIX
from offbeat.reports import charts, charts_model, parts
from offbeat.reports.chart_base import Chart
from offbeat.reports.data import EvaluationPageData, unit_of
from offbeat.reports.data_quality import Evaluation
from offbeat.reports.evaluation_checks import checks_sections
from offbeat.reports.form import Column
from offbeat.reports.page import Section, render_page
from offbeat.reports.quality import (
    confusion_chart,
    curve_points,
    earns_its_cost,
    evaluation_section,
    known_rows,
    main_split,
    metric_name,
    quality_figures,
    synthetic_note,
)
from offbeat.reports.sections import tables_section, training_section

_CURVES_OF = 6  # detectors in one chart of curves: colours and dashes stay apart
_KINDS = "recall_"
_NOT_KINDS = ("recall_at_budget", "recall_at_k")
_METHOD = (
    (
        "Every detector learns from the same training sessions. Its threshold is set on held-out sessions of the "
        "training part for the stated alert budget, before the test part is looked at; labels play no part in it."
    ),
    (
        "“Distinct” counts each sequence once per label; “never seen” leaves out sessions whose very sequence is in "
        "the training part: logs repeat themselves, and what is repeated is easy."
    ),
    (
        "Intervals of rates are Wilson's, of what is made of them percentiles of draws of both rates; those of "
        "rankings (PR-AUC) a bootstrap within each class. They hold the threshold fixed."
    ),
    (
        "The run stops with exit status 4 where a session, entity or title is on two sides of the split, the "
        "vocabulary or the templates know the test part, a field is known only after the outcome, or its absence "
        "tells the label."
    ),
)


def render_evaluation_page(data: EvaluationPageData) -> str:
    """The page as HTML; what is missing in `data` is said to be missing, but for figures of others.

    Raises:
        UsageError: the chart library is not installed.
    """
    sections = [
        _verdict_section(data),
        evaluation_section(data.evaluations, data.detector, with_verdict=False),
        _detectors_section(data.evaluations),
        _confusions_section(data.evaluations, data.detector),
        _kinds_section(data.evaluations),
        training_section(data.epochs, unit=unit_of(data.detector)),
        _stress_section(data.evaluations),
        *checks_sections(data.checks),
        _published_section(data),
        tables_section(data.head),
        Section("method", "How it was judged", [parts.bullets(_METHOD)], folded=True),
    ]
    return render_page(data.head, [section for section in sections if section.parts])


def _verdict_section(data: EvaluationPageData) -> Section:
    rows = data.evaluations
    made: list[Markup] = []
    figures = quality_figures(rows, data.detector)
    if figures:
        made.append(parts.key_figures(figures))
    if rows:
        made += synthetic_note(main_split(rows))
    verdict = earns_its_cost(rows)
    if verdict:
        made.append(parts.callout(verdict, title="Does the network earn its cost?"))
    return Section("verdict", "The verdict", made or [parts.missing("Nothing is judged yet.")])


def _detectors_section(rows: Sequence[Evaluation]) -> Section:
    """Precision against recall of every detector in one chart."""
    split = main_split(rows) if rows else "test"
    areas = {r.detector: r.value or 0.0 for r in _of(rows, split, "pr_auc") if r.basis == "honest"}
    best = sorted(areas, key=lambda name: (-areas[name], name))[:_CURVES_OF]
    points = [
        {"detector": r.detector, "recall": float(r.metric.removeprefix(CURVE)), "precision": r.value}
        for r in rows
        if r.split == split and r.metric.startswith(CURVE) and r.detector in best
    ]
    if not points:
        text = "No curves: they take sessions of both labels, or faults put into sessions that nobody has labelled."
        return Section("curves", "Precision against recall", [parts.missing(text)])
    chart = charts_model.lines(
        [*points, *_chosen_points(rows, split, best)],
        x="recall",
        y="precision",
        series="detector",
        x_title="recall",
        title="precision (0 to 1)",
        kind="share",
        order=[name for name in best if any(point["detector"] == name for point in points)],
    )
    note = (
        "For each recall the highest precision that it, or a higher one, can have; ties are flagged together. "
        "A diamond is where a detector's own threshold puts it."
    )
    return Section(
        "curves",
        "Precision against recall",
        [parts.figure(chart, title="All detectors on the same sessions", name="pr-curves", note=note)],
    )


def _chosen_points(rows: Sequence[Evaluation], split: str, detectors: Sequence[str]) -> list[dict[str, Any]]:
    """Recall and precision of each detector at its threshold."""
    return [
        {"detector": name, "recall": point.recall, "precision": point.precision, "chosen": True}
        for name in detectors
        for point in curve_points(known_rows(rows, split, detector=name))
        if point.chosen
    ]


def _confusions_section(rows: Sequence[Evaluation], detector: str) -> Section:
    """Labels against verdicts of the other detectors; the model's own stands with its figures."""
    title, name = "Labels against verdicts of the others", "confusions"
    split = main_split(rows) if rows else "test"
    made: list[Markup] = []
    others = sorted({r.detector for r in rows if r.split == split} - {detector})
    for other in others:
        chart = confusion_chart(known_rows(rows, split, detector=other))
        if chart is not None:
            made.append(parts.figure(chart, title=other, name=f"confusion-{parts.slug(other)}"))
    if not made:
        text = "No other detector was judged beside: evaluate.detectors names those that are."
        return Section(name, title, [parts.missing(text)])
    return Section(name, title, [parts.grid(*made)], intro="Number of sessions, each at its own threshold.")


def _kinds_section(rows: Sequence[Evaluation]) -> Section:
    """Recall of each kind of fault, by detector."""
    found = [
        {"fault": r.metric.removeprefix(_KINDS), "detector": r.detector, "recall": r.value, "of": r.note}
        for r in rows
        if r.metric.startswith(_KINDS) and r.metric not in _NOT_KINDS and r.subset == "all"
    ]
    if not found:
        text = "Kinds of faults are not known here: it takes a generated log, or one without labels of both kinds."
        return Section("kinds", "What is found of each kind", [parts.missing(text)])
    names = list(dict.fromkeys(str(row["detector"]) for row in found))
    table: dict[Any, dict[str, Any]] = {}
    for row in found:
        table.setdefault(row["fault"], {"fault": row["fault"]})[str(row["detector"])] = row["recall"]
    columns = [Column("fault", "kind of fault"), *(Column(name, f"{name} (%)", "share") for name in names)]
    chart = charts.heat_map(found, x="detector", y="fault", value="recall", title="recall", kind="share")
    note = "Recall at each detector's own threshold, set for the same alert budget."
    shown = parts.table(
        list(table.values()), columns, caption="Recall by kind of fault", name="kinds", note=note
    )
    return Section("kinds", "What is found of each kind", [
        parts.figure(chart, title="Recall by kind of fault and detector", name="kinds-map"), shown,
    ])  # fmt: skip


def _stress_section(rows: Sequence[Evaluation]) -> Section:
    """How the figures fall under stress."""
    made = []
    for kind, what in NOTES.items():
        mine = stress_rows(rows, kind)
        if mine:
            made.append(_stress_figure(kind, what, mine))
    if not made:
        text = f"No stress curves: evaluate.stress: true makes them, or some of {', '.join(NOTES)}; it takes minutes."
        return Section("stress", "Under stress", [parts.missing(text)])
    intro = (
        "Each curve changes one thing and leaves the rest as it was; at the left end the log is as it came."
    )
    return Section("stress", "Under stress", [parts.grid(*made)], intro=intro)


def stress_rows(rows: Sequence[Evaluation], kind: str) -> list[dict[str, Any]]:
    """Figures of all detectors by level of one kind of stress."""
    return [
        {"detector": r.detector, "metric": r.metric, "level": float(r.subset), "value": r.value}
        for r in rows
        if r.split == f"{PREFIX}{kind}" and r.value is not None
    ]


def stress_chart(kind: str, rows: Sequence[dict[str, Any]]) -> Chart:
    """The figures that a kind of stress moves, by its level; rows as `stress_rows` gives them."""
    shown = ("pr_auc", "f1") if kind in ("label_noise", "class_ratio") else ("pr_auc", "fpr")
    drawn = [
        {
            "line": f"{row['detector']}, {metric_name(row['metric'])}",
            "level": row["level"],
            "value": row["value"],
        }
        for metric in shown
        for row in rows
        if row["metric"] == metric
    ]
    return charts_model.lines(
        drawn, x="level", y="value", series="line", x_title="level", title="value (0 to 1)", kind="share"
    )


def _stress_figure(kind: str, what: str, rows: list[dict[str, Any]]) -> Markup:
    columns = [
        Column("detector", "detector"), Column("metric", "metric"),
        Column("level", "level (%)", "share"), Column("value", "value", "number"),
    ]  # fmt: skip
    numbers = parts.table(
        rows, columns, caption=f"Stress: {kind.replace('_', ' ')}", name=f"stress-{kind}-numbers"
    )
    title = kind.replace("_", " ")
    return parts.figure(
        stress_chart(kind, rows),
        title=f"{title[0].upper()}{title[1:]}",
        name=f"stress-{kind.replace('_', '-')}",
        note=f"Level: {what}.",
        numbers=numbers,
    )


def _published_section(data: EvaluationPageData) -> Section:
    """Figures of others on the same data beside our honest ones."""
    title = "Published figures"
    if not data.published:
        return Section("published", title)
    ours = {
        r.metric: r.value
        for r in data.evaluations
        if (r.detector, r.split, r.subset, r.basis, r.verdict_rule)
        == (data.detector, "test", "all", "honest", "flagged")
    }
    rows = [
        asdict(one) | {"ours": ours.get(one.metric), "said": metric_name(one.metric)}
        for one in data.published
    ]
    columns = [
        Column("name", "method"), Column("said", "metric"), Column("value", "published", "number"),
        Column("ours", f"{data.detector}, honest, here", "number"), Column("source", "source"),
    ]  # fmt: skip
    note = "As their authors report them; split, parser and threshold may differ, and many were set on the test set."
    table = parts.table(
        rows, columns, caption="Published beside ours", name="published", note=note, filtered=False
    )
    return Section("published", title, [table])


def _of(rows: Sequence[Evaluation], split: str, metric: str) -> list[Evaluation]:
    return [
        r for r in rows if (r.split, r.metric, r.subset) == (split, metric, "all") and r.value is not None
    ]
