"""Sections of the page of an evaluation on rules, cards, predictions and drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from offbeat.reports import charts, charts_model, form, parts
from offbeat.reports.chart_base import Chart
from offbeat.reports.data_quality import Checks
from offbeat.reports.form import Column
from offbeat.reports.page import Section
from offbeat.reports.parts import KeyFigure

_RULES = 15  # drawn
_MEASURES = {
    "unknown_share": "unknown events",
    "event_mix": "mix of events",
    "length": "length of sessions",
    "score": "scores",
}


def checks_sections(checks: Checks) -> list[Section]:
    """The four sections; one without rows says what writes them."""
    return [
        _rules_section(checks.rules),
        _cards_section(checks.cards),
        _predictions_section(checks.predictions),
        _drift_section(checks.drift),
    ]


def _rules_section(rows: Sequence[Mapping[str, Any]]) -> Section:
    title, name = "Does it keep to the rules?", "rules"
    if not rows:
        text = "No rules were checked: they come with the pack tvm, whose state machine is known."
        return Section(name, title, [parts.missing(text)])
    detectors = list(dict.fromkeys(str(row["detector"]) for row in rows))
    by_rule: dict[str, dict[str, Any]] = {}
    for row in rows:
        said = by_rule.setdefault(row["rule"], {"rule": row["rule"], "says": row["says"]})
        for key in ("flagged_share", "wrongly_flagged_share"):
            said[f"{row['detector']} {key}"] = row[key]
        said["violations"] = max(said.get("violations", 0), row["violations"])
        said["legal_uses"] = max(said.get("legal_uses", 0), row["legal_uses"])
    columns = [Column("rule", "rule", "code"), Column("says", "in words")]
    columns += [Column("violations", "violations put in", "count")]
    columns += [Column(f"{each} flagged_share", f"{each} flags (%)", "share") for each in detectors]
    columns += [Column("legal_uses", "legal uses", "count")]
    columns += [
        Column(f"{each} wrongly_flagged_share", f"{each} flags wrongly (%)", "share") for each in detectors
    ]
    drawn = _weakest(rows, detectors)
    made = [parts.key_figures(_rule_figures(rows, detectors))]
    table = parts.table(list(by_rule.values()), columns, caption="Rules of the player", name="rules")
    if drawn:
        chart = charts.bars(
            drawn, label="rule", value="flagged", series="detector" if len(detectors) > 1 else None,
            title="violations flagged (%)", kind="share",
        )  # fmt: skip
        made.append(
            parts.figure(
                chart, title="Violations flagged, by rule", name="rules-chart", numbers=table,
                note=f"The {_RULES} rules with the smallest share." if len(by_rule) > _RULES else "",
            )
        )  # fmt: skip
    else:
        made.append(table)
    intro = (
        "Each rule of the state machine was broken on purpose in legal sessions that the model has not seen, one "
        "violation per session; and each legal use of it was looked at for a wrong alarm."
    )
    return Section(name, title, made, intro=intro)


def _weakest(rows: Sequence[Mapping[str, Any]], detectors: list[str]) -> list[dict[str, Any]]:
    """Shares of violations flagged, of the rules where a detector flags the smallest ones."""
    known = [row for row in rows if row["flagged_share"] is not None]
    lowest: dict[str, float] = {}
    for row in known:
        lowest[row["rule"]] = min(row["flagged_share"], lowest.get(row["rule"], 1.0))
    shown = sorted(lowest, key=lambda rule: (lowest[rule], rule))[:_RULES]
    return [
        {"rule": row["rule"], "detector": row["detector"], "flagged": row["flagged_share"]}
        for row in sorted(known, key=lambda row: (row["rule"], detectors.index(str(row["detector"]))))
        if row["rule"] in shown
    ]


def _rule_figures(rows: Sequence[Mapping[str, Any]], detectors: list[str]) -> list[KeyFigure]:
    figures = []
    for detector in detectors:
        mine = [row for row in rows if row["detector"] == detector]
        broken, found = (sum(row[key] for row in mine) for key in ("violations", "violations_flagged"))
        legal, wrong = (sum(row[key] for row in mine) for key in ("legal_uses", "legal_flagged"))
        note = f"{form.count(found)} of {form.count(broken)}"
        share = found / broken if broken else None
        figures.append(KeyFigure(f"Violations flagged, {detector}", form.share(share), note))
        note = f"{form.count(wrong)} of {form.count(legal)}"
        share = wrong / legal if legal else None
        figures.append(KeyFigure(f"Legal uses flagged, {detector}", form.share(share), note))
    return figures


def _cards_section(rows: Sequence[Mapping[str, Any]]) -> Section:
    title, name = "Are the cards right?", "cards"
    if not rows:
        text = "No cards were checked: it takes a generated log, whose faults are known."
        return Section(name, title, [parts.missing(text)])
    whole = next((row for row in rows if row["fault_kind"] == "all"), None)
    made: list[Markup] = []
    if whole is not None:
        of_detected = f"of {form.count(whole['detected'])} detected faults"
        of_all = f"of all {form.count(whole['faults'])} faults"
        made.append(
            parts.key_figures(
                [
                    KeyFigure("Kind right", form.share(whole["kind_of_detected"]), of_detected),
                    KeyFigure("Position right", form.share(whole["position_of_detected"]), of_detected),
                    KeyFigure("Kind right", form.share(whole["kind_of_all"]), of_all),
                    KeyFigure("Position right", form.share(whole["position_of_all"]), of_all),
                ]
            )
        )
    columns = [
        Column("fault_kind", "fault planted"), Column("faults", "faults", "count"),
        Column("detected", "detected", "count"),
        Column("kind_of_detected", "kind right, of detected (%)", "share"),
        Column("position_of_detected", "position right, of detected (%)", "share"),
        Column("kind_of_all", "kind right, of all (%)", "share"),
        Column("position_of_all", "position right, of all (%)", "share"),
        Column("instead", "named instead"),
    ]  # fmt: skip
    shown = [{**row, "instead": _instead(row)} for row in rows]
    made.append(parts.table(shown, columns, caption="Cards of planted faults", name="cards", filtered=False))
    intro = (
        "A card names the kind of fault and points at an event. On unseen sessions of a generated log both can be "
        "checked."
    )
    return Section(name, title, made, intro=intro)


def _instead(row: Mapping[str, Any]) -> str:
    cards = sorted((row["cards"] or {}).items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{kind.replace('_', ' ')} {form.count(n)}" for kind, n in cards)


def _predictions_section(rows: Sequence[Mapping[str, Any]]) -> Section:
    title, name = "Does it foresee?", "predictions"
    if not rows:
        text = "No predictions were checked: it takes labels, and a model that foresees. `offbeat evaluate` does it."
        return Section(name, title, [parts.missing(text)])
    values = {row["metric"]: row for row in rows if not row["bin"]}
    figures = []
    if "brier" in values:
        base = values.get("brier_of_base_rate", {}).get("value")
        note = f"saying the base rate each time: {form.number(base)}; lower is better"
        figures.append(KeyFigure("Brier score", form.number(values["brier"]["value"]), note))
    for metric, said, unit in (
        ("warned", "Broken sessions warned of", "share"),
        ("wrongly_warned", "Sound sessions warned of", "share"),
        ("warned_before_fault", "Warned before the fault", "share"),
        ("lead_before_end", "Lead before the end", "events"),
        ("lead_before_fault", "Lead before the fault", "events"),
    ):
        if metric in values:
            value = values[metric]["value"]
            written = form.share(value) if unit == "share" else f"{form.number(value)}\u00a0{unit}"
            note = f"of {form.count(values[metric]['n'])}" if unit == "share" else "median"
            figures.append(KeyFigure(said, written if value is not None else form.NONE, note))
    made = [parts.key_figures(figures)] if figures else []
    bins = calibration_bins(rows)
    if bins:
        made.append(_calibration(bins))
    intro = "Every prefix of unseen sessions, taken as if the session still ran: how likely is it to break?"
    return Section(name, title, made, intro=intro)


def calibration_bins(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of the rows of prediction_checks that say how often what was foreseen came."""
    return [row for row in rows if row["metric"] == "calibration" and row["bin"]]


def _calibration(bins: Sequence[Mapping[str, Any]]) -> Markup:
    columns = [
        Column("bin", "probability"), Column("predicted", "foreseen, mean (%)", "share"),
        Column("value", "broke (%)", "share"), Column("n", "prefixes", "count"),
    ]  # fmt: skip
    table = parts.table(bins, columns, caption="Calibration", name="calibration-numbers")
    note = "On the line “perfect”, of what is given 30 % three in ten break."
    chart = calibration_chart(bins)
    return parts.figure(chart, title="Calibration", name="calibration", note=note, numbers=table)


def calibration_chart(bins: Sequence[Mapping[str, Any]]) -> Chart:
    """Probability foreseen against the share that broke."""
    drawn = [
        {"series": "observed", "predicted": row["predicted"], "share": row["value"]}
        for row in bins
        if row["predicted"] is not None and row["value"] is not None
    ]
    drawn += [{"series": "perfect", "predicted": at, "share": at} for at in (0.0, 1.0)]
    return charts_model.lines(
        drawn, x="predicted", y="share", series="series", x_title="probability foreseen",
        title="share that broke (0 to 1)", kind="share",
    )  # fmt: skip


def drift_chart(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Distances to the training sessions over time."""
    shown = [{**row, "what": _MEASURES.get(row["measure"], str(row["measure"]))} for row in rows]
    return charts.over_time(shown, time="at", value="distance", series="what", title="distance (0 to 1)")


def _drift_section(rows: Sequence[Mapping[str, Any]]) -> Section:
    title, name = "Drift since training", "drift"
    if not rows:
        return Section(name, title, [parts.missing("Drift is not measured yet. `offbeat score` does it.")])
    shown = [
        {
            **row,
            "what": _MEASURES.get(row["measure"], str(row["measure"])),
            "said": "beyond the limit" if row["beyond"] else "warned of" if row["warned"] else "as trained",
        }
        for row in rows
    ]
    made: list[Markup] = []
    if len({row["at"] for row in shown}) > 1:
        made.append(
            parts.figure(
                drift_chart(rows),
                title="Distance to the training sessions",
                name="drift-chart",
                note="By run, UTC.",
            )
        )
    columns = [
        Column("at", "measured", "time"), Column("batch", "batch", "count"), Column("what", "measure"),
        Column("distance", "distance (0 to 1)", "number"), Column("psi", "stability index", "number"),
        Column("observed", "observed", "number"), Column("expected", "in training", "number"),
        Column("n_sessions", "sessions", "count"), Column("said", "verdict"),
    ]  # fmt: skip
    warned = sorted({row["what"] for row in shown if row["warned"] or row["beyond"]})
    text = (
        f"Warned of: {', '.join(warned)}."
        if warned
        else "No measure is far from what the model was trained on."
    )
    made.insert(0, parts.callout(text, tone="warn" if warned else "good"))
    made.append(
        parts.table(shown[::-1], columns, caption="Drift by run and measure, the newest first", name="drift")
    )
    return Section(name, title, made)
