"""Visitors whose click sequences are out of the ordinary, by the same session models as everywhere."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_SHOWN = 20
_BUSY = 20  # clicks; fewer are no farm, however odd
_HALF = 0.5
_PACE = 30.0  # clicks an hour from its first to its last, nights included: more than people behind one address keep up


def build_bots(
    sessions: DataFrame, scores: DataFrame, anomalies: DataFrame, clicks: DataFrame | None
) -> DataFrame:
    """One row per entity with a flagged session; see BOTS.

    A likely click farm is busy, keeps a pace that people don't, has most of its clicks in flagged sessions, and is
    expected to install less per click than all clicks are. In a thinned log the pace shows less.

    Args:
        scores, anomalies: of one session model. clicks: `ip` and `install_prob`; None where nothing is scored.
    """
    flagged = anomalies.select(
        "session_id", "kind", F.col("score").alias("odd"), F.size("events").alias("odd_clicks")
    )
    whose = sessions.join(flagged, "session_id", "left_semi").select("entity").distinct()
    scored = sessions.join(whose, "entity", "left_semi").join(
        scores.select("session_id", "model_version"), "session_id"
    )
    marked = scored.join(flagged, "session_id", "left")
    odd = F.when(F.col("odd").isNotNull(), F.struct((-F.col("odd")).alias("less"), "session_id"))
    seconds = F.unix_micros(F.max("end")) - F.unix_micros(F.min("start"))
    rows = marked.groupBy("entity", "model_version").agg(
        F.count(F.lit(1)).alias("sessions"),
        F.count("odd").alias("flagged_sessions"),
        F.sum("n_events").cast("bigint").alias("clicks"),
        F.coalesce(F.sum("odd_clicks"), F.lit(0)).cast("bigint").alias("flagged_clicks"),
        F.max("odd").cast("double").alias("score"),
        F.array_sort(F.collect_set("kind")).alias("kinds"),
        (F.sum("n_events") / (F.greatest(seconds, F.lit(60_000_000)) / 3_600_000_000)).alias(
            "clicks_per_hour"
        ),
        F.min("start").alias("first_click"),
        F.max("end").alias("last_click"),
        F.slice(
            F.transform(F.array_sort(F.collect_list(odd)), lambda one: one["session_id"]), 1, _SHOWN
        ).alias("session_ids"),
    )
    return _with_farms(rows, clicks)


def _with_farms(rows: DataFrame, clicks: DataFrame | None) -> DataFrame:
    busy = (F.col("clicks") >= _BUSY) & (F.col("flagged_clicks") >= _HALF * F.col("clicks"))
    busy = busy & (F.col("clicks_per_hour") >= _PACE)
    if clicks is None:
        return rows.withColumns({"expected_installs": F.lit(None).cast("double"), "is_farm": busy})
    per_ip = clicks.groupBy(F.col("ip").alias("entity")).agg(
        F.sum("install_prob").alias("expected_installs"), F.count(F.lit(1)).alias("_scored")
    )
    mean = clicks.agg(F.avg("install_prob").alias("_mean"))
    found = rows.join(per_ip, "entity", "left").crossJoin(F.broadcast(mean))
    few = F.coalesce(F.col("expected_installs") / F.col("_scored") < F.col("_mean"), F.lit(True))
    return found.withColumn("is_farm", busy & few).drop("_scored", "_mean")
