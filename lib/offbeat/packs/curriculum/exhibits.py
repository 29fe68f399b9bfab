"""What the page shows under each question: which rows of which table, which chart, how it was found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.packs.curriculum import tables as T
from offbeat.reports import charts
from offbeat.reports.chart_base import Chart, Rows
from offbeat.reports.form import Column as Shown
from offbeat.tables import Table

_BARS = 12


@dataclass(frozen=True)
class Exhibit:
    """The evidence for one answer.

    Attributes:
        select: rows of the table that are shown, in order; the CSV beside the page holds more of them.
        columns: how they are set.
        chart: from the shown rows; None where a chart would say nothing.
    """

    table: Table
    select: Callable[[DataFrame], DataFrame]
    columns: tuple[Shown, ...]
    chart: Callable[[Rows], Chart] | None


def _bars(label: str, value: str, title: str, *, kind: str = "count") -> Callable[[Rows], Chart]:
    """A chart of the first rows, each label once."""

    def drawn(rows: Rows) -> Chart:
        firsts = {str(row[label]): row for row in reversed(rows)}
        few = [row for row in rows if firsts[str(row[label])] is row][:_BARS]
        return charts.bars(few, label=label, value=value, title=title, kind=kind)

    return drawn


def _sorted(*order: str, where: str = "true") -> Callable[[DataFrame], DataFrame]:
    """The rows that meet `where`, in order of columns; one with a minus before it falls."""
    return lambda rows: rows.where(where).orderBy(
        *(F.desc(name[1:]) if name.startswith("-") else F.asc(name) for name in order)
    )


def _shares(rows: Rows) -> Chart:
    return charts.over_time(rows, time="month", value="share", title="share to other programs", kind="share")


_COHORT, _PROGRAM, _PAGE = (
    Shown("cohort", "cohort"),
    Shown("program", "program"),
    Shown("page", "lesson", "code"),
)
_ACCESSES, _USERS = Shown("accesses", "accesses", "count"), Shown("users", "users", "count")

EXHIBITS: dict[str, Exhibit] = {
    "a": Exhibit(
        T.STEADY_LESSONS,
        _sorted("place", "program", where="place <= 8"),
        (_PAGE, _PROGRAM, Shown("mean_rank", "mean rank", "number"), Shown("rank_spread", "± ranks", "number"),
         Shown("worst_rank", "worst rank", "count"), Shown("in_top_ten", "among ten most used", "share"),
         Shown("cohorts", "cohorts", "count"), _ACCESSES),
        _bars("page", "mean_rank", "mean rank in the cohorts (1 = most used)", kind="number"),
    ),
    "b": Exhibit(
        T.LESSON_ACTIVITY,
        _sorted("q_value", "-ratio", "page", where="far_more OR q_value <= 0.05"),
        (_PAGE, _COHORT, _ACCESSES, Shown("expected", "expected", "number"), Shown("ratio", "times expected", "number"),
         Shown("others_highest", "highest share elsewhere", "share"),
         Shown("q_value", "false discoveries", "share")),
        _bars("page", "ratio", "times what other cohorts' use lets expect", kind="number"),
    ),
    "c": Exhibit(
        T.STUDENT_ACCESS,
        _sorted("accesses", "user", where="hardly"),
        (Shown("user", "user", "code"), _COHORT, _PROGRAM, _ACCESSES, Shown("first_access", "first", "time"),
         Shown("last_access", "last", "time"), Shown("course_to", "place in the course", "share"),
         Shown("left_early", "left early")),
        _bars("user", "accesses", "accesses while the class ran"),
    ),
    "d": Exhibit(
        T.SUSPICIOUS_ACTIVITY,
        lambda rows: rows.where("entity_kind = 'user'").orderBy(F.desc("score"), "entity").select(
            "entity", "level", "score", F.concat_ws("; ", "reasons").alias("why"), "start", "end",
            F.size("event_ids").alias("rows"),
        ),
        (Shown("entity", "user", "code"), Shown("level", "level"), Shown("score", "score", "number"),
         Shown("why", "reasons"),
         Shown("start", "from", "time"), Shown("end", "to", "time"), Shown("rows", "raw rows", "count")),
        _bars("entity", "score", "score (alarms from 0.5 on)", kind="number"),
    ),
    "e": Exhibit(
        T.CROSSINGS,
        lambda rows: rows.groupBy(F.trunc("day", "month").alias("month")).agg(
            F.sum("accesses").alias("accesses"), F.sum("crossed").alias("crossed"),
            (F.sum("crossed") / F.sum("accesses")).alias("share"),
        ).orderBy("month"),
        (Shown("month", "month", "day"), _ACCESSES, Shown("crossed", "to another program", "count"),
         Shown("share", "share", "share")),
        _shares,
    ),
    "f": Exhibit(
        T.ALUMNI_PAGES,
        _sorted("place", "program", where="place <= 8"),
        (_PAGE, _PROGRAM, _USERS, _ACCESSES, Shown("median_days_after", "days after (median)", "number"),
         Shown("late_days_after", "nine in ten within (days)", "number")),
        _bars("page", "users", "graduates who came back to it"),
    ),
    "g": Exhibit(
        T.RARE_PAGES,
        _sorted("accesses", "what", "raw_path"),
        (Shown("raw_path", "path", "code"), Shown("what", "what it is"), _ACCESSES, _USERS,
         Shown("last_access", "last access", "time"), Shown("near", "meant was", "code")),
        None,
    ),
    "h": Exhibit(
        T.FINDINGS,
        _sorted("kind", "what"),
        (Shown("what", "what"), Shown("kind", "kind"), Shown("number", "number", "amount"), Shown("note", "note")),
        None,
    ),
    "i": Exhibit(
        T.LESSON_ACTIVITY,
        lambda rows: rows.groupBy("cohort", "program").agg(
            F.sum("accesses").alias("accesses"), F.max_by("page", "accesses").alias("page"),
            F.count(F.lit(1)).alias("lessons"),
        ).orderBy(F.desc("accesses"), "cohort"),
        (_COHORT, _PROGRAM, _ACCESSES, Shown("lessons", "lessons used", "count"),
         Shown("page", "most used lesson", "code")),
        _bars("cohort", "accesses", "accesses to lessons"),
    ),
    "j": Exhibit(
        T.LIKELY_COHORTS,
        _sorted("-probability", "user", where="place = 1"),
        (Shown("user", "user", "code"), Shown("cohort", "likely cohort"), Shown("probability", "probability", "share"),
         Shown("evidence", "evidence"), _ACCESSES),
        _bars("user", "probability", "probability of the likeliest cohort", kind="share"),
    ),
    "k": Exhibit(
        T.COUNT_ANOMALIES,
        _sorted("p_value", "entity", where="entity_kind <> 'ip'"),
        (Shown("entity", "who or what", "code"), Shown("entity_kind", "kind"), Shown("period", "from", "day"),
         Shown("method", "method"), _ACCESSES, Shown("expected", "expected", "number"),
         Shown("upper", "upper band", "number"),
         Shown("pct_b", "%b", "number"),
         Shown("q_value", "false discoveries", "share")),
        _bars("entity", "accesses", "accesses in the period"),
    ),
    "l": Exhibit(
        T.TWO_VIEWS,
        _sorted("-flagged_sessions", "-highest_percentile", "user", where="view <> 'neither'"),
        (Shown("user", "user", "code"), _COHORT, Shown("view", "seen by"),
         Shown("flagged_sessions", "sessions out of sequence", "count"),
         Shown("odd_periods", "odd periods", "count"), Shown("odd_lesson", "lesson out of sequence", "code")),
        _bars("user", "flagged_sessions", "sessions out of sequence"),
    ),
}  # fmt: skip

RECOMMENDED = Exhibit(
    T.RECOMMENDATIONS,
    _sorted("-action", "-users", "page"),
    (_PAGE, Shown("action", "do"), _ACCESSES, _USERS, Shown("why", "why")),
    None,
)
