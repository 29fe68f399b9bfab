"""What to do with which page, computed from the tables, and the same in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_YEAR_MONTHS = 12


def recommendations(accesses: DataFrame, alumni: DataFrame, rare: DataFrame) -> DataFrame:
    """What to do with pages: offer a download, merge or redo, drop; the columns of the table recommendations.

    Typing errors, probes and static files are no pages, and nothing is recommended for them.

    Args:
        alumni: rows of alumni_pages. rare: rows of rare_pages.
    """
    heavy = alumni.where("place <= 10 AND users >= 3").groupBy("page").agg(
        F.sum("accesses").alias("accesses"), F.sum("users").alias("users"),
        F.concat_ws(", ", F.sort_array(F.collect_set("program"))).alias("_of"),
    )  # fmt: skip
    download = heavy.select(
        "page", F.lit("offer_download").alias("action"), "accesses", "users",
        F.concat(F.col("users"), F.lit(" graduates of "), F.col("_of"), F.lit(" keep coming back to it")).alias("why"),
    )  # fmt: skip
    last = accesses.agg(F.max("at").alias("_last"))
    seldom = (
        rare.where("what = 'page' AND page <> '/'").crossJoin(F.broadcast(last)).groupBy("page", "_last")
        .agg(F.sum("accesses").alias("accesses"), F.max("users").alias("users"), F.max("last_access").alias("_seen"))
    )  # fmt: skip
    months = F.floor(F.months_between("_last", "_seen"))
    old = months >= _YEAR_MONTHS
    used = accesses.groupBy("page").agg(F.count(F.lit(1)).alias("_all"))
    # A page that is used under another spelling is no seldom one.
    alone = seldom.join(used, "page").where(F.col("_all") <= 2 * F.col("accesses"))
    alone = alone.join(heavy, "page", "left_anti")
    return download.unionByName(
        alone.select(
            "page", F.when(old, "drop").otherwise("merge_or_redo").alias("action"), "accesses", "users",
            F.concat(
                F.col("accesses"), F.lit(" accesses in all, the last "), months, F.lit(" months before the log ends")
            ).alias("why"),
        )
    )  # fmt: skip


def advice(rows: Iterable[dict[str, Any]]) -> str:
    """The recommendations in a few sentences.

    Args:
        rows: rows of the table recommendations.
    """
    by_action: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_action.setdefault(row["action"], []).append(row)
    number = {
        action: f"{len(found):,} page{'' if len(found) == 1 else 's'}" for action, found in by_action.items()
    }
    first = sorted(by_action.get("offer_download", []), key=lambda row: (-row["users"], row["page"]))[:3]
    named = f" ({', '.join(row['page'] for row in first)} first)" if first else ""
    return (
        f"Offer {number.get('offer_download', 'no page')} that graduates keep coming back to as a download{named}; "
        f"merge or redo {number.get('merge_or_redo', 'no page')} seldom used; drop {number.get('drop', 'no page')} not "
        "opened for a year. Typing errors, probes and static files are set apart and count as none of these."
    )
