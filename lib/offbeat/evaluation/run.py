"""The step `evaluate`: the champion on sessions it has not seen, beside the simple detectors, into `evaluations`."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config, Sample
from offbeat.detectors.encoding import encode_sessions
from offbeat.errors import InputRefused, UsageError
from offbeat.evaluation.compare import compare_detectors
from offbeat.evaluation.cost import earns_its_cost
from offbeat.evaluation.frames import assert_parts_disjoint
from offbeat.evaluation.report import Judged, Row, Rules, Subject, evaluate_detector
from offbeat.evaluation.subsets import hash_sequences, seen_before
from offbeat.scoring.verdicts import ANOMALOUS, OPEN, UNKNOWN_EVENT
from offbeat.tables.contract import EVALUATIONS, SESSION_SCORES, SESSIONS
from offbeat.tables.lake import Lake
from offbeat.training.artifact import Artifact, load_artifact
from offbeat.training.registry import Registry
from offbeat.training.run import is_mixed, load_training_data
from offbeat.training.sample import collect_sequences, sample_sessions
from offbeat.training.split import TEST, SplitRule

log = logging.getLogger(__name__)

_MOST_SESSIONS = 200_000  # judged on the driver; a hash of their ids chooses them from a larger log
_SHOWN = ("precision", "recall", "fpr", "f1", "f1_scaled", "pr_auc", "balanced_accuracy", "accuracy")


@dataclass(frozen=True)
class TestSet:
    """Sessions that the model has not seen, with what it said of them.

    Attributes:
        rows: sequences as in table sessions, with score, verdict and label.
        labels: 0 or 1 per session, NaN where there is none.
    """

    rows: pa.Table
    labels: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """A column as a NumPy array."""
        found: np.ndarray = self.rows[name].to_numpy()
        return found


def run(lake: Lake, conf: Config, *, run_id: str, labels: DataFrame | None = None) -> dict[str, Any]:
    """Judge the champion.

    Args:
        lake: with sessions, their scores, and the model.
        conf: section `evaluate` names the detectors that are set beside.
        run_id: written beside each row.
        labels: `session_id` and `faulty` (0, 1) where something else than the log's own label knows.

    Returns:
        Honest figures on all sessions, and the number of rows.

    Raises:
        UsageError: nothing has been scored yet.
        InputRefused: no session of the test part has a label.
        GuardFailed: a session is both trained on and judged by, or a figure would rest on another leak.
    """
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
    version = registry.champion()
    if version is None or not lake.exists(SESSION_SCORES):
        raise UsageError(f"lake {lake.location}: nothing to evaluate yet; run train and score first")
    model = load_artifact(registry.path(version))
    rule = SplitRule.from_json(model.record["split"])
    test = _test_set(lake, conf, version, rule, labels)
    if not np.isfinite(test.labels).any():
        raise InputRefused(
            f"lake {lake.location}: no session of the test part has a label; give source.columns.label, or label "
            "where a whole source is of one kind"
        )
    seconds = model.history.seconds + _seconds_to_score(model, test)
    subject = Subject(run_id, version, model.detector.name, seconds=seconds)
    rows = _judge(lake, conf, model, test, rule, subject)
    lake.merge(EVALUATIONS, lake.spark.createDataFrame(rows, EVALUATIONS.schema))
    honest = {
        row["metric"]: row["value"]
        for row in rows
        if row["detector"] == model.detector.name
        and (row["subset"], row["verdict_rule"], row["basis"]) == ("all", "flagged", "honest")
        and row["metric"] in _SHOWN
    }
    return {
        "judged_sessions": len(test.labels),
        "figures": len(rows),
        "model_version": version,
        **honest,
        "earns_its_cost": earns_its_cost(rows),
    }


def _test_set(lake: Lake, conf: Config, version: str, rule: SplitRule, labels: DataFrame | None) -> TestSet:
    sessions = lake.read(SESSIONS).withColumn("part", rule.part())
    assert_parts_disjoint(sessions, "session_id")
    if rule.by in ("role", "entity"):
        assert_parts_disjoint(sessions, "entity", what="entity")
    scores = lake.read(SESSION_SCORES).where(F.col("model_version") == version)
    scored = sessions.where(F.col("part") == TEST).join(
        scores.select("session_id", "score", "verdict"), "session_id"
    )
    scored = scored.where(F.col("verdict") != OPEN)
    if labels is not None:
        known = labels.select("session_id", F.col("faulty").alias("label"))
        scored = scored.drop("label").join(known, "session_id", "left")
    chosen = sample_sessions(scored, Sample(max_sessions=_MOST_SESSIONS, by=()), seed=conf.model.seed)
    rows = collect_sequences(chosen, "score", "verdict", "label")
    return TestSet(rows, rows["label"].cast(pa.float64()).to_numpy())


def _seconds_to_score(model: Artifact, test: TestSet) -> float:
    """Seconds that the model takes for the test set on the driver, as the simple detectors are timed."""
    began = time.monotonic()
    model.detector.score(encode_sessions(test.rows, model.vocabulary))
    return time.monotonic() - began


def _judge(
    lake: Lake, conf: Config, model: Artifact, test: TestSet, rule: SplitRule, subject: Subject
) -> list[Row]:
    """Rows of the champion, and of the simple detectors on the same sessions."""
    data = load_training_data(lake, conf, rule=rule)
    sequences = encode_sessions(test.rows, data.vocabulary)
    hashes = hash_sequences(sequences)
    rules = Rules(
        budget=conf.score.alert_budget,
        scale_normals=conf.evaluate.scale_normals,
        mixed=is_mixed(conf),
        min_events=conf.score.min_events,
        unknown_limit=conf.score.unknown_limit,
        resamples=conf.evaluate.resamples,
        seed=conf.model.seed,
    )
    verdicts = test.column("verdict")
    judged = Judged(
        labels=test.labels,
        scores=test.column("score"),
        threshold=model.calibration.threshold,
        sequence_hash=hashes,
        seen_in_training=seen_before(hashes, hash_sequences(data.train)),
        unknown=verdicts == UNKNOWN_EVENT,
        flags=verdicts == ANOMALOUS,
    )
    rows = evaluate_detector(judged, subject, rules)
    log.info("comparing with %s", ", ".join(conf.evaluate.detectors))
    return rows + compare_detectors(
        data.train,
        data.validation,
        sequences,
        test.labels,
        conf.evaluate.detectors,
        vocabulary=data.vocabulary,
        subject=subject,
        rules=rules,
    )
