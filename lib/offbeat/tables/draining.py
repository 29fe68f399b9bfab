"""Running a stream until it has caught up, one batch after the other, each written by a function of ours."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame

from offbeat.errors import OffbeatError

if TYPE_CHECKING:
    from offbeat.tables.lake import Lake


def drain_stream(
    lake: Lake, changes: DataFrame, write: Callable[[DataFrame, int, str], None], *, checkpoint: str
) -> None:
    """Give each batch to `write(rows, batch_id, query_id)`; an error of ours in it comes out as it is."""
    query_id: list[str] = []
    refused: list[OffbeatError] = []
    started = Event()

    def write_batch(rows: DataFrame, batch_id: int) -> None:
        started.wait()
        # A batch lives in a session of its own: views and the settings of a commit have to be there.
        outer, lake.spark = lake.spark, rows.sparkSession
        try:
            write(rows, batch_id, query_id[0])
        except OffbeatError as error:
            refused.append(error)
            raise
        finally:
            lake.spark = outer

    writer = changes.writeStream.foreachBatch(write_batch).trigger(availableNow=True)
    query = writer.option("checkpointLocation", lake.checkpoint(checkpoint)).start()
    query_id.append(str(query.id))
    started.set()
    try:
        query.awaitTermination()
    except StreamingQueryException:
        if refused:  # an error of ours keeps its line and its exit status
            raise refused[0] from None
        raise
