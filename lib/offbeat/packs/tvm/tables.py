"""The tables that this pack adds, each declared once."""

from __future__ import annotations

from offbeat.tables.table import Col, Table

_MODEL = Col("model_version", "string", "model that was judged", null=False)

CARD_CHECKS = Table(
    name="card_checks",
    doc="How often cards of planted faults are right, on unseen sessions. Key: model_version, fault_kind.",
    columns=(
        _MODEL,
        Col("fault_kind", "string", "swap, drop, repeat, insert or delay as planted; all", null=False),
        Col("faults", "bigint", "faulty sessions of the test part", null=False),
        Col("detected", "bigint", "of these, flagged", null=False),
        Col("kind_right", "bigint", "detected ones whose card names the kind", null=False),
        Col(
            "position_right", "bigint", "detected ones whose card points at an event of the fault", null=False
        ),
        Col("kind_of_detected", "double", "kind_right / detected"),
        Col("position_of_detected", "double", "position_right / detected"),
        Col("kind_of_all", "double", "kind_right / faults"),
        Col("position_of_all", "double", "position_right / faults"),
        Col("cards", "map<string,bigint>", "kinds that the cards name instead, and how often"),
    ),
    key=("model_version", "fault_kind"),
)

RULE_CHECKS = Table(
    name="rule_checks",
    doc="Whether a model keeps to each rule of the player's state machine. Key: model_version, rule.",
    columns=(
        _MODEL,
        Col("detector", "string", "lstm, gru …", null=False),
        Col("rule", "string", "name of the rule; end = where a session may end", null=False),
        Col("event", "string", "event that it permits", null=False),
        Col("says", "string", "the rule in words", null=False),
        Col(
            "violations",
            "bigint",
            "legal sessions with its event put in where one of its conditions fails",
            null=False,
        ),
        Col("violations_flagged", "bigint", "of these, flagged", null=False),
        Col("legal_uses", "bigint", "times that unseen legal sessions make use of it", null=False),
        Col("legal_flagged", "bigint", "of these, more surprising than the threshold", null=False),
        Col("flagged_share", "double", "violations_flagged / violations; null without any"),
        Col("wrongly_flagged_share", "double", "legal_flagged / legal_uses; null without any"),
    ),
    key=("model_version", "rule"),
)

TABLES = (CARD_CHECKS, RULE_CHECKS)
