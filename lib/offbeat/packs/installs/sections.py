"""The sections of the page on installs, from what its tables hold; what is missing is said to be missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from offbeat.packs.installs import drawings
from offbeat.packs.installs.pictures import threshold_of
from offbeat.packs.installs.scoring import weight_of
from offbeat.packs.installs.seen import Rows, Seen
from offbeat.packs.installs.table import Split, describe
from offbeat.packs.installs.training import BASELINE
from offbeat.packs.installs.visitors import OF_INDEPENDENT, OF_VISITORS
from offbeat.reports import form, parts
from offbeat.reports.chart_base import Chart
from offbeat.reports.form import Column
from offbeat.reports.page import Section

_NAMES = {
    BASELINE: "logistic baseline",
    "logistic": "logistic regression",
    "forest_study": "random forest of the study",
    "forest": "random forest",
    "boosting": "gradient boosting",
    "naive_bayes": "naive Bayes",
    "neighbours": "k nearest neighbours",
    "bagging": "bagging",
    "voting": "voting",
    "stacking": "stacking",
    "lstm": "LSTM on non-installers",
    "gru": "GRU on non-installers",
    "lstm_supervised": "LSTM, supervised",
}
_METRICS = {
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "recall_at_1pct": "recall at 1 % of clicks shown",
    "brier": "Brier score",
}
_FEW = 100


def name_of(model: str) -> str:
    """A model's name for people."""
    return _NAMES.get(model, model)


def build(seen: Seen) -> list[Section]:
    """The sections, in order."""
    return [_figures(seen), _pictures(seen), _networks(seen), _segments(seen), _bots(seen), _method(seen)]


def _figures(seen: Seen) -> Section:
    title, name = "How good each model is", "figures"
    if not seen.evaluations:
        return Section(name, title, [parts.missing("Nothing is evaluated yet. `offbeat evaluate` does it.")])
    named = [
        {**row, "model": name_of(row["detector"])}
        for row in seen.evaluations
        if (row["basis"], row["subset"]) == ("honest", "all")
    ]
    order = {row["model"]: -row["value"] for row in named if row["metric"] == "pr_auc"}
    made: list[Markup] = [_trust(seen)]
    note = "On clicks later than all that was learnt from, visitors whole; bars are 95 % intervals."
    for metric, label in _METRICS.items():
        shown = sorted((row for row in named if row["metric"] == metric), key=lambda row: order[row["model"]])
        if shown:
            made.append(_figure(drawings.figures(shown, label), label, f"figure-{metric}", note))
    made += [_all_figures(named, order), _leak(seen)]
    intro = describe(Split(**seen.saved.record["split"])) + "."
    return Section(name, title, made, intro=intro[0].upper() + intro[1:])


def _figure(chart: Chart, title: str, name: str, note: str = "") -> Markup:
    return parts.figure(chart, title=title, name=name.replace("_", "-"), note=note)


def _trust(seen: Seen) -> Markup:
    history = {row["series"]: row for row in seen.pictures.get("history", [])}
    text = ""
    if "test" in history:
        installs = int(history["test"]["n"])
        text = f"The test holds {installs:,} installs"
        text += " – few, so that every interval here is wide." if installs < _FEW else "."
    if "all" in history:
        text += (
            f" {int(history['all']['x']):,} of all {int(history['all']['n']):,} installs have an earlier click of the "
            "same ip: a network on click sequences sees nothing before the others."
        )
    ours = [seen.metric(seen.champion, metric) for metric in _METRICS]
    base = [seen.metric(BASELINE, metric) for metric in _METRICS]
    pairs = [
        f"{label} {one['value']:.4f} against {other['value']:.4f}"
        for label, one, other in zip(_METRICS.values(), ours, base, strict=True)
        if one is not None and other is not None
    ]
    if pairs:
        text += f" The model that scores, {name_of(seen.champion)}, against the baseline: {', '.join(pairs)}."
    return parts.callout(text, title="How far to trust this")


def _all_figures(named: Rows, order: Mapping[str, float]) -> Markup:
    by: dict[str, dict[str, Any]] = {}
    for row in named:
        fixed = {"model": row["model"], "seconds": row["seconds"], "note": row["note"]}
        one = by.setdefault(row["model"], fixed)
        one[row["metric"]] = row["value"]
        known = row["low"] is not None
        digits = 5 if row["metric"] == "brier" else 3
        reach = f"{row['low']:.{digits}f}–{row['high']:.{digits}f}" if known else ""
        one[f"{row['metric']}_interval"] = reach
    columns = [
        Column("model", "model"), Column("roc_auc", "ROC-AUC", "number"), Column("roc_auc_interval", "95 %"),
        Column("pr_auc", "PR-AUC", "number"), Column("pr_auc_interval", "95 %"),
        Column("recall_at_1pct", "recall at 1 %", "share"), Column("recall_at_1pct_interval", "95 %"),
        Column("brier", "Brier", "number"), Column("brier_interval", "95 %"),
        Column("precision", "precision at the threshold", "share"), Column("precision_interval", "95 %"),
        Column("recall", "recall at the threshold", "share"), Column("recall_interval", "95 %"),
        Column("seconds", "to fit", "seconds"),
        Column("note", "note"),
    ]  # fmt: skip
    rows = sorted(by.values(), key=lambda one: order[one["model"]])
    return parts.table(rows, columns, caption="All models, the best PR-AUC first", name="models")


def _leak(seen: Seen) -> Markup:
    leaky = [row for row in seen.evaluations if (row["basis"], row["metric"]) == ("leaky", "roc_auc")]
    honest = seen.metric(seen.champion, "roc_auc")
    if not leaky or honest is None:
        return parts.missing("The log has no column that is known only after the install: no leak to show.")
    text = (
        f"With attributed_time as a feature ROC-AUC would be {leaky[0]['value']:.4f}; honestly it is "
        f"{honest['value']:.4f}. The column is filled only where there was an install: a run that takes it as a "
        "feature is refused."
    )
    return parts.callout(text, tone="warn", title="What a leak would look like")


def _pictures(seen: Seen) -> Section:
    if not seen.pictures:
        text = "Nothing is evaluated yet. `offbeat evaluate` does it."
        return Section("pictures", "Pictures", [parts.missing(text)])
    cost = seen.conf.tabular.cost
    called = f"Called above a probability of {form.share(threshold_of(cost))}: a miss costs as much as "
    called += f"{cost.miss / cost.alarm:g} calls in vain."
    cells = _by_series(seen.pictures.get("confusion", []))
    tables = [
        _figure(
            drawings.confusion(rows),
            f"Confusion matrix: {name_of(name)}",
            f"confusion-{name}",
            called + _at_threshold(seen, name),
        )
        for name, rows in cells.items()
    ]
    named = {
        key: [{**row, "series": name_of(row["series"])} for row in rows]
        for key, rows in seen.pictures.items()
    }
    across = "share of clicks shown"
    gain = drawings.curve(named["gain"], across=across, up="share of installs reached", chance=True)
    lift = drawings.curve(named["lift"], across=across, up="times the average", chance=True, percent=False)
    reliable = (
        "Each point holds half of the clicks that are left, the likeliest last; rules are 95 % intervals."
    )
    shuffled = "How much PR-AUC on the test falls when a column is shuffled, on average of three times."
    made = [
        parts.grid(*tables),
        parts.grid(_figure(gain, "Gain", "gain"), _figure(lift, "Lift", "lift")),
        _figure(drawings.reliability(named["reliability"]), "Reliability", "reliability", reliable),
        _figure(drawings.importance(named["importance"]), "What the model goes by", "importance", shuffled),
        *_visitors(seen),
    ]
    return Section("pictures", "Pictures", made)


def _visitors(seen: Seen) -> list[Markup]:
    """How far the probability of at least one install can be trusted, visitor by visitor."""
    if "visitor_reliability" not in seen.pictures:
        return []
    by_clicks = _by_series(seen.pictures["visitor_clicks"])
    rows = [
        {**row, "independent": other["x"]}
        for row, other in zip(by_clicks["as scored"], by_clicks["independent clicks"], strict=True)
    ]
    columns = [
        Column("label", "clicks of the visitor in the test"), Column("n", "visitors", "count"),
        Column("x", "installers expected", "number"), Column("independent", "were clicks independent", "number"),
        Column("y", "installers found", "count"), Column("low", "low (95 %)", "number"),
        Column("high", "high (95 %)", "number"),
    ]  # fmt: skip
    brier = [seen.metric(seen.champion, "brier", subset=subset) for subset in (OF_VISITORS, OF_INDEPENDENT)]
    said = [f"{form.number(row['value'])}" for row in brier if row is not None]
    note = "The probability of at least one install. A visitor's likeliest click counts in full, its others with "
    note += (
        f"weight {weight_of(seen.saved):.3g}, fitted on validation; 1 is what independent clicks would give."
    )
    if len(said) == len(brier):
        note += f" Brier score {said[0]}, were clicks independent {said[1]}."
    chart = drawings.reliability(seen.pictures["visitor_reliability"], unit="visitors")
    return [
        _figure(chart, "Reliability by visitor", "visitor-reliability", note),
        parts.table(rows, columns, caption="Visitors by clicks", name="visitor-clicks", filtered=False),
    ]


def _at_threshold(seen: Seen, model: str) -> str:
    """Precision, recall and false-positive rate behind a confusion matrix, with their intervals."""
    names = {"precision": "precision", "recall": "recall", "fpr": "false-positive rate"}
    rows = {said: seen.metric(model, metric) for metric, said in names.items()}
    said = [
        f"{name} {form.share(row['value'])} [{form.share(row['low'])} to {form.share(row['high'])}]"
        for name, row in rows.items()
        if row is not None and row["low"] is not None
    ]
    return f" With 95 % intervals: {', '.join(said)}." if said else ""


def _networks(seen: Seen) -> Section:
    made = []
    for name in _by_series(seen.pictures.get("errors", [])):
        drawn = len(_installers(seen, name))
        whole = int(
            next((row["n"] for row in seen.pictures.get("history", []) if row["series"] == "test"), drawn)
        )
        shown = "All installers" if drawn >= whole else f"{drawn:,} of {whole:,} installers"
        note = "Above the dashed rule an error is a spike: one in a hundred clicks of training is. "
        note += f"{shown} of the test are shown, of the other clicks a sample."
        note += _spikes(seen, name)
        for picture, title in (("errors", "Error per observation"), ("errors_zoom", "Zoom")):
            rows = _by_series(seen.pictures.get(picture, [])).get(name)
            if rows:
                made.append(
                    _figure(drawings.errors(rows), f"{title}: {name_of(name)}", f"{picture}-{name}", note)
                )
    if not made:
        made = [parts.missing("No network was trained: tabular.networks names lstm, gru, lstm_supervised.")]
    intro = (
        "The network learnt how visitors click who do not install. The study that this follows saw installers as "
        "spikes of its error; here every spike is marked by what it was."
    )
    return Section("networks", "What the networks see", made, intro=intro)


def _spikes(seen: Seen, network: str) -> str:
    """How many of all test clicks are spikes: the drawing has all installers but few others, which flatters."""
    counts = {row["label"]: row["n"] for row in _by_series(seen.pictures.get("spikes", [])).get(network, [])}
    if not counts:
        return ""
    right, wrong = counts["spike, true installer"], counts["spike, false installer"]
    return f" Of all clicks of the test {right + wrong:,} are spikes: {right:,} true installers, {wrong:,} false ones."


def _installers(seen: Seen, network: str) -> Rows:
    """The points of a network that stand for installers of the test."""
    kinds = ("spike, true installer", "installer without a spike")
    return [row for row in _by_series(seen.pictures["errors"])[network] if row["label"] in kinds]


def _by_series(rows: Rows) -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    for row in rows:
        found.setdefault(row["series"], []).append(row)
    return found


def _segments(seen: Seen) -> Section:
    if seen.segments is None:
        text = "No segments yet. `offbeat score` writes them."
        return Section("segments", "For marketing", [parts.missing(text)])
    columns = [
        Column("app", "app", "code"), Column("channel", "channel", "code"), Column("hour", "hour (UTC)", "time"),
        Column("clicks", "clicks", "count"), Column("expected_installs", "installs expected", "number"),
        Column("low", "low (95 %)", "number"), Column("high", "high (95 %)", "number"),
        Column("lift", "lift", "number"), Column("farm_share", "from likely farms", "share"),
        Column("installs", "installs found", "count"),
    ]  # fmt: skip
    table = parts.table(
        seen.segments,
        columns,
        caption=f"The {len(seen.segments)} cells of app, channel and hour with the most installs expected",
        name="segments",
        note="The interval is that of chance alone; the table install_segments holds all cells.",
    )
    first = (
        parts.bullets(seen.words) if seen.words else parts.missing("There, no app and channel has 50 clicks.")
    )
    intro = "Of the hours after training alone: of earlier clicks the model saw who installed, and expects too much."
    return Section("segments", "For marketing", [first, table], intro=intro)


def _bots(seen: Seen) -> Section:
    title = "Visitors out of the ordinary"
    if seen.bots is None:
        return Section("bots", title, [parts.missing("No sessions are scored yet.")])
    rows = [
        {
            **row,
            "kinds": ", ".join(row["kinds"]).replace("_", " "),
            "farm": "likely farm" if row["is_farm"] else "",
        }
        for row in seen.bots
    ]
    columns = [
        Column("entity", "visitor", "code"), Column("farm", "verdict"), Column("clicks", "clicks", "count"),
        Column("flagged_clicks", "in odd sessions", "count"), Column("clicks_per_hour", "per hour", "number"),
        Column("expected_installs", "installs expected", "number"),
        Column("score", "strangest session", "number"), Column("kinds", "what is odd"),
    ]  # fmt: skip
    intro = (
        "A likely farm keeps a pace that people don't, has most of its clicks in sessions that are out of the "
        "ordinary, and installs less than others. In a thinned log the pace shows less."
    )
    table = parts.table(rows, columns, caption="Likely farms first, then the busiest", name="bots")
    return Section("bots", title, [table], intro=intro)


def _method(seen: Seen) -> Section:
    cost, validation = seen.conf.tabular.cost, seen.saved.record["validation"]
    chosen = f"ROC-AUC {validation['roc_auc']:.4f} and PR-AUC {validation['pr_auc']:.4f}"
    texts = [
        (
            "A click's features come from strictly earlier clicks alone: later days never change them. Target rates of "
            "training clicks come from other folds of visitors."
        ),
        (
            "Rare installs are neither copied nor left out: models learn from all clicks as they are, and a curve "
            "fitted on later training clicks (Platt's, or isotonic where there are enough) makes probabilities of "
            "scores."
        ),
        f"The threshold follows from the costs: miss {cost.miss:g}, alarm {cost.alarm:g}.",
        f"The model was chosen on validation clicks ({chosen} there); the test played no part in it.",
        "Accuracy is not shown: saying “no install” to every click is right nearly always and worth nothing.",
    ]
    return Section("method", "Method and caveats", [parts.bullets(texts)], folded=True)
