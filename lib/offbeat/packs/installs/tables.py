"""The tables that the pack installs adds."""

from __future__ import annotations

from offbeat.tables import Col, Table

_MODEL = Col("model_version", "string", "model that gave the probability; folder under models/", null=False)
_RUN = Col("run_id", "string", "run that wrote the row; see runs", null=False)
_APP = Col("app", "string", "app advertised", null=False)
_CHANNEL = Col("channel", "string", "channel that showed the ad", null=False)
_PROBABILITY = {"probability_in_range": "install_prob >= 0 AND install_prob <= 1"}

INSTALL_SCORES = Table(
    name="install_scores",
    doc="The probability that a click leads to an install. Key: click_id, model_version.",
    columns=(
        Col("click_id", "string", "hash of ip, app, device, os, channel and time", null=False),
        _MODEL,
        Col("ip", "string", "address", null=False),
        _APP,
        Col("device", "string", "device type", null=False),
        Col("os", "string", "system version", null=False),
        _CHANNEL,
        Col("click_time", "timestamp", "UTC instant of the click", null=False),
        Col("install_prob", "double", "calibrated probability of an install, 0 to 1", null=False),
        Col("installed", "int", "1 where the log says so, 0 where not; null where it does not say"),
        _RUN,
        Col("scored_at", "timestamp", "UTC instant of the run", null=False),
    ),
    key=("click_id", "model_version"),
    cluster_by=("click_time", "ip"),
    checks=_PROBABILITY,
    entity="ip",
)

INSTALL_SEGMENTS = Table(
    name="install_segments",
    doc="Clicks and expected installs per app, channel and hour. Key: model_version, app, channel, hour.",
    columns=(
        _MODEL,
        _APP,
        _CHANNEL,
        Col("hour", "timestamp", "UTC hour that begins then", null=False),
        Col("clicks", "bigint", "clicks in it", null=False),
        Col("expected_installs", "double", "sum of the clicks' probabilities", null=False),
        Col("low", "double", "lower end of the 95 % interval of the installs to come", null=False),
        Col("high", "double", "upper end of the 95 % interval of the installs to come", null=False),
        Col("lift", "double", "expected installs per click over those of all clicks"),
        Col("farm_share", "double", "share of its clicks that come from likely click farms", null=False),
        Col("installs", "bigint", "installs found; null where a click of the cell has no label"),
    ),
    key=("model_version", "app", "channel", "hour"),
    cluster_by=("app", "channel"),
)

BOTS = Table(
    name="bots",
    doc="A visitor whose click sequences are out of the ordinary. Key: entity, model_version.",
    columns=(
        Col("entity", "string", "whose clicks these are; as in sessions", null=False),
        Col("model_version", "string", "session model that flagged; folder under models/NAME/", null=False),
        Col("sessions", "bigint", "sessions in all", null=False),
        Col("flagged_sessions", "bigint", "sessions flagged as out of the ordinary", null=False),
        Col("clicks", "bigint", "clicks in all", null=False),
        Col("flagged_clicks", "bigint", "clicks in flagged sessions", null=False),
        Col("score", "double", "highest score of its sessions; higher = stranger", null=False),
        Col("kinds", "array<string>", "what was odd, each once", null=False),
        Col("clicks_per_hour", "double", "clicks per hour between its first and last, of a minute at least"),
        Col("first_click", "timestamp", "UTC instant"),
        Col("last_click", "timestamp", "UTC instant"),
        Col("expected_installs", "double", "sum of its clicks' install probabilities; null: not scored"),
        Col(
            "is_farm", "boolean", "whether it is likely a click farm: flagged, fast, few installs", null=False
        ),
        Col("session_ids", "array<string>", "flagged sessions, strangest first, at most 20", null=False),
        _RUN,
    ),
    key=("entity", "model_version"),
    cluster_by=("entity",),
)

INSTALL_CHARTS = Table(
    name="install_charts",
    doc="Points of the pictures on the page. Key: model_version, picture, series, position.",
    columns=(
        _MODEL,
        Col("picture", "string", "reliability, gain, importance, confusion, errors …", null=False),
        Col("series", "string", "line, bar or cell that the point belongs to", null=False),
        Col("position", "int", "place of the point in its series", null=False),
        Col("label", "string", "text of the point, where it has one"),
        Col("x", "double", "across"),
        Col("y", "double", "up"),
        Col("low", "double", "lower end of its interval, or lower bound"),
        Col("high", "double", "upper end of its interval, or upper bound"),
        Col("n", "bigint", "rows that it stands for"),
        _RUN,
    ),
    key=("model_version", "picture", "series", "position"),
)

INSTALL_TRUTH = Table(
    name="install_truth",
    doc="Who is behind each address of a generated click log; only evaluation reads it. Key: ip.",
    columns=(
        Col("ip", "string", "address", null=False),
        Col("kind", "string", "person, gateway or farm", null=False),
        Col("clicks", "bigint", "clicks in the log", null=False),
        Col("expected_installs", "double", "sum of the clicks' true probabilities", null=False),
        Col("installs", "bigint", "installs that the log says", null=False),
        Col("late_installs", "bigint", "installs after the end of the log, which it can't say", null=False),
    ),
    key=("ip",),
    entity="ip",
)

TABLES = (INSTALL_SCORES, INSTALL_SEGMENTS, BOTS, INSTALL_CHARTS, INSTALL_TRUTH)
