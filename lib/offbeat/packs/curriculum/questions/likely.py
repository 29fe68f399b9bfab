"""A likely cohort of users without one, by the days, lessons and addresses that they share with its members."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from offbeat.packs.curriculum.questions.kept import keep
from offbeat.packs.curriculum.rules import UNKNOWN_COHORT, Rules

_SHOWN = 3
_MOST_TEACHERS = 3000  # users with a cohort that the strength of evidence is learnt from
_COMMON_IP = 0.05  # of all users: an address of so many is no sign of anything
_STRENGTHS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
_MIX = {"same": 0.25, "day": 0.6, "any": 0.15}


def likely_cohorts(accesses: DataFrame, rules: Rules) -> DataFrame:
    """The likeliest cohorts of each user without one; the columns of the table likely_cohorts.

    Each day and page of the user is as likely in a cohort as its members make it: they opened that page on that day, or
    were there that day, or it is anybody's. Addresses shared with few weigh in as well. Since accesses of a person hang
    together, the evidence is tempered; how much, users whose cohort is known tell, each judged without their own rows.

    Args:
        accesses: rows of the table accesses.
    """
    known = accesses.where(F.col("cohort") != UNKNOWN_COHORT)
    members = known.select("user").distinct()
    hidden = (
        accesses.join(members, "user", "left_anti")
        .select("user")
        .distinct()
        .withColumn("_known", F.lit(False))
    )
    teachers = (
        known.where(F.col("cohort") != rules.staff).groupBy("user").agg(F.count(F.lit(1)).alias("n"))
        .where("n >= 20").orderBy(F.xxhash64("user")).limit(_MOST_TEACHERS)
        .select("user", F.lit(True).alias("_known"))
    )  # fmt: skip
    # Each is used several times over, and small beside the accesses: looked up once, not once for each use.
    judged = keep(hidden.unionByName(teachers))
    read = accesses.where("kind <> 'static'")
    evidence = _evidence(read, judged, rules)
    truth = known.groupBy("user", "cohort").agg(F.count(F.lit(1)).alias("_true"))
    marked = keep(evidence.join(truth, ["user", "cohort"], "left"))
    strength = _strength(marked.where("_known"))
    posterior = _posterior(marked.where("NOT _known").crossJoin(F.broadcast(strength)))
    order = Window.partitionBy("user").orderBy(F.desc("probability"), "cohort")
    words = F.concat(
        F.lit("opened "), F.col("same_day_pages"), F.lit(" pages on days on which its members did, shares "),
        F.col("shared_ips"), F.lit(" addresses with them"),
    )  # fmt: skip
    return (
        posterior.withColumns({"place": F.row_number().over(order), "evidence": words})
        .where(F.col("place") <= _SHOWN)
        .select(
            "user", "cohort", "probability", "place", "shared_ips", "same_day_pages", "evidence", "accesses"
        )
    )


def _evidence(read: DataFrame, judged: DataFrame, rules: Rules) -> DataFrame:
    """The evidence for each pair of user and cohort that has some, as log_odds with what it rests on."""
    own = (
        read.join(F.broadcast(judged), "user")
        .groupBy("user", "_known", "day", "page")
        .agg(F.count(F.lit(1)).alias("n"))
    )
    # Presence, not volume: who reloads a page ten times says nothing more of the class.
    seen = keep(
        read.where((F.col("cohort") != UNKNOWN_COHORT) & (F.col("cohort") != rules.staff))
        .select("user", "cohort", "day", "page")
        .distinct()
    )
    by_page = seen.groupBy("cohort", "day", "page").agg(F.count(F.lit(1)).alias("_page"))
    by_day = seen.groupBy("cohort", "day").agg(F.count(F.lit(1)).alias("_day"))
    totals = seen.groupBy("cohort").agg(F.count(F.lit(1)).alias("_all"))
    popular = seen.groupBy("page").agg(F.count(F.lit(1)).alias("_popular"))
    number = seen.agg(F.count(F.lit(1)).alias("_number"), F.count_distinct("day").alias("_days"))
    mine = seen.join(F.broadcast(judged.where("_known")), "user").groupBy("user", "cohort")
    mine_all = mine.agg(F.count(F.lit(1)).alias("_mine"))
    mine_day = (
        seen.join(F.broadcast(judged.where("_known")), "user")
        .groupBy("user", "cohort", "day")
        .agg(F.count(F.lit(1)).alias("_mine_day"))
    )
    cells = own.join(by_day, "day").join(F.broadcast(totals), "cohort")
    cells = cells.join(by_page, ["cohort", "day", "page"], "left").join(popular, "page", "left")
    cells = cells.join(mine_day, ["user", "cohort", "day"], "left").join(mine_all, ["user", "cohort"], "left")
    cells = cells.crossJoin(F.broadcast(number)).fillna(0, ["_page", "_popular", "_mine_day", "_mine"])
    # What the judged user did themselves is taken out.
    is_own = (F.col("_mine_day") > 0).cast("int")
    in_page, in_day, in_all = (
        F.greatest(F.col("_page") - is_own, F.lit(0)), F.greatest(F.col("_day") - F.col("_mine_day"), F.lit(0)),
        F.greatest(F.col("_all") - F.col("_mine"), F.lit(1)),
    )  # fmt: skip
    page_alone = (F.col("_popular") + 0.5) / F.col("_number")
    anybody = page_alone / F.col("_days")
    mixed = (
        _MIX["same"] * in_page / in_all + _MIX["day"] * in_day / in_all * page_alone + _MIX["any"] * anybody
    )
    gained = F.log(mixed / (_MIX["any"] * anybody))
    found = cells.groupBy("user", "_known", "cohort").agg(
        F.sum(gained).alias("_pages"), F.count_if(in_page > 0).alias("same_day_pages")
    )
    # A cohort that was not there on a day gains nothing by it, while others do: that is what tells them apart.
    amount = own.groupBy("user").agg(F.sum("n").alias("accesses"))
    ips = _shared_ips(read, judged, rules)
    joined = found.join(amount, "user").join(ips, ["user", "cohort"], "left")
    joined = joined.fillna(0, ["shared_ips"]).fillna(0.0, ["_ips"])
    return joined.withColumn("log_odds", F.col("_pages") + F.col("_ips"))


def _shared_ips(read: DataFrame, judged: DataFrame, rules: Rules) -> DataFrame:
    """user, cohort, shared_ips, _ips: addresses that the user has in common with members, and what they weigh."""
    uses = read.where("ip IS NOT NULL").select("user", "ip", "cohort").distinct()
    users = uses.agg(F.count_distinct("user").alias("_users"))
    few = (
        uses.groupBy("ip").agg(F.count_distinct("user").alias("_of")).crossJoin(F.broadcast(users))
        .where((F.col("_of") > 1) & (F.col("_of") <= F.greatest(_COMMON_IP * F.col("_users"), F.lit(3))))
        .select("ip", "_of", "_users")
    )  # fmt: skip
    member = uses.where((F.col("cohort") != UNKNOWN_COHORT) & (F.col("cohort") != rules.staff)).select(
        F.col("user").alias("_member"), "ip", "cohort"
    )
    mine = uses.select("user", "ip").distinct().join(F.broadcast(judged.select("user")), "user")
    pairs = mine.join(few, "ip").join(member, "ip").where(F.col("user") != F.col("_member"))
    by_ip = pairs.groupBy("user", "cohort", "ip").agg(
        F.first("_of").alias("_of"), F.first("_users").alias("_users")
    )
    weight = F.log(F.col("_users") / F.col("_of"))
    return by_ip.groupBy("user", "cohort").agg(
        F.count(F.lit(1)).alias("shared_ips"), F.sum(weight).alias("_ips")
    )


def _strength(teachers: DataFrame) -> DataFrame:
    """The one of `_STRENGTHS` under which known users' own cohorts are likeliest: one row, column `strength`."""
    tried = teachers.withColumn("strength", F.explode(F.array(*(F.lit(s) for s in _STRENGTHS))))
    posterior = _posterior(tried, "strength")
    # A user of several cohorts is right with any of them.
    right = posterior.groupBy("user", "strength").agg(
        F.sum(F.when(F.col("_true").isNotNull(), F.col("probability")).otherwise(0.0)).alias("right")
    )
    loss = right.groupBy("strength").agg(F.avg(F.log(F.greatest("right", F.lit(1e-4)))).alias("gain"))
    best = loss.agg(F.max_by("strength", F.struct("gain", -F.col("strength"))).alias("strength"))
    return best.select(F.coalesce("strength", F.lit(_STRENGTHS[1])).alias("strength"))


def _posterior(evidence: DataFrame, *by: str) -> DataFrame:
    """Add probability: the evidence times its strength, over all cohorts of a user."""
    mine = Window.partitionBy("user", *by)
    power = F.col("strength") * F.col("log_odds")
    raised = evidence.withColumn("_power", F.exp(power - F.max(power).over(mine)))
    # One more cohort that none of them is: certainty is never whole.
    none = F.exp(-F.max(power).over(mine))
    return raised.withColumn("probability", F.col("_power") / (F.sum("_power").over(mine) + none))
