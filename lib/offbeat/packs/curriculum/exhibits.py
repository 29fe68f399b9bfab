"""What the page shows under each question: which rows of which tables, which charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.packs.curriculum import tables as T
from offbeat.packs.curriculum.questions.counts import count_jumps
from offbeat.packs.curriculum.questions.views import by_network, network
from offbeat.reports import charts
from offbeat.reports.chart_base import Chart, Rows
from offbeat.reports.form import Column as Shown
from offbeat.reports.form import rows_of
from offbeat.tables import Table

_BARS = 12
_RAW_ROWS = 20  # of each user


@dataclass(frozen=True)
class Exhibit:
    """A part of the evidence for an answer.

    Attributes:
        select: rows of the table that are shown, in order; the CSV beside the page holds more of them.
        columns: how they are set.
        chart: from the shown rows; None where a chart would say nothing.
        title: what it shows, where that is not the question itself.
        name: what tells its CSV from that of another exhibit of the same question and table.
        beside: a second table that `select` takes.
    """

    table: Table
    select: Callable[..., DataFrame]
    columns: tuple[Shown, ...]
    chart: Callable[[Rows], Chart] | None = None
    title: str = ""
    name: str = ""
    beside: Table | None = None

    def rows(self, read: Callable[[Table], DataFrame]) -> DataFrame:
        """The rows that are shown.

        Args:
            read: gives a table's rows.
        """
        return self.select(read(self.table), *([read(self.beside)] if self.beside else []))


def _bars(*label: str, value: str, title: str, kind: str = "count") -> Callable[[Rows], Chart]:
    """A chart of the first rows; a bar is named by the columns `label`, which tell the rows apart."""

    def drawn(rows: Rows) -> Chart:
        named = [{**row, "_label": _named([row[key] for key in label])} for row in rows_of(rows)]
        few: dict[str, dict[str, Any]] = {}
        for row in named:
            few.setdefault(row["_label"], row)
        return charts.bars(list(few.values())[:_BARS], label="_label", value=value, title=title, kind=kind)

    return drawn


def _named(parts: list[Any]) -> str:
    """`page (program)`."""
    first, *more = (str(part) for part in parts)
    return f"{first} ({', '.join(more)})" if more else first


def _students_by_accesses(rows: Rows) -> Chart:
    number = Counter(int(row["accesses"]) for row in rows_of(rows))
    bars = [{"accesses": f"{n:,}", "students": students} for n, students in sorted(number.items())]
    return charts.bars(
        bars,
        label="accesses",
        value="students",
        title="students with so many accesses in class",
        kind="count",
    )


def _over_time(time: str, value: str, title: str, *, series: str | None = None, kind: str = "count") -> Any:
    return lambda rows: charts.over_time(
        sorted(rows, key=lambda row: str(row[time])),
        time=time,
        value=value,
        title=title,
        series=series,
        kind=kind,
    )


def _sorted(
    *order: str, where: str = "true", words: tuple[str, ...] = ()
) -> Callable[[DataFrame], DataFrame]:
    """The rows that meet `where`, in order of columns (one with a minus before it falls); codes in `words` as words."""
    return lambda rows: (
        rows.where(where)
        .orderBy(*(F.desc(name[1:]) if name.startswith("-") else F.asc(name) for name in order))
        .withColumns({name: _words(name) for name in words})
    )


def _words(code: str) -> Column:
    return F.replace(F.col(code), F.lit("_"), F.lit(" "))


def _alarms(rows: DataFrame) -> DataFrame:
    return rows.where("entity_kind = 'user'").orderBy(F.desc("score"), "entity").select(
        "entity", "level", "score", F.concat_ws("; ", "reasons").alias("why"), "start", "end",
        F.size("event_ids").alias("rows"),
    )  # fmt: skip


def _raw_rows(rows: DataFrame, accesses: DataFrame) -> DataFrame:
    """The first accesses behind each alarm and each user's note."""
    ids = rows.where("entity_kind = 'user'").select(
        F.col("entity").alias("user"), "level", "score",
        F.posexplode(F.slice("event_ids", 1, _RAW_ROWS)).alias("_place", "event_id"),
    )  # fmt: skip
    known = accesses.select("event_id", "at", "raw_path", "ip", "cohort")
    return ids.join(known, "event_id").orderBy(F.desc("score"), "user", "at", "_place")


def _months(rows: DataFrame) -> DataFrame:
    return rows.groupBy(F.trunc("day", "month").alias("month")).agg(
        F.sum("accesses").alias("accesses"), F.sum("crossed").alias("crossed"),
        (F.sum("crossed") / F.sum("accesses")).alias("share"),
    ).orderBy("month")  # fmt: skip


def _by_cohort(rows: DataFrame) -> DataFrame:
    return rows.groupBy("cohort", "program").agg(
        F.sum("accesses").alias("accesses"), F.max_by("page", F.struct("accesses", "page")).alias("page"),
        F.count(F.lit(1)).alias("lessons"),
    ).orderBy(F.desc("accesses"), "cohort")  # fmt: skip


def _by_page(rows: DataFrame) -> DataFrame:
    return rows.groupBy("page").agg(
        F.sum("accesses").alias("accesses"), F.sum("users").alias("users"),
        F.count_distinct("cohort").alias("cohorts"),
    ).orderBy(F.desc("accesses"), "page")  # fmt: skip


def _flagged_users(rows: DataFrame) -> DataFrame:
    """One row for each user that a network or the counts flag, and who does."""
    by_networks = F.sort_array(F.collect_set(F.when(F.col("flagged_sessions") > 0, network())), asc=False)
    by_counts = F.when(F.max("odd_periods") > 0, F.array(F.lit("counts"))).otherwise(
        F.array().cast("array<string>")
    )
    strangest = F.when(F.col("odd_lesson").isNotNull(), F.col("highest_percentile"))
    return rows.where("view <> 'neither'").groupBy("user", "cohort").agg(
        F.array_join(F.concat(by_networks, by_counts), ", ").alias("seen_by"),
        F.max("flagged_sessions").alias("flagged_sessions"), F.max("agreed_sessions").alias("agreed_sessions"),
        F.max("odd_periods").alias("odd_periods"), F.max_by("odd_lesson", strangest).alias("odd_lesson"),
        F.max("highest_percentile").alias("_highest"),
    ).orderBy(F.desc("flagged_sessions"), F.desc("_highest"), "user").drop("_highest")  # fmt: skip


_COHORT, _PROGRAM, _PAGE = (
    Shown("cohort", "cohort"),
    Shown("program", "program"),
    Shown("page", "lesson", "code"),
)
_ACCESSES, _USERS = Shown("accesses", "accesses", "count"), Shown("users", "users", "count")
_USER = Shown("user", "user", "code")


def _finding(
    kind: str, title: str, name: str, what: str, number: str, *order: str, chart: bool = False
) -> Exhibit:
    """The findings of one kind."""
    return Exhibit(
        T.FINDINGS,
        _sorted(*(order or ("what",)), where=f"kind = '{kind}'"),
        (Shown("what", what), Shown("number", number, "amount"), Shown("note", "note")),
        _bars("what", value="number", title=number) if chart else None,
        title,
        name,
    )


EXHIBITS: dict[str, tuple[Exhibit, ...]] = {
    "a": (Exhibit(
        T.STEADY_LESSONS,
        _sorted("place", "program", where="place <= 8"),
        (_PAGE, _PROGRAM, Shown("mean_rank", "mean rank", "number"), Shown("rank_spread", "± ranks", "number"),
         Shown("worst_rank", "worst rank", "count"), Shown("in_top_ten", "among ten most used", "share"),
         Shown("cohorts", "cohorts", "count"), _ACCESSES),
        _bars("page", "program", value="in_top_ten", title="share of cohorts with it among their ten most used",
              kind="share"),
    ),),
    "b": (Exhibit(
        T.LESSON_ACTIVITY,
        _sorted("q_value", "-ratio", "cohort", "page", where="far_more"),
        (_PAGE, _COHORT, _ACCESSES, Shown("expected", "expected", "number"), Shown("ratio", "times expected", "number"),
         Shown("others_highest", "highest share elsewhere", "share"),
         Shown("q_value", "false discoveries", "share")),
        _bars("page", "cohort", value="ratio", title="times what other cohorts' use lets expect", kind="number"),
    ),),
    "c": (Exhibit(
        T.STUDENT_ACCESS,
        _sorted("accesses", "user", "cohort", where="hardly"),
        (_USER, _COHORT, _PROGRAM, _ACCESSES, Shown("first_access", "first", "time"),
         Shown("last_access", "last", "time"), Shown("course_to", "place in the course", "share"),
         Shown("left_early", "left early"), Shown("accesses_after", "after the end", "count")),
        _students_by_accesses,
    ), Exhibit(
        T.GROUP_ACCESS,
        _sorted("measure", "group", "other"),
        (Shown("measure", "measure"), Shown("group", "group"), Shown("other", "against"),
         Shown("n", "users", "count"), Shown("n_other", "users, other", "count"),
         Shown("median", "median", "number"), Shown("median_other", "median, other", "number"),
         Shown("effect", "Cliff's delta", "number"), Shown("p_value", "p value", "number")),
        title="Active students, graduates and staff", name="groups",
    )),
    "d": (Exhibit(
        T.SUSPICIOUS_ACTIVITY,
        _alarms,
        (Shown("entity", "user", "code"), Shown("level", "level"), Shown("score", "score", "number"),
         Shown("why", "reasons"),
         Shown("start", "from", "time"), Shown("end", "to", "time"), Shown("rows", "raw rows", "count")),
        _bars("entity", value="score", title="score (alarms from 0.5 on)", kind="number"),
    ), Exhibit(
        T.SUSPICIOUS_ACTIVITY,
        _raw_rows,
        (_USER, Shown("level", "level"), Shown("at", "time", "time"), Shown("raw_path", "path", "code"),
         Shown("ip", "address", "code"), _COHORT, Shown("event_id", "row of events", "code")),
        title=f"Raw rows: the first {_RAW_ROWS} accesses behind each alarm and note", name="rows", beside=T.ACCESSES,
    )),
    "e": (Exhibit(
        T.CROSSINGS,
        _months,
        (Shown("month", "month", "day"), _ACCESSES, Shown("crossed", "to another program", "count"),
         Shown("share", "share", "share")),
        _over_time("month", "share", "share to other programs", kind="share"),
    ), Exhibit(
        T.SHUTOFF,
        _sorted("day"),
        (Shown("day", "fall", "day"), Shown("low", "from", "day"), Shown("high", "to (95 %)", "day"),
         Shown("share_before", "share before", "share"), Shown("share_after", "share after", "share"),
         Shown("deviance", "deviance", "number"), Shown("is_sharp", "sharp"),
         Shown("crossers_after", "users after", "count")),
        title="When it fell", name="change",
    ), Exhibit(
        T.CROSSERS,
        _sorted("-crossed_after", "-crossed_before", "user", "cohort"),
        (_USER, _COHORT, _PROGRAM, Shown("crossed_before", "before", "count"), Shown("crossed_after", "after", "count"),
         Shown("last_crossed", "last", "time")),
        title="Who crossed, those after the shut-off first", name="people",
    )),
    "f": (Exhibit(
        T.ALUMNI_PAGES,
        _sorted("place", "program", where="place <= 8"),
        (_PAGE, _PROGRAM, _USERS, _ACCESSES, Shown("median_days_after", "days after (median)", "number"),
         Shown("late_days_after", "nine in ten within (days)", "number")),
        _bars("page", "program", value="users", title="graduates who came back to it"),
    ),),
    "g": (Exhibit(
        T.RARE_PAGES,
        _sorted("accesses", "last_access", "raw_path", where="what = 'page'"),
        (Shown("raw_path", "path", "code"), _ACCESSES, _USERS, Shown("last_access", "last access", "time")),
        _bars("raw_path", value="accesses", title="accesses in the whole log"),
        "Least accessed pages",
    ), Exhibit(
        T.RARE_PAGES,
        _sorted("accesses", "what", "raw_path", where="what <> 'page'", words=("what",)),
        (Shown("raw_path", "path", "code"), Shown("what", "what it is"), _ACCESSES, _USERS,
         Shown("last_access", "last access", "time"), Shown("near", "meant was", "code")),
        title="Typing errors, probes and static files", name="others",
    )),
    "h": (Exhibit(
        T.ACTIVITY,
        _sorted("month", "program"),
        (Shown("month", "month", "day"), _PROGRAM, _ACCESSES, _USERS,
         Shown("classes_started", "classes started", "count")),
        _over_time("month", "accesses", "accesses in the month", series="program"),
        "Growth",
    ), Exhibit(
        T.USER_MOVES,
        _sorted("what", "moved", "user", words=("what",)),
        (_USER, Shown("from_cohort", "from"), Shown("to_cohort", "to"), Shown("what", "what"),
         Shown("moved", "moved", "time"), Shown("gap_days", "days between", "number")),
        title="Users in more than one cohort", name="moves",
    ), _finding("outage", "Outages", "outages", "from (UTC)", "hours"),
        _finding("id_reused", "Ids used again by somebody else", "reused", "user / cohort", "days", "-number"),
        _finding("program", "Programs, by their first access", "programs", "program", "cohorts", "note"),
        _finding("classes_per_year", "Classes that started in a year", "classes", "year", "classes"),
        _finding("weekday", "Days of the week", "weekdays", "day", "accesses a day", "-number", chart=True),
        _finding("month", "Months of the year", "months", "month", "accesses a day", chart=True),
        _finding("bad_data", "Bad data", "data", "what", "rows", "-number", "what"),
    ),
    "i": (Exhibit(
        T.LESSON_ACTIVITY,
        _by_page,
        (_PAGE, _ACCESSES, _USERS, Shown("cohorts", "cohorts", "count")),
        _bars("page", value="accesses", title="accesses by all cohorts"),
        "Most active lessons", "lessons",
    ), Exhibit(
        T.LESSON_ACTIVITY,
        _by_cohort,
        (_COHORT, _PROGRAM, _ACCESSES, Shown("lessons", "lessons used", "count"),
         Shown("page", "most used lesson", "code")),
        _bars("cohort", value="accesses", title="accesses to lessons"),
        "Lesson activity of cohorts", "cohorts",
    )),
    "j": (Exhibit(
        T.LIKELY_COHORTS,
        _sorted("-probability", "user", where="place = 1"),
        (_USER, Shown("cohort", "likely cohort"), Shown("probability", "probability", "share"),
         Shown("evidence", "evidence"), _ACCESSES),
        _bars("user", value="probability", title="probability of the likeliest cohort", kind="share"),
    ),),
    "k": (Exhibit(
        T.COUNT_ANOMALIES,
        lambda rows: count_jumps(rows).orderBy(F.desc("more"), "entity", "period"),
        (Shown("entity", "who or what", "code"), Shown("entity_kind", "kind"), Shown("period", "from", "day"),
         Shown("methods", "seen by"), _ACCESSES, Shown("expected", "expected", "number"),
         Shown("upper", "upper band", "number"),
         Shown("pct_b", "%b", "number"),
         Shown("q_value", "false discoveries", "share")),
        _bars("entity", "period", value="accesses", title="accesses in the period"),
    ), Exhibit(
        T.RARE_VALUES,
        _sorted("p_given", "pair", "value", "given", where="pair LIKE '%|%'"),
        (Shown("value", "value", "code"), Shown("given", "in", "code"), Shown("pair", "columns", "code"), _ACCESSES,
         Shown("p_value_alone", "P(value)", "number"), Shown("p_given", "P(value | group)", "number"),
         Shown("lift", "lift", "number")),
        title="Values that are seldom in their group", name="values",
    )),
    "l": (Exhibit(
        T.TWO_VIEWS,
        _flagged_users,
        (_USER, _COHORT, Shown("seen_by", "flagged by"),
         Shown("flagged_sessions", "sessions out of sequence, at most", "count"),
         Shown("agreed_sessions", "by every network", "count"),
         Shown("odd_periods", "odd periods", "count"), Shown("odd_lesson", "lesson out of sequence", "code")),
        _bars("user", value="flagged_sessions", title="sessions out of sequence, by the network that flags most"),
        "Users that a network or the counts flag",
    ), Exhibit(
        T.TWO_VIEWS,
        by_network,
        (Shown("network", "network"), Shown("sessions", "sessions", "count"),
         Shown("flagged_sessions", "out of sequence", "count"),
         Shown("agreed_sessions", "by every network", "count"),
         Shown("flagged_users", "users with such a session", "count"),
         Shown("agreed_users", "by every network, users", "count"),
         Shown("both", "by the counts too, users", "count"),
         Shown("counted_users", "users by the counts", "count")),
        title="The networks and the counts beside each other", name="networks",
    )),
}  # fmt: skip
"""Letter of the question -> its evidence, the first beside the answer, the others below it."""

RECOMMENDED = Exhibit(
    T.RECOMMENDATIONS,
    _sorted("-action", "-users", "page", words=("action",)),
    (_PAGE, Shown("action", "do"), _ACCESSES, _USERS, Shown("why", "why")),
    title="Recommendations by page",
    name="recommendations",
)
