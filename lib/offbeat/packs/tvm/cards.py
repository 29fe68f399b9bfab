"""Whether the cards of planted faults are right, on sessions that the model has not seen.

What right means:

- Kind. The generator plants only faults of which one kind alone is the right reading (see `faults`), so a card is right
  when it names that one: `wrong_order` for swap and delay, `missing` for drop, `repeated` for repeat, `inserted` for
  insert. Nothing else counts, also where the card's edit would make a legal session.
- Position. The first place that the card names is an event that the fault touched: either of two exchanged ones; for a
  delayed one the place where it came or the place where it was missing; for a lost one the next meaningful event, or
  an ambient one between that and the meaningful event before (the lost one may have stood anywhere among them), or the
  end where none follows; the event that was added. Of equal events in a row (three heartbeats, say) any stands for the
  others: moving, leaving out or putting in one or the other makes the same session, and nothing tells them apart.

A fault that was not flagged has no card: it counts against the shares over all faults, not against those of detected.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.packs.tvm.tables import CARD_CHECKS

KINDS = {
    "swap": "wrong_order",
    "delay": "wrong_order",
    "drop": "missing",
    "repeat": "repeated",
    "insert": "inserted",
}
"""Kind of fault as planted -> kind that its card should name."""


def build_card_checks(labelled: DataFrame, anomalies: DataFrame, model_version: str) -> DataFrame:
    """Count right cards, per kind of fault and over all.

    Args:
        labelled: session_id, fault_kind (null where there is none) and fault_event_ids of the sessions to judge.
        anomalies: rows of the table anomalies.
        model_version: whose anomalies.

    Returns:
        The columns of `CARD_CHECKS`; no row where no session has a fault.
    """
    cards = anomalies.where(F.col("model_version") == model_version)
    cards = cards.select("session_id", F.col("kind").alias("card"), "positions", "event_ids")
    faults = labelled.where(F.col("fault_kind").isNotNull()).join(cards, "session_id", "left")
    judged = faults.select(
        # A name of its own: beside `fault_kind` itself, Spark 4.0 would not know which of the two is meant.
        F.explode(F.array("fault_kind", F.lit("all"))).alias("of_kind"),
        F.col("card"),
        F.col("card").isNotNull().alias("detected"),
        (F.col("card") == _expected("fault_kind")).alias("kind_right"),
        _points_at("fault_event_ids").alias("position_right"),
    )
    counts = judged.groupBy(F.col("of_kind").alias("fault_kind")).agg(
        F.count(F.lit(1)).alias("faults"),
        *(F.count_if(name).alias(name) for name in ("detected", "kind_right", "position_right")),
        _named_instead().alias("cards"),
    )
    shares = {
        f"{part}_of_{what}": F.try_divide(F.col(f"{part}_right"), F.col(of))
        for part in ("kind", "position")
        for what, of in (("detected", "detected"), ("all", "faults"))
    }
    return counts.withColumns({"model_version": F.lit(model_version), **shares}).select(
        *CARD_CHECKS.column_names
    )


def _expected(kind: str) -> Column:
    pairs = [F.lit(word) for pair in KINDS.items() for word in pair]
    return F.create_map(*pairs)[F.col(kind)]


def _points_at(touched: str) -> Column:
    """Whether the first place that the card names is one of the events; a place beyond the last means the end."""
    first = F.get("positions", F.lit(0))
    place = F.when(first.isNotNull(), F.least(first, F.size("event_ids") - 1))
    return F.coalesce(F.array_contains(touched, F.get("event_ids", place)), F.lit(False))


def _named_instead() -> Column:
    """Map of the cards' kinds that are not right to how often they came."""
    wrong = F.when(~F.col("kind_right"), F.col("card"))
    counted = [(kind, F.count_if(wrong == kind)) for kind in _ALL_KINDS]
    pairs = [part for kind, count in counted for part in (F.lit(kind), count)]
    return F.map_filter(F.create_map(*pairs), lambda _, count: count > 0)


_ALL_KINDS = (
    "new_event",
    "wrong_order",
    "missing",
    "repeated",
    "inserted",
    "time_gap",
    "length",
    "counts",
)
