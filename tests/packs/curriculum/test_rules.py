"""Rules and outputs that can't be meant are refused in one line."""

from __future__ import annotations

import pytest

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.packs import all_tables
from offbeat.packs.curriculum.answers import QUESTIONS
from offbeat.packs.curriculum.exhibits import EXHIBITS
from offbeat.packs.curriculum.methods import method_of
from offbeat.packs.curriculum.options import Output
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
    assert all(exhibit.table.name in tables for exhibit in EXHIBITS.values())
    names = [c.name for c in tables["suspicious_activity"].columns]
    assert names[:7] == ["entity_kind", "entity", "start", "end", "reasons", "score", "event_ids"]
