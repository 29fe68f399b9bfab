"""Following a table without a stream: each change once, and a batch that was left is taken again as it was."""

from __future__ import annotations

import pytest

from offbeat.tables import Col, Lake, Table
from offbeat.tables.following import Following, catch_up

pytestmark = pytest.mark.spark

SEEN = Table(
    name="seen",
    doc="What was seen.",
    columns=(Col("id", "bigint", "number", null=False),),
    key=("id",),
    change_feed=True,
)


class Killed(Exception):
    pass


def test_a_follower_sees_each_change_once(spark, tmp_path):
    lake = Lake(spark, str(tmp_path / "lake"))
    got: list[tuple[int, str, list]] = []
    dying = False

    def write(rows, batch, query):
        shown = rows.select("id", "_change_type") if "_change_type" in rows.columns else rows
        got.append((batch, query, sorted(tuple(row) for row in shown.collect())))
        if dying:
            raise Killed

    def follow(follower, **options):
        got.clear()
        catch_up(lake, Following(SEEN, options), write, follower=follower)
        return [(batch, rows) for batch, _, rows in got]

    lake.append(SEEN, spark.range(2))
    assert follow("changes", readChangeFeed="true") == [(0, [(0, "insert"), (1, "insert")])]
    assert follow("changes", readChangeFeed="true") == []
    lake.append(SEEN, spark.range(2, 3))
    dying = True
    with pytest.raises(Killed):
        follow("changes", readChangeFeed="true")
    left = got[0]
    lake.delete(SEEN, "id = 0")
    dying = False
    assert follow("changes", readChangeFeed="true") == [(1, [(2, "insert")]), (2, [(0, "delete")])]
    assert got[0] == left  # the same number, query and rows
    assert got[1][1] == left[1]
    first = lake.version(SEEN)
    assert follow("added", startingVersion=str(first - 1)) == [(0, [(2,)])]
