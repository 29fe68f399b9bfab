"""How good the probabilities of `predictions` are: every prefix of unseen sessions, taken as if the session still ran.

Brier score beside that of always saying the share of faulty sessions; a calibration table; and how early a fault is
warned of. A session is warned of at its first prefix whose probability is at least one half. Its lead before the fault
is how many events that is before the event that is out of place: negative where the warning came after it. Its lead
before the end is how many events were still to come, which is what is left to keep the session out of a report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config, Sample
from offbeat.detectors.base import Detector, Sequences
from offbeat.detectors.encoding import encode_sessions
from offbeat.tables.contract import SESSIONS
from offbeat.tables.lake import Lake
from offbeat.tables.watching import PREDICTION_CHECKS
from offbeat.training.artifact import load_artifact
from offbeat.training.forecast import Forecast, prefixes
from offbeat.training.registry import Registry
from offbeat.training.sample import collect_sequences, sample_sessions
from offbeat.training.split import TEST, SplitRule

WARNED = 0.5
"""Probability from which on a session is warned of."""
_BINS = 10
_MOST_SESSIONS = 5_000


@dataclass(frozen=True)
class Outcome:
    """What was forecast for every prefix of some sessions, and what came of them.

    Attributes:
        offsets: int64, [n + 1]: session i has prefixes offsets[i]:offsets[i + 1], of 1, 2 … events.
        probability: float32, [m].
        faulty: bool, [n].
        fault_at: float64, [n]: 0-based place of the event out of place; NaN where it is not known.
    """

    offsets: np.ndarray
    probability: np.ndarray
    faulty: np.ndarray
    fault_at: np.ndarray


def run(
    lake: Lake, conf: Config, *, run_id: str, model_version: str, labels: DataFrame | None = None
) -> dict[str, Any]:
    """Judge the model's forecasts on test sessions with a label and write prediction_checks.

    Args:
        labels: `session_id`, `faulty` and, where it is known, `fault_position`, in place of the log's own label.

    Returns:
        The main figures; none where the model makes no forecasts or no test session has a label.
    """
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
    model = load_artifact(registry.path(model_version))
    forecast = model.baseline.forecast
    if forecast is None:
        return {}
    takes = model.detector.takes
    kept = ("covariates",) if takes else ()
    rows = _test_rows(lake, SplitRule.from_json(model.record["split"]), labels, *kept, seed=conf.model.seed)
    if not rows.num_rows:
        return {}
    sessions = encode_sessions(rows, model.vocabulary, takes)
    faulty = rows["label"].to_numpy() == 1
    fault_at = rows["fault_position"].cast(pa.float64()).to_numpy()
    outcome = forecast_prefixes(model.detector, forecast, sessions, faulty, fault_at)
    if outcome is None:
        return {}
    checks = list(check_forecasts(outcome))
    stamped = [{**check, "run_id": run_id, "model_version": model_version} for check in checks]
    lake.merge(PREDICTION_CHECKS, lake.spark.createDataFrame(stamped, PREDICTION_CHECKS.schema))
    return {
        f"prediction_{check['metric']}": check["value"]
        for check in checks
        if check["bin"] == "" and check["value"] is not None
    }


def _test_rows(lake: Lake, rule: SplitRule, labels: DataFrame | None, *kept: str, seed: int) -> pa.Table:
    """Whole unseen sessions with a label on the driver, a bounded number."""
    sessions = lake.read(SESSIONS).where((F.col("state") == "closed") & ~F.col("continues"))
    unseen = sessions.where(rule.part() == TEST).withColumn("fault_position", F.lit(None).cast("int"))
    if labels is not None:
        place = F.col("fault_position") if "fault_position" in labels.columns else F.lit(None).cast("int")
        known = labels.select("session_id", F.col("faulty").alias("label"), place.alias("fault_position"))
        unseen = unseen.drop("label", "fault_position").join(known, "session_id")
    chosen = sample_sessions(
        unseen.where("label IS NOT NULL"), Sample(max_sessions=_MOST_SESSIONS, by=()), seed=seed
    )
    return collect_sequences(chosen, "label", "fault_position", *kept)


def forecast_prefixes(
    detector: Detector, forecast: Forecast, sessions: Sequences, faulty: np.ndarray, fault_at: np.ndarray
) -> Outcome | None:
    """The forecast for every prefix; None where the detector has no view of places."""
    running = replace(sessions, ends=np.zeros(len(sessions), bool))
    scores = detector.surprise(running, 1)
    if scores is None:
        return None
    steps = prefixes(scores)
    probability = forecast.probability(steps.largest, steps.latest, steps.n_events)
    return Outcome(steps.offsets, probability, faulty, fault_at)


def check_forecasts(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """Rows of prediction_checks without run and model."""
    lengths = np.diff(outcome.offsets)
    truth = np.repeat(outcome.faulty, lengths).astype(float)
    p = outcome.probability.astype(float)
    if not len(p):
        return
    yield _figure("brier", float(((p - truth) ** 2).mean()), len(p))
    yield _figure("brier_of_base_rate", float(((truth.mean() - truth) ** 2).mean()), len(p))
    within = np.minimum((p * _BINS).astype(int), _BINS - 1)
    error = 0.0
    for number in range(_BINS):
        chosen = within == number
        n = int(chosen.sum())
        if n:
            error += float(abs(p[chosen].mean() - truth[chosen].mean())) * n / len(p)
            name = f"{number / _BINS:.1f}-{(number + 1) / _BINS:.1f}"
            yield _figure(
                "calibration", float(truth[chosen].mean()), n, bin=name, predicted=float(p[chosen].mean())
            )
    yield _figure("calibration_error", error, len(p))
    yield from _leads(outcome, lengths)


def _leads(outcome: Outcome, lengths: np.ndarray) -> Iterator[dict[str, Any]]:
    """How early faulty sessions are warned of."""
    warned = outcome.probability >= WARNED
    first = np.full(len(lengths), -1)
    session = np.repeat(np.arange(len(lengths)), lengths)
    places = np.arange(len(warned)) - np.repeat(outcome.offsets[:-1], lengths)
    hit = np.flatnonzero(warned)[::-1]
    first[session[hit]] = places[hit]  # the last one written is the earliest
    faulty, sound = outcome.faulty & (lengths > 0), ~outcome.faulty & (lengths > 0)
    early = faulty & (first >= 0)
    before_end = (lengths - 1 - first)[early]
    placed = early & np.isfinite(outcome.fault_at)
    before_fault = (outcome.fault_at - first)[placed]
    yield _figure("warned", _share(early, faulty), int(faulty.sum()))
    yield _figure("wrongly_warned", _share(sound & (first >= 0), sound), int(sound.sum()))
    yield _figure("lead_before_end", _median(before_end), len(before_end))
    yield _figure("lead_before_fault", _median(before_fault), len(before_fault))
    share = float((before_fault > 0).mean()) if len(before_fault) else None
    yield _figure("warned_before_fault", share, len(before_fault))


def _share(part: np.ndarray, whole: np.ndarray) -> float | None:
    return float(part.sum() / whole.sum()) if whole.any() else None


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None


def _figure(
    metric: str,
    value: float | None,
    n: int,
    *,
    bin: str = "",  # noqa: A002 - the column's name
    predicted: float | None = None,
) -> dict[str, Any]:
    return {"metric": metric, "bin": bin, "value": value, "predicted": predicted, "n": int(n)}
