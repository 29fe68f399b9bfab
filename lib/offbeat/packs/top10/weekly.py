"""Weekly lists: weeks of each title, and its runs in the Top 10."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from offbeat.packs.top10.normalize import norm_title
from offbeat.packs.top10.tables import CHARTED, TITLE_RUNS

COVARIATES = ("category", "show_title", "weekly_hours_viewed")
AWAY_WEEKS = 8
"""Away for longer, a title that is listed again has come back."""
_HOURS = "double"


def list_weeks(events: DataFrame, ingested: DataFrame) -> DataFrame:
    """One row per line of a list: chart_id, title, norm_title, kind, category, week, rank, hours, event_id.

    Hours that a list doesn't give are null, never zero. Of a line that several files have, as they do where a newer one
    spells a title otherwise, the one that was taken last stands.

    Args:
        ingested: when each batch was taken.
    """
    covariate = {name: F.trim(F.col("covariates")[name]) for name in COVARIATES}
    hours = F.expr(f"try_cast(covariates['weekly_hours_viewed'] AS {_HOURS})")
    taken = ingested.groupBy("ingest_batch").agg(F.max("taken_at").alias("taken_at"))
    lines = events.join(taken, "ingest_batch", "left").select(
        "event_id",
        "taken_at",
        "source_file",
        covariate["show_title"].alias("title"),
        norm_title(covariate["show_title"]).alias("norm_title"),
        F.when(covariate["category"].startswith("TV"), "tv").otherwise("film").alias("kind"),
        covariate["category"].alias("category"),
        F.to_date("event_time").alias("week"),
        F.expr("try_cast(event AS int)").alias("rank"),
        F.when(hours > 0, hours).alias("hours"),
    )
    named = lines.where(F.col("title").isNotNull() & F.col("rank").isNotNull())
    newest_first = Window.partitionBy("category", "week", "rank").orderBy(
        F.desc_nulls_last("taken_at"), F.desc_nulls_last("source_file"), "event_id"
    )
    newest = named.withColumn("_place", F.row_number().over(newest_first)).where("_place = 1")
    return newest.drop("_place", "taken_at", "source_file").withColumn(
        "chart_id", F.concat_ws("|", "kind", "norm_title")
    )


def build_charted(lines: DataFrame) -> DataFrame:
    """Rows of the table charted: seasons of a title are taken together, week by week."""
    weekly = lines.groupBy("chart_id", "week").agg(
        F.min("title").alias("title"),
        F.first("norm_title").alias("norm_title"),
        F.first("kind").alias("kind"),
        F.min("category").alias("category"),
        F.min("rank").alias("rank"),
        F.sum("hours").alias("hours"),
    )
    titles = weekly.groupBy("chart_id").agg(
        F.min("title").alias("title"),
        F.first("norm_title").alias("norm_title"),
        F.first("kind").alias("kind"),
        F.min_by("category", "week").alias("category"),
        F.min("week").alias("first_week"),
        F.max("week").alias("last_week"),
        F.count("*").cast("int").alias("n_weeks"),
        F.min("rank").alias("best_rank"),
        F.min_by("hours", "week").alias("hours_first_week"),
        F.sum("hours").alias("hours_total"),
        F.array_sort(F.collect_list(F.struct("week", "rank", "hours"))).alias("weeks"),
    )
    return titles.withColumn("n_runs", _runs(F.col("weeks"))).select(*CHARTED.column_names)


def _runs(weeks: Column) -> Column:
    """Runs of weeks in a row: one, and one more per pause."""
    days = F.transform(weeks, lambda week: F.unix_date(week["week"]))
    steps = F.zip_with(F.slice(days, 2, 100_000), days, lambda later, earlier: later - earlier)
    return (F.size(F.filter(steps, lambda step: step > 10)) + 1).cast("int")  # noqa: PLR2004 - a week, and change


def build_runs(sessions: DataFrame, lines: DataFrame) -> DataFrame:
    """Rows of the table title_runs: sessions of the lists, each with its weeks and the pause before it."""
    spread = sessions.select("session_id", "entity", F.explode("event_ids").alias("event_id"))
    runs = (
        spread.join(lines, "event_id")
        .groupBy("session_id", "entity")
        .agg(
            F.first("chart_id").alias("chart_id"),
            F.min("week").alias("start"),
            F.max("week").alias("end"),
            F.count("*").cast("int").alias("n_weeks"),
            F.array_sort(F.collect_list(F.struct("week", "rank", "hours"))).alias("weeks"),
        )
    )
    by_entity = Window.partitionBy("entity").orderBy("start")
    before = F.lag("end").over(by_entity)
    return runs.withColumns(
        {
            "entry": F.row_number().over(by_entity),
            "weeks_away": (F.datediff("start", before) / 7).cast("double"),
        }
    ).select(*TITLE_RUNS.column_names)


def returns_of(charted: DataFrame) -> DataFrame:
    """Weeks in which a title came back, whichever season: chart_id, week, after more than eight weeks away."""
    weeks = charted.select("chart_id", F.explode("weeks").alias("_week")).select("chart_id", "_week.week")
    before = F.lag("week").over(Window.partitionBy("chart_id").orderBy("week"))
    away = weeks.withColumn("_before", before).where(F.datediff("week", "_before") > 7 * AWAY_WEEKS)
    return away.select("chart_id", "week")
