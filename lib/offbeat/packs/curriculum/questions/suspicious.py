"""Who doesn't behave as others do: robots, shared accounts, probes – alarms – and what is worth a note."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from offbeat.packs.curriculum.questions.crossing import crossed
from offbeat.packs.curriculum.rules import UNKNOWN_COHORT, Rules

_IDS = 500
_READ = "kind <> 'static'"
_ALARM = 0.5
_WITHIN_S = 600
_TRAVEL_S = 60
_TRAVELS = 3


def suspicious_activity(accesses: DataFrame, shut: DataFrame, rules: Rules) -> DataFrame:
    """Everyone who gives reason for suspicion, one row each; the columns of the table suspicious_activity.

    Alarms (score from 0.5 on) rest on patterns that a person reading does not make; notes are facts to look at.

    Args:
        shut: as `crossing.shutoff` gives it.
    """
    found = [
        scraping(accesses, rules),
        sharing(accesses, rules),
        probing(accesses, rules),
        _returned(accesses, rules),
        _without_cohort(accesses),
        _elsewhere(accesses, shut, rules),
        _ips_seen_once(accesses),
    ]
    evidence = reduce(DataFrame.unionByName, found)
    strongest = F.sort_array(F.collect_list(F.struct("score", "reason", "reason_kind")), asc=False)
    # Reasons add up as independent ones do, but notes alone never make an alarm.
    together = 1 - F.exp(F.sum(F.log1p(-F.least("score", F.lit(0.999)))))
    merged = evidence.groupBy("entity_kind", "entity").agg(
        F.min("start").alias("start"),
        F.max("end").alias("end"),
        strongest.alias("_all"),
        together.alias("_together"),
        F.max("score").alias("_highest"),
        F.array_distinct(F.flatten(F.collect_list("event_ids"))).alias("event_ids"),
    )
    alarm = F.col("_highest") >= _ALARM
    score = F.when(alarm, F.col("_together")).otherwise(F.least("_together", F.lit(_ALARM - 0.01)))
    return merged.withColumns(
        {
            "reasons": F.transform("_all", lambda one: one["reason"]),
            "kinds": F.array_distinct(F.transform("_all", lambda one: one["reason_kind"])),
            "score": F.round(score, 4),
            "level": F.when(alarm, "alarm").otherwise("note"),
        }
    ).drop("_all", "_together", "_highest")


def scraping(accesses: DataFrame, rules: Rules) -> DataFrame:
    """Days on which a user opened page after page as a robot does.

    That is too fast to read, and besides two of: many pages, in order, at night, at even gaps.
    """
    by_day = Window.partitionBy("user", "day").orderBy("at", "event_id")
    gap = F.unix_seconds("at") - F.unix_seconds(F.lag("at").over(by_day))
    steps = accesses.where(_READ).withColumns({"_gap": gap, "_before": F.lag("raw_path").over(by_day)})
    gaps = Window.partitionBy("user", "day", "_gap")
    # How often the day's commonest gap comes is how much it looks like a clock.
    marked = steps.withColumn("_alike", F.when(F.col("_gap").between(1, 60), F.count(F.lit(1)).over(gaps)))
    fast = F.count_if(F.col("_gap") <= rules.fast_s)
    days = marked.groupBy("user", "day").agg(
        F.count(F.lit(1)).alias("n"),
        F.count_distinct("raw_path").alias("pages"),
        fast.alias("fast"),
        F.count_if(F.col("raw_path") > F.col("_before")).alias("ordered"),
        F.count_if(F.col("hour") < 6).alias("night"),  # noqa: PLR2004
        F.coalesce(F.max("_alike"), F.lit(0)).alias("alike"),
        F.min("at").alias("start"),
        F.max("at").alias("end"),
        _ids(),
    )
    n = F.col("n")
    signs = {
        "breadth": (F.col("pages") >= rules.burst) & (F.col("pages") >= 0.7 * F.col("fast")),
        "order": F.col("ordered") >= 0.7 * n,
        "night": F.col("night") >= 0.5 * n,
        "regular": F.col("alike") >= 0.3 * F.col("fast"),
    }
    number = reduce(Column.__add__, (F.coalesce(sign, F.lit(False)).cast("int") for sign in signs.values()))
    robots = days.where(F.col("fast") >= rules.burst).withColumn("_signs", number).where("_signs >= 2")
    reason = F.concat(
        F.lit("scraping: "), F.col("pages"), F.lit(" pages on "), F.col("day"), F.lit(", "), F.col("fast"),
        F.lit(" of "), n, F.lit(f" within {rules.fast_s:g} s of the one before; "),
        F.round(100 * F.col("ordered") / n).cast("int"), F.lit(" % in alphabetical order, "),
        F.round(100 * F.col("night") / n).cast("int"), F.lit(" % at night, "),
        F.round(100 * F.col("alike") / n).cast("int"), F.lit(" % at the same gap"),
    )  # fmt: skip
    score = F.least(F.lit(0.99), 0.6 + 0.1 * F.col("_signs"))
    return _evidence(robots, "user", F.col("user"), reason, "scraping", score)


def sharing(accesses: DataFrame, rules: Rules) -> DataFrame:
    """Accounts that two use at the same time: the address goes to and fro within minutes, on day after day.

    Addresses to and fro on few days, and a network that changes faster than one can travel, are notes of their own.
    """
    order = Window.partitionBy("user").orderBy("at", "event_id")
    back = {
        "_ip1": F.lag("ip", 1).over(order), "_ip2": F.lag("ip", 2).over(order),
        "_net1": F.lag("network", 1).over(order),
        "_at1": F.lag("at", 1).over(order), "_at2": F.lag("at", 2).over(order),
    }  # fmt: skip
    steps = accesses.where(_READ).where("ip IS NOT NULL").withColumns(back)
    seconds = F.unix_seconds("at")
    swap = (
        (F.col("ip") != F.col("_ip1"))
        & (F.col("ip") == F.col("_ip2"))
        & (seconds - F.unix_seconds("_at2") <= _WITHIN_S)
    )
    travel = (F.col("network") != F.col("_net1")) & (seconds - F.unix_seconds("_at1") <= _TRAVEL_S)
    swaps = (
        steps.where(swap)
        .groupBy("user")
        .agg(
            F.count(F.lit(1)).alias("swaps"),
            F.count_distinct("day").alias("days"),
            F.count_distinct("ip").alias("ips"),
            F.min("at").alias("start"),
            F.max("at").alias("end"),
            _ids(),
        )
    )
    at_once = swaps.where(F.col("swaps") >= rules.swaps)
    shared = at_once.where(F.col("days") >= rules.swap_days)
    travelled = (
        steps.where(travel)
        .groupBy("user")
        .agg(F.count(F.lit(1)).alias("travels"), F.min("at").alias("start"), F.max("at").alias("end"), _ids())
        .where(F.col("travels") >= _TRAVELS)
    )
    reason = F.concat(
        F.lit("shared account: "), F.col("swaps"), F.lit(" times to and fro between addresses within ten minutes, on "),
        F.col("days"), F.lit(" days"),
    )  # fmt: skip
    several = F.concat(
        F.lit("several IPs at once: "), F.col("ips"), F.lit(" addresses in turns, "), F.col("swaps"),
        F.lit(" times to and fro"),
    )  # fmt: skip
    far = F.concat(
        F.lit("impossible travel: "), F.col("travels"), F.lit(f" changes of network within {_TRAVEL_S} s")
    )
    score = F.least(F.lit(0.98), 0.6 + F.col("days") / 100)
    parts = [
        _evidence(shared, "user", F.col("user"), reason, "shared_account", score),
        _evidence(at_once, "user", F.col("user"), several, "several_ips", F.lit(0.3)),
        _evidence(travelled, "user", F.col("user"), far, "impossible_travel", F.lit(0.4)),
    ]
    return reduce(DataFrame.unionByName, parts)


def probing(accesses: DataFrame, rules: Rules) -> DataFrame:
    """Days on which a user tried addresses that no curriculum has: topics that hardly anybody else ever asked for."""
    askers = (
        accesses.where("topic IS NOT NULL").groupBy("topic").agg(F.count_distinct("user").alias("_askers"))
    )
    odd = askers.where("_askers <= 3").select("topic")
    days = (
        accesses.where(_READ).join(odd, "topic", "left_semi").groupBy("user", "day").agg(
            F.count(F.lit(1)).alias("n"), F.count_distinct("topic").alias("topics"),
            F.min("at").alias("start"), F.max("at").alias("end"), _ids(),
        )
    )  # fmt: skip
    probes = days.where((F.col("n") >= rules.probes) & (F.col("topics") >= rules.probes / 2))
    reason = F.concat(
        F.lit("probing: "), F.col("n"), F.lit(" tries of "), F.col("topics"),
        F.lit(" addresses that no one else asks for, on "), F.col("day"),
    )  # fmt: skip
    return _evidence(probes, "user", F.col("user"), reason, "probing", F.lit(0.7))


def _returned(accesses: DataFrame, rules: Rules) -> DataFrame:
    """Accounts that come back long after the end, from a network that their owner never used before."""
    order = Window.partitionBy("user").orderBy("at", "event_id")
    first_seen = F.min("at").over(Window.partitionBy("user", "network"))
    steps = accesses.withColumns({"_at1": F.lag("at").over(order), "_new": first_seen == F.col("at")})
    silent = F.date_diff("day", F.to_date("_at1")) >= rules.silence_days
    back = (
        steps.where("phase = 'after'")
        .where(silent & F.col("_new"))
        .groupBy("user")
        .agg(F.count(F.lit(1)).alias("n"), F.min("at").alias("start"), F.max("at").alias("end"), _ids())
    )
    reason = F.concat(
        F.lit("outsider after the end: back after "), F.lit(rules.silence_days),
        F.lit(" days or more of silence, from a network never used before"),
    )  # fmt: skip
    return _evidence(back, "user", F.col("user"), reason, "after_the_end", F.lit(0.2))


def _without_cohort(accesses: DataFrame) -> DataFrame:
    known = accesses.where(F.col("cohort") != UNKNOWN_COHORT).select("user").distinct()
    nobody = accesses.join(known, "user", "left_anti").groupBy("user").agg(
        F.count(F.lit(1)).alias("n"), F.min("at").alias("start"), F.max("at").alias("end"), _ids()
    )  # fmt: skip
    reason = F.concat(F.lit("no cohort, accesses: "), F.col("n"))
    return _evidence(nobody, "user", F.col("user"), reason, "no_cohort", F.lit(0.25))


def _elsewhere(accesses: DataFrame, shut: DataFrame, rules: Rules) -> DataFrame:
    late = crossed(accesses, shut).where("after")
    rows = (
        late.groupBy("user")
        .agg(F.count(F.lit(1)).alias("n"), F.min("at").alias("start"), F.max("at").alias("end"), _ids())
        .where(F.col("n") >= rules.crossings)
    )
    reason = F.concat(
        F.lit("in another program: "), F.col("n"), F.lit(" accesses to its pages after the shut-off")
    )
    return _evidence(rows, "user", F.col("user"), reason, "other_program", F.lit(0.3))


def _ips_seen_once(accesses: DataFrame) -> DataFrame:
    once = accesses.where("ip IS NOT NULL").groupBy("ip").agg(
        F.count(F.lit(1)).alias("n"), F.min("at").alias("start"), F.max("at").alias("end"),
        F.min("user").alias("user"), F.array(F.min("event_id")).alias("event_ids"),
    ).where("n = 1")  # fmt: skip
    reason = F.concat(F.lit("IP seen once, by user "), F.col("user"))
    return _evidence(once, "ip", F.col("ip"), reason, "ip_seen_once", F.lit(0.05))


def _ids() -> Column:
    rows = F.slice(F.sort_array(F.collect_list(F.struct("at", "event_id"))), 1, _IDS)
    return F.transform(rows, lambda row: row["event_id"]).alias("event_ids")


def _evidence(
    rows: DataFrame, entity_kind: str, entity: Column, reason: Column, kind: str, score: Column
) -> DataFrame:
    return rows.select(
        F.lit(entity_kind).alias("entity_kind"),
        entity.alias("entity"),
        "start",
        "end",
        reason.alias("reason"),
        F.lit(kind).alias("reason_kind"),
        score.cast("double").alias("score"),
        "event_ids",
    )
