"""The step `evaluate`: the champion on sessions it has not seen, beside the simple detectors, into `evaluations`.

Where the log has labels of both kinds they judge. Where it has not, faults are put into held-out sessions, and every
row says that they are synthetic.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config, Sample
from offbeat.detectors.encoding import encode_sessions
from offbeat.errors import UsageError
from offbeat.evaluation import guards, synthetic
from offbeat.evaluation.cost import earns_its_cost
from offbeat.evaluation.judged import HONEST, Row, Subject
from offbeat.evaluation.judging import Evaluation, TestSet, judge_all
from offbeat.scoring.verdicts import OPEN
from offbeat.tables.contract import EVALUATIONS, SESSION_SCORES, SESSIONS
from offbeat.tables.lake import Lake
from offbeat.training.artifact import Artifact, load_artifact
from offbeat.training.registry import Registry
from offbeat.training.run import load_training_data
from offbeat.training.sample import collect_sequences, sample_sessions
from offbeat.training.split import TEST, SplitRule

log = logging.getLogger(__name__)

_NOTHING = "Nothing was judged: there is no closed session in the test part."
_MOST_SESSIONS = 200_000  # judged on the driver; a hash of their ids chooses them from a larger log
_SHOWN = ("precision", "recall", "fpr", "f1", "f1_scaled", "pr_auc", "balanced_accuracy", "accuracy")


def run(lake: Lake, conf: Config, *, run_id: str, labels: DataFrame | None = None) -> dict[str, Any]:
    """Judge the champion.

    Args:
        lake: with sessions, their scores, and the model.
        conf: section `evaluate` names the detectors that are set beside, and the stress curves.
        run_id: written beside each row.
        labels: `session_id` and `faulty` (0, 1) where something else than the log's own label knows.

    Returns:
        Honest figures on all sessions, and the number of rows; no figure where the test part is empty.

    Raises:
        UsageError: nothing has been scored yet.
        GuardFailed: a session is both trained on and judged by, or a figure would rest on another leak.
    """
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
    version = registry.champion()
    if version is None or not lake.exists(SESSION_SCORES):
        raise UsageError(f"lake {lake.location}: nothing to evaluate yet; run train and score first")
    model = load_artifact(registry.path(version))
    rule = SplitRule.from_json(model.record["split"])
    sessions = lake.read(SESSIONS).withColumn("part", rule.part())
    guards.assert_split_clean(sessions, conf, rule)
    guards.assert_templates_clean(lake, conf, rule)
    scored = _scored(lake, sessions, version, labels)
    guards.assert_features_clean(scored, conf)
    data = load_training_data(lake, conf, rule=rule)
    guards.assert_vocabulary_clean(sessions, model.vocabulary, data.vocabulary.events)
    test = _test_set(scored, conf, with_covariates=bool(data.train.covariates))
    if not len(test.labels):
        log.warning("no closed session in the test part: take a longer log, or change model.split")
        return {"judged_sessions": 0, "figures": 0, "model_version": version, "earns_its_cost": _NOTHING}
    seconds = model.history.seconds + _seconds_to_score(model, test)
    subject = Subject(run_id, version, model.detector.name, seconds=seconds)
    rows = judge_all(Evaluation(conf, model, data, test, subject))
    lake.merge(EVALUATIONS, lake.spark.createDataFrame(rows, EVALUATIONS.schema))
    return _summary(rows, test, subject)


def _summary(rows: list[Row], test: TestSet, subject: Subject) -> dict[str, Any]:
    split = subject.split if test.has_both_kinds else synthetic.SPLIT
    kinds = {row["metric"] for row in rows if row["metric"].startswith("recall_")} - {"recall_at_k"}
    honest = {
        row["metric"]: row["value"]
        for row in rows
        if (row["detector"], row["split"]) == (subject.detector, split)
        and (row["subset"], row["verdict_rule"], row["basis"]) == ("all", "flagged", HONEST)
        and (row["metric"] in _SHOWN or row["metric"] in kinds)
    }
    return {
        "judged_sessions": len(test.labels),
        "judged_by": "labels" if test.has_both_kinds else "synthetic faults",
        "figures": len(rows),
        "model_version": subject.model_version,
        **honest,
        "earns_its_cost": earns_its_cost(row for row in rows if row["split"] == split),
    }


def _scored(lake: Lake, sessions: DataFrame, version: str, labels: DataFrame | None) -> DataFrame:
    """Whole sessions of the test part with score and verdict, and with labels where they are known."""
    scores = lake.read(SESSION_SCORES).where(F.col("model_version") == version)
    scored = sessions.where(F.col("part") == TEST).join(
        scores.select("session_id", "score", "verdict"), "session_id"
    )
    scored = scored.where(F.col("verdict") != OPEN)
    if labels is None:
        return scored
    known = labels.select("session_id", F.col("faulty").alias("label"))
    return scored.drop("label").join(known, "session_id", "left")


def _test_set(scored: DataFrame, conf: Config, *, with_covariates: bool) -> TestSet:
    chosen = sample_sessions(scored, Sample(max_sessions=_MOST_SESSIONS, by=()), seed=conf.model.seed)
    rows = collect_sequences(
        chosen, "score", "verdict", "label", *(["covariates"] if with_covariates else [])
    )
    return TestSet(rows, rows["label"].cast(pa.float64()).to_numpy())


def _seconds_to_score(model: Artifact, test: TestSet) -> float:
    """Seconds that the model takes for the test set on the driver, as the simple detectors are timed."""
    began = time.monotonic()
    model.detector.score(encode_sessions(test.rows, model.vocabulary, model.detector.takes))
    return time.monotonic() - began
