"""Messages of Kafka through the contract; lines of files stand in for the topic where no broker is needed."""

from __future__ import annotations

import pytest

from offbeat.config import Source
from offbeat.errors import UsageError
from offbeat.ingest import batches, kafka, publish
from offbeat.ingest.formats import messages
from offbeat.ingest.job import Job
from offbeat.tables.lake import Lake
from tests.ingest.conftest import RUN_DATE

OPTIONS = {"kafka.bootstrap.servers": "host:9092", "subscribe": "clicks", "kafka.sasl.jaas.config": "secret"}
COLUMNS = {"entity": "u", "time": "t", "event": "e"}


def source(**more):
    return Source.model_validate({"format": "kafka", "options": OPTIONS, "columns": COLUMNS} | more)


def test_the_name_tells_servers_and_topics_alone():
    assert messages.name_of(source()) == "kafka:host:9092/clicks"
    with pytest.raises(UsageError, match=r"needs source\.options: .*subscribe"):
        messages.name_of(source(options={}))


@pytest.mark.spark
def test_micro_batches_become_events_once_also_when_killed(spark, tmp_path, make_config, table, monkeypatch):
    topic = tmp_path / "topic"
    topic.mkdir()
    conf = make_config(source(), quarantine={"limit": 0.5})
    lake = Lake(spark, conf.lake)

    def take():
        job = Job(lake, conf, RUN_DATE, with_streams=True)
        lines = spark.readStream.text(str(topic)).selectExpr(
            "CAST(value AS binary) AS value", "timestamp'2024-03-01 10:00:00' AS timestamp"
        )
        counts = kafka.take_stream(job, conf.source[0], lines)
        return tuple(counts.values()), job.arrivals

    anna = '{"u":"anna","t":"2024-03-01","e":"play"}\n'
    (topic / "1").write_text(anna + '{"u":"ben","t":"2024-03-01","e":"stop"}\n' + anna + "no json\n")
    with monkeypatch.context() as patch:
        patch.setattr(publish, "merge_quarantine", lambda *_, **__: 1 / 0)
        with pytest.raises(Exception, match="ZeroDivisionError"):
            take()
    assert take() == ((4, 2, 1, 1, 1), [1_709_287_200_000])
    assert take() == ((0, 0, 0, 0, 0), [])
    (topic / "2").write_text(anna + '{"u":"cleo","t":"2024-03-01","e":"play"}\n')
    assert take()[0] == (2, 1, 1, 0, 1)
    assert sorted(row["entity"] for row in table(conf, "events")) == ["anna", "ben", "cleo"]
    assert [(row["raw"], row["source"]) for row in table(conf, "quarantine")] == [
        ("no json", "kafka:host:9092/clicks")
    ]
    assert {row["state"] for row in table(conf, "ingested")} == {"done"}
    assert batches.finish_open(Job(lake, conf, RUN_DATE)) == {}
