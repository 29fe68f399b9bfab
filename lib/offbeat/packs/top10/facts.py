"""What the page is made of: plain values gathered from tables, and how figures are set in a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from offbeat.packs.top10.samples import Examples
from offbeat.packs.top10.shown import Shown
from offbeat.reports import form, parts
from offbeat.reports.form import Column

Row = dict[str, Any]
METRICS = {
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "brier": "Brier",
    "calibration_error": "calibration error",
    "recall_at_10": "recall at 10",
    "hits_at_10": "hits of the first 10",
}
_FILTER_FROM = 8  # lines; below, a filter is more to read than the table


@dataclass(frozen=True)
class Facts:
    """All that the page shows, gathered from tables."""

    by: str
    figures: list[Row]
    quality: list[Row]
    unmatched: list[Row]
    shown: list[Shown]
    before: Examples
    early: Examples
    newest: list[Row]
    feature: list[Row]
    returning: list[Row]
    months: list[Row]

    @property
    def split(self) -> str:
        """The split that the config asks for, as the figures name it."""
        return "time" if self.by == "time" else "title"

    def value(
        self, question: str, model: str, metric: str, split: str, basis: str | None = None
    ) -> Row | None:
        """The figure of that name; None where there is none."""
        for row in self.figures:
            named = (row["question"], row["model"], row["metric"], row["split"])
            if named == (question, model, metric, split) and basis in (None, row["basis"]):
                return row
        return None

    def champion(self, question: str) -> str | None:
        """The model that answers a question."""
        mine = (r for r in self.figures if r["question"] == question and r["split"] == self.split)
        return next((r["model"] for r in mine if (r["note"] or "").startswith("champion")), None)


def interval(row: Row | None) -> str:
    """A figure with its interval."""
    if row is None or row["value"] is None:
        return form.NONE
    text = form.number(row["value"])
    return text if row["low"] is None else f"{text} ({form.number(row['low'])}–{form.number(row['high'])})"


def table_of(
    rows: list[Row], name: str, caption: str, *, counted: tuple[str, str] = ("titles", "charting")
) -> Markup:
    """One line per model: its figures with their intervals.

    Args:
        counted: what is judged, and what a yes is.
    """
    order = list(dict.fromkeys((r["split"], r["model"], r["basis"]) for r in rows if r["metric"] in METRICS))
    found = {(r["split"], r["model"], r["basis"], r["metric"]): r for r in rows}
    lines = []
    for split, model, basis in order:
        first = next(r for r in rows if (r["split"], r["model"], r["basis"]) == (split, model, basis))
        line = {
            "split": split,
            "model": model.replace("_", " "),
            "basis": basis,
            "n": first["n"],
            "positives": first["positives"],
            "note": first["note"],
        }
        lines.append(
            line | {metric: interval(found.get((split, model, basis, metric))) for metric in METRICS}
        )
    columns = [
        Column("model", "model"),
        Column("basis", "basis"),  # before the figures: a leaky one must not be taken for an honest one
        *(Column(metric, said, "interval") for metric, said in METRICS.items()),
        Column("split", "split by"),
        Column("n", counted[0], "count"),
        Column("positives", counted[1], "count"),
        Column("note", "note", "words"),
    ]
    return parts.table(
        lines,
        columns,
        caption=caption,
        name=name,
        note="In brackets the 95 % interval.",
        filtered=len(lines) > _FILTER_FROM,
    )
