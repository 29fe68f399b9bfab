"""The earlier study made again: films of one catalogue, those that charted against the rest, and how little that is.

Every film is predicted by models that have not seen it (folds, repeated). The study filled the hours of films that were
never listed with zero; that figure stands beside the honest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from offbeat.packs.top10.features import HOURS, fit_encoding
from offbeat.packs.top10.judge import Place, figures, share_figure
from offbeat.tabular import fit
from offbeat.tabular.fit import fold_of

_FIELDS = ("imdb_rating", "metascore", "votes", "year")
_FOLDS = 5
_REPEATS = 3
_FEWEST = 10
PRESET = "study"
AS_FILM = "as_films"


def preset_figures(titles: DataFrame, charted: DataFrame, *, source: str, seed: int) -> list[dict[str, Any]]:
    """Rows of title_figures of the study's films; none where too few of them chart.

    Args:
        source: the catalogue that the study took.
    """
    hours = charted.groupBy("norm_title").agg(
        F.min_by("hours_first_week", "first_week").alias("hours"),
        F.bool_or(F.col("kind") == "film").alias("as_film"),
    )
    rows = (
        titles.where(F.col("source") == source)
        .join(hours, "norm_title", "left")
        .orderBy("title_id")
        .collect()
    )
    labels = np.array([row["as_film"] is not None for row in rows], int)
    if labels.sum() < _FEWEST or (labels == 0).sum() < _FEWEST:
        return []
    films = np.array([bool(row["as_film"]) for row in rows], int)
    joined = f"{labels.sum()} of {len(labels)} chart, {films.sum()} of them as films"
    note = f"joined by title alone, as the study did: {joined}"
    place = Place(PRESET, "preset", AS_FILM, "reference", "titles that the lists have as films")
    counted = [share_figure(place, "share_charting", films)]
    honest = _figures(rows, labels, _FIELDS, "honest", note, seed)
    leak = "the same with weekly hours, 0 where a film was never listed"
    return counted + honest + _figures(rows, labels, (*_FIELDS, HOURS), "leaky", leak, seed)


def _figures(
    rows: Sequence[Row], labels: np.ndarray, fields: Sequence[str], basis: str, note: str, seed: int
) -> list[dict[str, Any]]:
    numbers = [_numbers(row, fields) for row in rows]
    texts = [_texts(row) for row in rows]
    encoding = fit_encoding(numbers, texts, labels, fields=fields)
    table = encoding.table(numbers, texts)
    groups = np.unique([row["norm_title"] for row in rows], return_inverse=True)[1]
    made = []
    for name in ("logistic", "forest"):
        said = np.mean(
            [_out_of_fold(name, table, labels, groups, seed + again) for again in range(_REPEATS)], axis=0
        )
        made += figures(Place(PRESET, "preset", name, basis, note), labels, said, seed=seed)
    return made


def _numbers(row: Row, fields: Sequence[str]) -> dict[str, float]:
    found = {name: float(row[name]) for name in fields if name != HOURS and row[name] is not None}
    if HOURS in fields:
        found[HOURS] = float(row["hours"] or 0)  # the study's way, shown as leaky
    return found


def _texts(row: Row) -> dict[str, list[str]]:
    found = {"genre": row["genres"], "rating_label": [row["rating_label"]] if row["rating_label"] else None}
    return {name: list(names) for name, names in found.items() if names}


def _out_of_fold(
    name: str, table: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int
) -> np.ndarray:
    fold = fold_of(groups, _FOLDS, seed=seed)
    said = np.zeros(len(labels))
    knobs = {"strength": 0.1} if name == "logistic" else {"trees": 60, "min_leaf": 3}
    for one in range(_FOLDS):
        learn_on, ask = fold != one, fold == one
        if len(np.unique(labels[learn_on])) < 2:  # noqa: PLR2004 - yes and no
            said[ask] = labels.mean()
            continue
        model = fit(
            name,
            table[learn_on],
            labels[learn_on],
            weights=np.ones(int(learn_on.sum())),
            seed=seed,
            settings=knobs,
        )
        said[ask] = model.predict(table[ask])
    return said
