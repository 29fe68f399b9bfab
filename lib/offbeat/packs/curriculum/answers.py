"""The answers in words: each sentence computed from its table, and only from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from offbeat.packs.curriculum import tables as T
from offbeat.packs.curriculum.questions import counts
from offbeat.packs.curriculum.questions.views import by_network
from offbeat.packs.curriculum.rules import Rules
from offbeat.tables import Lake, Table

_SURE = 0.8
_MOST_PROGRAMS = 6
_YEAR_MONTHS = 12

QUESTIONS = {
    "a": "Which lesson has the most traffic consistently across cohorts?",
    "b": "Is there a lesson that one cohort used far more than others passed over?",
    "c": "Are there students who, while active, hardly accessed the curriculum?",
    "d": "Is there suspicious activity?",
    "e": "When was cross-program access shut off, and who still crossed?",
    "f": "What do graduates keep referring to?",
    "g": "Which lessons are least accessed?",
    "h": "What else should you know?",
    "i": "Which lessons and cohorts are the most active in total?",
    "j": "Which cohort do users without one likely belong to?",
    "k": "Whose number of accesses jumped beyond their own past?",
    "l": "Who read in an unusual order, and do counts agree?",
}
"""Letter -> question; k and l are the two views of anomalies."""


class Teller:
    """Puts the tables of one lake into sentences."""

    def __init__(self, lake: Lake, rules: Rules) -> None:
        self.lake, self.rules = lake, rules

    def answers(self) -> list[dict[str, Any]]:
        """A row of the table answers for each question whose table is there."""
        makers: dict[str, tuple[Table, Callable[[], str]]] = {
            "a": (T.STEADY_LESSONS, self.steady),
            "b": (T.LESSON_ACTIVITY, self.far_more),
            "c": (T.STUDENT_ACCESS, self.hardly),
            "d": (T.SUSPICIOUS_ACTIVITY, self.suspicious),
            "e": (T.SHUTOFF, self.shutoff),
            "f": (T.ALUMNI_PAGES, self.alumni),
            "g": (T.RARE_PAGES, self.rare),
            "h": (T.FINDINGS, self.else_),
            "i": (T.LESSON_ACTIVITY, self.most_active),
            "j": (T.LIKELY_COHORTS, self.likely),
            "k": (T.COUNT_ANOMALIES, self.jumped),
            "l": (T.TWO_VIEWS, self.agree),
        }
        return [
            {"question": letter, "title": QUESTIONS[letter], "answer": make(), "table": table.name}
            for letter, (table, make) in makers.items()
            if self.lake.exists(table)
        ]

    def steady(self) -> str:
        """Question a."""
        first = self._rows(T.STEADY_LESSONS, F.col("place") == 1, F.desc("accesses"), limit=_MOST_PROGRAMS)
        told = [
            f"in {row['program']} it is {row['page']}, on average in place {row['mean_rank']:.1f} of each cohort's "
            f"lessons (used by {row['cohorts']} of {_many(row['of_cohorts'], 'cohort')}, "
            f"in {row['in_top_ten']:.0%} among the ten most used)"
            for row in first
        ]
        return _sentence("; ".join(told), "No program has cohorts to compare yet")

    def far_more(self) -> str:
        """Question b."""
        found = self.lake.read(T.LESSON_ACTIVITY).where("far_more")
        number = found.count()
        rows = found.orderBy("q_value", F.desc("ratio"), "cohort", "page").limit(3).collect()
        told = [
            f"{row['cohort']} opened {row['page']} {row['accesses']:,} times, {row['ratio']:.1f} times what the other "
            f"cohorts' use lets expect"
            for row in rows
        ]
        if not told:
            return (
                "No cohort used a lesson far more than the others did, at "
                f"{self.rules.false_discoveries:.0%} false discoveries."
            )
        rest = (
            f" Such pairs in all: {number:,}, at most {self.rules.false_discoveries:.0%} of them by chance."
        )
        return _sentence("yes: " + "; ".join(told), "") + rest

    def hardly(self) -> str:
        """Question c."""
        row = self._one(
            T.STUDENT_ACCESS,
            F.count_if("hardly").alias("n"),
            F.count_if(F.col("hardly") & F.col("left_early")).alias("early"),
            F.count_if(F.col("hardly") & (F.col("accesses") == 1)).alias("once"),
            F.count_if(F.col("accesses") == 0).alias("never"),
            F.count(F.lit(1)).alias("all"),
        )
        told = (
            f"{row['n']:,} of {_many(row['all'], 'student')} accessed it at most {self.rules.hardly} times while their "
            f"class ran, {row['once']:,} of them once, {row['never']:,} not at all; {row['early']:,} were not seen in "
            "the second half"
        )
        groups = self._rows(
            T.GROUP_ACCESS, F.col("measure").startswith("accesses"), F.asc("group"), F.asc("other"), limit=3
        )
        medians = {row["group"]: row["median"] for row in groups} | {
            row["other"]: row["median_other"] for row in groups
        }
        if medians:
            told += ". Accesses per active day (median): "
            told += ", ".join(
                f"{group} {median:.3g}" for group, median in sorted(medians.items(), reverse=True)
            )
            told += "; " + "; ".join(
                f"{row['group']} against {row['other']}: Cliff's delta {row['effect']:+.2f}, {_chance(row['p_value'])}"
                for row in groups
            )
        return _sentence(told, "")

    def suspicious(self) -> str:
        """Question d."""
        alarms = self.lake.read(T.SUSPICIOUS_ACTIVITY).where("level = 'alarm'")
        kinds = (
            alarms.select(F.explode("kinds").alias("kind")).groupBy("kind").count().orderBy("kind").collect()
        )
        notes = self._one(T.SUSPICIOUS_ACTIVITY, F.count_if(F.expr("level = 'note'")).alias("n"))["n"]
        number = alarms.count()
        told = ", ".join(f"{row['count']} {row['kind'].replace('_', ' ')}" for row in kinds)
        worth = "is worth a note" if notes == 1 else "are worth a note"
        who, people = "user or address", "users and addresses"
        if not number:
            return f"Nobody gives reason for an alarm; {_many(notes, who, people)} {worth}."
        give = "gives" if number == 1 else "give"
        more = _many(notes, f"further {who}", f"further {people}")
        return f"Yes: {_many(number, 'user')} {give} reason for an alarm ({told}); {more} {worth}."

    def shutoff(self) -> str:
        """Question e."""
        rows = self.lake.read(T.SHUTOFF).limit(1).collect()
        crossed = F.when(F.expr("crossed_before > 0"), F.col("user"))
        before = self._one(T.CROSSERS, F.count_distinct(crossed).alias("n"))["n"]
        people = _many(before, "user") if before else "nobody"
        if not rows:
            return f"The log holds too little to say: {people} ever went to another program's pages."
        row = rows[0]
        fell = (
            f"on {row['day']} (95 % interval {row['low']} to {row['high']}), from {row['share_before']:.2%} to "
            f"{row['share_after']:.2%} of accesses"
        )
        if not row["is_sharp"]:
            return (
                f"There was no sharp shut-off; the largest fall came {fell}. In the whole log {people} went to another "
                "program's pages."
            )
        late = _many(row["crossers_after"], "user") if row["crossers_after"] else "nobody"
        return (
            f"Access to other programs' pages fell sharply {fell}. Before it {people} crossed; after it {late} still "
            "did."
        )

    def alumni(self) -> str:
        """Question f."""
        rows = self._rows(T.ALUMNI_PAGES, F.col("place") <= 3, F.asc("program"), F.asc("place"), limit=30)  # noqa: PLR2004
        by_program: dict[str, list[str]] = {}
        for row in rows:
            if row["users"] > 1:
                by_program.setdefault(row["program"], []).append(
                    f"{row['page']} ({row['users']:,} graduates, half of it within {row['median_days_after']:.0f} days)"
                )
        told = [
            f"graduates of {program} come back to {', '.join(pages)}" for program, pages in by_program.items()
        ]
        return _sentence("; ".join(told), "No graduate has come back in this log")

    def rare(self) -> str:
        """Question g."""
        row = self._one(
            T.RARE_PAGES,
            F.count_if(F.expr("accesses = 1")).alias("once"),
            *(
                F.count_if((F.col("accesses") == 1) & (F.col("what") == what)).alias(what)
                for what in ("typing_error", "probe", "page", "static")
            ),
        )
        pages = self._rows(
            T.RARE_PAGES,
            F.col("what") == "page",
            F.asc("accesses"),
            F.asc("last_access"),
            F.asc("raw_path"),
            limit=3,
        )
        least = f" Least accessed pages: {', '.join(p['raw_path'] for p in pages)}." if pages else ""
        return (
            f"Paths accessed only once: {row['once']:,}, of which typing errors {row['typing_error']:,}, "
            f"probes {row['probe']:,}, static files {row['static']:,} and pages {row['page']:,}.{least}"
        )

    def else_(self) -> str:
        """Question h."""
        staff = self._one(T.USER_MOVES, F.count_if(F.expr("what = 'to_staff'")).alias("n"))["n"]
        number = self._one(
            T.FINDINGS,
            F.count_if(F.expr("kind = 'outage'")).alias("outages"),
            F.count_if(F.expr("kind = 'id_reused'")).alias("reused"),
            F.max(F.when(F.col("what") == "accesses with an empty cohort", F.col("number"))).alias("empty"),
        )
        days = self._rows(T.FINDINGS, F.col("kind") == "weekday", F.desc("number"), limit=7)
        busiest = f"{days[0]['what']} is the busiest day, {days[-1]['what']} the quietest" if days else ""
        told = [
            f"{_many(staff, 'user')} moved from a cohort to the staff: employed, or filed wrongly",
            self._growth(),
            busiest,
            f"{_many(number['outages'], 'outage')} and {_many(number['reused'], 'id')} used again by somebody else",
            f"accesses without a cohort: {int(number['empty'] or 0):,}",
        ]
        return _sentence("; ".join(text for text in told if text), "")

    def _growth(self) -> str:
        ends = self._one(T.ACCESSES, F.date_add(F.max("day"), 1).alias("day"))["day"]
        if ends is None:
            return ""
        # The month in which the log ends is no whole one, unless it ends with it.
        months = (
            self.lake.read(T.ACTIVITY).where(F.col("month") < F.lit(ends.replace(day=1))).groupBy("month")
            .agg(F.sum("accesses").alias("n")).orderBy(F.desc("month")).limit(2 * _YEAR_MONTHS).collect()
        )  # fmt: skip
        if len(months) < 2 * _YEAR_MONTHS:
            return ""
        last, before = (sum(row["n"] for row in part) for part in (months[:12], months[12:]))
        return (
            f"the twelve whole months up to {months[0]['month']:%B %Y} have {last / before - 1:+.0%} accesses against "
            "the twelve before"
        )

    def most_active(self) -> str:
        """Question i."""
        lessons = self.lake.read(T.LESSON_ACTIVITY)
        page = (
            lessons.groupBy("page")
            .agg(F.sum("accesses").alias("n"))
            .orderBy(F.desc("n"), "page")
            .limit(3)
            .collect()
        )
        cohort = (
            lessons.groupBy("cohort").agg(F.sum("accesses").alias("n"))
            .orderBy(F.desc("n"), "cohort").limit(3).collect()
        )  # fmt: skip
        if not page or not cohort:
            return "No lesson was accessed."
        pages = ", ".join(f"{row['page']} ({row['n']:,})" for row in page)
        cohorts = ", ".join(f"{row['cohort']} ({row['n']:,})" for row in cohort)
        return f"The most active lessons are {pages}; the cohorts most active in lessons are {cohorts}."

    def likely(self) -> str:
        """Question j."""
        row = self._one(
            T.LIKELY_COHORTS,
            F.count_if(F.expr("place = 1")).alias("n"),
            F.count_if((F.col("place") == 1) & (F.col("probability") >= _SURE)).alias("sure"),
        )
        unknown = self._one(
            T.SUSPICIOUS_ACTIVITY, F.count_if(F.array_contains("kinds", "no_cohort")).alias("n")
        )["n"]
        have = "has" if unknown == 1 else "have"
        return (
            f"{_many(unknown, 'user')} {have} no cohort at all; {row['sure']:,} of them can be placed in one with a "
            f"probability of at least {_SURE:.0%}. The data stay as they are."
        )

    def jumped(self) -> str:
        """The counts' view."""
        kinds = (
            self.lake.read(T.COUNT_ANOMALIES).groupBy("entity_kind").agg(F.count_distinct("entity").alias("n"))
            .orderBy("entity_kind").collect()
        )  # fmt: skip
        top = (
            counts.count_jumps(self.lake.read(T.COUNT_ANOMALIES))
            .orderBy(F.desc("more"), "entity")
            .limit(1)
            .collect()
        )
        if not kinds:
            return "Nobody's: no user, address, cohort or page had far more accesses than its own past lets expect."
        told = ", ".join(f"{row['n']:,} {_plural(row['entity_kind'], row['n'])}" for row in kinds)
        when = "on" if self.rules.period == "day" else f"in the {self.rules.period} of"
        least = (
            f" The largest jump is that of {top[0]['entity_kind']} {top[0]['entity']} {when} {top[0]['period']}: "
            f"{top[0]['accesses']:,.0f} accesses where {top[0]['expected']:,.1f} were expected."
            if top
            else ""
        )
        return f"Beyond what their own past lets expect went {told}.{least}"

    def agree(self) -> str:
        """The networks' views beside the counts' and beside each other."""
        views = self.lake.read(T.TWO_VIEWS)
        networks = by_network(views).collect()
        if not networks:
            return "No session was scored, and nobody has a period with far too many accesses."
        named = [row["network"] for row in networks]
        flags = [
            f"the {row['network']} flags {_many(row['flagged_users'], 'user')} ({row['flagged_sessions']:,} of "
            f"{_many(row['sessions'], 'session')} out of sequence)"
            for row in networks
        ]
        as_well = " and ".join(f"{row['both']:,} of them as the {row['network']} does" for row in networks)
        counted = _many(networks[0]["counted_users"], "user")
        told = [
            ", ".join(flags),
            f"the counts flag {counted} for a period with far too many accesses, {as_well}",
        ]
        if len(networks) > 1:
            told.append(
                f"{' and '.join(named)} agree on {_many(networks[0]['agreed_users'], 'user')} and "
                f"{_many(networks[0]['agreed_sessions'] or 0, 'session')}"
            )
        odd = F.bool_or(F.expr("view <> 'neither'"))
        users = views.groupBy("user").agg(odd.alias("odd")).agg(
            F.count_if(~F.col("odd")).alias("calm"), F.count(F.lit(1)).alias("all")
        ).collect()[0]  # fmt: skip
        told.append(f"nothing is odd about {users['calm']:,} of {_many(users['all'], 'user')}")
        return " ".join(_sentence(text, "") for text in told)

    def _rows(self, table: Table, where: Column, *order: Column, limit: int) -> list[Any]:
        return list(self.lake.read(table).where(where).orderBy(*order).limit(limit).collect())

    def _one(self, table: Table, *columns: Column) -> Any:
        return self.lake.read(table).agg(*columns).collect()[0]


def _sentence(text: str, otherwise: str) -> str:
    told = text or otherwise
    return f"{told[0].upper()}{told[1:]}." if told else ""


def _many(number: int, one: str, many: str = "") -> str:
    """`1 user`, `2 users`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def _chance(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"  # noqa: PLR2004


def _plural(word: str, number: int) -> str:
    names = {"ip": ("address", "addresses"), "page": ("page", "pages")}
    one, many = names.get(word, (word, f"{word}s"))
    return one if number == 1 else many
