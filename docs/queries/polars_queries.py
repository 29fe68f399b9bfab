"""The ready queries in Polars: each function takes the tables as lazy frames and gives one."""

from __future__ import annotations

import datetime as dt

import polars as pl

Frames = dict[str, pl.LazyFrame]
FLAGGED = ["anomalous", "unknown_event"]


def verdicts(lake: Frames) -> pl.LazyFrame:
    """Rows of session_scores of the model that scored last."""
    ran = lake["runs"].filter(pl.col("step") == "score", pl.col("outcome") == "done")
    ran = ran.filter(pl.col("model_version").is_not_null()).select("model_version", at="started_at")
    wrote = lake["session_scores"].select("model_version", at="scored_at")
    at = pl.concat([ran, wrote]).group_by("model_version").agg(pl.col("at").max())
    newest = at.sort("at", "model_version", descending=True).head(1).select("model_version")
    return lake["session_scores"].join(newest, on="model_version", how="semi")


def top_anomalies_today(lake: Frames) -> pl.LazyFrame:
    """The strangest sessions of the newest day, without muted ones."""
    day = lake["sessions"].select(day=pl.col("start").dt.date().max())
    found = lake["anomalies"].join(verdicts(lake), on=["session_id", "model_version"], how="semi")
    found = found.with_columns(day=pl.col("start").dt.date()).join(day, on="day", how="semi")
    found = found.filter(~pl.col("muted").fill_null(value=False))
    wanted = ["session_id", "entity", "start", "score", "kind", "positions", "edits", "action"]
    return found.sort("score", "session_id", descending=[True, False]).head(20).select(wanted)


def trend(lake: Frames) -> pl.LazyFrame:
    """Sessions and flagged ones by day, version and platform."""
    judged = lake["sessions"].join(verdicts(lake), on="session_id").filter(pl.col("verdict") != "open")
    by = {"day": pl.col("start").dt.date()}
    by |= {name: pl.col("covariates").map.get(name) for name in ("app_version", "platform")}
    flagged = pl.col("verdict").is_in(FLAGGED)
    counted = judged.group_by(**by).agg(
        sessions=pl.len(), flagged=flagged.sum(), flagged_share=flagged.mean()
    )
    return counted.sort("day", "app_version", "platform", nulls_last=False)


def minutes(lake: Frames) -> pl.LazyFrame:
    """Minutes viewed by partner, with and without flagged sessions."""
    reported, flagged = pl.col("minutes_reported").sum(), pl.col("minutes_flagged").sum()
    counted = (
        lake["minutes_viewed"]
        .group_by("partner")
        .agg(
            minutes_reported=reported,
            without_flagged=pl.col("minutes_unflagged").sum(),
            on_flagged=flagged,
            share_on_flagged=pl.when(reported != 0).then(flagged / reported),
        )
    )
    return counted.sort("share_on_flagged", "partner", descending=[True, False], nulls_last=True)


def raw_events(lake: Frames) -> pl.LazyFrame:
    """The events of the strangest anomaly, in order, the odd ones marked."""
    one = lake["anomalies"].sort("score", "session_id", descending=[True, False]).head(1)
    one = one.select("positions", event_id="event_ids").explode("event_id")
    placed = one.with_row_index("position").with_columns(pl.col("position").cast(pl.Int32))
    odd = pl.col("position").is_in(pl.col("positions"))
    found = placed.join(lake["events"], on="event_id")
    wanted = ["event_time", "event", "event_id", "source_file"]
    return found.sort("position").select("position", odd.alias("odd"), *wanted)


def made_again(lake: Frames) -> pl.LazyFrame:
    """What became of anomalies whose session was made again."""
    changes = lake["session_changes"]
    names = ["session_id", "_commit_version"]
    before = changes.filter(pl.col("_change_type") == "update_preimage").select(*names, before="event_ids")
    after = changes.filter(pl.col("_change_type") == "update_postimage").join(before, on=names)
    changed = after.filter(pl.col("event_ids") != pl.col("before")).select(*names, what=pl.lit("changed"))
    gone = changes.filter(pl.col("_change_type") == "delete").select(*names, what=pl.lit("gone"))
    flagged = lake["anomaly_changes"].select("session_id", "model_version", "entity").unique()
    there = lake["anomalies"].select("session_id", "model_version", still_anomalous=True)
    found = pl.concat([changed, gone]).rename({"_commit_version": "version"}).join(flagged, on="session_id")
    found = found.join(there, on=["session_id", "model_version"], how="left")
    found = found.with_columns(pl.col("still_anomalous").fill_null(value=False))
    wanted = ["session_id", "model_version", "entity", "what", "version", "still_anomalous"]
    return found.select(wanted).sort("version", "session_id", "model_version")


def freshness(lake: Frames) -> pl.LazyFrame:
    """What is older than 26 hours."""
    limit = dt.datetime.now(dt.timezone.utc) - dt.timedelta(hours=26)
    scored = lake["runs"].filter(pl.col("step") == "score", pl.col("outcome") == "done")
    first = lake["events"].select(what=pl.lit("newest event"), newest=pl.col("event_time").max())
    first = first.filter(pl.col("newest") < limit)
    last = scored.select(what=pl.lit("last scoring"), newest=pl.col("started_at").max())
    last = last.filter((pl.col("newest") < limit).fill_null(value=True))
    return pl.concat([first, last]).sort("what")


def volume(lake: Frames) -> pl.LazyFrame:
    """Days with far fewer or more events than the seven before."""
    by_day = lake["events"].group_by(day=pl.col("event_time").dt.date()).agg(events=pl.len()).sort("day")
    usual = pl.col("events").cast(pl.Float64).rolling_mean(7, min_samples=1).shift(1)
    compared = by_day.with_columns(usual=usual)
    return compared.filter(
        (pl.col("events") < 0.5 * pl.col("usual")) | (pl.col("events") > 2 * pl.col("usual"))
    )


def integrity(lake: Frames) -> pl.LazyFrame:
    """What the tables should not hold, counted."""
    sessions, judged = lake["sessions"], verdicts(lake)
    flagged = judged.filter(pl.col("verdict").is_in(FLAGGED))
    broken = {
        "session without a verdict": sessions.join(judged, on="session_id", how="anti"),
        "verdict on a session that is gone": judged.join(sessions, on="session_id", how="anti"),
        "flagged session without an anomaly": flagged.join(
            lake["anomalies"], on=["session_id", "model_version"], how="anti"
        ),
        "session twice": sessions.group_by("session_id").len().filter(pl.col("len") > 1),
    }
    counted = [rows.select(broken=pl.lit(what), n=pl.len()) for what, rows in broken.items()]
    return pl.concat(counted).filter(pl.col("n") > 0).sort("broken")
