"""What the page on installs shows, gathered from tables; only what it has room for is collected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.packs.installs.marketing import in_words, top_segments, training_end
from offbeat.packs.installs.tables import BOTS, INSTALL_CHARTS, INSTALL_SEGMENTS
from offbeat.tables import Lake
from offbeat.tables.contract import EVALUATIONS
from offbeat.tabular import SavedModel

_SEGMENTS, _BOTS = 60, 60  # the tables have all of them
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Seen:
    """What the page shows.

    Attributes:
        evaluations: rows of the test. pictures: points by picture.
        segments: of the hours after training the largest cells, None where there is no table; words: of the same
            hours the best segments as sentences.
        bots: None where there is no table.
    """

    conf: Config
    version: str
    saved: SavedModel
    evaluations: Rows
    pictures: Mapping[str, Rows]
    segments: Rows | None
    words: list[str]
    bots: Rows | None

    @property
    def champion(self) -> str:
        """Name of the model that scores."""
        return str(self.saved.record["model"])

    def metric(self, model: str, metric: str, *, subset: str = "all") -> dict[str, Any] | None:
        """A figure's row; None where there is none."""
        for row in self.evaluations:
            if (row["detector"], row["metric"], row["subset"]) == (model, metric, subset):
                return row
        return None


def gather(lake: Lake, conf: Config, version: str, saved: SavedModel, sessions_model: str | None) -> Seen:
    """Read what the page shows; only what it has room for is collected."""
    evaluations: Rows = []
    pictures: dict[str, Rows] = {}
    segments, words, bots = None, [], None
    mine = F.col("model_version") == version
    if lake.exists(EVALUATIONS):
        rows = lake.read(EVALUATIONS).where(mine & (F.col("split") == "test"))
        evaluations = [row.asDict() for row in rows.orderBy("detector", "metric").collect()]
    if lake.exists(INSTALL_CHARTS):
        points = lake.read(INSTALL_CHARTS).where(mine).orderBy("picture", "series", "position")
        for row in points.collect():
            pictures.setdefault(row["picture"], []).append(row.asDict())
    if lake.exists(INSTALL_SEGMENTS):
        cells = lake.read(INSTALL_SEGMENTS).where(mine & (F.col("hour") >= training_end(saved)))
        largest = cells.orderBy(F.desc("expected_installs"), "app", "channel", "hour").limit(_SEGMENTS)
        segments, words = [row.asDict() for row in largest.collect()], in_words(top_segments(cells))
    if lake.exists(BOTS) and sessions_model is not None:
        odd = lake.read(BOTS).where(F.col("model_version") == sessions_model)
        first = odd.orderBy(F.desc("is_farm"), F.desc("clicks"), "entity").limit(_BOTS)
        bots = [row.asDict() for row in first.collect()]
    return Seen(conf, version, saved, evaluations, pictures, segments, words, bots)
