"""Raw lines end to end: HDFS_5k's 110 blocks, against their sequences by the published templates."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pytest

from offbeat.config import Config
from offbeat.packs.machine_logs.templates import UNSEEN
from offbeat.tables import Lake

pytestmark = pytest.mark.spark
RUN_DATE = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
CONF = Path(__file__).parents[3] / "conf" / "hdfs_raw.yaml"


@pytest.fixture(scope="module")
def conf(data_dir, tmp_path_factory):
    raw = data_dir / "hdfs_raw"
    overrides = [
        f"source.path={raw}/HDFS_5k.log",
        f"source.labels.path={raw}/HDFS_5k_block_labels.csv",
    ]
    return Config.load(CONF, overrides=overrides, lake=f"{tmp_path_factory.mktemp('lake')}/lake")


@pytest.fixture(scope="module")
def blocks(spark, conf):
    """Events and label of each block, in order of their lines."""
    from offbeat.ingest.run import run as ingest
    from offbeat.packs import rewrite_of
    from offbeat.tables.contract import EVENTS

    lake = Lake(spark, conf.lake)
    counts = ingest(lake, conf, run_date=RUN_DATE, rewrite=rewrite_of(lake, conf))
    assert (counts["rows_in"], counts["events"], counts["quarantined"]) == (4519, 4519, 0)
    found: dict[str, tuple[list[str], int]] = {}
    for row in lake.read(EVENTS).orderBy("event_time", "position").collect():
        found.setdefault(row["entity"], ([], row["label"]))[0].append(row["event"])
    return found


def published(data_dir):
    """Keys of each block by the published templates, by hand of a few regular expressions."""
    patterns = [
        re.compile(".*?".join(map(re.escape, line.split("<*>"))))
        for line in (data_dir / "hdfs_ait_loghub/HDFS_templates.csv").read_text().splitlines()
    ]
    found: dict[str, list[int]] = {}
    for line in (data_dir / "hdfs_raw/HDFS_5k.log").read_text().splitlines():
        content = line.split(": ", 1)[1]
        block = re.search(r"blk_-?\d+", content)[0]
        key = next(number for number, pattern in enumerate(patterns, 1) if pattern.fullmatch(content))
        found.setdefault(block, []).append(key)
    return found


def test_the_110_blocks_have_the_published_sequences(blocks, data_dir):
    """Event for event; a template that only blocks outside the training part have is unseen."""
    expected = published(data_dir)
    assert len(blocks) == len(expected) == 110
    keys: dict[str, set[int]] = {}
    for block, sequence in expected.items():
        events, _ = blocks[block]
        assert len(events) == len(sequence)
        for event, key in zip(events, sequence, strict=True):
            keys.setdefault(event, set()).add(key)
    unseen = keys.pop(UNSEEN, set())
    assert all(len(of_one) == 1 for of_one in keys.values())
    seen = {next(iter(of_one)) for of_one in keys.values()}
    assert not (unseen - {7}) & seen  # key 7 holds two exceptions, which are two events here
    assert sum(label for _, label in blocks.values()) == 10


@pytest.mark.slow
def test_templates_are_mined_on_the_training_part_and_frozen(blocks, spark, conf, tmp_path):
    from offbeat.ingest.run import run as ingest
    from offbeat.packs import rewrite_of
    from offbeat.tables.contract import EVENTS, TEMPLATES
    from offbeat.training.split import TRAIN, SplitRule

    lake = Lake(spark, conf.lake)
    before = lake.read(TEMPLATES).orderBy("place").collect()
    rule = SplitRule.from_json(json.loads(before[0]["mined_on"]))
    assert (rule.by, rule.holdout) == ("entity", 0.3)
    training = lake.read(EVENTS).where(rule.part() == TRAIN).select("event").distinct().collect()
    assert {row["event"] for row in training} == {row["template"] for row in before}
    more = tmp_path / "more.log"
    more.write_text(
        "081111 000000 1 INFO dfs.X: Verification succeeded for blk_1\n"
        "081111 000001 1 WARN dfs.X: quite something else about blk_1\n"
    )
    later = conf.model_copy(update={"source": (conf.source[0].model_copy(update={"path": str(more)}),)})
    assert ingest(lake, later, run_date=RUN_DATE, rewrite=rewrite_of(lake, later))["events"] == 2
    events = lake.read(EVENTS).where("entity = 'blk_1'").orderBy("event_time").collect()
    assert [row["event"] for row in events] == ["Verification succeeded for <id>", UNSEEN]
    assert [row["label"] for row in events] == [None, None]
    assert lake.read(TEMPLATES).orderBy("place").collect() == before
