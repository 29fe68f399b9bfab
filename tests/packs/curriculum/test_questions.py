"""Questions on rows written by hand, several in one look at them."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pytest
from pyspark.sql import functions as F

from offbeat.packs.curriculum import tables as T
from offbeat.packs.curriculum.answers import Teller
from offbeat.packs.curriculum.exhibits import EXHIBITS
from offbeat.packs.curriculum.questions import (
    counts,
    crossing,
    findings,
    lessons,
    rare,
    students,
    suspicious,
    views,
)
from offbeat.packs.curriculum.questions.discoveries import add_q_value
from offbeat.packs.curriculum.recommended import recommendations
from offbeat.packs.curriculum.rules import Rules

pytestmark = pytest.mark.spark
RULES = Rules()
START = dt.datetime(2020, 1, 6, 9, tzinfo=dt.timezone.utc)
WEB = {
    "cohort_id": 1,
    "cohort": "Ada",
    "program": "web",
    "class_start": dt.date(2020, 1, 1),
    "class_end": dt.date(2020, 3, 1),
}
STAFF = {"cohort_id": 28, "cohort": "Staff", "program": "web", "phase": "staff"}


def access(number, user, at, path="html/forms", **more):
    topic, _, lesson = path.partition("/")
    row = {
        "event_id": f"{number:06d}", "user": user, "at": at, "day": at.date(), "hour": at.hour, "raw_path": path,
        "page": path, "kind": "lesson", "topic": topic, "lesson": lesson or None, "cohort": "Unknown cohort",
        "phase": "during", "ip": "10.1.0.1", "network": "10.1", "copy": 1, **more,
    }  # fmt: skip
    return tuple(row.get(name) for name in T.ACCESSES.column_names)


def frame(spark, rows):
    return spark.createDataFrame(rows, T.ACCESSES.schema)


def after(**since):
    return START + dt.timedelta(**since)


def test_the_students_who_were_never_in_class_are_told_and_pictures_count_for_nothing(spark):
    rows = [access(n, "reader", after(days=n), **WEB) for n in range(20)]
    rows += [access(100 + n, "pictures", after(days=n), kind="static", **WEB) for n in range(20)]
    rows += [
        access(200, "late", after(days=80), **WEB | {"phase": "after"}),
        access(300, "boss", after(days=1), **STAFF),
    ]
    found = {row["user"]: row for row in students.student_access(frame(spark, rows), RULES).collect()}
    assert {user: (row["accesses"], row["hardly"]) for user, row in found.items()} == {
        "reader": (20, False), "pictures": (0, True), "late": (0, True),
    }  # fmt: skip
    assert (found["late"]["accesses_after"], found["late"]["first_access"], found["late"]["left_early"]) == (
        1,
        None,
        True,
    )
    activity = lessons.lesson_activity(frame(spark, rows), RULES)
    shown = EXHIBITS["b"][0].select(activity).select("far_more")
    assert {row["cohort"] for row in activity.collect()} == {"Ada"}  # no staff
    assert all(row["far_more"] for row in shown.collect())


def test_travel_and_addresses_at_once_are_looked_at_in_everybody(spark):
    # Three changes of network within a minute each, never back: no shared account.
    rows = [
        access(n, "traveller", after(seconds=30 * n), network=f"9.{n}", ip=f"9.{n}.0.1") for n in range(4)
    ]
    # To and fro on one day alone: several addresses at once, no shared account.
    rows += [access(100 + n, "two", after(minutes=2 * n), ip=f"10.1.0.{n % 2}") for n in range(9)]
    # In another program's pages: three lessons after the shut-off, one before, and a picture.
    web = {"page_programs": ["data"], **WEB}
    times = [after(days=1), after(days=40), after(days=41), after(days=42), after(days=50)]
    rows += [
        access(200 + n, "crosser", at, kind="static" if n == 4 else "lesson", **web)
        for n, at in enumerate(times)
    ]
    shut = [(dt.date(2020, 2, 1), True)]
    accesses = frame(spark, rows)
    found = suspicious.suspicious_activity(
        accesses, spark.createDataFrame(shut, "day date, is_sharp boolean"), RULES
    )
    users = {row["entity"]: row for row in found.where("entity_kind = 'user'").collect()}
    assert {user: set(row["kinds"]) - {"no_cohort"} for user, row in users.items()} == {
        "traveller": {"impossible_travel"}, "two": {"several_ips"}, "crosser": {"other_program"},
    }  # fmt: skip
    assert {row["level"] for row in users.values()} == {"note"}
    late = users["crosser"]
    assert (late["event_ids"], late["reasons"]) == (
        ["000201", "000202", "000203"], ["in another program: 3 accesses to its pages after the shut-off"],
    )  # fmt: skip
    dull = spark.createDataFrame([(dt.date(2020, 2, 1), False)], "day date, is_sharp boolean")
    people = crossing.crossers(accesses, dull).collect()
    assert [(row["crossed_before"], row["crossed_after"]) for row in people] == [(4, 0)]


def test_a_slip_of_the_pen_is_told_from_a_page_and_a_number(spark):
    often = {"java-ii/loops": 40, "java-ii/arrays": 2, "java-iii/loops": 1, "1.1-intro": 30, "1.2-intro": 1}
    once = ["java-ii/lops", "jvaa-ii/arrays", "java-ii/arrasy", "wp-admin/x", "sql/joins"]
    paths = [path for path, n in {**often, **dict.fromkeys(once, 1)}.items() for _ in range(n)]
    rows = [access(n, f"u{n % 3}", after(hours=n), path) for n, path in enumerate(paths)]
    rows += [access(900, "u9", after(hours=1), "sql/other")]
    found = {
        row["raw_path"]: (row["what"], row["near"])
        for row in rare.rare_pages(frame(spark, rows), RULES).collect()
    }
    assert found["java-ii/lops"] == ("typing_error", "java-ii/loops")
    assert found["java-ii/arrasy"] == ("typing_error", "java-ii/arrays")
    assert found["jvaa-ii/arrays"] == ("typing_error", "java-ii/arrays")
    assert found["wp-admin/x"][0] == "probe"
    assert found["sql/joins"] == ("page", None)
    assert found["java-iii/loops"][1] is None
    assert found["1.2-intro"][1] is None


def test_q_values_are_those_of_scipy(spark):
    from scipy.stats import false_discovery_control

    p = np.round(np.random.default_rng(0).uniform(0, 1, 40) ** 3, 3)  # some are equal
    rows = spark.createDataFrame(
        [(str(n % 2), float(value)) for n, value in enumerate(p)], "family string, p_value double"
    )
    found = add_q_value(rows, "family").toPandas()
    for family in ("0", "1"):
        mine = found[found["family"] == family].sort_values("p_value")
        wanted = false_discovery_control(mine["p_value"].to_numpy())
        small = mine["p_value"].to_numpy() <= 0.2
        np.testing.assert_allclose(mine["q_value"].to_numpy()[small], wanted[small])
        assert (mine["q_value"].to_numpy()[~small] == 1).all()


def test_later_days_change_no_earlier_anomaly(spark):
    rows = [
        (kind, f"{kind}{n}", day, 1 + (day * 7 + n) % 3 + 60 * (day == 20 and n == 0))
        for kind in ("user", "cohort") for n in range(3) for day in range(45)
    ]  # fmt: skip
    every = spark.createDataFrame(rows, "entity_kind string, entity string, number int, n bigint")
    columns = [
        "entity_kind",
        "entity",
        "period",
        "method",
        "accesses",
        "expected",
        "upper",
        "p_value",
        "q_value",
    ]
    early, late = (
        counts.count_anomalies(counts.series_of(part), RULES).select(*columns).toPandas()
        for part in (every.where("number < 30"), every)
    )
    end = dt.date(1970, 1, 31)
    assert len(early) >= 4  # two series by two methods, and the cohort's third
    late = late[late["period"] < end]
    early, late = (part.sort_values(columns[:4], ignore_index=True) for part in (early, late))
    assert early.equals(late)
    jumps = counts.count_jumps(spark.createDataFrame(early.assign(pct_b=2.0, lower=0.0))).collect()
    assert len(jumps) == len({(row["entity"], row["period"]) for row in jumps})
    assert {row["methods"] for row in jumps} >= {"bollinger, ewma"}


def test_what_is_seldom_in_its_group(spark):
    rows = [access(n, "u", after(hours=n), ip="a" if n else "b") for n in range(9)]
    found = (
        counts.rare_values(frame(spark, rows), Rules(pairs=("ip", "ip | user")))
        .orderBy("pair", "p_given")
        .collect()
    )
    assert [(row["pair"], row["value"], row["given"], row["accesses"]) for row in found] == [
        ("ip", "b", "", 1), ("ip", "a", "", 8), ("ip | user", "b", "u", 1), ("ip | user", "a", "u", 8),
    ]  # fmt: skip
    np.testing.assert_allclose([found[0]["p_given"], found[3]["p_given"]], [1.5 / 10, 8.5 / 10])


def test_outages_ids_used_again_and_rows_read_twice(spark):
    hours = [n for n in range(24 * 63) if n % 24 < 10 and not 24 * 30 <= n < 24 * 30 + 5]
    rows = [access(10 * n + u, f"u{u}", after(hours=n - 9), **WEB) for n in hours for u in range(5)]
    other = {"network": "2.2", **WEB, "cohort": "Bell", "cohort_id": 2}
    rows += [access(900_000, "old", after(), network="1.1", **WEB)]
    rows += [access(900_001, "old", after(days=300), **other)]
    accesses = frame(spark, rows)
    cohorts = accesses.select("cohort_id", "cohort", "program", "class_start").distinct()
    first = ("q", "q", 7, 1, START)
    ingested = spark.createDataFrame(
        [first, ("q", "q", 500, 1, after(days=1))],
        "source string, source_file string, duplicates bigint, quarantined bigint, taken_at timestamp",
    )
    found = findings.findings(accesses, cohorts, ingested, RULES).collect()
    by_kind = {
        kind: [(r["what"], r["number"]) for r in found if r["kind"] == kind]
        for kind in ("outage", "id_reused", "bad_data")
    }
    assert by_kind["outage"] == [("2020-02-05 00:00", 5.0)]
    assert by_kind["id_reused"] == [("old / Bell", 300.0)]
    assert ("rows written twice", 7.0) in by_kind["bad_data"]
    assert ("rows without path, user or time", 1.0) in by_kind["bad_data"]


def test_a_page_gets_one_recommendation(spark):
    rows = [access(n, f"u{n}", after(days=n), "java-i/old") for n in range(3)] + [
        access(9, "u", after(days=500), "x/y")
    ]
    accesses = frame(spark, rows)
    alumni = spark.createDataFrame([("web", "java-i/old", 3, 3, 1.0, 2.0, 1)], T.ALUMNI_PAGES.schema)
    found = recommendations(accesses, alumni, rare.rare_pages(accesses, RULES)).collect()
    assert [(row["page"], row["action"]) for row in found if row["page"] == "java-i/old"] == [
        ("java-i/old", "offer_download")
    ]


def test_networks_and_counts_beside_each_other(spark):
    accesses = frame(spark, [access(1, "scored", after(), **WEB), access(2, "counted", after(), **WEB)])
    sessions = spark.createDataFrame([("s", "scored"), ("t", "scored")], "session_id string, entity string")
    scores = spark.createDataFrame(
        [("s", "L", 99.5, "anomalous"), ("t", "L", 99.0, "anomalous"), ("s", "G", 99.9, "unknown_event"),
         ("t", "G", 50.0, "normal"), ("t", "earlier", 100.0, "anomalous")],
        "session_id string, model_version string, percentile float, verdict string",
    )  # fmt: skip
    anomalies = spark.createDataFrame(
        [("scored", "L", [("html/forms",)], 3.0, "s"), ("scored", "earlier", [("css",)], 9.0, "t")],
        "entity string, model_version string, actual array<struct<event:string>>, score float, session_id string",
    )
    odd = accesses.select(
        F.lit("user").alias("entity_kind"), F.lit("counted").alias("entity"), F.col("day").alias("period")
    ).distinct()
    made = views.two_views(
        accesses, sessions, scores, anomalies, odd, detectors={"L": "lstm", "G": "gru"}
    ).select(*T.TWO_VIEWS.schema.names)
    rows = spark.createDataFrame(made.collect(), T.TWO_VIEWS.schema)
    columns = (
        "user",
        "detector",
        "view",
        "sessions",
        "flagged_sessions",
        "agreed_sessions",
        "odd_lesson",
        "cohort",
    )
    assert {tuple(row) for row in rows.select(*columns).collect()} == {
        ("scored", "lstm", "sequences", 2, 2, 1, "html/forms", "Ada"),
        ("scored", "gru", "sequences", 2, 1, 1, None, "Ada"),
        ("counted", "lstm", "counts", 0, 0, None, None, "Ada"),
        ("counted", "gru", "counts", 0, 0, None, None, "Ada"),
    }
    users, networks = (exhibit.rows(lambda _: rows).collect() for exhibit in EXHIBITS["l"])
    told = {row["user"]: (row["seen_by"], row["flagged_sessions"], row["odd_lesson"]) for row in users}
    assert told == {"scored": ("LSTM, GRU", 2, "html/forms"), "counted": ("counts", 0, None)}
    assert [(row["network"], row["flagged_sessions"], row["agreed_users"]) for row in networks] == [
        ("LSTM", 2, 1), ("GRU", 1, 1),
    ]  # fmt: skip
    assert Teller(SimpleNamespace(read=lambda _: rows), RULES).agree() == (
        "The LSTM flags 1 user (2 of 2 sessions out of sequence), the GRU flags 1 user (1 of 2 sessions out of "
        "sequence). The counts flag 1 user for a period with far too many accesses, 0 of them as the LSTM does and "
        "0 of them as the GRU does. LSTM and GRU agree on 1 user and 1 session. Nothing is odd about 0 of 2 users."
    )


@pytest.mark.parametrize("hits, of", [(3, 281), (0, 50), (400, 20_000), (7, 7)])
def test_what_a_share_surely_is_as_statsmodels_has_it(spark, hits, of):
    from statsmodels.stats.proportion import proportion_confint

    found = spark.range(1).select(lessons._surely_above(F.lit(hits), F.lit(of)).alias("low")).first()["low"]
    assert found == pytest.approx(proportion_confint(hits, of, method="wilson")[0], abs=1e-5)
