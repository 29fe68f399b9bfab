"""The tables of this pack, each declared once."""

from __future__ import annotations

from offbeat.tables.table import Col, Table

_USER = Col("user", "string", "user id, or its pseudonym", null=False)
_COHORT = Col("cohort", "string", "name of the cohort, or Unknown cohort", null=False)
_PROGRAM = Col("program", "string", "name of the cohort's program; null where it is not known")
_PAGE = Col("page", "string", "topic and lesson, numbers and odd characters cleaned off", null=False)
_ACCESSES = Col("accesses", "bigint", "number of accesses", null=False)
_USERS = Col("users", "bigint", "number of different users", null=False)

ACCESSES = Table(
    name="accesses",
    doc="An access to the curriculum, cleaned, with its cohort. Key: event_id.",
    columns=(
        Col("event_id", "string", "row of events", null=False),
        _USER,
        Col("at", "timestamp", "UTC instant", null=False),
        Col("day", "date", "UTC day", null=False),
        Col("hour", "int", "UTC hour, 0 to 23", null=False),
        Col("raw_path", "string", "path as it was logged", null=False),
        _PAGE,
        Col("kind", "string", "lesson, topic, index, search or static", null=False),
        Col("topic", "string", "first part of the page"),
        Col("lesson", "string", "rest of the page; null for a topic's own page"),
        Col("page_programs", "array<string>", "programs that the topic belongs to; null where all share it"),
        Col("cohort_id", "int", "cohort as logged; null where it is empty"),
        _COHORT,
        Col("program_id", "int", "program of the cohort"),
        _PROGRAM,
        Col("class_start", "date", "first day of the cohort; null where it is not known"),
        Col("class_end", "date", "last day of the cohort; null where it is not known"),
        Col("phase", "string", "before, during, after, staff or unknown", null=False),
        Col("ip", "string", "source address, or its pseudonym"),
        Col("network", "string", "first half of the address, or its pseudonym"),
        Col("copy", "int", "1 for the first of equal rows", null=False),
    ),
    key=("event_id",),
    cluster_by=("day", "user"),
    checks={"kind_is_known": "kind IN ('lesson', 'topic', 'index', 'search', 'static')"},
    entity="user",
)

CURRICULUM_TRUTH = Table(
    name="curriculum_truth",
    doc="What was planted in a generated log; only evaluation and tests read it.",
    columns=(
        Col(
            "kind",
            "string",
            "scraper, sharer, dropout, prober, staff_move, hidden_cohort, hot_lesson, …",
            null=False,
        ),
        Col("entity_kind", "string", "user, path, cohort or log", null=False),
        Col("entity", "string", "whom it is planted in", null=False),
        Col("start", "timestamp", "UTC instant of its beginning", null=False),
        Col("end", "timestamp", "UTC instant of its end", null=False),
        Col("detail", "string", "what else there is to know: the lesson, the hidden cohort"),
    ),
    key=("kind", "entity_kind", "entity"),
    entity_if="entity_kind = 'user'",
)

STEADY_LESSONS = Table(
    name="steady_lessons",
    doc="How much and how steadily a program's cohorts use a lesson. Key: program, page.",
    columns=(
        Col("program", "string", "name of the program", null=False),
        _PAGE,
        _ACCESSES,
        _USERS,
        Col("cohorts", "bigint", "cohorts that used it", null=False),
        Col(
            "of_cohorts",
            "bigint",
            "cohorts of the program that were large enough to rank lessons",
            null=False,
        ),
        Col("mean_rank", "double", "mean of its ranks in the cohorts; 1 = most used", null=False),
        Col("rank_spread", "double", "standard deviation of these ranks", null=False),
        Col("worst_rank", "int", "its worst rank", null=False),
        Col(
            "in_top_ten", "double", "share of the cohorts in which it is among the ten most used", null=False
        ),
        Col("place", "int", "place by mean rank; 1 = most used consistently", null=False),
    ),
    key=("program", "page"),
)

LESSON_ACTIVITY = Table(
    name="lesson_activity",
    doc="How much a cohort (without staff) used a lesson, and whether far more than others did. Key: cohort, page.",
    columns=(
        _COHORT,
        _PROGRAM,
        _PAGE,
        _ACCESSES,
        _USERS,
        Col("rank", "int", "rank in the cohort; 1 = most used", null=False),
        Col("share", "double", "share of the cohort's accesses to lessons", null=False),
        Col("expected", "double", "accesses that the program's other cohorts' share would make", null=False),
        Col("ratio", "double", "accesses over expected, both with one added", null=False),
        Col("others_highest", "double", "highest share among the other cohorts of the program"),
        Col("p_value", "double", "chance of so many accesses if nothing were different", null=False),
        Col("q_value", "double", "share of false discoveries among lessons at least as odd", null=False),
        Col("far_more", "boolean", "used far more than others passed over", null=False),
    ),
    key=("cohort", "page"),
    cluster_by=("cohort",),
)

STUDENT_ACCESS = Table(
    name="student_access",
    doc="A student's use of the curriculum while the class ran. Key: user, cohort.",
    columns=(
        _USER,
        _COHORT,
        _PROGRAM,
        Col("accesses", "bigint", "accesses while the class ran", null=False),
        Col("days_active", "bigint", "days with an access", null=False),
        Col("first_access", "timestamp", "UTC instant of the first one in class; null: never seen in it"),
        Col("last_access", "timestamp", "UTC instant of the last one in class; null: never seen in it"),
        Col("course_from", "double", "place in the course of the first access, 0 to 1"),
        Col("course_to", "double", "place in the course of the last access, 0 to 1"),
        Col("accesses_after", "bigint", "accesses after graduation", null=False),
        Col(
            "left_early", "boolean", "no access in the last half of the class that the log holds", null=False
        ),
        Col("hardly", "boolean", "at most as many accesses as the rule says", null=False),
    ),
    key=("user", "cohort"),
    entity="user",
)

GROUP_ACCESS = Table(
    name="group_access",
    doc="How access differs between active students, graduates and staff. Key: measure, group, other.",
    columns=(
        Col("measure", "string", "accesses per active day, or share of active days", null=False),
        Col("group", "string", "students, graduates or staff", null=False),
        Col("other", "string", "the group compared with", null=False),
        Col("n", "bigint", "users in the group", null=False),
        Col("n_other", "bigint", "users in the other", null=False),
        Col("median", "double", "median of the group", null=False),
        Col("median_other", "double", "median of the other", null=False),
        Col("effect", "double", "Cliff's delta: chance of more minus chance of less, -1 to 1", null=False),
        Col("p_value", "double", "Mann-Whitney test, two sides, with ties", null=False),
    ),
    key=("measure", "group", "other"),
)

SUSPICIOUS_ACTIVITY = Table(
    name="suspicious_activity",
    doc="Who doesn't behave as others do, why, and the raw rows. Key: entity_kind, entity.",
    columns=(
        Col("entity_kind", "string", "user or ip", null=False),
        Col("entity", "string", "user id or address, or its pseudonym", null=False),
        Col("start", "timestamp", "UTC instant of the first access that counts", null=False),
        Col("end", "timestamp", "UTC instant of the last", null=False),
        Col("reasons", "array<string>", "every reason, in words, the strongest first", null=False),
        Col("score", "double", "0 to 1; from 0.5 on an alarm, below a note; higher = stranger", null=False),
        Col("event_ids", "array<string>", "rows of events, at most the 500 first of each reason", null=False),
        Col("level", "string", "alarm or note", null=False),
        Col("kinds", "array<string>", "the reasons' short names", null=False),
    ),
    key=("entity_kind", "entity"),
    checks={"score_is_share": "score >= 0 AND score <= 1"},
    entity_if="entity_kind = 'user'",
)

CROSSINGS = Table(
    name="crossings",
    doc="Accesses of students and graduates to the other programs' pages, by day. Key: day.",
    columns=(
        Col("day", "date", "UTC day", null=False),
        _ACCESSES,
        Col("crossed", "bigint", "of these, to pages of another program", null=False),
        Col("crossers", "bigint", "users who crossed", null=False),
    ),
    key=("day",),
)

SHUTOFF = Table(
    name="shutoff",
    doc="When cross-program access fell most, with its interval. One row. Key: day.",
    columns=(
        Col("day", "date", "first day after the change", null=False),
        Col("low", "date", "lower end of the 95 % interval", null=False),
        Col("high", "date", "upper end of the 95 % interval", null=False),
        Col("share_before", "double", "share of accesses that crossed before it", null=False),
        Col("share_after", "double", "share of accesses that crossed from it on", null=False),
        Col("deviance", "double", "twice the gain in log-likelihood over no change", null=False),
        Col("is_sharp", "boolean", "a fall to less than half that chance does not explain", null=False),
        Col("crossers_after", "bigint", "users who crossed from it on", null=False),
    ),
    key=("day",),
)

CROSSERS = Table(
    name="crossers",
    doc="A user who went to another program's pages. Key: user, cohort.",
    columns=(
        _USER,
        _COHORT,
        _PROGRAM,
        Col(
            "crossed_before",
            "bigint",
            "such accesses before the shut-off; all where there was no sharp one",
            null=False,
        ),
        Col("crossed_after", "bigint", "such accesses from it on", null=False),
        Col("last_crossed", "timestamp", "UTC instant of the last one", null=False),
    ),
    key=("user", "cohort"),
    entity="user",
)

ALUMNI_PAGES = Table(
    name="alumni_pages",
    doc="What graduates keep referring to. Key: program, page.",
    columns=(
        Col("program", "string", "name of the program", null=False),
        _PAGE,
        _ACCESSES,
        _USERS,
        Col("median_days_after", "double", "median of days after the class's end", null=False),
        Col("late_days_after", "double", "nine in ten accesses come within so many days", null=False),
        Col("place", "int", "place in its program by users", null=False),
    ),
    key=("program", "page"),
)

RARE_PAGES = Table(
    name="rare_pages",
    doc="Paths that are hardly accessed: seldom used pages, typing errors, probes. Key: raw_path.",
    columns=(
        Col("raw_path", "string", "path as it was logged", null=False),
        _PAGE,
        _ACCESSES,
        _USERS,
        Col("last_access", "timestamp", "UTC instant of the last access", null=False),
        Col("what", "string", "page, typing_error, probe or static", null=False),
        Col("near", "string", "the path that was meant by a typing error"),
    ),
    key=("raw_path",),
)

USER_MOVES = Table(
    name="user_moves",
    doc="A user found in more than one cohort. Key: user, to_cohort.",
    columns=(
        _USER,
        Col("from_cohort", "string", "cohort before", null=False),
        Col("to_cohort", "string", "cohort after", null=False),
        Col("moved", "timestamp", "UTC instant of the first access with the later one", null=False),
        Col("what", "string", "to_staff, to_later_class, to_other_program or overlapping", null=False),
        Col("gap_days", "double", "days between the last access before and the first after", null=False),
    ),
    key=("user", "to_cohort"),
    entity="user",
)

ACTIVITY = Table(
    name="activity",
    doc="Accesses and users by month and program. Key: month, program.",
    columns=(
        Col("month", "date", "first day of the month", null=False),
        Col("program", "string", "name of the program, Staff or Unknown cohort", null=False),
        _ACCESSES,
        _USERS,
        Col("classes_started", "bigint", "cohorts of it that started in the month", null=False),
    ),
    key=("month", "program"),
)

FINDINGS = Table(
    name="findings",
    doc="What else the log says: outages, programs, classes per year, bad data. Key: kind, what.",
    columns=(
        Col(
            "kind",
            "string",
            "outage, program, classes_per_year, weekday, month, id_reused or bad_data",
            null=False,
        ),
        Col("what", "string", "which", null=False),
        Col("number", "double", "how many, or how long in hours", null=False),
        Col("note", "string", "in words", null=False),
    ),
    key=("kind", "what"),
)

LIKELY_COHORTS = Table(
    name="likely_cohorts",
    doc="A likely cohort of a user without one; never written over the data. Key: user, cohort.",
    columns=(
        _USER,
        _COHORT,
        Col("probability", "double", "probability that it is this one, 0 to 1", null=False),
        Col("place", "int", "1 = the likeliest", null=False),
        Col(
            "shared_ips",
            "bigint",
            "addresses shared with few others that members of the cohort use",
            null=False,
        ),
        Col("same_day_pages", "bigint", "pages opened on a day on which members opened them too", null=False),
        Col("evidence", "string", "in words", null=False),
        Col("accesses", "bigint", "accesses that this rests on", null=False),
    ),
    key=("user", "cohort"),
    entity="user",
)

COUNT_ANOMALIES = Table(
    name="count_anomalies",
    doc="A period in which an entity had far more accesses than its own past lets expect. Key: all but figures.",
    columns=(
        Col("entity_kind", "string", "user, ip, cohort or page", null=False),
        Col("entity", "string", "which", null=False),
        Col("period", "date", "first day of the period", null=False),
        Col("method", "string", "bollinger, ewma or stl", null=False),
        Col("accesses", "double", "accesses in the period", null=False),
        Col("expected", "double", "middle band, from earlier periods alone", null=False),
        Col("upper", "double", "upper band: expected + k deviations", null=False),
        Col("lower", "double", "lower band", null=False),
        Col("pct_b", "double", "place between the bands: 0 lower, 1 upper; above 1 is outside"),
        Col("p_value", "double", "chance of so many, given the past", null=False),
        Col(
            "q_value",
            "double",
            "Benjamini-Hochberg across the entities of one kind, in one period and by one method",
            null=False,
        ),
    ),
    key=("entity_kind", "entity", "period", "method"),
    entity_if="entity_kind = 'user'",
)

RARE_VALUES = Table(
    name="rare_values",
    doc="Discrete anomalies: values that are seldom, alone or in their group. Key: pair, value, given.",
    columns=(
        Col("pair", "string", "columns: value, or value | group", null=False),
        Col("value", "string", "the value", null=False),
        Col("given", "string", "the group's value; empty where there is none", null=False),
        _ACCESSES,
        Col("p_value_alone", "double", "P(value), smoothed", null=False),
        Col("p_given", "double", "P(value | group), smoothed; P(value) where there is no group", null=False),
        Col("lift", "double", "P(value | group) / P(value)", null=False),
    ),
    key=("pair", "value", "given"),
)

TWO_VIEWS = Table(
    name="two_views",
    doc="Users as each network and as the counts see them. Key: user, detector.",
    columns=(
        _USER,
        _COHORT,
        Col("sessions", "bigint", "sessions scored", null=False),
        Col("flagged_sessions", "bigint", "sessions out of sequence", null=False),
        Col("highest_percentile", "double", "percentile of the strangest session; null: none was scored"),
        Col("odd_lesson", "string", "what came out of sequence in the strangest flagged session"),
        Col("odd_periods", "bigint", "periods above what the user's past lets expect", null=False),
        Col("view", "string", "both, sequences, counts or neither", null=False),
        Col(
            "detector",
            "string",
            "whose view of the sequences: lstm, gru …; null: made before there were several",
        ),
        Col(
            "agreed_sessions",
            "bigint",
            "sessions that every detector flags; null: none was scored, or by one alone",
        ),
    ),
    key=("user", "detector"),
    entity="user",
)

ANSWERS = Table(
    name="answers",
    doc="The answer to each question, as a sentence computed from its table. Key: question.",
    columns=(
        Col("question", "string", "letter of the question", null=False),
        Col("title", "string", "the question", null=False),
        Col("answer", "string", "the answer", null=False),
        Col("table", "string", "table that it is computed from", null=False),
    ),
    key=("question",),
)

RECOMMENDATIONS = Table(
    name="recommendations",
    doc="What to do with a page, computed from the tables. Key: page, action.",
    columns=(
        _PAGE,
        Col("action", "string", "offer_download, merge_or_redo or drop", null=False),
        _ACCESSES,
        _USERS,
        Col("why", "string", "in words", null=False),
    ),
    key=("page", "action"),
)

TABLES = (
    ACCESSES, CURRICULUM_TRUTH, STEADY_LESSONS, LESSON_ACTIVITY, STUDENT_ACCESS, GROUP_ACCESS, SUSPICIOUS_ACTIVITY,
    CROSSINGS, SHUTOFF, CROSSERS, ALUMNI_PAGES, RARE_PAGES, USER_MOVES, ACTIVITY, FINDINGS, LIKELY_COHORTS,
    COUNT_ANOMALIES, RARE_VALUES, TWO_VIEWS, ANSWERS, RECOMMENDATIONS,
)  # fmt: skip
