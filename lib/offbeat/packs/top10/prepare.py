"""The step that follows sessionize: catalogues, charting titles, joins, runs and examples, as tables."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import InputRefused, UsageError
from offbeat.packs.top10.catalogues import assert_fields, read_titles
from offbeat.packs.top10.examples import build_before, build_early, with_histories
from offbeat.packs.top10.match import match_titles
from offbeat.packs.top10.tables import (
    CHARTED,
    TITLE_EXAMPLES,
    TITLE_MATCHES,
    TITLE_RUNS,
    TITLES,
    TITLES_UNMATCHED,
)
from offbeat.packs.top10.weekly import COVARIATES, build_charted, build_runs, list_weeks
from offbeat.tables import Lake
from offbeat.tables.contract import EVENTS, INGESTED, SESSIONS

LISTS = "lists"
_BEFORE_FIRST_DAY = 6  # a week is named by its last day
_AHEAD_DAYS = 7  # a catalogue's day of release may be another country's


def prepare(lake: Lake, conf: Config) -> dict[str, Any]:
    """Write titles, charted, title_matches, titles_unmatched, title_runs and title_examples.

    Raises:
        UsageError: the config lacks a catalogue or a covariate that the pack needs.
        InputRefused: no title of the lists is in the main catalogue.
    """
    main = _main(conf)
    titles = _read_all(lake, conf)
    lake.overwrite(TITLES, titles)
    lines = list_weeks(lake.read(EVENTS), lake.read(INGESTED))
    lake.overwrite(CHARTED, build_charted(lines))
    lake.overwrite(TITLE_RUNS, build_runs(lake.read(SESSIONS), lines))
    matched = _matches(lake.read(CHARTED), lake.read(TITLES), main)
    lake.overwrite(
        TITLE_MATCHES, matched.where("title_id IS NOT NULL").withColumn("candidates", F.size("candidates"))
    )
    lake.overwrite(TITLES_UNMATCHED, matched.where("title_id IS NULL"))
    if (
        not lake.read(TITLE_MATCHES)
        .where((F.col("left_source") == LISTS) & (F.col("source") == main))
        .take(1)
    ):
        raise InputRefused(
            f"catalogue {main}: no title of the lists is in it; give the catalogue that the lists' titles come from"
        )
    lake.overwrite(TITLE_EXAMPLES, _examples(lake, main))
    return _counts(lake)


def _main(conf: Config) -> str:
    mains = [each.name for each in conf.catalogues if each.main]
    if len(mains) != 1:
        raise UsageError(
            f"config catalogues: expected one with main: true, got {len(mains)}; positives and negatives come from it"
        )
    for catalogue in conf.catalogues:
        assert_fields(catalogue)
    for source in conf.source:
        missing = [name for name in COVARIATES if name not in source.columns.covariates]
        if missing:
            raise UsageError(
                f"config source.columns.covariates: {', '.join(missing)} missing; the pack top10 needs them"
            )
    return mains[0]


def _read_all(lake: Lake, conf: Config) -> DataFrame:
    frames = [read_titles(lake.spark, catalogue) for catalogue in conf.catalogues]
    whole = frames[0]
    for frame in frames[1:]:
        whole = whole.unionByName(frame)
    return whole


def _matches(charted: DataFrame, titles: DataFrame, main: str) -> DataFrame:
    """Titles of the lists with each catalogue, and those of the main catalogue with the others."""
    bounds = {
        "left_source": F.lit(LISTS),
        "left_id": F.col("chart_id"),
        "not_before": F.lit(None).cast("date"),
        "not_after": F.date_add("first_week", _AHEAD_DAYS),
    }
    columns = ("left_source", "left_id", "title", "norm_title", "kind", "not_before", "not_after")
    listed = charted.withColumns(bounds).select(*columns)
    of_main = (
        titles.where("is_main")
        .withColumns(
            {
                "left_source": F.lit(main),
                "left_id": F.col("title_id"),
                "not_before": F.make_date(F.col("year") - 1, F.lit(1), F.lit(1)),
                "not_after": F.make_date(F.col("year") + 1, F.lit(12), F.lit(31)),
            }
        )
        .select(*columns)
    )
    found = match_titles(listed, titles)
    others = titles.where("NOT is_main")
    return found.unionByName(match_titles(of_main, others))


def _examples(lake: Lake, main: str) -> DataFrame:
    titles = lake.read(TITLES).where("is_main").drop("source", "is_main")
    matches = lake.read(TITLE_MATCHES)
    listed = matches.where((F.col("left_source") == LISTS) & (F.col("source") == main))
    outcomes = (
        listed.join(lake.read(CHARTED).withColumnRenamed("chart_id", "left_id"), "left_id")
        .groupBy("title_id")
        .agg(
            F.min_by("weeks", "first_week").alias("weeks"),
            F.min_by("hours_first_week", "first_week").alias("hours_first_week"),
        )
    )
    unsure = lake.read(TITLES_UNMATCHED).where(
        f"reason = 'ambiguous' AND left_source = '{LISTS}' AND source = '{main}'"
    )
    certain = titles.join(
        unsure.select(F.explode("candidates").alias("title_id")).distinct(), "title_id", "left_anti"
    )
    weeks = (
        lake.read(CHARTED)
        .agg(F.min("first_week").alias("first"), F.max("last_week").alias("last"))
        .collect()[0]
    )
    first_day = F.lit(weeks["first"] - dt.timedelta(days=_BEFORE_FIRST_DAY))
    last = F.lit(weeks["last"])
    extras = _extras(lake, matches, main)
    before = build_before(certain, outcomes, extras, first_day, last)
    early = build_early(certain, outcomes, extras, last)
    return with_histories(before.unionByName(early), before)


def _extras(lake: Lake, matches: DataFrame, main: str) -> DataFrame:
    """What other catalogues say of a title of the main one, by title_id: `imdb.metascore` and the like."""
    rows = (
        lake.read(TITLES)
        .where("NOT is_main")
        .select("source", F.col("title_id").alias("other_id"), "metascore", "imdb_rating", "votes")
    )
    pairs = matches.where(F.col("left_source") == main).select(
        F.col("left_id").alias("title_id"), "source", F.col("title_id").alias("other_id")
    )
    joined = pairs.join(rows, ["source", "other_id"])
    long = joined.select(
        "title_id",
        "source",
        F.explode(
            F.create_map(
                *[
                    part
                    for name in ("metascore", "imdb_rating", "votes")
                    for part in (F.lit(name), F.col(name))
                ]
            )
        ),
    )
    known = long.where("value IS NOT NULL").withColumn("key", F.concat_ws(".", "source", "key"))
    return known.groupBy("title_id").agg(
        F.map_from_entries(F.collect_list(F.struct("key", "value"))).alias("extras")
    )


def _counts(lake: Lake) -> dict[str, Any]:
    unmatched = (
        lake.read(TITLES_UNMATCHED).where(f"left_source = '{LISTS}'").groupBy("reason").count().collect()
    )
    examples = (
        lake.read(TITLE_EXAMPLES)
        .groupBy("question")
        .agg(
            F.count("label").alias("n"),
            F.sum("label").alias("yes"),
            F.count_if(F.col("label").isNull()).alias("open"),
        )
        .collect()
    )
    counts = {
        f"unmatched_{row['reason']}": row["count"] for row in sorted(unmatched, key=lambda r: r["reason"])
    }
    for row in sorted(examples, key=lambda r: str(r["question"])):
        counts |= {
            f"examples_{row['question']}": row["n"],
            f"charting_{row['question']}": row["yes"],
            f"open_{row['question']}": row["open"],
        }
    return {
        "titles": lake.read(TITLES).count(),
        "charted": lake.read(CHARTED).count(),
        "runs": lake.read(TITLE_RUNS).count(),
        **counts,
    }
