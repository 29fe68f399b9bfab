import datetime as dt

import pytest
from pyspark.sql import functions as F

from offbeat.config import Model, Sample
from offbeat.errors import InputRefused
from offbeat.training.sample import sample_sessions
from offbeat.training.split import SplitRule, make_split

pytestmark = pytest.mark.spark
START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
SCHEMA = "session_id string, entity string, start timestamp, role string, covariates map<string,string>"


def sessions(spark, n, *, role="both", minutes=1, timeless=False):
    rows = [
        (
            f"s{i}",
            f"e{i % 50}",
            None if timeless else START + dt.timedelta(minutes=i * minutes),
            role,
            {"p": str(i % 3)},
        )
        for i in range(n)
    ]
    return spark.createDataFrame(rows, SCHEMA)


def parts(frame, rule):
    counted = frame.groupBy(rule.part().alias("part")).agg(
        F.count("*").alias("n"), F.min("start"), F.max("start")
    )
    return {row["part"]: (row["n"], row["min(start)"], row["max(start)"]) for row in counted.collect()}


def test_by_time_no_session_of_a_later_part_starts_before_one_of_an_earlier(spark):
    frame = sessions(spark, 1000)
    found = parts(frame, make_split(frame, Model()))
    for part, share in (("train", 640), ("validation", 160), ("test", 200)):
        assert abs(found[part][0] - share) <= 2  # the cut falls on the edge of a thousandth of the time
    assert found["train"][2] < found["validation"][1]
    assert found["validation"][2] < found["test"][1]


def test_the_cut_does_not_hang_on_partitions(spark):
    frame = sessions(spark, 300, minutes=7)
    assert make_split(frame.repartition(1), Model()) == make_split(frame.repartition(7), Model())


def test_by_entity_no_entity_is_in_two_parts(spark):
    frame = sessions(spark, 500)
    rule = make_split(frame, Model(split={"by": "entity", "holdout": 0.3}))
    per_entity = frame.groupBy("entity").agg(F.count_distinct(rule.part()).alias("parts"))
    assert per_entity.where("parts > 1").count() == 0
    assert set(parts(frame, rule)) == {"train", "validation", "test"}


def test_a_log_without_times_is_parted_by_entity(spark):
    assert make_split(sessions(spark, 20, timeless=True), Model()).by == "entity"


def test_a_source_for_training_decides(spark):
    frame = sessions(spark, 200, role="train").unionByName(sessions(spark, 30, role="score"))
    rule = make_split(frame, Model())
    scored = frame.where("role = 'score'")
    assert rule.by == "role"
    assert set(parts(scored, rule)) == {"test"}
    assert "test" not in parts(frame.where("role = 'train'"), rule)


def test_the_rule_survives_the_manifest():
    rule = SplitRule("time", 0.2, 3, 10, 20)
    assert SplitRule.from_json(rule.to_json()) == rule


def test_no_sessions_at_all_is_refused(spark):
    with pytest.raises(InputRefused, match="ingest and sessionize"):
        make_split(sessions(spark, 1).where("false"), Model())


def test_the_sample_is_the_same_at_any_partitioning_and_keeps_small_strata(spark):
    many = sessions(spark, 3000, minutes=1)
    frame = many.unionByName(
        sessions(spark, 20).withColumn("start", F.col("start") + F.expr("INTERVAL 30 DAYS"))
    )
    sample = Sample(max_sessions=600)
    chosen = [
        {row["start"] for row in sample_sessions(frame.repartition(n), sample, seed=1).collect()}
        for n in (1, 5)
    ]
    assert chosen[0] == chosen[1]
    assert 500 < len(chosen[0]) < 700
    assert sum(start.day == 31 for start in chosen[0]) >= 10


def test_a_log_below_the_limit_is_taken_whole(spark):
    assert sample_sessions(sessions(spark, 50), Sample(max_sessions=50), seed=0).count() == 50
