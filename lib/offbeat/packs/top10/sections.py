"""The sections on figures: what each model reaches, what the leaks would give, runs and the earlier study."""

from __future__ import annotations

from offbeat.packs.top10.examples import BEFORE, EARLY
from offbeat.packs.top10.facts import Facts, interval, table_of
from offbeat.packs.top10.preset import AS_FILM, PRESET
from offbeat.packs.top10.run_figures import BACK, STAYS
from offbeat.packs.top10.use_sections import joins_section, pictures_section, uses_sections
from offbeat.reports import charts, form, parts
from offbeat.reports.form import Column
from offbeat.reports.page import Section
from offbeat.reports.parts import KeyFigure


def build(facts: Facts) -> list[Section]:
    """The sections in order."""
    return [
        Section("found", "What came of it", [parts.key_figures(_key_figures(facts))]),
        _question_section(
            facts,
            BEFORE,
            "Before release",
            "What is known on the day of release, or of the first list for older titles: will it chart?",
        ),
        _leaks_section(facts),
        _question_section(
            facts,
            EARLY,
            "Early viewership",
            "With the hours of its first week in the lists: is it listed again within four weeks?",
        ),
        _runs_section(facts),
        _preset_section(facts),
        pictures_section(facts),
        *uses_sections(facts),
        joins_section(facts),
    ]


def _key_figures(facts: Facts) -> list[KeyFigure]:
    made = []
    for question, label in ((BEFORE, "Before release"), (EARLY, "After the first week")):
        champion = facts.champion(question)
        row = facts.value(question, champion, "roc_auc", facts.split) if champion else None
        if row is not None:
            base = facts.value(question, "test", "share_charting", facts.split)
            note = (
                f"{champion}; 95 % {form.number(row['low'])} to {form.number(row['high'])}; "
                f"{row['n']} titles held out"
            )
            note += f", {form.share(base['value'])} yes" if base else ""
            made.append(KeyFigure(f"{label}: ROC-AUC", form.number(row["value"]), note))
    leaky = facts.value(BEFORE, "hours_filled_with_zero", "roc_auc", facts.split)
    if leaky is not None:
        made.append(
            KeyFigure(
                "With hours filled with zero",
                form.number(leaky["value"]),
                "a leak: the guard stops it",
                "bad",
            )
        )
    made.append(
        KeyFigure(
            "Titles before release",
            form.count(len(facts.before)),
            f"{form.count(int(facts.before.labels.sum()))} of them charted",
        )
    )
    return made


def _question_section(facts: Facts, question: str, title: str, intro: str) -> Section:
    rows = [r for r in facts.figures if r["question"] == question and r["basis"] != "leaky"]
    name = question.replace("_", "-")
    if not rows:
        return Section(
            name, title, [parts.missing("No titles were left to judge this question on.")], intro=intro
        )
    return Section(
        name,
        title,
        [table_of(rows, f"{name}-figures", "Models on titles they have not seen, beside what is simpler")],
        intro=intro,
    )


def _leaks_section(facts: Facts) -> Section:
    title, name = "Leaky and honest side by side", "leaks"
    champion = facts.champion(BEFORE)
    leaky = [r for r in facts.figures if r["question"] == BEFORE and r["basis"] == "leaky"]
    if not leaky or champion is None:
        return Section(name, title, [parts.missing("The catalogues hold nothing that could leak.")])
    shown = [r for r in leaky if r["split"] == facts.split and r["metric"] == "roc_auc"]
    honest = facts.value(BEFORE, champion, "roc_auc", facts.split, "honest") or {}
    bars = [{"figure": "honest", "auc": honest.get("value")}]
    bars += [{"figure": r["model"].replace("_", " "), "auc": r["value"]} for r in shown]
    silent = facts.value(BEFORE, "missingness_only", "roc_auc", facts.split)
    if silent is not None:
        bars.append({"figure": "missingness only", "auc": silent["value"]})
    chart = charts.bars(bars, label="figure", value="auc", title="ROC-AUC on titles not seen")
    said = parts.table(
        [{"leak": r["model"].replace("_", " "), "auc": interval(r), "note": r["note"]} for r in shown],
        [
            Column("leak", "leak"),
            Column("auc", "ROC-AUC"),
            Column("note", "what it is, and what the guard says"),
        ],
        caption="What a run with the leak would report; such a run ends with exit status 4",
        name="leaks",
    )
    intro = (
        "Nobody can know hours, votes or another source's ratings of a title before it "
        "charts. Figures that rest on them are too good."
    )
    return Section(
        name,
        title,
        [parts.figure(chart, title="Honest and leaky ROC-AUC", name="leaky-and-honest"), said],
        intro=intro,
    )


def _runs_section(facts: Facts) -> Section:
    title, name = "How long it stays, whether it comes back", "runs"
    rows = [r for r in facts.figures if r["question"] in (STAYS, BACK)]
    if not rows:
        return Section(
            name,
            title,
            [
                parts.missing(
                    "The network of weekly runs was not trained: too few runs, or model.settings.runs is off."
                )
            ],
        )
    made = [
        table_of(
            [r for r in rows if r["question"] == q], f"runs-{q.replace('_', '-')}", said, counted=counted
        )
        for q, said, counted in (
            (STAYS, "Is it listed next week?", ("weeks of runs", "listed next week")),
            (BACK, "Once gone, is it back within half a year?", ("ends of runs", "back")),
        )
        if any(r["question"] == q for r in rows)
    ]
    return Section(
        name,
        title,
        made,
        intro="A GRU goes over the weeks of a run, of one title and season; judged on runs that began after those it "
        "learned from, intervals over draws of whole runs. A title is back with whichever season; the end of a season "
        "while another is still listed is no end.",
    )


def _preset_section(facts: Facts) -> Section:
    title, name = "The earlier study, made again", "study"
    rows = [r for r in facts.figures if r["question"] == PRESET]
    if not rows:
        return Section(
            name,
            title,
            [
                parts.missing(
                    "No catalogue is named as the study's (model.settings.preset), or too few of its titles chart."
                )
            ],
        )
    as_film = facts.value(PRESET, AS_FILM, "share_charting", "preset")
    n, of = next((r["positives"], r["n"]) for r in rows if r["model"] != AS_FILM)
    matched = f"n = {n}: {n} of {form.count(of)} titles matched by title alone"
    matched += f", {as_film['positives']} of them as films" if as_film else ""
    note = parts.callout(f"{matched}. The intervals are as wide as so few make them.", tone="warn")
    return Section(
        name,
        title,
        [
            note,
            table_of(rows, "study-figures", "Every film predicted by models that have not seen it"),
        ],
    )
