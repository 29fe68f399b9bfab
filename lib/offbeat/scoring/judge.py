"""Scores, verdicts and explanations for Arrow batches of sessions: what runs on the executors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.detectors.base import EventScores, Sequences
from offbeat.detectors.encoding import encode_sessions
from offbeat.scoring.carrier import Carrier
from offbeat.scoring.details import DETAIL, detail_of, detail_type, strangest_of
from offbeat.scoring.explain import ACTIONS, Explanation, explain
from offbeat.scoring.verdicts import is_flagged, judge, unknown_share
from offbeat.sessions.build import NO_NULL_MAP
from offbeat.sessions.pieces import joined
from offbeat.training.artifact import Artifact

# Columns of a session that its anomaly or prediction carries; null in the result where it has neither.
CARRIED = ("entity", "start", "end", "events", "times", "event_ids", "covariates")
JUDGED = (
    "session_id string, score float, percentile float, verdict string, threshold float, unknown_share float, "
    f"detail {DETAIL}, actual {DETAIL}, kind string, positions array<int>, nearest array<string>, "
    "edits array<string>, action string, entity string, start timestamp, end timestamp, events array<string>, "
    "times array<timestamp>, event_ids array<string>, covariates map<string,string>, break_probability float, "
    "n_events int, mix array<bigint>"
)
_TOGETHER = 400_000  # events; with all that a session carries about 40 MB


@dataclass(frozen=True)
class Rules:
    """How scores are judged and how much is explained; see section `score` of the config."""

    top_k: int
    min_events: int
    unknown_limit: float
    event_detail: str
    device: str = "cpu"


def judge_sessions(sessions: DataFrame, carrier: Carrier, rules: Rules) -> DataFrame:
    """Score and judge sessions where they lie.

    Args:
        sessions: rows of the table sessions, at any partitioning.
        carrier: the model on its way.

    Returns:
        One row per session in the schema `JUDGED`. What describes its fault is null unless it is flagged, what
        describes the session unless it is flagged or open, the probability that it will break unless it is open, and
        `mix` but in a few rows, which together count how often each number of the vocabulary came.
    """
    others = [name for name in CARRIED if name != "covariates"]
    needed = sessions.select("session_id", "state", "continues", *others, F.expr(NO_NULL_MAP))
    judged = needed.mapInArrow(_judging(carrier, rules), JUDGED)
    return judged.withColumn("covariates", F.when(F.size("covariates") > 0, F.col("covariates")))


def _judging(
    carrier: Carrier, rules: Rules
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def judge_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in _gathered(batches):
            model = carrier.model()
            model.detector.device = rules.device
            yield _judge_batch(batch, model, rules)

    return judge_batches


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches put together until they hold enough events: sessions that are scored together share their beginnings."""
    kept: list[pa.RecordBatch] = []
    n_events = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        kept.append(batch)
        n_events += len(batch.column("events").flatten())
        if n_events >= _TOGETHER:
            yield joined(kept)
            kept, n_events = [], 0
    if kept:
        yield joined(kept)


def _judge_batch(batch: pa.RecordBatch, model: Artifact, rules: Rules) -> pa.RecordBatch:
    wanted = dict.fromkeys((*model.detector.takes, *model.calibration.segments.names))
    sequences = encode_sessions(batch, model.vocabulary, tuple(wanted))
    scores = model.detector.score(sequences)
    thresholds = model.calibration.thresholds(sequences.covariates, len(scores))
    unknown = unknown_share(sequences)
    is_open = pc.equal(batch.column("state"), "open").to_numpy(zero_copy_only=False)
    verdicts = judge(
        scores,
        threshold=thresholds,
        lengths=sequences.lengths,
        unknown_share=unknown,
        is_open=is_open,
        min_events=rules.min_events,
        unknown_limit=rules.unknown_limit,
    )
    flagged = is_flagged(verdicts)
    columns = {
        "session_id": batch.column("session_id"),
        "score": pa.array(scores, pa.float32()),
        "percentile": pa.array(model.calibration.percentile(scores), pa.float32()),
        "verdict": pa.array(verdicts.tolist(), pa.string()),
        "threshold": pa.array(thresholds, pa.float32()),
        "unknown_share": pa.array(unknown, pa.float32()),
        **_explained(batch, sequences, scores, thresholds, flagged, model, rules),
        **_carried(batch, flagged | is_open),
        "break_probability": _forecast(sequences, is_open, model),
        "n_events": pa.array(sequences.lengths.astype(np.int32)),
        "mix": _mix(sequences, len(model.vocabulary)),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _carried(batch: pa.RecordBatch, wanted: np.ndarray) -> dict[str, pa.Array]:
    """The session's own columns where they are wanted, null elsewhere."""
    rows = pa.array(np.arange(batch.num_rows), mask=~wanted)
    return {name: batch.column(name).take(rows) for name in CARRIED}


def _mix(sequences: Sequences, size: int) -> pa.Array:
    """How often each number came in the whole batch, on its first row; null on the others."""
    counts = np.bincount(sequences.ids, minlength=size)
    offsets = np.full(len(sequences) + 1, size, np.int32)
    offsets[0] = 0
    others = pa.array(np.arange(len(sequences)) > 0)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(counts, pa.int64()), mask=others)


def _forecast(sequences: Sequences, is_open: np.ndarray, model: Artifact) -> pa.Array:
    """How likely each open session is to break; null for others, and where the model can't say."""
    forecast = model.baseline.forecast
    chosen = np.flatnonzero(is_open)
    if forecast is None or not len(chosen):
        return pa.nulls(len(sequences), pa.float32())
    found = np.zeros(len(sequences), np.float32)
    found[chosen] = forecast.of_sessions(model.detector, sequences.take(chosen))
    return pa.array(found, mask=~is_open)


def _explained(
    batch: pa.RecordBatch,
    sequences: Sequences,
    session_scores: np.ndarray,
    thresholds: np.ndarray,
    flagged: np.ndarray,
    model: Artifact,
    rules: Rules,
) -> dict[str, pa.Array]:
    detailed = np.flatnonzero(flagged | (rules.event_detail == "all"))
    if not len(detailed):
        return _nothing_explained(batch.num_rows)
    chosen = sequences.take(detailed)
    scores = model.detector.surprise(chosen, rules.top_k)
    names = batch.column("events").take(pa.array(detailed))
    detail = None if scores is None else detail_of(scores, chosen, names, model.vocabulary)
    within = np.flatnonzero(flagged[detailed])
    odd, odd_names = chosen.take(within), names.take(pa.array(within))
    odd_scores = None if scores is None else scores.take(within)
    flagged_rows = np.flatnonzero(flagged)
    first, kind = _alike(odd, odd_names, odd_scores, thresholds[flagged_rows])
    reasons = explain(
        model.detector,
        model.vocabulary,
        odd.take(first),
        None if odd_scores is None else odd_scores.take(first),
        odd_names.take(pa.array(first)).to_pylist(),
        thresholds=thresholds[flagged_rows[first]],
        own=session_scores[flagged_rows[first]],
    )
    reasons = [reasons[number] for number in kind]
    return {
        "detail": _scattered(detail, detailed, batch.num_rows),
        "actual": _scattered(strangest_of(detail, odd_scores, within), flagged_rows, batch.num_rows),
        **_reasons(reasons, flagged_rows, batch.num_rows),
    }


def _alike(
    sessions: Sequences, names: pa.Array, scores: EventScores | None, thresholds: np.ndarray
) -> tuple[np.ndarray, list[int]]:
    """Sessions with the same events, marks, surprises and threshold are explained once.

    Returns:
        The first session of each kind, and the kind of each session.
    """
    codes = names.flatten().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    seen: dict[tuple[bytes, ...], int] = {}
    first, kinds = [], []
    for at in range(len(sessions)):
        events = codes[sessions.offsets[at] : sessions.offsets[at + 1]]
        surprise = () if scores is None else scores.surprise[scores.offsets[at] : scores.offsets[at + 1]]
        marks = bytes((int(sessions.starts[at]), int(sessions.ends[at])))
        key = (events.tobytes(), np.asarray(surprise, np.float32).tobytes(), marks, thresholds[at].tobytes())
        if key not in seen:
            seen[key] = len(seen)
            first.append(at)
        kinds.append(seen[key])
    return np.array(first, np.int64), kinds


def _nothing_explained(n: int) -> dict[str, pa.Array]:
    nothing = pa.nulls(n, detail_type())
    return {"detail": nothing, "actual": nothing, **_reasons([], np.zeros(0, dtype=np.int64), n)}


def _reasons(reasons: list[Explanation], rows: np.ndarray, n: int) -> dict[str, pa.Array]:
    text, places = pa.list_(pa.string()), pa.list_(pa.int32())
    columns = {
        "kind": pa.array([reason.kind for reason in reasons], pa.string()),
        "positions": pa.array([reason.positions for reason in reasons], places),
        "nearest": pa.array([reason.nearest for reason in reasons], text),
        "edits": pa.array([reason.edits for reason in reasons], text),
        "action": pa.array([ACTIONS[reason.kind] for reason in reasons], pa.string()),
    }
    return {name: _scattered(column, rows, n) for name, column in columns.items()}


def _scattered(values: pa.Array | None, rows: np.ndarray, n: int) -> pa.Array:
    """An array of `n` that has `values` at `rows` and null elsewhere."""
    if values is None:
        return pa.nulls(n, detail_type())
    place = np.full(n, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    return values.take(pa.array(place, mask=place < 0))
