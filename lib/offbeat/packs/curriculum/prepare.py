"""From events and cohorts to accesses: cleaned paths, kinds of pages, programs, cohorts, phases."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from offbeat.packs.curriculum.rules import UNKNOWN_COHORT, Rules
from offbeat.packs.curriculum.tables import ACCESSES

_STATIC = r"\.(jpe?g|png|gif|svg|ico|css|js|map|woff2?|ttf|pdf|csv|xlsx?|zip|mp4)$"
_INDEX = ("/", "", "toc", "index.html", "index")
_OWN = 3.0  # programs share a topic where their shares of it are within this factor of the highest
_KNOWN, _KNOWN_BY = 10, 3  # accesses and users from which a topic is one, and no typing error
_PRIOR = 30.0  # accesses that a program's shares are drawn to everybody's with
PATH = "path"  # covariate that keeps the path as logged, where the event is the page
STATIC_FILE = (
    "static file"  # event of all of them: which picture a page brings along is no step of its reader
)
_NULLS = ("", "null", "none", "nan", "\\n")


def clean_cohorts(rows: DataFrame, rules: Rules) -> DataFrame:
    """The cohorts table in our names and types: cohort_id, cohort, program_id, program, class_start, class_end.

    Args:
        rows: id (or cohort_id), name, start_date, end_date, program_id, as text or typed; the word NULL is none. Of
            equal ids the first by name counts.
    """
    names = {name.lower(): name for name in rows.columns}
    key = names.get("id") or names["cohort_id"]
    program = _number(_text(names["program_id"]))
    typed = rows.select(
        _number(_text(key)).alias("cohort_id"),
        _text(names["name"]).alias("cohort"),
        program.alias("program_id"),
        program_name(program, rules).alias("program"),
        F.substring(_text(names["start_date"]), 1, 10).try_cast("date").alias("class_start"),
        F.substring(_text(names["end_date"]), 1, 10).try_cast("date").alias("class_end"),
    ).where("cohort_id IS NOT NULL")
    first = Window.partitionBy("cohort_id").orderBy("cohort", "class_start")
    return typed.withColumn("_n", F.row_number().over(first)).where("_n = 1").drop("_n")


def program_name(program_id: Column, rules: Rules) -> Column:
    """The program's name, `program N` where the rules have none."""
    known = F.lit(None).cast("string")
    for number, name in sorted(rules.programs.items()):
        known = F.when(program_id == number, F.lit(name)).otherwise(known)
    return F.coalesce(known, F.concat(F.lit("program "), program_id.cast("string")))


def prepare_accesses(events: DataFrame, cohorts: DataFrame, rules: Rules) -> DataFrame:
    """Accesses with their cohorts; an event without a cohort stays, as one of the unknown cohort.

    Args:
        events: rows of the table events: entity the user, event the path, covariates cohort_id and ip; where there is
            a covariate path as well, that is the path (see `CleanEvents`).
        cohorts: as `clean_cohorts` gives them.

    Returns:
        The columns of the table accesses, one row per event.
    """
    path = F.coalesce(F.col("covariates")[PATH], F.col("event"))
    page = clean_page(path)
    ip = F.col("covariates")["ip"]
    base = events.where("event_time IS NOT NULL").select(
        "event_id",
        F.col("entity").alias("user"),
        F.col("event_time").alias("at"),
        F.to_date("event_time").alias("day"),
        F.hour("event_time").alias("hour"),
        path.alias("raw_path"),
        page.alias("page"),
        kind_of(path, page).alias("kind"),
        F.when(page != "/", F.split_part(page, F.lit("/"), F.lit(1))).alias("topic"),
        F.nullif(F.regexp_replace(page, "^[^/]*/?", ""), F.lit("")).alias("lesson"),
        _number(F.col("covariates")["cohort_id"]).alias("cohort_id"),
        ip.alias("ip"),
        network_of(ip).alias("network"),
        F.coalesce(F.regexp_extract("event_id", r"#(\d+)$", 1).try_cast("int") + 1, F.lit(1)).alias("copy"),
    )
    joined = base.join(F.broadcast(cohorts), "cohort_id", "left")
    named = joined.withColumns(
        {"cohort": F.coalesce("cohort", F.lit(UNKNOWN_COHORT)), "phase": phase_of(rules)}
    )
    owners = F.broadcast(topic_programs(named))
    return named.join(owners, "topic", "left").select(*ACCESSES.column_names)


class CleanEvents:
    """Pages in place of paths, so that a session is a sequence of pages: an `ingest.job.Rewrite`.

    `1-fundamentals/x` and `fundamentals/x` are one event, and so are all static files. The path stays, as a covariate.
    """

    def apply(self, rows: DataFrame) -> DataFrame:
        """The same rows of the contract, their events cleaned."""
        path = F.col("event")
        page = clean_page(path)
        event = F.when(kind_of(path, page) == "static", F.lit(STATIC_FILE)).otherwise(page)
        none = F.create_map().cast("map<string,string>")
        others = F.map_filter(F.coalesce("covariates", none), lambda name, _: name != PATH)
        return rows.withColumns(
            {
                "event": F.when(path.isNotNull(), event),
                "covariates": F.when(
                    path.isNotNull(), F.map_concat(others, F.create_map(F.lit(PATH), path))
                ).otherwise(F.col("covariates")),
            }
        )

    def keep(self) -> None:
        """Nothing: no row teaches it anything."""


def clean_page(path: Column) -> Column:
    """Topic and lesson of a path: lower case, without leading numbers of its parts and odd characters."""
    text = F.lower(F.trim(path))
    text = F.regexp_replace(text, r"[?#].*$", "")
    text = F.regexp_replace(text, r"(^|/)\d+(?:\.\d+)*[-_. ]+(?=[^/]*[a-z])", "$1")
    text = F.regexp_replace(text, r"[^a-z0-9/._-]", "")
    text = F.regexp_replace(text, r"/{2,}", "/")
    text = F.regexp_replace(text, r"^/+|/+$", "")
    return F.coalesce(F.nullif(text, F.lit("")), F.lit("/"))


def kind_of(path: Column, page: Column) -> Column:
    """What a path leads to: static files set apart, the search's index, index pages, topics' own pages, lessons."""
    return (
        F.when(page.endswith("search_index.json"), "search")
        .when(F.lower(path).rlike(_STATIC), "static")
        .when(page.isin(*_INDEX), "index")
        .when(page.contains("/"), "lesson")
        .otherwise("topic")
    )


def network_of(ip: Column) -> Column:
    """The network of an address: its first half, which a pseudonym keeps as its own first half."""
    return F.coalesce(
        F.nullif(F.regexp_extract(ip, r"^(\d+\.\d+)\.\d+\.\d+$", 1), F.lit("")),
        F.nullif(F.regexp_extract(ip, r"^(p_[0-9a-f]+)_[0-9a-f]+$", 1), F.lit("")),
        ip,
    )


def phase_of(rules: Rules) -> Column:
    """When in the life of its cohort an access lies."""
    return (
        F.when(F.col("cohort") == rules.staff, "staff")
        .when(F.col("class_start").isNull() | F.col("class_end").isNull(), "unknown")
        .when(F.col("day") < F.col("class_start"), "before")
        .when(F.col("day") <= F.col("class_end"), "during")
        .otherwise("after")
    )


def topic_programs(accesses: DataFrame) -> DataFrame:
    """Which programs a topic belongs to: those whose students use it, relative to all that they use, about as much.

    A program shares a topic where its share of it is at least a third of the highest one. Small programs' shares are
    drawn towards everybody's, so that what a few users once opened says little.

    Args:
        accesses: topic, kind, user, program, phase.

    Returns:
        topic, page_programs: one row per topic that some programs have to themselves.
    """
    used = accesses.where("kind IN ('lesson', 'topic') AND program IS NOT NULL AND phase <> 'staff'")
    cells = used.groupBy("topic", "program").agg(F.count(F.lit(1)).alias("n"))
    topics = used.groupBy("topic").agg(
        F.count(F.lit(1)).alias("_topic"), F.count_distinct("user").alias("_users")
    )
    programs = used.groupBy("program").agg(F.count(F.lit(1)).alias("_program"))
    total = programs.agg(F.sum("_program").alias("_all"), F.count(F.lit(1)).alias("_programs"))
    grid = (
        topics.where((F.col("_topic") >= _KNOWN) & (F.col("_users") >= _KNOWN_BY))
        .crossJoin(F.broadcast(programs)).crossJoin(F.broadcast(total)).join(cells, ["topic", "program"], "left")
    )  # fmt: skip
    usual = F.col("_topic") / F.col("_all")
    share = (F.coalesce("n", F.lit(0)) + _PRIOR * usual) / (F.col("_program") + _PRIOR)
    highest = F.max("_share").over(Window.partitionBy("topic"))
    shares = grid.withColumn("_share", share).withColumn("_highest", highest)
    own = shares.where(F.col("_share") * _OWN >= F.col("_highest"))
    return (
        own.groupBy("topic").agg(
            F.sort_array(F.collect_set("program")).alias("page_programs"), F.max("_programs").alias("_programs")
        )
        .where(F.size("page_programs") < F.col("_programs")).select("topic", "page_programs")
    )  # fmt: skip


def is_foreign() -> Column:
    """Whether an access of a student or graduate goes to a topic that their program has no part in."""
    known = F.col("page_programs").isNotNull() & F.col("program").isNotNull() & (F.col("phase") != "staff")
    return known & ~F.array_contains("page_programs", F.col("program"))


def _text(name: str) -> Column:
    text = F.trim(F.col(f"`{name}`").cast("string"))
    return F.when(~F.lower(text).isin(*_NULLS), text)


def _number(text: Column) -> Column:
    """A whole number, also where a tool has written it as 8.0."""
    return text.try_cast("double").cast("int")
