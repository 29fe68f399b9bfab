"""The networks beside each other: who was trained with the champion scores the sessions that it has scored."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.scoring.run import run
from offbeat.tables import Lake
from offbeat.tables.contract import SESSION_SCORES
from offbeat.training.registry import Registry

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


def score_beside(lake: Lake, conf: Config, champion: str) -> dict[str, str]:
    """Let the champion's rivals score what is new or changed since they last did.

    Rivals are the config's detectors that the champion's own run trained. Their scores bear the champion's run, and an
    instant just before its newest: the newest verdicts of the lake stay the champion's.

    Returns:
        Name of the detector by model version, the champion first.
    """
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
    names = {conf.model.detector, *conf.model.rivals}
    trained = registry.trained_with(champion)
    rivals = {version: name for version, name in trained.items() if name in names and version != champion}
    if rivals:
        mine = lake.read(SESSION_SCORES).where(F.col("model_version") == champion)
        newest = mine.agg(
            F.unix_micros(F.max("scored_at")).alias("micros"), F.max_by("run_id", "scored_at").alias("run_id")
        ).collect()[0]
        if newest["micros"] is not None:
            before = _EPOCH + dt.timedelta(microseconds=newest["micros"] - 1)
            for version in rivals:
                run(lake, conf, run_id=newest["run_id"], run_date=before, version=version)
    return {champion: trained.get(champion, "model"), **rivals}
