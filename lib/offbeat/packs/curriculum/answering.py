"""All questions in their order: each from the prepared accesses into its table."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping

from pyspark.sql import DataFrame

from offbeat.packs.curriculum import tables as T
from offbeat.packs.curriculum.answers import Teller
from offbeat.packs.curriculum.questions import (
    counts,
    crossing,
    findings,
    kept,
    lessons,
    likely,
    rare,
    students,
    suspicious,
    views,
)
from offbeat.packs.curriculum.recommended import recommendations
from offbeat.packs.curriculum.rules import Rules
from offbeat.spark import keep, let_go
from offbeat.tables import Lake, Table
from offbeat.tables.contract import ANOMALIES, INGESTED, SESSION_SCORES, SESSIONS

log = logging.getLogger(__name__)

Made = tuple[Table, Callable[[], DataFrame]]


class Answering:
    """Answers the questions of one lake.

    Args:
        cohorts: as `prepare.clean_cohorts` gives them.
        detectors: by model version, whose views of the sequences are set beside the counts'.
    """

    def __init__(self, lake: Lake, cohorts: DataFrame, rules: Rules, detectors: Mapping[str, str]) -> None:
        self.lake, self.cohorts, self.rules, self.detectors = lake, cohorts, rules, detectors

    def write(self) -> dict[str, int]:
        """Write every question's table; gives the number of rows of each."""
        accesses = keep(self.lake.read(T.ACCESSES))
        written = {}
        try:
            for table, make in self._tables(accesses):
                began = time.monotonic()
                self.lake.overwrite(table, make())
                kept.let_go()
                written[table.name] = self.lake.read(table).count()
                log.info("%s: %d rows in %.1f s", table.name, written[table.name], time.monotonic() - began)
            told = Teller(self.lake, self.rules).answers()
            self.lake.overwrite(T.ANSWERS, self.lake.spark.createDataFrame(told, T.ANSWERS.schema))
        finally:
            kept.let_go()
            let_go(accesses)
        return written

    def _tables(self, accesses: DataFrame) -> Iterator[Made]:
        rules, read = self.rules, self.lake.read
        yield T.LESSON_ACTIVITY, lambda: lessons.lesson_activity(accesses, rules)
        yield T.STEADY_LESSONS, lambda: lessons.steady_lessons(read(T.LESSON_ACTIVITY), rules)
        yield T.STUDENT_ACCESS, lambda: students.student_access(accesses, rules)
        yield T.GROUP_ACCESS, lambda: students.group_access(accesses)
        yield T.CROSSINGS, lambda: crossing.crossings(accesses)
        found = keep(crossing.shutoff(read(T.CROSSINGS)))  # one row
        yield T.CROSSERS, lambda: crossing.crossers(accesses, found)
        yield T.SHUTOFF, lambda: crossing.add_crossers_after(found, read(T.CROSSERS))
        yield T.SUSPICIOUS_ACTIVITY, lambda: suspicious.suspicious_activity(accesses, found, rules)
        yield T.ALUMNI_PAGES, lambda: lessons.alumni_pages(accesses)
        yield T.RARE_PAGES, lambda: rare.rare_pages(accesses, rules)
        yield T.USER_MOVES, lambda: students.user_moves(accesses, rules)
        yield T.ACTIVITY, lambda: findings.activity(accesses, self.cohorts, rules)
        yield T.FINDINGS, lambda: findings.findings(accesses, self.cohorts, read(INGESTED), rules)
        yield T.LIKELY_COHORTS, lambda: likely.likely_cohorts(accesses, rules)
        yield T.COUNT_ANOMALIES, lambda: counts.count_anomalies(counts.series(accesses, rules), rules)
        yield T.RARE_VALUES, lambda: counts.rare_values(accesses, rules)
        yield T.RECOMMENDATIONS, lambda: recommendations(accesses, read(T.ALUMNI_PAGES), read(T.RARE_PAGES))
        if self.lake.exists(SESSION_SCORES):
            yield T.TWO_VIEWS, lambda: self._two_views(accesses)

    def _two_views(self, accesses: DataFrame) -> DataFrame:
        return views.two_views(
            accesses,
            self.lake.read(SESSIONS),
            self.lake.read(SESSION_SCORES),
            self.lake.read(ANOMALIES),
            self.lake.read(T.COUNT_ANOMALIES),
            detectors=self.detectors,
        )
