"""What the page shows of titles, gathered from tables: raw as the lists and catalogues write it, and cleaned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.packs.top10.prepare import LISTS
from offbeat.packs.top10.tables import CHARTED, TITLE_MATCHES, TITLES
from offbeat.packs.top10.weekly import list_weeks
from offbeat.tables import Lake
from offbeat.tables.contract import EVENTS, INGESTED

RAW, CLEANED = "raw", "cleaned"
_MOST = 20_000


@dataclass
class Shown:
    """A title of the lists with what a catalogue says of it.

    Attributes:
        view: raw or cleaned.
        hours: of all its weeks; raw counts what is missing as nothing.
    """

    view: str
    title: str
    weeks: int
    hours: float
    genres: tuple[str, ...] = ()
    directors: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()
    metascore: float | None = None


@dataclass
class Group:
    """Titles of a director or genre."""

    view: str
    name: str
    titles: list[Shown] = field(default_factory=list)

    @property
    def weeks(self) -> float:
        """Mean weeks in the lists."""
        return sum(t.weeks for t in self.titles) / len(self.titles)

    @property
    def metascore(self) -> float | None:
        """Mean Metascore of the titles that have one."""
        known = [t.metascore for t in self.titles if t.metascore is not None]
        return sum(known) / len(known) if known else None


def gather_shown(lake: Lake) -> list[Shown]:
    """Titles of the lists in both views, those with the most weeks first.

    Raw is what a quick join gives: titles as the lists write them, seasons apart, joined by the lower-case title alone
    with whatever catalogue entry comes last. Cleaned goes by the tables charted and title_matches.
    """
    titles = lake.read(TITLES).select(
        "source", "title_id", F.lower("title").alias("lower"), "genres", "director", "cast", "metascore"
    )
    return _collect(_raw(lake, titles), RAW) + _collect(_cleaned(lake, titles), CLEANED)


def _raw(lake: Lake, titles: DataFrame) -> DataFrame:
    events = lake.read(EVENTS)
    lines = events.select("entity", "event_id").join(list_weeks(events, lake.read(INGESTED)), "event_id")
    written = lines.groupBy("entity").agg(
        F.first("title").alias("title"),
        F.count("*").alias("weeks"),
        F.sum(F.coalesce("hours", F.lit(0.0))).alias("hours"),
    )
    fields = ("genres", "director", "cast", "metascore")
    last = titles.groupBy("lower").agg(
        *(F.max_by(name, F.when(F.col(name).isNotNull(), F.col("title_id"))).alias(name) for name in fields)
    )
    return written.join(last, F.lower("title") == F.col("lower"), "left")


def _cleaned(lake: Lake, titles: DataFrame) -> DataFrame:
    matches = (
        lake.read(TITLE_MATCHES)
        .where(F.col("left_source") == LISTS)
        .select(F.col("left_id").alias("chart_id"), "source", "title_id")
    )
    known = (
        matches.join(titles, ["source", "title_id"])
        .groupBy("chart_id")
        .agg(
            F.max("metascore").alias("metascore"),
            *(
                F.max_by(name, F.when(F.col(name).isNotNull(), F.col("source"))).alias(name)
                for name in ("genres", "director", "cast")
            ),
        )
    )
    charted = lake.read(CHARTED).select(
        "chart_id", "title", F.col("n_weeks").alias("weeks"), F.col("hours_total").alias("hours")
    )
    return charted.join(known, "chart_id", "left")


def _collect(frame: DataFrame, view: str) -> list[Shown]:
    rows = frame.orderBy(F.desc("weeks"), F.desc("hours"), "title").limit(_MOST).collect()
    return [
        Shown(
            view,
            row["title"],
            int(row["weeks"]),
            float(row["hours"] or 0.0),
            tuple(row["genres"] or ()),
            tuple(row["director"] or ()),
            tuple(row["cast"] or ()),
            row["metascore"],
        )
        for row in rows
    ]


def grouped(shown: Iterable[Shown], names: Callable[[Shown], Iterable[str]]) -> list[Group]:
    """Titles by each of their names, in both views, the largest first."""
    found: dict[tuple[str, str], Group] = {}
    for title in shown:
        for name in names(title):
            found.setdefault((title.view, name), Group(title.view, name)).titles.append(title)
    return sorted(found.values(), key=lambda g: (g.view, -len(g.titles), g.name))


def top(groups: Iterable[Group], most: int) -> list[Group]:
    """The largest of each view."""
    by_view: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        if len(by_view[group.view]) < most:
            by_view[group.view].append(group)
    return [group for view in (RAW, CLEANED) for group in by_view[view]]


def rows_of(groups: Iterable[Group]) -> list[dict[str, Any]]:
    """Groups as rows of a table: some of their titles and cast to read, all of them to search."""
    return [
        {
            "view": g.view,
            "name": g.name,
            "titles": len(g.titles),
            "weeks": g.weeks,
            "metascore": g.metascore,
            "which": ", ".join(t.title for t in g.titles[:5]),
            "cast": ", ".join(_cast(g)[:12]),
            "all_titles": ", ".join(t.title for t in g.titles),
            "all_cast": ", ".join(_cast(g)),
        }
        for g in groups
    ]


def _cast(group: Group) -> list[str]:
    return sorted({name for title in group.titles for name in title.cast})
