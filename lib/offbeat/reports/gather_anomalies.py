"""From the table anomalies to causes, trend and segments: aggregates, of which only the largest are collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.reports.data import AnomalyPageData, Head, Scores
from offbeat.reports.data_anomalies import Group, Share
from offbeat.reports.drill import Drill, gather_raw, sql_of_cause, sql_of_session
from offbeat.reports.gather import cause_columns, from_micros, gather_cards
from offbeat.scoring.feedback import not_muted

_DAYS = 400  # of a trend, the newest
_SERIES = 5  # lines of a trend that is divided
_VERSIONS = ("app_version", "version", "release", "build")  # names by which a log tells what ran


def gather_anomaly_page(
    head: Head,
    anomalies: DataFrame,
    *,
    model_version: str,
    sessions: DataFrame | None = None,
    drill: Drill | None = None,
    scores: Scores | None = None,
    segments: Sequence[str] = (),
    cards: int = 20,
) -> AnomalyPageData:
    """Everything on the page of anomalies.

    Args:
        anomalies, sessions: the tables; without sessions, shares are not known. Muted anomalies count as such alone.
        drill: the way to the raw events; without it, there are none on the page.
        segments: covariates to divide by. cards: number of sessions shown as cards.
    """
    of_model = anomalies.where(F.col("model_version") == model_version)
    mine = not_muted(of_model)
    version = version_among(segments)
    groups, total, total_groups = gather_groups(mine, version=version)
    families, _, total_families = (
        gather_groups(mine, version=version, together=True) if version else ((), 0, 0)
    )
    shares = {name: gather_shares(mine, sessions, F.col("covariates")[name]) for name in segments}
    top = gather_cards(mine, model_version=model_version, limit=cards)
    if drill is not None:
        raw = gather_raw(drill.rows, top)
        top = tuple(
            replace(card, sql=sql_of_session(drill, card), raw=raw.get(card.session_id, ())) for card in top
        )
        groups = tuple(
            replace(group, sql=sql_of_cause(drill, group, version, model_version=model_version))
            for group in groups
        )
    by_kind = gather_shares(mine, None, F.col("kind"))
    return AnomalyPageData(
        head=head,
        total=total,
        muted=of_model.where("muted").count(),
        scores=scores,
        groups=groups,
        total_groups=total_groups,
        families=families,
        total_families=total_families,
        version=version,
        by_kind=by_kind,
        by_day=gather_days(mine, sessions),
        kinds_by_day=gather_divided(mine, None, F.col("kind"), by_kind),
        segments={name: found for name, found in shares.items() if found},
        segments_by_day={
            name: divided
            for name, found in shares.items()
            if len(found) > 1
            and (divided := gather_divided(mine, sessions, F.col("covariates")[name], found))
        },
        top=top,
    )


def version_among(covariates: Sequence[str]) -> str | None:
    """The covariate that holds the version of what ran; None where none is called so."""
    for wanted in _VERSIONS:
        for name in covariates:
            if name.lower() == wanted:
                return name
    return next((name for name in covariates if "version" in name.lower()), None)


def gather_groups(
    anomalies: DataFrame, *, version: str | None = None, together: bool = False, limit: int = 25
) -> tuple[tuple[Group, ...], int, int]:
    """The largest groups of like anomalies, the number of anomalies, and the number of groups.

    Args:
        version: covariate that divides groups; None where there is none.
        together: put all versions into one group, and say how many there are and which is the most frequent.
    """
    ran = F.col("covariates")[version] if version is not None else F.lit(None).cast("string")
    keys = ["kind", "odd_event"] if together else ["kind", "odd_event", "version"]
    versions = [F.mode("version", deterministic=True).alias("version")] if together else []
    grouped = (
        anomalies.select(*cause_columns(), ran.alias("version"), "entity", "score", "start")
        .groupBy(*keys)
        .agg(
            *versions,
            F.count_distinct("version").alias("versions"),
            F.count("*").alias("sessions"),
            F.count_distinct("entity").alias("entities"),
            F.max("score").alias("score"),
            F.mode("expected_event", deterministic=True).alias("expected"),
            F.unix_micros(F.min("start")).alias("first"),
            F.unix_micros(F.max("start")).alias("last"),
        )
    )
    sizes = grouped.agg(F.sum("sessions").alias("sessions"), F.count("*").alias("groups")).collect()[0]
    order = (F.desc("sessions"), "kind", "odd_event", "version")
    groups = tuple(
        Group(
            row["kind"],
            row["odd_event"],
            row["expected"],
            row["sessions"],
            row["entities"],
            row["score"],
            from_micros(row["first"]),
            from_micros(row["last"]),
            row["version"],
            versions=row["versions"],
        )
        for row in grouped.orderBy(*order).limit(limit).collect()
    )
    return groups, int(sizes["sessions"] or 0), int(sizes["groups"])


def gather_days(anomalies: DataFrame, sessions: DataFrame | None) -> tuple[Share, ...]:
    """Flagged sessions by UTC day of their start, in order; days without any are there where sessions are given."""
    day = F.to_date("start").cast("string")
    flagged = _by(anomalies, day, "flagged")
    both = flagged if sessions is None else _by(sessions, day, "sessions").join(flagged, "value", "left")
    rows = both.where("value IS NOT NULL").orderBy(F.desc("value")).limit(_DAYS).collect()
    return tuple(
        Share(r["value"], r["flagged"] or 0, r["sessions"] if sessions is not None else None)
        for r in reversed(rows)
    )


def gather_divided(
    anomalies: DataFrame, sessions: DataFrame | None, value: Column, shares: Sequence[Share]
) -> tuple[Share, ...]:
    """Flagged sessions by UTC day and value, for the values with the most of them; as `series` of each day.

    Args:
        shares: the values, most flagged first.
    """
    shown = [share.value for share in shares[:_SERIES]]

    def counted(rows: DataFrame, name: str) -> DataFrame:
        keys = rows.select(F.to_date("start").cast("string").alias("day"), value.alias("value"))
        keys = keys.where(F.col("value").isin(shown) & F.col("day").isNotNull())
        return keys.groupBy("day", "value").agg(F.count("*").alias(name))

    flagged = counted(anomalies, "flagged")
    both = (
        flagged if sessions is None else counted(sessions, "sessions").join(flagged, ["day", "value"], "left")
    )
    rows = both.orderBy(F.desc("day"), "value").limit(_DAYS * max(1, len(shown))).collect()
    return tuple(
        Share(r["day"], r["flagged"] or 0, r["sessions"] if sessions is not None else None, r["value"])
        for r in sorted(rows, key=lambda r: (r["day"], shown.index(r["value"])))
    )


def gather_shares(
    anomalies: DataFrame, sessions: DataFrame | None, value: Column, *, limit: int = 15
) -> tuple[Share, ...]:
    """Flagged sessions by a value, most first; with the number of all its sessions where those are given."""
    top = _by(anomalies, value, "flagged").where("value IS NOT NULL").orderBy(F.desc("flagged"), "value")
    top = top.limit(limit)
    if sessions is not None:
        top = F.broadcast(top).join(_by(sessions, value, "sessions"), "value", "left")
    rows = top.orderBy(F.desc("flagged"), "value").collect()
    return tuple(
        Share(r["value"], r["flagged"], r["sessions"] if sessions is not None else None) for r in rows
    )


def _by(rows: DataFrame, value: Column, name: str) -> DataFrame:
    return rows.groupBy(value.alias("value")).agg(F.count("*").alias(name))
