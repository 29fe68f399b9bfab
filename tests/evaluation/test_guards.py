"""Every leak that the rules of evidence name, planted: each stops an evaluation with exit status 4."""

from __future__ import annotations

import pytest

from offbeat.config import Config
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import GuardFailed
from offbeat.evaluation import guards
from offbeat.training.split import SplitRule

pytestmark = pytest.mark.spark
SCHEMA = "session_id string, entity string, events array<string>, covariates map<string,string>, label int, part string"
ENTITY = SplitRule("entity", 0.2, 0)


def config(**more):
    columns = {"covariates": ["title", "campaign"]}
    given = {"name": "leaky", "lake": "/nowhere/", "source": [{"path": "x.csv", "columns": columns}]}
    return Config.model_validate(given | more)


@pytest.fixture(scope="module")
def sessions(spark):
    """Sixty sessions: entities and titles keep to their side, campaign is there or not by chance."""
    rows = [
        (
            f"s{at}",
            f"e{at}",
            ["start", "stop"],
            {"title": f"{'old' if at < 30 else 'new'} {at % 3}"} | ({"campaign": "x"} if at % 3 else {}),
            int(at % 4 == 0),
            "train" if at < 30 else "test",
        )
        for at in range(60)
    ]
    return spark.createDataFrame(rows, SCHEMA).cache()


def with_row(sessions, *row):
    return sessions.unionByName(sessions.sparkSession.createDataFrame([row], SCHEMA))


def leaks(call, *args):
    with pytest.raises(GuardFailed) as caught:
        call(*args)
    assert caught.value.exit_status == 4
    return str(caught.value)


def test_a_clean_log_passes(sessions):
    conf = config(evaluate={"one_side": ["title"], "known_after": {"refund": "a month later"}})
    guards.assert_split_clean(sessions, conf, ENTITY)
    guards.assert_features_clean(sessions, conf)
    guards.assert_vocabulary_clean(sessions, Vocabulary.fit({"start": 1, "stop": 1}), ["start"])


def test_a_session_an_entity_or_a_title_on_two_sides(sessions):
    twice = with_row(sessions, "s1", "e60", ["start"], {"title": "new 1"}, 0, "test")
    assert "1 session ids are in test and in train (such as s1)" in leaks(
        guards.assert_split_clean, twice, config(), ENTITY
    )
    known = with_row(sessions, "s60", "e1", ["start"], {"title": "new 1"}, 0, "test")
    assert "1 entity ids" in leaks(guards.assert_split_clean, known, config(), ENTITY)
    guards.assert_split_clean(known, config(), SplitRule("time", 0.2, 0, 1, 2))  # people come back
    title = with_row(sessions, "s60", "e60", ["start"], {"title": "old 1"}, 0, "test")
    conf = config(evaluate={"one_side": ["title"]})
    assert "1 title ids" in leaks(guards.assert_split_clean, title, conf, ENTITY)
    guards.assert_split_clean(title, config(), ENTITY)  # nobody has asked for it


def test_a_vocabulary_fitted_on_the_test_part(sessions):
    seen = with_row(sessions, "s60", "e60", ["start", "crash"], {}, 1, "test")
    peeked = Vocabulary.fit({"start": 2, "stop": 1, "crash": 1})
    said = leaks(guards.assert_vocabulary_clean, seen, peeked, ["start", "stop"])
    assert "1 events of the vocabulary never occur in training (such as crash)" in said


def test_a_field_that_is_known_only_after_the_outcome(sessions):
    conf = config(evaluate={"known_after": {"campaign": "a week later"}})
    assert "campaign (known a week later)" in leaks(guards.assert_features_clean, sessions, conf)


def test_a_field_that_is_there_because_of_the_label_s_source(sessions):
    from pyspark.sql import functions as F

    told = sessions.withColumn(
        "covariates",
        F.when(F.col("label") == 1, F.create_map(F.lit("title"), F.lit("t"))).otherwise(F.col("covariates")),
    )
    told = told.withColumn(
        "covariates",
        F.when(F.col("label") == 0, F.map_concat(F.create_map(F.lit("campaign"), F.lit("y")))).otherwise(
            F.col("covariates")
        ),
    )
    assert "is missing tells the label" in leaks(guards.assert_features_clean, told, config())


def test_templates_that_know_the_test_part():
    def check(mined, rule):
        guards.assert_mined_on_training(mined, rule, name="leaky")

    check(ENTITY, ENTITY)
    assert "by another split" in leaks(check, ENTITY, SplitRule("entity", 0.2, 1))
    assert "by another split" in leaks(check, ENTITY, SplitRule("role", 0.2, 0))
    mined = SplitRule("time", 0.2, 0, 500, 700)
    check(mined, SplitRule("time", 0.2, 0, 510, 710))
    assert "on lines of the test part" in leaks(check, mined, SplitRule("time", 0.2, 0, 300, 400))
