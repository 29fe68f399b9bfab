"""The step `score`: every new or changed session through the champion, into four tables."""

from __future__ import annotations

import logging
from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import GuardFailed, UsageError
from offbeat.scoring.carrier import Carrier, carry
from offbeat.scoring.drift import beyond, describe, drift_rows, measure, observe
from offbeat.scoring.feedback import mark_muted, read_feedback
from offbeat.scoring.judge import Rules, judge_sessions
from offbeat.scoring.start import Start
from offbeat.scoring.verdicts import FLAGGED
from offbeat.spark import keep, let_go
from offbeat.tables.contract import ANOMALIES, EVENT_SCORES, SESSION_SCORES, SESSIONS
from offbeat.tables.lake import Lake, Txn
from offbeat.tables.table import Table, literal
from offbeat.tables.views import ensure_verdicts
from offbeat.tables.watching import DRIFT, PREDICTIONS
from offbeat.training.artifact import pack_artifact
from offbeat.training.registry import Registry

log = logging.getLogger(__name__)


class Scorer:
    """Scores batches of changed sessions and writes what is found.

    Args:
        lake: where sessions are and scores go.
        conf: section `score` says how sessions are judged.
        version: model version.
        carrier: that model, on its way to the executors.
    """

    def __init__(
        self,
        lake: Lake,
        conf: Config,
        version: str,
        carrier: Carrier,
        *,
        run_id: str,
        scored_at: Any,
    ) -> None:
        self.lake = lake
        self.baseline = carrier.model().baseline
        self.drift_limit = conf.drift.limit
        self.rules = Rules(
            top_k=conf.score.top_k,
            min_events=conf.score.min_events,
            unknown_limit=conf.score.unknown_limit,
            event_detail=conf.score.event_detail,
            device=conf.model.device,
        )
        self.version = version
        self.carrier = carrier
        self.run_id = run_id
        self.scored_at = scored_at
        self.counts = {"sessions": 0, "flagged": 0, "predicted": 0, "sessions_gone": 0}
        self.predicts = False
        self.drift = 0.0

    def write_whole(self, sessions: DataFrame) -> None:
        """Score all sessions for a model that has no score yet.

        What is written takes the place of all that the model has: of what a run wrote that was killed on its way,
        or one beside it, and so it is there once.
        """
        self._score(sessions, None, 0, None)

    def write_batch(self, changes: DataFrame, batch_id: int, query_id: str) -> None:
        """Score one batch of the change feed of sessions; a batch that is tried again writes once."""
        latest, n_gone = _latest(changes)
        if latest is None:  # what maintain has rewritten
            return
        gone = latest.where("_change_type = 'delete'").select("session_id")
        there = latest.where("_change_type <> 'delete'")
        self._score(there, gone, batch_id, (f"score:{query_id}", batch_id))
        self.counts["sessions_gone"] += n_gone

    def _score(self, sessions: DataFrame, gone: DataFrame | None, batch_id: int, txn: Txn | None) -> None:
        judged = keep(judge_sessions(sessions, self.carrier, self.rules))
        try:
            self._watch_drift(judged, batch_id)
            self._write(judged, gone, txn)
        finally:
            let_go(judged)

    def _watch_drift(self, judged: DataFrame, batch_id: int) -> None:
        """Count the batch, write how far it lies from the baseline, and warn of it.

        Raises:
            GuardFailed: it lies beyond `drift.limit`; nothing of the batch is scored then.
        """
        counts = {
            "flagged": F.count_if(F.col("verdict").isin(*FLAGGED)),
            "predicted": F.count("break_probability"),
        }
        observed = observe(judged, self.baseline, counts)
        self.predicts = bool(observed.counted["predicted"])
        if not observed.n_sessions:
            return
        found = measure(observed, self.baseline)
        stamp = {
            "run_id": self.run_id,
            "model_version": self.version,
            "batch": batch_id,
            "measured_at": self.scored_at,
        }
        rows = drift_rows(found, observed, limit=self.drift_limit, stamp=stamp)
        frame = self.lake.spark.createDataFrame(rows, DRIFT.schema)
        self.lake.append(DRIFT, frame, txn=(f"drift:{self.run_id}:{self.version}", batch_id))
        self.drift = max(self.drift, *(each.distance for each in found))
        for each, row in zip(found, rows, strict=True):
            if row["warned"]:
                log.warning("drift: %s", describe(each))
        stopped = beyond(found, self.drift_limit, observed.n_sessions)
        if stopped:
            raise GuardFailed(
                f"drift beyond drift.limit {self.drift_limit}: {'; '.join(map(describe, stopped))}; nothing was "
                "scored: look at the log, then train again or raise the limit"
            )
        self.counts["sessions"] += observed.n_sessions
        for name, n in observed.counted.items():
            self.counts[name] += n

    def _write(self, judged: DataFrame, gone: DataFrame | None, txn: Txn | None) -> None:
        """Details first, scores last: who sees a score finds its anomaly.

        Args: gone: ids of sessions that are no more; None where the model has scored none yet.
        """
        stamped = judged.withColumns(
            {
                "model_version": F.lit(self.version),
                "run_id": F.lit(self.run_id),
                "scored_at": F.lit(self.scored_at).cast("timestamp"),
            }
        )
        flagged = stamped.where(F.col("verdict").isin(*FLAGGED))
        anomalies = mark_muted(flagged, read_feedback(self.lake))
        events = stamped.where("detail IS NOT NULL").selectExpr(
            "session_id", "model_version", "run_id", "inline(detail)"
        )
        predictions = stamped.where("break_probability IS NOT NULL").withColumns(
            {
                "last_event_at": F.col("end"),
                "n_events": F.size("events"),
                "probability": F.col("break_probability"),
                "predicted_at": F.col("scored_at"),
            }
        )
        of_model = f"model_version = {literal(self.version)}"
        ids = None
        if gone is not None and not self.is_first:
            ids = judged.select("session_id").unionByName(gone)
        written = [
            (EVENT_SCORES, events),
            (PREDICTIONS, predictions),
            (ANOMALIES, anomalies),
            (SESSION_SCORES, stamped),
        ]
        for table, rows in written:
            if table is PREDICTIONS and not self.predicts and self._is_empty(table):
                continue  # most batches of a log that is complete: a commit less
            if ids is not None:
                self.lake.replace(table, rows, ids, within={"model_version": self.version}, txn=txn)
            elif gone is None:
                self.lake.overwrite(table, rows, where=of_model)
            else:
                self.lake.append(table, rows, txn=txn)

    def _is_empty(self, table: Table) -> bool:
        if not self.lake.exists(table) or self.lake.version(table) == 0:  # nothing but its creation
            return True
        return self.lake.read(table).where(F.col("model_version") == self.version).isEmpty()

    @property
    def is_first(self) -> bool:
        """Whether the model has scored no session yet."""
        return self._is_empty(SESSION_SCORES)


def run(
    lake: Lake, conf: Config, *, run_id: str, run_date: Any, version: str | None = None
) -> dict[str, Any]:
    """Score the sessions that are new or changed since this model last scored.

    Args:
        lake: with the tables sessions and models.
        run_id: written beside each row.
        run_date: UTC instant of the run, written as `scored_at`.
        version: model version; the champion where not given.

    Returns:
        Counts: sessions scored, flagged, and sessions whose scores went because they are no more; `model_version`.

    Raises:
        UsageError: there is no model or no session yet.
        GuardFailed: the model's folder was changed, its vocabulary is another's, or the sessions lie beyond
            `drift.limit` from what it was trained on.
    """
    if not lake.exists(SESSIONS):
        raise UsageError(f"lake {lake.location}: no sessions to score yet; run sessionize first")
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
    version = version or registry.champion()
    if version is None:
        raise UsageError(f"lake {lake.location}: no model {conf.name} yet; run train first")
    packed = pack_artifact(registry.path(version))
    lake.ensure(SESSION_SCORES, EVENT_SCORES, ANOMALIES, PREDICTIONS, DRIFT)
    carrier = carry(lake.spark, version, packed)
    scorer = Scorer(lake, conf, version, carrier, run_id=run_id, scored_at=run_date)
    start = Start.of(lake, conf.name, version)
    if start is None and scorer.is_first:
        start = _score_whole(lake, scorer, conf.name, version)
    start = start or Start.of_whole(conf.name, version)
    if lake.version(SESSIONS) > start.sessions_version:
        changes = lake.read_stream(SESSIONS, options=start.options)
        lake.drain(changes, scorer.write_batch, checkpoint=start.checkpoint)
    ensure_verdicts(lake)
    return {**scorer.counts, "drift": round(scorer.drift, 4), "model_version": version}


def _score_whole(lake: Lake, scorer: Scorer, name: str, version: str) -> Start:
    """Score the sessions as they are, and note where a stream goes on.

    As a table they are read by the columns that are needed; the first batch of a stream would be read whole, row by
    row. What is added meanwhile comes again with the stream, and is written once.
    """
    sessions_version = lake.version(SESSIONS)
    scorer.write_whole(lake.read(SESSIONS))
    start = Start.after(sessions_version, name, version)
    start.note(lake, name, version)
    return start


def _latest(changes: DataFrame) -> tuple[DataFrame | None, int]:
    """The last state of each session in a batch of its changes, and how many of them are gone; None of no change."""
    facts = changes.agg(
        F.count_if(F.col("_change_type") == "delete").alias("deleted"),
        (F.max("_commit_version") == F.min("_commit_version")).alias("one_commit"),
    ).collect()[0]
    if facts["one_commit"] is None:
        return None, 0
    if facts["one_commit"] and not facts["deleted"]:  # the first batch: every session once, nothing to sort
        return changes.where("_change_type <> 'update_preimage'"), 0
    rank = F.when(F.col("_change_type") == "delete", 0).otherwise(1)  # within a commit, what replaced it
    order = Window.partitionBy("session_id").orderBy(F.col("_commit_version").desc(), rank.desc())
    last = changes.where("_change_type <> 'update_preimage'").withColumn("_place", F.row_number().over(order))
    latest = last.where("_place = 1").drop("_place")
    return latest, latest.where("_change_type = 'delete'").count() if facts["deleted"] else 0
