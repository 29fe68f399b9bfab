"""The tables around a model at work: what it foresees, how the log drifts from it, what people say of its anomalies."""

from __future__ import annotations

from offbeat.tables.table import Col, Table

_RUN = Col("run_id", "string", "run that wrote the row; see runs", null=False)
_MODEL = Col("model_version", "string", "model that scored; folder under models/NAME/", null=False)
_SESSION = Col("session_id", "string", "hash of entity, start and first event_id", null=False)
_ENTITY = Col("entity", "string", "whose events these are; several columns joined by |", null=False)

PREDICTIONS = Table(
    name="predictions",
    doc="How likely a session that still runs is to break its sequence. Key: session_id, model_version.",
    columns=(
        _SESSION,
        _MODEL,
        _ENTITY,
        Col("start", "timestamp", "UTC instant of the session's first event"),
        Col("last_event_at", "timestamp", "UTC instant of its latest event"),
        Col("n_events", "int", "events so far", null=False),
        Col("probability", "float", "that it will have broken when it ends, 0 to 1", null=False),
        Col("score", "float", "score so far; higher = stranger", null=False),
        _RUN,
        Col("predicted_at", "timestamp", "UTC instant of the run", null=False),
    ),
    key=("session_id", "model_version"),
    checks={"probability_in_range": "probability >= 0 AND probability <= 1"},
)

PREDICTION_CHECKS = Table(
    name="prediction_checks",
    doc="How good predictions are, on prefixes of unseen sessions. Key: model_version, metric, bin.",
    columns=(
        _RUN,
        _MODEL,
        Col(
            "metric",
            "string",
            "brier, brier_of_base_rate, calibration (a row per bin: share that broke), calibration_error, warned and "
            "wrongly_warned (shares of sessions), lead_before_end and lead_before_fault (median, in events), "
            "warned_before_fault (share of the warned)",
            null=False,
        ),
        Col("bin", "string", "range of probabilities, for calibration; else empty", null=False),
        Col("value", "double", "its value; null where there is nothing to count"),
        Col("predicted", "double", "mean probability in the bin"),
        Col("n", "bigint", "prefixes or sessions that it rests on", null=False),
    ),
    key=("model_version", "metric", "bin"),
)

DRIFT = Table(
    name="drift",
    doc="How far the sessions of a run lie from those that the model was trained on. Key: run_id, batch, measure.",
    columns=(
        _RUN,
        _MODEL,
        Col("batch", "bigint", "batch of the run", null=False),
        Col("measure", "string", "unknown_share, length, event_mix or score", null=False),
        Col(
            "distance",
            "double",
            "0 to 1: Jensen-Shannon distance to the baseline (root of the divergence to base 2, less what chance gives "
            "so few); for unknown_share how much it rose",
            null=False,
        ),
        Col("psi", "double", "population stability index, less what chance gives; null for unknown_share"),
        Col("observed", "double", "share of unknown events; median length or score; null for event_mix"),
        Col("expected", "double", "the same of the baseline"),
        Col("n_sessions", "bigint", "sessions of the batch", null=False),
        Col("n_events", "bigint", "their events", null=False),
        Col("warned", "boolean", "whether the run warned of it", null=False),
        Col("beyond", "boolean", "whether it lies beyond drift.limit and stopped the run", null=False),
        Col("measured_at", "timestamp", "UTC instant of the run", null=False),
    ),
    key=("run_id", "batch", "measure"),
)

FEEDBACK = Table(
    name="feedback",
    doc="A person's word on a session; the last one counts. Key: session_id.",
    columns=(
        _SESSION,
        _ENTITY,
        Col("word", "string", "false_alarm or fault", null=False),
        Col("note", "string", "why, in the person's words"),
        Col("model_version", "string", "model whose anomaly it is about; null where none was flagged"),
        Col("kind", "string", "kind of that anomaly"),
        Col(
            "likeness", "string", "hash of kind and events around its first place: what makes sessions alike"
        ),
        Col("sequence", "string", "hash of the whole sequence of events", null=False),
        _RUN,
        Col("labelled_at", "timestamp", "UTC instant of the word", null=False),
    ),
    key=("session_id",),
    checks={"word_is_known": "word IN ('false_alarm', 'fault')"},
)
