"""The tables that offbeat writes, each declared once. Consumers rely on names, types and keys."""

from __future__ import annotations

from offbeat.tables.following import FOLLOWED
from offbeat.tables.forgotten import FORGOTTEN
from offbeat.tables.table import Col, Table
from offbeat.tables.watching import DRIFT, FEEDBACK, PREDICTION_CHECKS, PREDICTIONS

_RUN = Col("run_id", "string", "run that wrote the row; see runs", null=False)
_MODEL = Col("model_version", "string", "model that scored; folder under models/NAME/", null=False)
_SESSION = Col("session_id", "string", "hash of entity, start and first event_id", null=False)
_ENTITY = Col("entity", "string", "whose events these are; several columns joined by |", null=False)
_SCORE_CHECK = {"score_is_finite": "score >= 0 AND score < double('infinity')"}
_EXPECTED = "array<struct<event:string,probability:float>>"

EVENTS = Table(
    name="events",
    doc="An event as it came, cast to the contract. Key: event_id.",
    columns=(
        Col("event_id", "string", "as given, else a hash of the contract's columns", null=False),
        _ENTITY,
        Col("event_time", "timestamp", "UTC instant; null only where the log has no time"),
        Col("position", "bigint", "place in the log where it has no time, or tie-break"),
        Col("event", "string", "what happened", null=False),
        Col("label", "int", "0 normal, 1 abnormal; only evaluation and classifiers read it"),
        Col("covariates", "map<string,string>", "further columns of the source, as text"),
        Col("role", "string", "train, score or both: what its source is for", null=False),
        Col("source_file", "string", "file or table it came from"),
        Col("ingest_batch", "string", "batch that took it", null=False),
    ),
    key=("event_id",),
    cluster_by=("entity", "event_time"),
    checks={"label_is_binary": "label IS NULL OR label IN (0, 1)"},
    change_feed=True,  # costs nothing where rows are only added; who has no stream of Spark's follows the events by it
)

QUARANTINE = Table(
    name="quarantine",
    doc="A row that did not meet the contract, with every reason. Key: row_hash, source_file.",
    columns=(
        Col("row_hash", "string", "hash of the raw row", null=False),
        Col("source_file", "string", "file or table it came from", null=False),
        Col("raw", "string", "the row as it came", null=False),
        Col("raw_header", "string", "header of its file, where the row can't be read without"),
        Col("raw_lines", "array<bigint>", "numbers of its lines, where the source is ordered by line"),
        Col("reasons", "array<string>", "every reason, not the first alone", null=False),
        Col("copies", "bigint", "how often the same row came from this source", null=False),
        Col(
            "source", "string", "source of the config: its path, table or query as written there", null=False
        ),
        Col("ingest_batch", "string", "batch that refused it", null=False),
        Col("quarantined_at", "timestamp", "run date of that batch", null=False),
    ),
    key=("row_hash", "source_file"),
)

INGESTED = Table(
    name="ingested",
    doc="A source file (or query) that was taken, so that it is taken once. Key: content_hash.",
    columns=(
        Col(
            "content_hash", "string", "SHA-256 of the file's bytes, or of a query and its bounds", null=False
        ),
        Col("source_file", "string", "name it was taken under", null=False),
        Col(
            "source", "string", "source of the config: its path, table or query as written there", null=False
        ),
        Col("size_bytes", "bigint", "bytes of the file"),
        Col("modified_ms", "bigint", "when the file was changed, milliseconds since 1970"),
        Col("columns", "map<string,string>", "kind of values of the columns that were taken"),
        Col("ingest_batch", "string", "batch that took it", null=False),
        Col(
            "state",
            "string",
            "planned: being taken; done: all its rows are in events or quarantine",
            null=False,
        ),
        Col("rows_in", "bigint", "rows read"),
        Col("events", "bigint", "rows that became events"),
        Col("duplicates", "bigint", "rows that were there already"),
        Col("quarantined", "bigint", "rows refused"),
        Col("taken_at", "timestamp", "run date of the batch", null=False),
    ),
    key=("content_hash",),
)

SESSIONS = Table(
    name="sessions",
    doc="One run of one entity's events, none further apart than the gap. Key: session_id.",
    columns=(
        _SESSION,
        _ENTITY,
        Col("start", "timestamp", "UTC instant of the first event; null where the log has no time"),
        Col("end", "timestamp", "UTC instant of the last event; null where the log has no time"),
        Col("n_events", "int", "number of events", null=False),
        Col("events", "array<string>", "what happened, in order", null=False),
        Col(
            "times",
            "array<timestamp>",
            "when, in the same order; nulls where the log has no time",
            null=False,
        ),
        Col("event_ids", "array<string>", "which rows of events, in the same order", null=False),
        Col("covariates", "map<string,string>", "first value of each covariate in the session"),
        Col("label", "int", "largest label of its events; null where none has one"),
        Col("role", "string", "train, score or both: what its source is for", null=False),
        Col("continues", "boolean", "whether it continues a piece that was cut", null=False),
        Col("state", "string", "open: may still grow; closed; cut: its next piece follows", null=False),
    ),
    key=("session_id",),
    cluster_by=("start", "entity"),
    checks={"state_is_known": "state IN ('open', 'closed', 'cut')", "has_events": "n_events >= 1"},
    change_feed=True,
)

SESSION_SCORES = Table(
    name="session_scores",
    doc="One row per session and model version; every session has a score. Key: session_id, model_version.",
    columns=(
        _SESSION,
        _MODEL,
        Col(
            "score",
            "float",
            "largest surprise of its events in nats, or the detector's own; higher = stranger",
            null=False,
        ),
        Col(
            "percentile", "float", "share of held-out normal sessions that score lower, 0 to 100", null=False
        ),
        Col("verdict", "string", "normal, anomalous, short, open or unknown_event", null=False),
        Col("threshold", "float", "score above which a session is anomalous", null=False),
        Col("unknown_share", "float", "share of its events that the model has never seen", null=False),
        _RUN,
        Col("scored_at", "timestamp", "UTC instant of the run", null=False),
    ),
    key=("session_id", "model_version"),
    cluster_by=("session_id",),
    checks={
        **_SCORE_CHECK,
        "percentile_in_range": "percentile >= 0 AND percentile <= 100",
        "verdict_is_known": "verdict IN ('normal', 'anomalous', 'short', 'open', 'unknown_event')",
    },
)

EVENT_SCORES = Table(
    name="event_scores",
    doc="How expected each event of a flagged session was. Key: session_id, position, model_version.",
    columns=(
        _SESSION,
        Col("position", "int", "0-based place in the session; n_events stands for its end", null=False),
        _MODEL,
        Col("event", "string", "what happened", null=False),
        Col("probability", "float", "probability that the model gave it, 0 to 1", null=False),
        Col("rank", "int", "1 = the likeliest", null=False),
        Col("surprise", "float", "-ln(probability), nats", null=False),
        Col("expected", _EXPECTED, "likeliest events at that place, falling", null=False),
        _RUN,
    ),
    key=("session_id", "position", "model_version"),
    cluster_by=("session_id",),
    checks={"probability_in_range": "probability >= 0 AND probability <= 1", "rank_is_positive": "rank >= 1"},
)

ANOMALIES = Table(
    name="anomalies",
    doc="A flagged session and why it was flagged. Key: session_id, model_version.",
    columns=(
        _SESSION,
        _MODEL,
        _ENTITY,
        Col("start", "timestamp", "UTC instant of the session's first event"),
        Col("end", "timestamp", "UTC instant of the session's last event"),
        Col("score", "float", "higher = stranger", null=False),
        Col(
            "percentile", "float", "share of held-out normal sessions that score lower, 0 to 100", null=False
        ),
        Col("verdict", "string", "anomalous or unknown_event", null=False),
        Col("threshold", "float", "score above which a session is anomalous", null=False),
        Col(
            "kind",
            "string",
            "new_event, wrong_order, missing, repeated, inserted, time_gap, length or counts",
            null=False,
        ),
        Col(
            "positions",
            "array<int>",
            "0-based places of the odd events; n_events stands for the end",
            null=False,
        ),
        Col("events", "array<string>", "what happened, in order", null=False),
        Col("times", "array<timestamp>", "when, in the same order", null=False),
        Col(
            "actual",
            f"array<struct<position:int,event:string,probability:float,rank:int,surprise:float,expected:{_EXPECTED}>>",
            "the odd events against what was expected there, strangest first",
            null=False,
        ),
        Col("nearest", "array<string>", "nearest normal sequence that the model was trained on"),
        Col("edits", "array<string>", "steps that turn the session into that sequence"),
        Col("event_ids", "array<string>", "rows of events, in order", null=False),
        Col("covariates", "map<string,string>", "first value of each covariate in the session"),
        Col("action", "string", "what to do about it", null=False),
        Col("muted", "boolean", "whether a person called a session like it a false alarm; see feedback"),
        _RUN,
    ),
    key=("session_id", "model_version"),
    cluster_by=("start", "entity"),
    checks=_SCORE_CHECK,
    change_feed=True,
)

TRUTH = Table(
    name="truth",
    doc="Known faults of a generated log; only evaluation reads it. Key: session_key.",
    columns=(
        Col("session_key", "string", "a session as it was generated", null=False),
        _ENTITY,
        Col("event_ids", "array<string>", "its events in true order", null=False),
        Col("start", "timestamp", "true start", null=False),
        Col("end", "timestamp", "true end", null=False),
        Col("partner", "string", "content partner", null=False),
        Col("title", "string", "title viewed", null=False),
        Col("platform", "string", "device platform", null=False),
        Col("app_version", "string", "version of the app", null=False),
        Col("fault_kind", "string", "swap, drop, repeat, insert or delay; null = none"),
        Col("fault_event_id", "string", "the event out of place; for a drop the next that is left"),
        Col("fault_position", "int", "0-based place of that event as logged"),
        Col(
            "fault_event_ids",
            "array<string>",
            "the events that may rightly be pointed at; see packs/tvm/faults.py",
        ),
        Col("minutes_true", "double", "minutes really viewed", null=False),
    ),
    key=("session_key",),
)

EVALUATIONS = Table(
    name="evaluations",
    doc="A metric of a detector on a split, with its interval. Key: the first seven columns but run_id.",
    columns=(
        _RUN,
        _MODEL,
        Col("detector", "string", "what was judged", null=False),
        Col("split", "string", "test; synthetic: faults put in; stress_<kind>: a stress curve", null=False),
        Col(
            "subset",
            "string",
            "all, distinct or never_seen sequences; of a stress curve its level",
            null=False,
        ),
        Col(
            "verdict_rule",
            "string",
            "flagged, or without_unknown: unknown_event counted as normal",
            null=False,
        ),
        Col("metric", "string", "name of the metric", null=False),
        Col(
            "basis",
            "string",
            "honest: threshold from validation; oracle: best on the test set; reference",
            null=False,
        ),
        Col("value", "double", "its value"),
        Col("low", "double", "lower end of the 95 % interval"),
        Col("high", "double", "upper end of the 95 % interval"),
        Col("seconds", "double", "seconds that the detector took to train and score"),
        Col("note", "string", "what to know when reading it"),
    ),
    key=("model_version", "detector", "split", "subset", "verdict_rule", "metric", "basis"),
)

TUNING = Table(
    name="tuning",
    doc="What `train --tune` tried, judged on validation sessions alone. Key: run_id, detector, trial.",
    columns=(
        _RUN,
        Col("trial", "int", "0-based; the first has the config's own settings", null=False),
        Col("detector", "string", "what was trained", null=False),
        Col("settings", "string", "the settings tried, as JSON", null=False),
        Col(
            "value",
            "double",
            "PR-AUC on faults injected into validation sessions; of a classifier, minus its validation loss",
        ),
        Col("val_loss", "double", "loss on the validation sessions"),
        Col("val_accuracy", "double", "accuracy on the validation sessions"),
        Col("seconds", "double", "wall seconds of the trial", null=False),
        Col("outcome", "string", "done, out of time or failed", null=False),
        Col("chosen", "boolean", "the model of this run was trained with these settings", null=False),
        Col("note", "string", "why it came to no value"),
    ),
    key=("run_id", "detector", "trial"),
)

RUNS = Table(
    name="runs",
    doc="One run of one step: what ran, on what, how long, with what outcome. Key: run_id.",
    columns=(
        Col("run_id", "string", "unique to the run of the step", null=False),
        Col("step", "string", "ingest, sessionize, train, score, evaluate …", null=False),
        Col("config_name", "string", "name of the config", null=False),
        Col("config_hash", "string", "hash of the resolved config", null=False),
        Col("run_date", "timestamp", "date that the run stands for, UTC", null=False),
        Col("started_at", "timestamp", "UTC instant", null=False),
        Col("seconds", "double", "wall seconds", null=False),
        Col("outcome", "string", "done, failed or killed", null=False),
        Col("error", "string", "one line, where it failed"),
        Col("model_version", "string", "model made or used"),
        Col("versions_read", "map<string,bigint>", "Delta version of each table read"),
        Col("versions_written", "map<string,bigint>", "Delta version of each table written"),
        Col("counts", "map<string,bigint>", "rows in and out"),
        Col("libraries", "map<string,string>", "versions of code and libraries", null=False),
        Col("told", "string", "of evaluate: what it told, as JSON, for a run that finds nothing new since"),
    ),
    key=("run_id",),
)

TEMPLATES = Table(
    name="templates",
    doc="A template of raw lines, mined on the training part and frozen. Key: config_name, template.",
    columns=(
        Col("config_name", "string", "config whose lines these are", null=False),
        Col("template", "string", "event of the lines that match, <*> where any word may stand", null=False),
        Col("place", "int", "0 = had the most lines", null=False),
        Col("words", "array<string>", "the template's words", null=False),
        Col("masks", "string", "what was masked before: names and patterns, as JSON", null=False),
        Col("mined_on", "string", "which lines it was mined on: the split, as JSON", null=False),
    ),
    key=("config_name", "template"),
)

MINUTES_VIEWED = Table(
    name="minutes_viewed",
    doc="Minutes viewed as reported, on flagged sessions and without them. Key: day, partner, title, platform.",
    columns=(
        Col("day", "date", "UTC day of the session's start", null=False),
        Col("partner", "string", "content partner", null=False),
        Col("title", "string", "title viewed", null=False),
        Col("platform", "string", "device platform", null=False),
        Col("minutes_reported", "double", "minutes as the report counts them", null=False),
        Col("minutes_flagged", "double", "of these, minutes that rest on flagged sessions", null=False),
        Col("minutes_unflagged", "double", "of these, minutes without flagged sessions", null=False),
        Col("minutes_true", "double", "generated truth of all sessions; null for real logs"),
        Col("minutes_true_unflagged", "double", "generated truth of the sessions that are not flagged"),
    ),
    key=("day", "partner", "title", "platform"),
)

TABLES = {
    table.name: table
    for table in (
        EVENTS,
        QUARANTINE,
        INGESTED,
        SESSIONS,
        SESSION_SCORES,
        EVENT_SCORES,
        ANOMALIES,
        PREDICTIONS,
        PREDICTION_CHECKS,
        TRUTH,
        EVALUATIONS,
        DRIFT,
        FEEDBACK,
        TUNING,
        RUNS,
        FOLLOWED,
        TEMPLATES,
        MINUTES_VIEWED,
        FORGOTTEN,
    )
}
