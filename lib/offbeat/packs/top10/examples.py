"""Examples of the two questions: what is known of a title as of a day, and whether it charted afterwards.

- before_release: as of the day of release; where that lies before the first list, or is not known, as of the first
  list. The label is 1 where the title is in a list of a week that ends on that day or later.
- early_viewership: as of the end of its first week in the lists, with the hours of that week. The label is 1 where it
  is listed again within the four weeks after.

A title of the last four weeks has not had its time: its label is null. It is asked about, and not learned from.

What people and companies did before is counted from earlier days alone.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from offbeat.packs.top10.tables import TITLE_EXAMPLES

BEFORE, EARLY = "before_release", "early_viewership"
QUESTIONS = (BEFORE, EARLY)
HORIZON_DAYS = 28
ROLES = {"director": "director", "cast": "cast", "company": "companies"}
"""Who has a history: role -> column of the table titles."""
_NUMBERS = ("runtime_min", "metascore", "imdb_rating", "votes", "popularity", "budget", "revenue")
_TEXTS = {"genre": "genres", "director": "director", "cast": "cast", "company": "companies"}
_SEQUEL = r"\b(part|chapter|volume|vol|season|returns|reloaded|sequel)\b"
_FRANCHISE = rf"(?i)(\b([2-9]|ii|iii|iv|vi{{0,3}})\b\s*(:|$)|{_SEQUEL}|:)"


def build_before(
    titles: DataFrame, outcomes: DataFrame, others: DataFrame, first_day: Column, last_week: Column
) -> DataFrame:
    """Examples of the question before release.

    Args:
        titles: titles of the main catalogue whose label is certain.
        outcomes: title_id, weeks (of the lists), hours_first_week: of charting ones.
        others: title_id, extras (map): ratings that other catalogues have of a title.
        first_day, last_week: of the lists, literals.
    """
    joined = titles.join(outcomes, "title_id", "left").join(others, "title_id", "left")
    dated = F.coalesce(F.col("release_date") >= first_day, F.lit(False))
    as_of = F.when(dated, F.col("release_date")).otherwise(first_day)
    placed = joined.withColumns({"dated": dated, "as_of": as_of})
    after = F.filter(F.col("weeks"), lambda week: week["week"] >= F.col("as_of"))
    known_on = F.when(F.size(after) > 0, after[0]["week"])
    labelled = placed.withColumn("known_on", known_on)
    return _example(labelled, BEFORE, F.col("hours_first_week"), last_week)


def build_early(titles: DataFrame, outcomes: DataFrame, others: DataFrame, last_week: Column) -> DataFrame:
    """Examples of the question after the first week: titles that were listed once, with the hours of that week."""
    joined = titles.join(outcomes, "title_id").join(others, "title_id", "left")
    placed = joined.withColumns({"dated": F.lit(True), "as_of": F.col("weeks")[0]["week"]})
    after = F.filter(
        F.col("weeks"),
        lambda week: (week["week"] > F.col("as_of")) & (week["week"] <= F.date_add("as_of", HORIZON_DAYS)),
    )
    labelled = placed.withColumn("known_on", F.when(F.size(after) > 0, after[0]["week"]))
    asked = labelled.where(F.col("hours_first_week").isNotNull())
    return _example(asked, EARLY, F.col("hours_first_week"), last_week)


def _example(frame: DataFrame, question: str, hours: Column, last_week: Column) -> DataFrame:
    numbers: dict[str, Column] = {name: F.col(name) for name in _NUMBERS}
    numbers |= {
        "weekly_hours_viewed": hours,
        "year": F.col("year").cast("double"),
        "age_years": (F.year("as_of") - F.col("year")).cast("double"),
        "month": F.month("release_date").cast("double"),
        "cast_size": F.size("cast").cast("double"),
        "title_words": F.size(F.split("norm_title", " ")).cast("double"),
        "franchise": F.col("title").rlike(_FRANCHISE).cast("double"),
    }
    texts = {name: F.col(column) for name, column in _TEXTS.items()}
    texts |= {
        name: F.when(F.col(name).isNotNull(), F.array(F.col(name)))
        for name in ("kind", "language", "rating_label")
    }
    made = {
        "question": F.lit(question),
        "title_group": F.concat_ws("|", F.coalesce("kind", F.lit("")), "norm_title"),
        "label": F.when(
            F.col("as_of") <= F.date_sub(last_week, HORIZON_DAYS), F.col("known_on").isNotNull().cast("int")
        ),
        "numbers": F.map_concat(
            _known(numbers),
            F.coalesce("extras", F.map_from_arrays(F.array(), F.array()).cast("map<string,double>")),
        ),
        "texts": _known(texts),
    }
    return frame.withColumns(made).select(*TITLE_EXAMPLES.column_names)


def _known(fields: dict[str, Column]) -> Column:
    """A map of the fields that are not null."""
    whole = F.map_from_arrays(F.array(*map(F.lit, fields)), F.array(*fields.values()))
    return F.map_filter(whole, lambda _, value: value.isNotNull())


def with_histories(examples: DataFrame, history: DataFrame) -> DataFrame:
    """Add to `numbers` how many titles of the same people there were before as_of, and how many of them had charted.

    Args:
        examples: of one question or of both.
        history: examples before release: what is counted; a title counts from the day after its own as_of, its
            charting from the day after it charted.
    """
    asked = people_of(examples).select(
        "question", "title_id", "role", "person", F.unix_date("as_of").alias("day"), *_counts(0, 0)
    )
    past = people_of(history)
    none = [F.lit(None).cast("string").alias(c) for c in ("question", "title_id")]
    tries = past.select(*none, "role", "person", F.unix_date("as_of").alias("day"), *_counts(1, 0))
    charted = past.where("known_on IS NOT NULL").select(
        *none, "role", "person", F.unix_date("known_on").alias("day"), *_counts(0, 1)
    )
    before = Window.partitionBy("role", "person").orderBy("day").rangeBetween(Window.unboundedPreceding, -1)
    whole = asked.unionByName(tries).unionByName(charted)
    summed = whole.withColumns({c: F.coalesce(F.sum(c).over(before), F.lit(0)) for c in ("tries", "charted")})
    of_title = (
        summed.where("title_id IS NOT NULL")
        .groupBy("question", "title_id", "role")
        .agg(F.sum("tries").cast("double").alias("tries"), F.sum("charted").cast("double").alias("charted"))
    )
    entries = F.array(
        F.struct(F.concat("role", F.lit("_tries")).alias("key"), F.col("tries").alias("value")),
        F.struct(F.concat("role", F.lit("_charted")).alias("key"), F.col("charted").alias("value")),
    )
    maps = of_title.groupBy("question", "title_id").agg(
        F.map_from_entries(F.flatten(F.collect_list(entries))).alias("_history")
    )
    joined = examples.join(maps, ["question", "title_id"], "left")
    empty = F.map_from_arrays(F.array(), F.array()).cast("map<string,double>")
    return joined.withColumn("numbers", F.map_concat("numbers", F.coalesce("_history", empty))).select(
        *TITLE_EXAMPLES.column_names
    )


def people_of(examples: DataFrame) -> DataFrame:
    """One row per example and person of its roles: role, person (folded) and name beside the example."""
    pairs = F.flatten(
        F.array(
            *(
                F.coalesce(
                    _pairs(role),
                    F.array().cast("array<struct<role:string,person:string,name:string>>"),
                )
                for role in ROLES
            )
        )
    )
    return examples.withColumn("_pair", F.explode(pairs)).select(
        "*", "_pair.role", "_pair.person", "_pair.name"
    )


def _pairs(role: str) -> Column:
    return F.transform(
        F.col("texts")[role],
        lambda name: F.struct(F.lit(role).alias("role"), F.lower(name).alias("person"), name.alias("name")),
    )


def _counts(tries: int, charted: int) -> list[Column]:
    return [F.lit(tries).alias("tries"), F.lit(charted).alias("charted")]
