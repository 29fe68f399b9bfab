"""`maintain`: few files after many small commits, no row changed, no reader hurt."""

from __future__ import annotations

import deltalake
import polars as pl
import pytest

from offbeat.tables import Lake
from offbeat.tables.contract import SESSIONS
from offbeat.tables.upkeep import maintain
from tests.tables.test_lake import SEEN, rows

pytestmark = pytest.mark.spark
WEEK_S = 7 * 86_400


def files(lake):
    return len(deltalake.DeltaTable(lake.path("seen")).file_uris())


def fill(spark, lake, increments):
    for i in range(increments):
        lake.append(SEEN, rows(spark, (f"{i % 7}", i, 1), (f"{i % 5}", -1 - i, 2)).coalesce(1))


def assert_kept_up(spark, tmp_path, increments):
    lake = Lake(spark, str(tmp_path / "lake"))
    fill(spark, lake, increments)
    wanted = sorted((row["id"], row["part"], row["n"]) for row in lake.read(SEEN).collect())
    assert files(lake) == increments
    reader = lake.read(SEEN).toLocalIterator()  # a partition at a time: most of its files are still unread
    first = next(reader)
    counts = maintain(lake, [SEEN, SESSIONS], retention_s=WEEK_S)
    assert counts == {"tables": 1, "files_compacted": increments, "files_made": 1, "files_removed": 0}
    assert files(lake) == 1
    assert len([first, *reader]) == len(wanted)
    settled = lake.version(SEEN)
    assert maintain(lake, [SEEN], retention_s=WEEK_S) == dict.fromkeys(counts, 0) | {"tables": 1}
    assert lake.version(SEEN) == settled
    assert maintain(lake, [SEEN], retention_s=0)["files_removed"] == increments
    assert sorted(pl.read_delta(lake.path("seen")).rows()) == wanted
    table = deltalake.DeltaTable(lake.path("seen")).to_pyarrow_table()
    assert sorted(tuple(row.values()) for row in table.to_pylist()) == wanted
    fill(spark, lake, 2)
    assert maintain(lake, [SEEN], retention_s=0)["files_compacted"] == 3


def test_many_small_files_become_one_and_readers_go_on(spark, tmp_path):
    assert_kept_up(spark, tmp_path, 6)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_five_hundred_increments(spark, tmp_path):
    assert_kept_up(spark, tmp_path, 500)
