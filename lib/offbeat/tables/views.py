"""Views over a lake's tables: the newest model's verdicts, and in a session every table under its own name."""

from __future__ import annotations

from collections.abc import Iterable

from offbeat.tables.contract import RUNS, SESSION_SCORES, TABLES
from offbeat.tables.lake import Lake
from offbeat.tables.table import Table, quoted

VERDICTS = "verdicts"
# Of the model that scored last: what `score` says of itself in runs (it may have found nothing new after a rollback),
# or what a stream wrote, which has its row in runs when it ends.
VERDICTS_SQL = """\
SELECT * FROM session_scores
WHERE model_version = (
  SELECT model_version FROM (
    SELECT model_version, started_at AS scored FROM runs
    WHERE step = 'score' AND outcome = 'done' AND model_version IS NOT NULL
    UNION ALL
    SELECT model_version, max(scored_at) AS scored FROM session_scores GROUP BY model_version
  ) scorings
  ORDER BY scored DESC, model_version DESC LIMIT 1
)"""


def ensure_verdicts(lake: Lake) -> bool:
    """Make the view `verdicts` beside the tables of a catalog; a lake that is a folder has no place for one.

    Returns:
        Whether it was made, or made anew in place of one with another query.
    """
    if lake.is_folder:
        return False
    lake.ensure(RUNS, SESSION_SCORES)
    place = ".".join(quoted(part) for part in (*lake.location.split("."), VERDICTS))
    if lake.spark.catalog.tableExists(place):
        rows = lake.spark.sql(f"DESCRIBE TABLE EXTENDED {place}").collect()
        live = {row["col_name"]: row["data_type"] for row in rows}
        if live.get("Type") != "VIEW" or live.get("View Text") == _placed(lake):
            return False
    lake.spark.sql(f"CREATE OR REPLACE VIEW {place} AS {_placed(lake)}")
    return True


def open_views(lake: Lake, tables: Iterable[Table] = tuple(TABLES.values())) -> list[str]:
    """Give each table that is there, and `verdicts`, its plain name in this Spark session; gives the names."""
    made = []
    for table in tables:
        if lake.exists(table):
            lake.read(table).createOrReplaceTempView(table.name)
            made.append(table.name)
    if {RUNS.name, SESSION_SCORES.name} <= set(made):
        lake.spark.sql(VERDICTS_SQL).createOrReplaceTempView(VERDICTS)
        made.append(VERDICTS)
    return made


def _placed(lake: Lake) -> str:
    """The view's query over the tables of this lake."""
    text = VERDICTS_SQL
    for table in (SESSION_SCORES, RUNS):
        text = text.replace(f"FROM {table.name}", f"FROM {lake.reference(table)}")
    return text
