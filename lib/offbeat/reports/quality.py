"""How well the detector detects: honest figures beside oracle ones, by kind of session, and beside other detectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from markupsafe import Markup

from offbeat.evaluation import cost
from offbeat.evaluation.report import CURVE
from offbeat.evaluation.stress import PREFIX
from offbeat.evaluation.synthetic import SPLIT as SYNTHETIC
from offbeat.reports import charts_model, form, parts
from offbeat.reports.chart_base import Chart
from offbeat.reports.data_quality import Evaluation, PrPoint
from offbeat.reports.form import Column
from offbeat.reports.page import Section
from offbeat.reports.parts import KeyFigure

# Rates in the order of a reader's questions; counts and thresholds stand in the table of all figures alone.
_RATES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "precision_scaled": "precision, scaled",
    "f1_scaled": "F1, scaled",
    "pr_auc": "PR-AUC",
    "pr_auc_scaled": "PR-AUC, scaled",
    "roc_auc": "ROC-AUC",
    "recall_at_budget": "recall at the alert budget",
    "recall_at_k": "recall among the k strangest",
    "fpr": "false-positive rate",
    "accuracy": "accuracy",
    "accuracy_all_normal": "accuracy of “normal” for all",
    "accuracy_at_half": "accuracy, faulty where likelier than not",
    "log_loss": "loss (cross-entropy, nats)",
}
_DRAWN = (
    "precision",
    "recall",
    "f1",
    "precision_scaled",
    "f1_scaled",
    "pr_auc",
    "pr_auc_scaled",
    "recall_at_budget",
)
_SUBSETS = {"all": "all sessions", "distinct": "distinct sequences", "never_seen": "never seen in training"}
_CELLS = {
    "true_flagged": "true_positives",
    "false_flagged": "false_positives",
    "missed": "false_negatives",
    "true_normal": "true_negatives",
}
_INTRO = (
    "Honest figures use the threshold that was fixed before the test set was looked at. Oracle figures pick the best "
    "threshold on the test set itself: nobody has them in real life, they show what was left to gain. "
    "Accuracy says little where almost all sessions are normal; beside it stands that of calling everything normal."
)


def metric_name(metric: str) -> str:
    """A metric's name for people."""
    return _RATES.get(metric, metric.replace("_", " "))


def evaluation_section(
    rows: Sequence[Evaluation], detector: str, *, pr_curve: Sequence[PrPoint] = (), with_verdict: bool = True
) -> Section:
    """Honest beside oracle figures with their intervals, all detectors side by side, and every row in a table.

    Args:
        with_verdict: say here what the page has not said above: that faults are synthetic, and the sentence on cost.
    """
    title, name = "How well it detects", "quality"
    if not rows:
        text = "No evaluation: it needs labels, or a generated log with known faults. `offbeat evaluate` writes it."
        return Section(name, title, [parts.missing(text)])
    split = main_split(rows)
    own = known_rows(rows, split, detector=detector)
    made = [
        *(synthetic_note(split) if with_verdict else []),
        *_intervals(own),
        *_curves(own, pr_curve or curve_points(own)),
    ]
    if own:
        made += [_figures(own, detector, split), _by_subset(rows, detector, split)]
    verdict = earns_its_cost(rows)
    if verdict:
        said = [parts.callout(verdict, title="Does the network earn its cost?")] if with_verdict else []
        made += [*said, _side_by_side(rows, detector, split)]
    made.append(parts.folded("All evaluated figures", _all_rows(rows)))
    return Section(name, title, made, intro=_INTRO)


def synthetic_note(split: str) -> list[Markup]:
    """Says that the faults are synthetic, where they are."""
    if split != SYNTHETIC:
        return []
    text = (
        "This log has no labels of both kinds. Faults were put into held-out sessions, one into each, and those as "
        "they came count as normal. The figures say what is found of faults like these; real ones may be others, "
        "and some of the sessions that count as normal may hold one."
    )
    return [parts.callout(text, tone="warn", title="Synthetic faults")]


def curve_points(own: Sequence[Evaluation]) -> list[PrPoint]:
    """The precision-recall curve that the rows hold, with the point of the threshold in force."""
    points = [
        PrPoint(float(row.metric.removeprefix(CURVE)), row.value)
        for row in own
        if row.metric.startswith(CURVE) and row.value is not None
    ]
    honest = {row.metric: row.value for row in own if row.basis == "honest"}
    precision = honest.get("precision_scaled", honest.get("precision"))
    recall = honest.get("recall")
    if points and precision is not None and recall is not None:
        points.append(PrPoint(recall, precision, honest.get("threshold"), chosen=True))
    return points


def main_split(rows: Sequence[Evaluation]) -> str:
    """The split that a page leads with: that of the labels where they judge, else that of synthetic faults."""
    splits = [split for split in dict.fromkeys(row.split for row in rows) if not split.startswith(PREFIX)]
    judged = {row.split for row in rows if row.metric == "roc_auc" and row.value is not None}
    for wanted in ("test", SYNTHETIC):
        if wanted in judged:
            return wanted
    return "test" if "test" in splits or not splits else splits[0]


def quality_figures(rows: Sequence[Evaluation], detector: str) -> list[KeyFigure]:
    """Key figures: honest recall, precision, F1 and PR-AUC with intervals."""
    if not rows:
        return []
    split = main_split(rows)
    what = "of synthetic faults" if split == SYNTHETIC else "honest"
    found = {r.metric: r for r in known_rows(rows, split, detector=detector) if r.basis == "honest"}
    scaled = "f1_scaled" if "f1_scaled" in found else "f1"
    figures = []
    for metric in ("recall", "precision", scaled, "pr_auc"):
        if metric in found:
            row, label = found[metric], metric_name(metric)
            interval = "" if row.low is None else f"95 %: {form.share(row.low)} to {form.share(row.high)}"
            figures.append(
                KeyFigure(f"{label[0].upper()}{label[1:]}, {what}", form.share(row.value), interval)
            )
    return figures


def earns_its_cost(rows: Sequence[Evaluation]) -> str | None:
    """Whether the networks are worth more than the simple detectors, in words; None without a detector to compare."""
    honest = known_rows(rows, main_split(rows), subset="all") if rows else []
    if len({row.detector for row in honest}) < 2:  # noqa: PLR2004 - one has nothing to be compared with
        return None
    return cost.earns_its_cost(asdict(row) for row in honest)


def known_rows(
    rows: Sequence[Evaluation], split: str, *, detector: str | None = None, subset: str | None = "all"
) -> list[Evaluation]:
    """Rows of a split that have a value, where every flagged session counts."""
    return [
        r
        for r in rows
        if r.split == split
        and r.verdict_rule == "flagged"
        and r.value is not None
        and subset in (None, r.subset)
        and detector in (None, r.detector)
    ]


def _intervals(own: Sequence[Evaluation]) -> list[Markup]:
    """Chart of the detector's own figures by basis."""
    drawn = [
        {"metric": metric_name(metric), "basis": r.basis, "value": r.value, "low": r.low, "high": r.high}
        for metric in _DRAWN
        for basis in ("honest", "oracle")
        for r in own
        if r.metric == metric and r.basis == basis
    ]
    if not drawn:
        return []
    chart = charts_model.intervals(drawn, label="metric", series="basis", title="value (0 to 1)")
    note = "Lines are 95 % intervals."
    return [parts.figure(chart, title="Honest figures beside oracle figures", name="intervals", note=note)]


def _figures(own: Sequence[Evaluation], detector: str, split: str) -> Markup:
    """Table of the detector's own rates by basis."""
    rows = []
    for metric in _RATES:
        row: dict[str, Any] = {"metric": metric_name(metric)}
        for r in own:
            if r.metric == metric:
                row |= {r.basis: r.value, f"{r.basis}_interval": _interval(r)}
        if len(row) > 1:
            rows.append(row)
    columns = [
        Column("metric", "metric"),
        Column("honest", "honest", "number"),
        Column("honest_interval", "95 % interval"),
        Column("oracle", "oracle", "number"),
        Column("oracle_interval", "95 % interval"),
    ]
    if any("reference" in row for row in rows):
        columns.append(Column("reference", "reference", "number"))
    return parts.table(
        rows, columns, caption=f"{detector} on {split}: all sessions", name="honest-oracle", filtered=False
    )


def _by_subset(rows: Sequence[Evaluation], detector: str, split: str) -> Markup:
    """Honest rates on all sessions, on distinct sequences, and on those that training never saw."""
    honest = [r for r in known_rows(rows, split, detector=detector, subset=None) if r.basis == "honest"]
    table = []
    for metric in _RATES:
        values = {r.subset: r.value for r in honest if r.metric == metric}
        if len(values) > 1:
            table.append({"metric": metric_name(metric), **values})
    if not table:
        return Markup("")
    columns = [Column("metric", "metric"), *(Column(key, said, "number") for key, said in _SUBSETS.items())]
    note = "What repeats the training data is easy: the last column is the hard part."
    return parts.table(
        table, columns, caption="Honest figures by kind of session", name="subsets", note=note, filtered=False
    )


def _curves(own: Sequence[Evaluation], pr_curve: Sequence[PrPoint]) -> list[Markup]:
    made = []
    if pr_curve:
        chart = charts_model.pr_curve([asdict(point) for point in pr_curve])
        made.append(parts.figure(chart, title="Precision against recall", name="pr-curve"))
    cells = confusion_chart(own)
    if cells is not None:
        note = "Number of sessions; the darker, the larger their share of the label."
        made.append(parts.figure(cells, title="Labels against verdicts", name="confusion", note=note))
    return [parts.grid(*made)] if made else []


def confusion_chart(own: Sequence[Evaluation]) -> Chart | None:
    """Labels against verdicts of one detector on one split; None where the rows lack a cell."""
    counts = {r.metric: int(r.value or 0) for r in own if r.basis == "honest"}
    if not all(metric in counts for metric in _CELLS.values()):
        return None
    return charts_model.confusion_matrix(**{cell: counts[metric] for cell, metric in _CELLS.items()})


def _side_by_side(rows: Sequence[Evaluation], detector: str, split: str) -> Markup:
    """All detectors on the same split: honest figures and seconds."""
    honest = [r for r in known_rows(rows, split) if r.basis == "honest"]
    shown = ("precision", "recall", "f1_scaled", "f1", "pr_auc", "recall_at_budget")
    metrics = [metric for metric in shown if any(r.metric == metric for r in honest)]
    table = []
    names = sorted(dict.fromkeys(r.detector for r in honest), key=lambda name: name != detector)
    for name in names:  # the model of the run first
        own = [r for r in honest if r.detector == name]
        seconds = next((r.seconds for r in own if r.seconds is not None), None)
        table.append({"detector": name, "seconds": seconds} | {r.metric: r.value for r in own})
    columns = [Column("detector", "detector"), *(Column(m, metric_name(m), "number") for m in metrics)]
    columns.append(Column("seconds", "time", "seconds"))
    note = f"The model of this run is {detector}. Same split, same alert budget; time is for training and scoring."
    caption = "Detectors side by side, honest figures"
    return parts.table(table, columns, caption=caption, name="detectors", note=note, filtered=False)


def _all_rows(rows: Sequence[Evaluation]) -> Markup:
    titles = {
        "metric": "metric",
        "detector": "detector",
        "split": "split",
        "subset": "sessions",
        "verdict_rule": "verdict rule",
        "basis": "basis",
        "value": "value",
        "low": "low (95 %)",
        "high": "high (95 %)",
        "seconds": "time",
        "note": "note",
    }
    kinds = dict.fromkeys(("value", "low", "high"), "number") | {"seconds": "seconds"}
    columns = [Column(key, title, kinds.get(key, "text")) for key, title in titles.items()]
    return parts.table(
        [asdict(row) for row in rows], columns, caption="The table evaluations", name="evaluations"
    )


def _interval(row: Evaluation) -> str | None:
    return (
        None if row.low is None or row.high is None else f"{form.number(row.low)} to {form.number(row.high)}"
    )
