"""Topics of Kafka into `events` and `quarantine`: each micro-batch of the stream is a batch of `ingest`."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Source
from offbeat.ingest import batches, columns, contract, identity, labels, publish
from offbeat.ingest.files import SourceFile, query_hash
from offbeat.ingest.formats import messages
from offbeat.ingest.job import KINDS, Counts, Job
from offbeat.ingest.ledger import Batch, Planned
from offbeat.tables.contract import EVENTS, QUARANTINE


def take_messages(job: Job) -> Counts:
    """Take the messages that have come since the last time; a batch that was killed is taken again under its id.

    Raises:
        InputRefused: too many rows for quarantine; nothing of the micro-batch was written.
    """
    totals = dict.fromkeys((*KINDS, "files_taken"), 0)
    for source in job.conf.source:
        if source.format != "kafka":
            continue
        columns.assert_settings(job.lake.spark, source)
        stream = messages.read_stream(job.lake.spark, source)
        for name, value in take_stream(job, source, stream).items():
            totals[name] += value
    return totals


def take_stream(job: Job, source: Source, stream: DataFrame) -> Counts:
    """Take what a stream of messages (`value`, `timestamp`) holds now."""
    totals = dict.fromkeys((*KINDS, "files_taken"), 0)
    job.lake.ensure(EVENTS, QUARANTINE)

    def write(rows: DataFrame, batch_id: int, query_id: str) -> None:
        if rows.isEmpty():
            return
        for name, value in _take(job, source, rows, (query_id, batch_id)).items():
            totals[name] += value

    place = query_hash(messages.name_of(source))[:16]
    job.lake.drain(stream, write, checkpoint=f"ingest/{place}")
    return totals


def _take(job: Job, source: Source, rows: DataFrame, txn: tuple[str, int]) -> Counts:
    """Take a micro-batch; its id follows from the stream's, so that a retry writes the same transactions."""
    name = messages.name_of(source)
    batch_id = f"kafka-{query_hash(*txn)[:16]}"
    # No time of change: the ledger would take a file of that name and time for the same content.
    file = SourceFile(name, content_hash=query_hash("kafka", *txn))
    batch = Batch(batch_id, (Planned(file, name),), job.run_date)
    job.arrivals.append(rows.agg(F.min(F.unix_millis("timestamp")).alias("ms")).collect()[0]["ms"])
    known = publish.earlier_events(job.lake, batch_id)
    oldest = publish.oldest_on_time(known, job.conf.sessions)
    applied = contract.apply(messages.parse(rows, source), source, newest=job.newest, oldest=oldest)
    parsed = identity.add_event_id(applied, dedupe=job.conf.sessions.dedupe)
    parsed = labels.add_labels(parsed, source).withColumn("source", F.lit(name))
    if job.rewrite is not None:
        parsed = job.rewrite.apply(parsed)
        job.rewrite.keep()
    return batches.take_rows(job, batch, parsed, check=not publish.is_published(job.lake, batch_id))
