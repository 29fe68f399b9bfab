"""Kafka: the messages of topics, a message a row; JSON objects, or text where the config gives a pattern."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from offbeat.config import Source
from offbeat.errors import UsageError
from offbeat.ingest.formats import json_lines, pattern
from offbeat.ingest.rows import Rows

_TOPICS = ("subscribe", "subscribePattern", "assign")
_SERVERS = "kafka.bootstrap.servers"


def name_of(source: Source) -> str:
    """Servers and topics; other options may hold secrets.

    Raises:
        UsageError: the config names none.
    """
    topics = next((source.options[key] for key in _TOPICS if source.options.get(key)), None)
    if not topics or not source.options.get(_SERVERS):
        raise UsageError(
            f"config: a source of format kafka needs source.options: {{{_SERVERS}: 'host:9092', subscribe: topic}}"
        )
    return f"kafka:{source.options[_SERVERS]}/{topics}"


def read_stream(spark: SparkSession, source: Source) -> DataFrame:
    """The topics from their first message on, as a stream; the checkpoint of the query says how far it has come.

    Raises:
        UsageError: Spark has no connector.
    """
    options = {"startingOffsets": "earliest"} | source.options
    try:
        return spark.readStream.format("kafka").options(**options).load()
    except Exception as error:
        if "Failed to find data source" in str(error) or "DATA_SOURCE_NOT_FOUND" in str(error):
            raise UsageError(
                f"source {name_of(source)}: Spark has no connector of Kafka; give spark-submit "
                "--packages org.apache.spark:spark-sql-kafka-0-10_2.13:VERSION"
            ) from None
        raise


def parse(messages: DataFrame, source: Source) -> Rows:
    """Parse messages (`value`, bytes, read as ISO 8859-1 where they aren't UTF-8); one without a value is malformed."""
    text = F.coalesce(F.try_validate_utf8("value"), F.decode("value", "ISO-8859-1"), F.lit(""))
    lines = messages.select(text.alias("raw"), F.lit(name_of(source)).alias("source_file"))
    return parse_lines(lines, source)


def parse_lines(lines: DataFrame, source: Source) -> Rows:
    """Parse the texts of messages (`raw`)."""
    return pattern.parse(lines, source) if source.pattern else json_lines.parse(lines)
