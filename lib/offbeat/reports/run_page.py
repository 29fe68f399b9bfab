"""The page that a run writes: what it found, what it means, how far to trust it, and where everything is."""

from __future__ import annotations

from offbeat.reports import form, parts
from offbeat.reports.data import RunPageData, Step, unit_of
from offbeat.reports.form import Column
from offbeat.reports.minutes import minutes_figures, minutes_section
from offbeat.reports.page import Section, render_page
from offbeat.reports.parts import KeyFigure
from offbeat.reports.quality import evaluation_section, quality_figures
from offbeat.reports.sections import cards_section, scores_section, tables_section, training_section

_BY_SURPRISE = (
    "The model ({detector}) gives each event of a session, its end included, the probability that it comes where "
    "it came. A session's score is its largest surprise, –ln of that probability, in nats."
)
_BY_OWN_SCORE = "The model ({detector}) gives each session a score of its own kind: the higher, the stranger."
_METHOD = (
    (
        "A session is flagged above a threshold that was set on held-out normal sessions for the stated alert budget; "
        "labels and the generated truth play no part in it."
    ),
    (
        "“Expected” is what the model holds likely from what it was trained on: a change of the app that training has "
        "not seen looks like an anomaly until a model is trained on it."
    ),
    "A flagged session is out of sequence, not proved wrong; the raw events on its card are the way to find out.",
)


def render_run_page(data: RunPageData) -> str:
    """The page of a run as HTML; what is missing in `data` is said to be missing.

    Raises:
        UsageError: the chart library is not installed.
    """
    flagged = data.scores.flagged if data.scores else None
    sections = [
        Section("found", "What the run found", [parts.key_figures(_figures(data))]),
        _pages_section(data),
        # Of a log that counts no minutes, and of which nobody asks them, the page doesn't speak of them.
        *([minutes_section(data.minutes)] if data.minutes is not None else []),
        cards_section(
            data.anomalies,
            title=_cards_title(len(data.anomalies)),
            total=flagged,
            unit=unit_of(data.detector),
        ),
        scores_section(data.scores),
        evaluation_section(data.evaluations, data.detector, pr_curve=data.pr_curve),
        training_section(data.epochs, data.chosen, unit=unit_of(data.detector)),
        _steps_section(data.steps),
        tables_section(data.head),
        _method_section(data),
    ]
    return render_page(data.head, sections)


def _pages_section(data: RunPageData) -> Section:
    """All pages of the run, and where its tables and models lie."""
    if not data.pages:
        return Section("pages", "Pages", [parts.missing("This is the only page so far.")])
    rows = [{"title": page.title, "link": page.link, "what": page.what} for page in data.pages]
    columns = [Column("title", "page", link="link"), Column("what", "what it shows")]
    table = parts.table(rows, columns, caption="Pages of this run", name="pages", filtered=False)
    return Section("pages", "Pages", [table])


def _figures(data: RunPageData) -> list[KeyFigure]:
    figures = [KeyFigure("Sessions scored", form.NONE, "none yet")]
    if data.scores and data.scores.sessions:
        share = data.scores.flagged / data.scores.sessions
        figures = [
            KeyFigure("Sessions scored", form.count(data.scores.sessions), "each has a score and a verdict"),
            KeyFigure(
                "Out of sequence", form.count(data.scores.flagged), f"{form.share(share)} of all sessions"
            ),
        ]
    if data.minutes and data.minutes.total.reported:
        figures += minutes_figures(data.minutes.total)
    return figures + quality_figures(data.evaluations, data.detector)


def _cards_title(number: int) -> str:
    words = {1: "One anomaly", 10: "Ten anomalies"}
    return words.get(number, f"{number} anomalies" if number else "Anomalies")


def _steps_section(steps: tuple[Step, ...]) -> Section:
    if not steps:
        return Section("steps", "Steps", [parts.missing("The steps of this run are not recorded.")])
    rows = [
        {
            "step": step.step,
            "outcome": step.outcome if not step.error else f"{step.outcome}: {step.error}",
            "seconds": step.seconds,
            "counts": ", ".join(
                f"{form.count(n)} {name.replace('_', ' ')}" for name, n in sorted(step.counts.items())
            ),
        }
        for step in steps
    ]
    columns = [
        Column("step", "step"), Column("outcome", "outcome"), Column("seconds", "time", "seconds"),
        Column("counts", "rows"),
    ]  # fmt: skip
    table = parts.table(rows, columns, caption="Steps of the run, in order", name="steps", filtered=False)
    return Section("steps", "Steps", [table])


def _method_section(data: RunPageData) -> Section:
    scored = _BY_SURPRISE if unit_of(data.detector) else _BY_OWN_SCORE
    texts = [text.format(detector=data.detector) for text in (scored, *_METHOD)]
    return Section("method", "Method and caveats", [parts.bullets([*texts, *data.caveats])], folded=True)
