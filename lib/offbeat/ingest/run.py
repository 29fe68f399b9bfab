"""The step `ingest`: take what is new at the sources, once; no row vanishes.

For every run, rows in = events + duplicates + quarantined.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from offbeat.config import Config
from offbeat.errors import OffbeatError
from offbeat.ingest import batches, kafka
from offbeat.ingest.files import NothingThere
from offbeat.ingest.job import KINDS, Counts, Job, Rewrite, as_utc, start_as_utc
from offbeat.ingest.replay import replay
from offbeat.tables.lake import Lake

log = logging.getLogger(__name__)


def run(
    lake: Lake,
    conf: Config,
    *,
    run_date: dt.datetime,
    time_from: dt.datetime | None = None,
    time_to: dt.datetime | None = None,
    replay_quarantine: bool = False,
    rewrite: Rewrite | None = None,
    arrivals: list[int] | None = None,
) -> Counts:
    """Take new files into `events` and `quarantine`, or the rows in quarantine once more.

    A batch that a killed run has left is finished first.

    Args:
        run_date: what future times are judged against, and the date of what is written.
        time_from: take only events from this instant on, also of files that were taken before.
        time_to: take only events before this instant, also of files that were taken before.
        replay_quarantine: read the rows in quarantine again, in place of the sources.
        rewrite: what the config's pack makes of events; None: they stay as they came.
        arrivals: where given, messages of Kafka are taken too, and the list gets the times at which what was taken had
            come, milliseconds since 1970.

    Returns:
        rows_in, events, duplicates, quarantined; files_taken, files_skipped.

    Raises:
        InputRefused: nothing at a source, no rows, a column not there or of another type, too many rows for quarantine;
            nothing of the batch was written.
        OffbeatError: another ingest writes to this lake.
    """
    job = Job(lake, conf, as_utc(run_date), start_as_utc(time_from), start_as_utc(time_to), rewrite)
    steps = [batches.finish_open, replay if replay_quarantine else batches.take_new]
    if arrivals is not None:
        job = replace(job, with_streams=True, arrivals=arrivals)
        steps.append(kafka.take_messages)
    totals = dict.fromkeys((*KINDS, "files_taken", "files_skipped"), 0)
    with _clean_loss():
        for step in steps:
            for name, value in _counts(step, job).items():
                totals[name] += value
    return totals


def _counts(step: Callable[[Job], Counts], job: Job) -> Counts:
    """What a step has taken; files without a row yet keep a stream from nothing else."""
    try:
        return step(job)
    except NothingThere as error:
        if not job.with_streams:
            raise
        log.debug("ingest: %s", error)
        return {}


@contextmanager
def _clean_loss() -> Iterator[None]:
    """Say so where another run has committed first; what both were writing is written once."""
    try:
        yield
    except OffbeatError:
        raise
    except Exception as error:
        if "Concurrent" in type(error).__name__ or "DELTA_CONCURRENT" in str(error):
            raise OffbeatError(
                "ingest: another run is writing to this lake and goes on; run this one again"
            ) from None
        raise
