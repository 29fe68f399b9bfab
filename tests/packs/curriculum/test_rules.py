"""Rules and outputs that can't be meant are refused in one line."""

from __future__ import annotations

import pytest

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.ingest.sources import needed_jars
from offbeat.packs import all_tables
from offbeat.packs.curriculum import tables as T
from offbeat.packs.curriculum.answers import QUESTIONS
from offbeat.packs.curriculum.exhibits import EXHIBITS
from offbeat.packs.curriculum.methods import method_of
from offbeat.packs.curriculum.options import Output
from offbeat.packs.curriculum.presets import STUDY_NAMES
from offbeat.packs.curriculum.recommended import advice
from offbeat.packs.curriculum.rules import Rules


@pytest.mark.parametrize(
    "given,told",
    [
        ({"hardli": 3}, "did you mean hardly"),
        ({"hardly": "few"}, "hardly: can't be 'few'"),
        ({"period": "hour"}, "period: can't be 'hour'"),
        ({"programs": {"one": "x"}}, "programs: can't be"),
        ({"k": -1}, "k: can't be -1"),
        ({"pairs": ["page | color"]}, "pairs: can't be"),
        ({"count_entities": []}, "count_entities: can't be"),
    ],
)
def test_rules_that_cannot_be_are_named(given, told):
    with pytest.raises(UsageError, match=told):
        Rules.of(given)


def test_rules_are_read_in_the_types_of_their_defaults():
    rules = Rules.of({"programs": {"1": "web"}, "k": 3, "count_entities": "user", "hardly": 5})
    assert rules.programs == {1: "web"}
    assert rules.count_entities == ("user",)
    assert (rules.k, rules.hardly, rules.span) == (3.0, 5, 28)


@pytest.mark.parametrize(
    "output,told", [({"preset": "zeros"}, "none of keep"), ({"exports": "x"}, "unknown key exports")]
)
def test_outputs_that_cannot_be_are_named(output, told):
    conf = Config.model_validate({"name": "t", "lake": "./x", "source": [{"path": "x"}], "output": output})
    with pytest.raises(UsageError, match=told):
        Output.of(conf)


def test_every_question_has_an_exhibit_a_method_and_columns_that_its_table_knows():
    assert set(EXHIBITS) == set(QUESTIONS)
    assert all(method_of(letter) for letter in QUESTIONS)
    tables = all_tables()
    assert all(exhibit.table.name in tables for found in EXHIBITS.values() for exhibit in found)
    shown = {exhibit.table.name for found in EXHIBITS.values() for exhibit in found}
    # Every question's table is on the page; of the accesses there are raw rows.
    assert {table.name for table in T.TABLES} - shown == {
        "accesses",
        "curriculum_truth",
        "answers",
        "recommendations",
    }
    names = [c.name for c in tables["suspicious_activity"].columns]
    assert names[:7] == ["entity_kind", "entity", "start", "end", "reasons", "score", "event_ids"]


def test_the_names_of_earlier_studies_lead_to_columns_of_ours():
    wanted = {"endpoint", "path_2", "subdomain", "class_start_date", "class_end_date", "source_ip", "name"}
    assert wanted <= set(STUDY_NAMES)
    assert {ours for ours, _ in STUDY_NAMES.values()} <= set(T.ACCESSES.column_names)


def test_recommendations_in_words_count_pages():
    rows = [
        {"page": "java-i", "action": "offer_download", "users": 5},
        {"page": "spring", "action": "offer_download", "users": 9},
        {"page": "old", "action": "drop", "users": 1},
    ]
    told = advice(rows)
    assert told.startswith(
        "Offer 2 pages that graduates keep coming back to as a download (spring, java-i first); merge or redo no page "
        "seldom used; drop 1 page not opened for a year."
    )


def test_cohorts_by_sql_bring_their_driver_with_them():
    cohorts = {"format": "jdbc", "options": {"url": "jdbc:postgresql://host/school", "dbtable": "cohorts"}}
    conf = Config.model_validate(
        {"name": "t", "lake": "./x", "source": [{"path": "x"}], "lookups": {"cohorts": cohorts}}
    )
    assert [jar.split(":")[1] for jar in needed_jars(conf)] == ["postgresql"]
