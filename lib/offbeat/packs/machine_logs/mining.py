"""Mining and matching in Spark: lines are masked where they lie, and a matcher that is plain data travels to them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from offbeat.config import Config
from offbeat.packs.machine_logs.masks import Masker
from offbeat.packs.machine_logs.templates import Templates, mine, named
from offbeat.tables import Lake
from offbeat.tables.contract import TEMPLATES
from offbeat.training.split import TRAIN, SplitRule, make_split

log = logging.getLogger(__name__)

_NAMED_ALREADY = ("sequences", "xes")  # formats whose events are names, not lines
_GAP = " "  # between the words of a masked line, which hold no blank


class LineTemplates:
    """Puts a template in place of each raw line: the frozen ones, or, at the first run, ones mined then.

    Args:
        lake: keeps the templates.
        conf: section `templates`; its split says which lines belong to the training part.
    """

    def __init__(self, lake: Lake, conf: Config) -> None:
        self.lake = lake
        self.conf = conf
        self._mined_on: str | None = None
        self._templates = load(lake, conf.name)

    def apply(self, rows: DataFrame) -> DataFrame:
        """The rows with templates as events; a line that no template matches is an unknown event."""
        raw = rows.where(self._is_raw() & (F.size("reasons") == 0))
        if self._templates is None and raw.isEmpty():
            return rows
        if self._templates is None:
            training, rule = training_lines(raw, self.conf)
            self._templates, self._mined_on = mine_lines(training, self.conf), json.dumps(rule.to_json())
            log.info("mined %d templates, frozen from now on", len(self._templates.templates))
        event = F.when(self._is_raw(), matched(self._templates)(F.col("event"))).otherwise(F.col("event"))
        return rows.withColumn("event", F.when(F.col("event").isNotNull(), event))

    def keep(self) -> None:
        """Write templates that were mined just now; frozen ones stay as they are."""
        if self._mined_on is None or self._templates is None:
            return
        masks = json.dumps(self._templates.masks)
        found = [
            (self.conf.name, named(words), place, list(words), masks, self._mined_on)
            for place, words in enumerate(self._templates.templates)
        ]
        self.lake.ensure(TEMPLATES)
        self.lake.merge(TEMPLATES, self.lake.spark.createDataFrame(found, TEMPLATES.schema))
        self._mined_on = None

    def _is_raw(self) -> Column:
        from offbeat.ingest.sources import name_of

        named_already = [name_of(source) for source in self.conf.source if source.format in _NAMED_ALREADY]
        return ~F.col("source").isin(*named_already) if named_already else F.lit(True)


def load(lake: Lake, name: str) -> Templates | None:
    """The frozen templates of a config; None before the first run."""
    if not lake.exists(TEMPLATES):
        return None
    rows = lake.read(TEMPLATES).where(F.col("config_name") == name).orderBy("place").collect()
    if not rows:
        return None
    masks = tuple((mask, pattern) for mask, pattern in json.loads(rows[0]["masks"]))
    return Templates(tuple(tuple(row["words"]) for row in rows), masks)


def training_lines(raw: DataFrame, conf: Config) -> tuple[DataFrame, SplitRule]:
    """The lines that belong to the training part, by the rule that will part the sessions.

    By time the cut lies where that share of the sessions has begun. There are no sessions yet, so their beginnings are
    told by the gap alone; evaluation refuses templates that reach beyond what the model may have seen.
    """
    rule = make_split(_beginnings(raw, conf.sessions.gap), conf.model)
    return raw.withColumn("start", F.col("event_time")).where(rule.part() == TRAIN), rule


def _beginnings(raw: DataFrame, gap_s: float | None) -> DataFrame:
    """`entity`, `role` and `start` of each session, as near as lines tell."""
    if gap_s is None:
        return raw.groupBy("entity", "role").agg(F.min("event_time").alias("start"))
    before = F.lag("event_time").over(Window.partitionBy("entity").orderBy("event_time"))
    silence_us = F.unix_micros("event_time") - F.unix_micros(before)
    opens = silence_us.isNull() | (silence_us > F.lit(round(gap_s * 1e6)))
    timed = raw.select("entity", "role", F.col("event_time").alias("start"), opens.alias("opens"))
    return timed.where("opens").drop("opens")


def mine_lines(lines: DataFrame, conf: Config) -> Templates:
    """Mine templates from lines (`event`): masked and counted where they lie, the distinct ones on the driver."""
    wanted = conf.templates
    own = tuple((mask.name, mask.pattern) for mask in wanted.masks)
    masker = Masker(own)  # refuses a wrong pattern before Spark starts
    counted = lines.select(_masked(own)(F.col("event")).alias("line")).groupBy("line").count()
    kept = counted.orderBy(F.desc("count"), "line").limit(wanted.max_lines).collect()
    found = {tuple(row["line"].split(_GAP)) if row["line"] else (): row["count"] for row in kept}
    return mine(found, similarity=wanted.similarity, depth=wanted.depth, masks=masker.masks)


def _masked(own: tuple[tuple[str, str], ...]) -> Callable[[Column], Column]:
    def masked(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        masker = Masker(own)
        for lines in batches:
            yield lines.map(lambda line: _GAP.join(masker.tokens(line)), na_action="ignore")

    return _text_udf(masked)


def matched(templates: Templates) -> Callable[[Column], Column]:
    """A UDF from lines to the templates that they match."""
    frozen = templates.to_json()

    def event(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        matcher = Templates.from_json(frozen)
        for lines in batches:
            yield lines.map(matcher.event, na_action="ignore")

    return _text_udf(event)


def _text_udf(function: Callable[[Iterator[pd.Series]], Iterator[pd.Series]]) -> Callable[[Column], Column]:
    make: Any = pandas_udf  # its stubs know no iterators
    made: Callable[[Column], Column] = make(function, "string")
    return made
