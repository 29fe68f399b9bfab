"""What evaluation asks of this pack's truth: are cards right, and do the networks keep to the player's rules?"""

from __future__ import annotations

import logging
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config, Sample
from offbeat.packs.tvm.adherence import RuleCheck, check_rules
from offbeat.packs.tvm.cards import build_card_checks
from offbeat.packs.tvm.machine import EVENTS, codes_of, first_break
from offbeat.packs.tvm.tables import CARD_CHECKS, RULE_CHECKS
from offbeat.packs.tvm.truth import label_sessions
from offbeat.tables import Lake
from offbeat.tables.contract import ANOMALIES, SESSIONS, TRUTH
from offbeat.training.artifact import Artifact, load_artifact
from offbeat.training.registry import Registry
from offbeat.training.sample import sample_sessions
from offbeat.training.split import TEST, SplitRule

log = logging.getLogger(__name__)

NETWORKS = ("lstm", "gru")
_MOST_LEGAL = 1_000  # sessions that rules are checked on
_KNOWN = frozenset(EVENTS)


def write_checks(lake: Lake, conf: Config, model_version: str) -> dict[str, Any]:
    """Write card_checks of the model, and rule_checks of it and of the newest networks that know as little of the test.

    Returns:
        Shares of right cards among detected faults, and how many rows were written; shares are left out where nothing
        was detected.
    """
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
    model = load_artifact(registry.path(model_version))
    sessions = lake.read(SESSIONS).where((F.col("state") == "closed") & ~F.col("continues"))
    unseen = sessions.where(SplitRule.from_json(model.record["split"]).part() == TEST)
    labelled = label_sessions(unseen, lake.read(TRUTH))
    lake.merge(CARD_CHECKS, build_card_checks(labelled, lake.read(ANOMALIES), model_version))
    legal = _legal_sessions(unseen, labelled, seed=conf.model.seed)
    rows = [
        row
        for each in (model, *_other_networks(registry, model))
        for row in _rule_rows(each, legal, seed=conf.model.seed)
    ]
    if rows:
        lake.merge(RULE_CHECKS, lake.spark.createDataFrame(rows, RULE_CHECKS.schema))
    return {**_shares(lake, model_version), "rules_checked": len(rows)}


def _shares(lake: Lake, model_version: str) -> dict[str, float]:
    """How many cards of detected faults are right, over all kinds."""
    found = lake.read(CARD_CHECKS).where(
        (F.col("model_version") == model_version) & (F.col("fault_kind") == "all")
    )
    row = found.select("kind_of_detected", "position_of_detected").first()
    named = {} if row is None else {"card_kind_right": row[0], "card_position_right": row[1]}
    return {name: value for name, value in named.items() if value is not None}


def _legal_sessions(unseen: DataFrame, labelled: DataFrame, *, seed: int) -> list[list[int]]:
    """Codes of unseen sessions without a fault; a bounded number, the same at every call."""
    clean = unseen.join(labelled.where("faulty = 0").select("session_id"), "session_id", "left_semi")
    chosen = sample_sessions(clean, Sample(max_sessions=_MOST_LEGAL, by=()), seed=seed)
    rows = chosen.select("session_id", "events").orderBy("session_id").collect()
    known = (codes_of(row["events"]) for row in rows if _KNOWN.issuperset(row["events"]))
    return [codes for codes in known if first_break(codes) is None]


def _other_networks(registry: Registry, model: Artifact) -> list[Artifact]:
    """The newest version of each network besides the model's own, where it was trained on the same part."""
    newest = {version.rpartition("-")[0]: version for version in registry.versions()}
    wanted = [newest[name] for name in NETWORKS if name in newest and name != model.detector.name]
    found = [load_artifact(registry.path(version)) for version in wanted]
    return [each for each in found if each.record["split"] == model.record["split"]]


def _rule_rows(model: Artifact, legal: list[list[int]], *, seed: int) -> list[dict[str, Any]]:
    if not legal:
        return []
    log.info("checking the player's rules with %s on %s sessions", model.version, f"{len(legal):,}")
    checks = check_rules(model.detector, model.vocabulary, model.calibration.threshold, legal, seed=seed)
    return [_rule_row(model, check) for check in checks]


def _rule_row(model: Artifact, check: RuleCheck) -> dict[str, Any]:
    return {
        **vars(check),
        "model_version": model.version,
        "detector": model.detector.name,
        "flagged_share": check.violations_flagged / check.violations if check.violations else None,
        "wrongly_flagged_share": check.legal_flagged / check.legal_uses if check.legal_uses else None,
    }
