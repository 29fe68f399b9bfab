"""Catalogues of a config as rows of the table titles: fields cast, names split, missing left missing."""

from __future__ import annotations

import difflib

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from offbeat.config import Catalogue, Source
from offbeat.errors import InputRefused, UsageError
from offbeat.ingest import sources
from offbeat.ingest.rows import Rows
from offbeat.packs.top10.normalize import norm_title
from offbeat.packs.top10.tables import TITLES

_NUMBERS = {
    "runtime_min": (1, 100_000), "metascore": (1, 100), "imdb_rating": (1, 10), "votes": (0, 1e12),
    "popularity": (0, 1e12), "budget": (1, 1e12), "revenue": (1, 1e13),
}  # fmt: skip
_LISTS = ("genres", "director", "cast", "companies")
_PLAIN = ("language", "rating_label")
_FILM, _TV = r"(?i)^(films?|movies?)\b.*", r"(?i)^(tv|series|shows?|mini)\b.*"
_QUOTED = r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\""""


FIELDS = (
    "id", "title", "original_title", "kind", "year", "release_date", *_LISTS, *_PLAIN, *_NUMBERS,
)  # fmt: skip
"""What `columns` of a catalogue may name."""


def assert_fields(catalogue: Catalogue) -> None:
    """A catalogue names only fields that there are.

    Raises:
        UsageError: it names another.
    """
    for name in catalogue.columns:
        if name not in FIELDS:
            near = difflib.get_close_matches(name, FIELDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(FIELDS)}"
            raise UsageError(f"config catalogues, {catalogue.name}: unknown field {name} in columns; {hint}")
    if "title" not in catalogue.columns:
        raise UsageError(f"config catalogues, {catalogue.name}: columns has no title; say which column it is")


def read_titles(spark: SparkSession, catalogue: Catalogue) -> DataFrame:
    """The titles of a catalogue, one row per id: a title that stands there twice is taken once.

    Raises:
        InputRefused: nothing is there, or a column that the config names.
    """
    source = Source(format=catalogue.format, path=catalogue.path, options=catalogue.options)
    groups = sources.read(spark, source, sources.find(spark, source), salt="", known=None)
    if not groups:
        raise InputRefused(
            f"catalogue {catalogue.name}: no rows in {catalogue.path}; give a file with titles"
        )
    frames = [_titles(rows, catalogue) for rows in groups]
    whole = frames[0]
    for frame in frames[1:]:
        whole = whole.unionByName(frame)
    first = F.struct(
        F.col("title"), *(F.col(c) for c in TITLES.column_names if c not in ("title", "title_id"))
    )
    picked = whole.groupBy("title_id").agg(F.min(first).alias("row"))
    return picked.select("title_id", "row.*").select(*TITLES.column_names)


def _titles(rows: Rows, catalogue: Catalogue) -> DataFrame:
    _assert_columns(rows, catalogue)
    fields = _Fields(rows, catalogue)
    title = F.trim(fields.text("title"))
    release = fields.date("release_date")
    year = F.coalesce(F.year(release), fields.number("year", 1870, 2200).cast("int"))
    key = fields.text("id")
    made = {
        "source": F.lit(catalogue.name),
        "title_id": F.coalesce(
            key, F.substring(F.sha2(F.concat_ws("|", title, year.cast("string")), 256), 1, 16)
        ),
        "title": title,
        "norm_title": norm_title(title),
        "norm_original": norm_title(fields.text("original_title")),
        "kind": fields.kind(),
        "year": year,
        "release_date": release,
        **{name: fields.names(name) for name in _LISTS},
        **{name: fields.text(name) for name in _PLAIN},
        **{name: fields.number(name, *bounds) for name, bounds in _NUMBERS.items()},
        "is_main": F.lit(catalogue.main),
    }
    kept = rows.frame.where(~F.col("malformed")).select(
        *(made[c.name].cast(c.type).alias(c.name) for c in TITLES.columns)
    )
    return kept.where(F.col("title").isNotNull() & (F.col("norm_title") != ""))


def _assert_columns(rows: Rows, catalogue: Catalogue) -> None:
    if rows.names is None:
        return
    wanted = {name for given in catalogue.columns.values() for name in given}
    missing = sorted(wanted - set(rows.names))
    if missing:
        raise InputRefused(
            f"catalogue {catalogue.name}: no column {', '.join(missing)} in {catalogue.path}; "
            f"columns there: {', '.join(rows.names[:30])}"
        )


class _Fields:
    """The fields of a catalogue as columns; one that the catalogue lacks is null."""

    def __init__(self, rows: Rows, catalogue: Catalogue) -> None:
        self._rows = rows
        self._catalogue = catalogue

    def _raw(self, field: str) -> list[Column]:
        return [self._rows.value(name).cast("string") for name in self._catalogue.columns.get(field, ())]

    def text(self, field: str) -> Column:
        """A text; empty and N/A are not known."""
        raw = self._raw(field)
        if not raw:
            return F.lit(None).cast("string")
        text = F.trim(raw[0])
        return F.when(~F.lower(text).isin("", "n/a", "nan", "null", "none"), text)

    def number(self, field: str, low: float, high: float) -> Column:
        """A number within bounds; anything else is not known."""
        digits = F.regexp_extract(F.regexp_replace(self.text(field), ",", ""), r"^\s*(-?\d+(?:\.\d+)?)", 1)
        value = F.try_to_number(F.nullif(digits, F.lit("")), F.lit("999999999999999.999999")).cast("double")
        return F.when(value.between(low, high), value)

    def date(self, field: str) -> Column:
        """A day in ISO form."""
        found = F.regexp_extract(self.text(field), r"^(\d{4}-\d{2}-\d{2})", 1)
        return F.to_date(F.try_to_timestamp(F.nullif(found, F.lit("")), F.lit("yyyy-MM-dd")))

    def names(self, field: str) -> Column:
        """A list of names: `['a', 'b']`, or with commas between, or a column each; null where there are none."""
        raw = self._raw(field)
        if not raw:
            return F.lit(None).cast("array<string>")
        if len(raw) > 1:
            parts = F.array(*raw)
        else:
            text = raw[0]
            quoted = F.regexp_extract_all(text, F.lit(_QUOTED), F.lit(0))
            bare = F.transform(quoted, lambda name: F.regexp_replace(name, r"""^['"]|['"]$""", ""))
            parts = F.when(text.startswith("["), bare).otherwise(F.split(text, r"\s*[,;|]\s*"))
        clean = F.filter(F.transform(parts, F.trim), lambda name: name.isNotNull() & (name != ""))
        return F.when(F.size(clean) > 0, F.array_distinct(clean))

    def kind(self) -> Column:
        """Film or tv: what the row says, else what the config says of the whole catalogue."""
        text = self.text("kind")
        said = F.when(text.rlike(_FILM), "film").when(text.rlike(_TV), "tv")
        return F.coalesce(said, F.lit(self._catalogue.kind))
