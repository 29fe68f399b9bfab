"""All guards of an evaluation in one call: it stops with exit status 4 where a figure would be too good to be true."""

from __future__ import annotations

import json
from collections.abc import Collection

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import GuardFailed
from offbeat.evaluation.frames import assert_fields_silent, assert_parts_disjoint
from offbeat.evaluation.leakage import assert_known_in_time, assert_vocabulary_of_training
from offbeat.tables.contract import TEMPLATES
from offbeat.tables.lake import Lake
from offbeat.training.split import TRAIN, SplitRule


def assert_split_clean(sessions: DataFrame, conf: Config, rule: SplitRule) -> None:
    """Nothing may be on two sides of the split: a session, an entity that the split is by, a title.

    Args:
        sessions: rows of the table, with their `part`.

    Raises:
        GuardFailed: something is.
    """
    assert_parts_disjoint(sessions, "session_id")
    if rule.by in ("role", "entity"):
        assert_parts_disjoint(sessions, "entity", what="entity")
    for name in conf.evaluate.one_side:
        assert_parts_disjoint(sessions, F.col("covariates")[name], what=name)


def assert_features_clean(labelled: DataFrame, conf: Config) -> None:
    """No field that is known after the outcome, and none that is there or missing because of the label's source.

    Args:
        labelled: sessions with `label` and `covariates`.

    Raises:
        GuardFailed: there is one.
    """
    columns = [source.columns for source in conf.source]
    used = {name for one in columns for name in (*one.entity, *one.event, *one.covariates)}
    assert_known_in_time(used, conf.evaluate.known_after)
    covariates = sorted({name for one in columns for name in one.covariates})
    if covariates:
        known = labelled.where(F.col("label").isNotNull())
        assert_fields_silent(known, {name: F.col("covariates")[name] for name in covariates})


def assert_vocabulary_clean(sessions: DataFrame, vocabulary: Vocabulary, known: Collection[str]) -> None:
    """The model may know no event that occurs in no training session.

    Args:
        sessions: rows of the table, with their `part`.
        vocabulary: the model's.
        known: events that are known to occur in training; the others are looked for.

    Raises:
        GuardFailed: an event of the vocabulary comes from elsewhere.
    """
    doubtful = sorted(set(vocabulary.events) - set(known))
    if not doubtful:
        return
    events = sessions.where(F.col("part") == TRAIN).select(F.explode("events").alias("event"))
    wanted = sessions.sparkSession.createDataFrame([(event,) for event in doubtful], "event string")
    there = events.join(F.broadcast(wanted), "event", "left_semi").distinct().collect()
    assert_vocabulary_of_training(doubtful, [row["event"] for row in there])


def assert_templates_clean(lake: Lake, conf: Config, rule: SplitRule) -> None:
    """Templates of raw lines may have been mined on nothing that the model is judged by.

    Raises:
        GuardFailed: they were mined by another split, or on lines of the test part.
    """
    if conf.pack != "machine_logs" or not lake.exists(TEMPLATES):
        return
    row = lake.read(TEMPLATES).where(F.col("config_name") == conf.name).select("mined_on").first()
    if row is None:
        return
    assert_mined_on_training(SplitRule.from_json(json.loads(row["mined_on"])), rule, name=conf.name)


def assert_mined_on_training(mined: SplitRule, rule: SplitRule, *, name: str) -> None:
    """The split that templates were mined by must be the model's, and keep clear of its test part.

    Raises:
        GuardFailed: it is another, or reaches into the test part.
    """
    late = (
        mined.by == rule.by == "time"
        and mined.train_until is not None
        and rule.validation_until is not None
        and mined.train_until > rule.validation_until
    )
    other = mined.by != rule.by or (
        rule.by != "time" and (mined.holdout, mined.seed) != (rule.holdout, rule.seed)
    )
    if late or other:
        what = "on lines of the test part" if late else "by another split than the model's"
        raise GuardFailed(
            f"leakage: the templates of {name} were mined {what}; take the log into a fresh lake with this config"
        )
