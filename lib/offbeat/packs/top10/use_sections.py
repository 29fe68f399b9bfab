"""The sections of pictures, of the five uses, and of how titles were joined."""

from __future__ import annotations

from markupsafe import Markup

from offbeat.packs.top10 import pictures, uses
from offbeat.packs.top10.facts import Facts, interval
from offbeat.packs.top10.seasons import METRIC, QUESTION
from offbeat.reports import charts, form, parts
from offbeat.reports.form import Column
from offbeat.reports.page import Section

_SHARE = (
    Column("share", "share charting", "share"),
    Column("low", "95 % from", "share"),
    Column("high", "to", "share"),
)


def pictures_section(facts: Facts) -> Section:
    """Bars, treemaps and bubbles, with their controls."""
    note = (
        "Raw joins by the lower-case title alone and counts seasons apart; cleaned goes by "
        "title, year and kind. The switch shows what that changes."
    )
    made = [parts.figure(pictures.title_bars(facts.shown), title="Titles by weeks and hours", name="titles")]
    if any(title.directors for title in facts.shown):
        made.append(parts.figure(pictures.director_treemap(facts.shown), title="Directors", name="directors"))
    else:
        made.append(parts.missing("No catalogue names directors of charting titles."))
    if any(title.genres for title in facts.shown):
        made.append(
            parts.figure(
                pictures.genre_treemap(facts.shown), title="Genres: one against several", name="genres"
            )
        )
    if any(title.directors and title.metascore is not None for title in facts.shown):
        made.append(
            parts.figure(
                pictures.director_bubbles(facts.shown),
                title="Directors by Metascore and weeks",
                name="director-bubbles",
            )
        )
    return Section("pictures", "Pictures", made, intro=note)


def uses_sections(facts: Facts) -> list[Section]:
    """A section per use."""
    return [_engagement(facts), _ranking(facts), _strategy(facts), _featuring(facts), _returns(facts)]


def _engagement(facts: Facts) -> Section:
    quarters = parts.table(
        uses.quartiles(facts.early),
        [
            Column("quarter", "quarter of titles"),
            Column("from", "hours from (million)", "number"),
            Column("to", "to (million)", "number"),
            Column("titles", "titles", "count"),
            Column("share", "listed again", "share"),
            *_SHARE[1:],
        ],
        caption="Listed again within four weeks, by the hours of the first week",
        name="first-week-hours",
    )
    rows = [
        {
            "claim": h.claim,
            "with_n": h.with_n,
            "with_share": h.with_share,
            "without_n": h.without_n,
            "without_share": h.without_share,
            "low": h.low,
            "high": h.high,
            "verdict": h.verdict,
        }
        for h in uses.hypotheses(facts.before, facts.early)
    ]
    columns = [
        Column("claim", "hypothesis"),
        Column("verdict", "verdict"),
        Column("with_share", "share with", "share"),
        Column("with_n", "titles", "count"),
        Column("without_share", "without", "share"),
        Column("without_n", "titles", "count"),
        Column("low", "difference, 95 % from", "signed_share"),
        Column("high", "to", "signed_share"),
    ]
    table = parts.table(
        rows,
        columns,
        caption="Hypotheses about success, on all titles",
        name="hypotheses",
        note="Shares, not causes: what goes together with charting.",
    )
    return Section("use-engagement", "Use 1: what early engagement tells", [quarters, table])


def _ranking(facts: Facts) -> Section:
    title, name = "Use 2: new releases by expected success", "use-ranking"
    if not facts.newest:
        return Section(
            name,
            title,
            [parts.missing("No forecast of the newest lists: the network of weekly runs was not trained.")],
        )
    columns = [
        Column("title", "title"),
        Column("first_week", "new in the week of", "day"),
        Column("again", "early model: listed again", "share"),
        Column("state", "now"),
        Column("weeks_so_far", "weeks so far", "count"),
        Column("weeks_more", "further weeks expected", "number"),
        Column("stays_next", "listed next week", "share"),
        Column("comes_back", "back once gone", "share"),
    ]
    table = parts.table(
        facts.newest,
        columns,
        caption="New releases, the likeliest to be listed again first; then the other titles of the newest lists",
        name="newest",
        note="New: first listed in the last four weeks, and in the main catalogue. What became of it is not known yet.",
    )
    return Section(name, title, [*_weeks_error(facts), table])


def _weeks_error(facts: Facts) -> list[Markup]:
    """How far further weeks were off on later runs."""
    mine, usual = (
        facts.value("weeks_more", model, "mean_error_weeks", "time") for model in ("gru", "median")
    )
    if mine is None or usual is None:
        return []
    return [
        parts.callout(
            f"After the first week of {form.count(mine['n'])} later runs, further weeks were off by {interval(mine)} "
            f"on average; the median of earlier runs by {interval(usual)}."
        )
    ]


def _strategy(facts: Facts) -> Section:
    columns = [
        Column("name", "which"),
        Column("titles", "titles", "count"),
        Column("charting", "charting", "count"),
        *_SHARE,
    ]
    genres = parts.table(
        uses.shares_by(facts.before, uses.genres_of),
        columns,
        caption="Genres and pairs of genres, the surest first",
        name="genres-shares",
    )
    cast = uses.shares_by(facts.before, uses.cast_of)
    second = (
        parts.table(cast, columns, caption="Cast and pairs of cast, the surest first", name="cast-shares")
        if cast
        else parts.missing("The main catalogue names no cast.")
    )
    return Section(
        "use-strategy",
        "Use 3: content strategy",
        [genres, second],
        intro="Sorted by the lower end of the interval, so that two lucky titles don't lead.",
    )


def _featuring(facts: Facts) -> Section:
    columns = [
        Column("title", "title"),
        Column("as_of", "as of", "day"),
        Column("probability", "probability", "share"),
        Column("held_out", "not seen in training"),
        Column("why", "what speaks for it"),
    ]
    table = parts.table(
        facts.feature, columns, caption="Held likely, and in no list so far", name="to-feature"
    )
    return Section("use-feature", "Use 4: what to feature more prominently", [table])


def _returns(facts: Facts) -> Section:
    title, name = "Use 5: what might come back, and when", "use-returns"
    if not facts.returning:
        return Section(
            name,
            title,
            [parts.missing("No forecast of returns: the network of weekly runs was not trained.")],
        )
    columns = [
        Column("title", "title"),
        Column("comes_back", "back within half a year of leaving", "share"),
        Column("last_week", "last week in the lists", "day"),
        Column("weeks_so_far", "weeks of its last run", "count"),
        Column("season", "months of earlier returns"),
    ]
    judged = facts.value("comes_back", "gru", "roc_auc", "time")
    base = facts.value("comes_back", "gru", "pr_auc", "time")
    said = (
        f"On held-out weeks: ROC-AUC {interval(judged)}, PR-AUC {interval(base)}, "
        f"{judged['positives']} returns of {judged['n']} ends."
        if judged
        else "Too few returns in the held-out weeks to judge it."
    )
    made = [
        parts.callout(said),
        parts.callout(_season_said(facts)),
        parts.table(
            facts.returning,
            columns,
            caption="Titles that left in the last half year, the likeliest to return first",
            name="returning",
        ),
    ]
    if facts.months:
        chart = charts.bars(
            facts.months,
            label="month",
            value="returns",
            title="returns after more than eight weeks",
            kind="count",
        )
        made.append(parts.figure(chart, title="Months of returns", name="return-months"))
    return Section(name, title, made)


def _season_said(facts: Facts) -> str:
    """How well the months of a title's earlier returns told those of later ones."""
    own, usual, truth = (
        facts.value(QUESTION, model, METRIC, "time") for model in ("own_months", "all_months", "true_season")
    )
    if own is None or usual is None:
        said = "Season: no held-out return is of a title that had come back before, so the months are not judged."
    else:
        said = (
            f"Season: of {form.count(own['n'])} held-out returns of titles that had come back before, "
            f"{own['positives']} fell in a month of an earlier return, a share of {interval(own)}; by the months of "
            f"all returns it would be {interval(usual)}."
        )
    if truth is not None:
        said += f" Of {truth['n']} seasonal titles, {truth['positives']} had come back in their true month."
    return said


def joins_section(facts: Facts) -> Section:
    """Match quality, and titles without a match."""
    ends = [Column("left_source", "titles of"), Column("source", "in catalogue")]
    quality = parts.table(
        facts.quality,
        [*ends, Column("quality", "what agrees"), Column("titles", "titles", "count")],
        caption="Matched titles",
        name="match-quality",
    )
    rows = [{**row, "examples": ", ".join(row["examples"])} for row in facts.unmatched]
    unmatched = parts.table(
        rows,
        [
            *ends,
            Column("reason", "reason"),
            Column("titles", "titles", "count"),
            Column("examples", "such as"),
        ],
        caption="Titles without one match",
        name="unmatched",
    )
    return Section(
        "joins",
        "How titles were joined",
        [quality, unmatched],
        intro="By normalized title, year and kind; each pair stands in title_matches, each title "
        "without one in titles_unmatched.",
    )
