"""When so many rows are no events that the run is refused: the source has changed, or the config is wrong."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.errors import InputRefused

_EXAMPLE_CHARACTERS = 120


def assert_below(rows: DataFrame, *, total: int, bad: int, share: float) -> None:
    """Refuse rows too many of which are no events.

    Args:
        rows: has `reasons` and `raw`.
        total: rows, all in all.
        bad: those with a reason.
        share: how large bad / total may be.

    Raises:
        InputRefused: names the share and the three commonest reasons, each with a row.
    """
    if bad <= share * total:
        return
    reasons = rows.select(
        F.explode("reasons").alias("reason"), F.substring("raw", 1, _EXAMPLE_CHARACTERS).alias("raw")
    )
    common = reasons.groupBy("reason").agg(F.count("*").alias("n"), F.min("raw").alias("raw"))
    worst = common.orderBy(F.desc("n"), "reason").limit(3).collect()
    told = "; ".join(f"{row['n']} {row['reason']}, like {_shown(row['raw'])}" for row in worst)
    raise InputRefused(
        f"ingest: {bad} of {total} rows ({100 * bad / total:.1f} %) are no events, more than quarantine.limit "
        f"({100 * share:g} %); nothing was written: {told}; mend source.columns, time_format or the rows, "
        "or raise quarantine.limit"
    )


def _shown(raw: str | None) -> str:
    text = ascii(raw or "")
    return text if len(raw or "") < _EXAMPLE_CHARACTERS else text[:-1] + "…'"
