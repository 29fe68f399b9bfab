"""After `erase_history` and `cut_log` only the newest version can be read, by nobody anything else."""

from __future__ import annotations

import deltalake
import polars as pl
import pyarrow.parquet as pq
import pytest

from offbeat.tables import Lake
from offbeat.tables.erasing import cut_log, erase_history
from tests.tables.test_lake import SEEN, rows

pytestmark = pytest.mark.spark


def naming(lake, who):
    found = []
    for file in (lake.local_folder / "seen").rglob("*"):
        text = file.read_bytes() if file.is_file() else b""
        text += repr(pq.ParquetFile(file).read().to_pylist()).encode() if file.suffix == ".parquet" else b""
        if who.encode() in text:
            found.append(file.name)
    return found


def test_what_was_removed_is_in_no_file_and_streams_go_on(spark, tmp_path):
    lake = Lake(spark, str(tmp_path / "lake"))
    lake.append(SEEN, rows(spark, ("zebra", 1, 1), ("a", 1, 1)))
    lake.merge(SEEN, rows(spark, ("zebra", 1, 2), ("b", 1, 1)))
    mine = lake.read(SEEN).where("id = 'zebra'").selectExpr("*", "true AS gone").localCheckpoint()
    lake.merge(SEEN, mine, delete="gone")
    assert naming(lake, "zebra")
    erase_history(lake, SEEN, retention_s=86_400)
    assert cut_log(lake, SEEN) > 3
    assert naming(lake, "zebra") == []
    assert lake.property(SEEN, "delta.deletedFileRetentionDuration") == "interval 86400 seconds"
    wanted = [("a", 1, 1), ("b", 1, 1)]
    assert sorted(pl.read_delta(lake.path("seen")).rows()) == wanted
    assert deltalake.DeltaTable(lake.path("seen")).to_pyarrow_table().num_rows == 2
    after = lake.version(SEEN)
    lake.append(SEEN, rows(spark, ("c", 1, 1)))
    assert sorted(map(tuple, Lake(spark, lake.location).read(SEEN).collect())) == [*wanted, ("c", 1, 1)]
    got = []
    options = {"readChangeFeed": "true", "startingVersion": str(after + 1)}
    changes = lake.read_stream(SEEN, options=options)
    lake.drain(changes, lambda batch, _n, _q: got.extend(batch.collect()), checkpoint="x")
    assert [(row["id"], row["_change_type"]) for row in got] == [("c", "insert")]
