"""From events to accesses, by rows written by hand; presets; pseudonyms."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac

import pytest
from pyspark.sql import functions as F

from offbeat.config import Source
from offbeat.errors import UsageError
from offbeat.ingest.contract import apply
from offbeat.ingest.formats.pattern import parse
from offbeat.ingest.pseudonyms import KEY
from offbeat.packs.curriculum.prepare import CleanEvents, clean_cohorts, prepare_accesses
from offbeat.packs.curriculum.presets import flat
from offbeat.packs.curriculum.rules import Rules

pytestmark = pytest.mark.spark
RULES = Rules(programs={2: "web", 3: "data"})
TIME = r"(?P<event_time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)"
PATTERN = TIME + r" (?P<path>\S*) (?P<user_id>\S*) (?P<cohort_id>\S*) (?P<ip>\S*)"
SOURCE = Source.model_validate(
    {
        "format": "text",
        "path": "x",
        "pattern": PATTERN,
        "columns": {
            "entity": "user_id",
            "time": "event_time",
            "event": "path",
            "covariates": ["cohort_id", "ip"],
        },
    }
)
LINES = [
    "2020-01-06 09:00:00 1-fundamentals/1.1-Intro-to-data-science 7 34 10.1.2.3",
    "2020-01-06 09:00:00 1-fundamentals/timeline.JPG 7 34 10.1.2.3",
    "2020-01-07 10:00:00 / 7 34 10.1.2.3",
    "2020-06-01 10:00:00 java-i 8 22.0 10.9.9.9",
    "2018-01-01 10:00:00 java-i/loops/ 9  10.9.9.8",
    "2019-02-01 10:00:00 search/search_index.json 9 999 10.9.9.8",
    "2019-02-01 10:00:00  9 34 10.9.9.8",
    "no line of a log",
]
COHORTS = [
    ("34", "Bayes", "2019-08-19", "2020-01-30", "3"),
    ("22", "Teddy", "2018-01-08", "2018-05-17 00:00:00", "2"),
    ("28", "Staff", "2014-02-04", "NULL", "2"),
    ("22", "Teddy again", "2018-01-08", "2018-05-17", "2"),
]
NEWEST = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


def contract_rows(spark, source):
    rows = spark.createDataFrame([(line, "log.txt") for line in LINES], "raw string, source_file string")
    return apply(parse(rows, source), source, newest=NEWEST).withColumn(
        "event_id", F.xxhash64("raw", "event", "entity").cast("string")
    )


@pytest.fixture(scope="module")
def accesses(spark):
    cohorts = clean_cohorts(
        spark.createDataFrame(
            COHORTS, "id string, name string, start_date string, end_date string, program_id string"
        ),
        RULES,
    )
    events = contract_rows(spark, SOURCE).where(F.size("reasons") == 0)
    return prepare_accesses(CleanEvents().apply(events), cohorts, RULES).persist()


def test_paths_are_cleaned_and_parted_and_cohorts_joined(accesses):
    names = (
        "raw_path",
        "page",
        "kind",
        "topic",
        "lesson",
        "cohort_id",
        "cohort",
        "program",
        "phase",
        "network",
    )
    rows = {tuple(row) for row in accesses.select(*names).collect()}
    bayes = (34, "Bayes", "data", "during", "10.1")
    assert rows == {
        ("1-fundamentals/1.1-Intro-to-data-science", "fundamentals/intro-to-data-science", "lesson", "fundamentals",
         "intro-to-data-science", *bayes),
        ("1-fundamentals/timeline.JPG", "fundamentals/timeline.jpg", "static", "fundamentals", "timeline.jpg", *bayes),
        ("/", "/", "index", None, None, *bayes),
        ("java-i", "java-i", "topic", "java-i", None, 22, "Teddy", "web", "after", "10.9"),
        ("java-i/loops/", "java-i/loops", "lesson", "java-i", "loops", None, "Unknown cohort", None, "unknown", "10.9"),
        ("search/search_index.json", "search/search_index.json", "search", "search", "search_index.json", 999,
         "Unknown cohort", None, "unknown", "10.9"),
    }  # fmt: skip


def test_events_are_pages_and_their_paths_stay(spark):
    rows = spark.createDataFrame(
        [
            ("1-Fundamentals/x", {"ip": "a"}),
            ("fundamentals/x/", {"path": "of the log"}),
            ("a/b.SVG", None),
            (None, None),
        ],
        "event string, covariates map<string,string>",
    )
    assert [tuple(row) for row in CleanEvents().apply(rows).collect()] == [
        ("fundamentals/x", {"ip": "a", "path": "1-Fundamentals/x"}),
        ("fundamentals/x", {"path": "fundamentals/x/"}),
        ("static file", {"path": "a/b.SVG"}),
        (None, None),
    ]


def test_an_empty_cohort_leaves_the_address_where_it_is(accesses):
    row = accesses.where("raw_path = 'java-i/loops/'").first()
    assert (row["ip"], row["cohort_id"], row["class_start"]) == ("10.9.9.8", None, None)


def test_presets_keep_fill_or_drop_what_is_missing(accesses):
    assert flat(accesses, "keep").where("class_start IS NULL").count() == 2
    filled = flat(accesses, "fill").where("cohort = 'Unknown cohort'")
    row = (
        filled.where("raw_path = 'java-i/loops/'")
        .select("cohort_id", "program_id", "class_start", "class_end")
        .first()
    )
    assert tuple(row) == (0, 0, dt.date(2000, 1, 1), dt.date(2000, 1, 1))
    dropped = flat(accesses, "drop")
    assert dropped.count() == 4
    assert dict(dropped.dtypes)["page_programs"] == "string"
    with pytest.raises(UsageError, match="none of keep, fill, drop"):
        flat(accesses, "zeros")


def test_pseudonyms_hide_users_and_addresses_and_keep_who_is_the_same(spark, monkeypatch):
    key = "0123456789abcdef-secret"
    monkeypatch.setenv(KEY, key)
    source = SOURCE.model_copy(update={"pseudonyms": ("user_id", "ip")})
    rows = contract_rows(spark, source).collect()
    digest = hmac.new(key.encode(), b"7", hashlib.sha256).hexdigest()
    sevens = [row for row in rows if row["entity"] == f"p_{digest[:16]}"]
    assert len(sevens) == 3
    network = hmac.new(key.encode(), b"10.1", hashlib.sha256).hexdigest()[:8]
    address = hmac.new(key.encode(), b"10.1.2.3", hashlib.sha256).hexdigest()[:16]
    assert {row["covariates"]["ip"] for row in sevens} == {f"p_{network}_{address}"}
    assert {row["covariates"]["cohort_id"] for row in sevens} == {"34"}
    refused = [row for row in rows if row["reasons"]]
    assert sorted(row["reasons"] for row in refused) == [["malformed_row"], ["null_event"]]
    text = " ".join(row["raw"] for row in refused)
    assert "10.9.9.8" not in text
    assert "no line" not in text


@pytest.mark.parametrize("key", [None, "short"])
def test_pseudonyms_without_a_key_are_refused(spark, monkeypatch, key):
    monkeypatch.delenv(KEY, raising=False)
    if key:
        monkeypatch.setenv(KEY, key)
    source = SOURCE.model_copy(update={"pseudonyms": ("user_id",)})
    with pytest.raises(UsageError, match=f"export {KEY}"):
        contract_rows(spark, source)
