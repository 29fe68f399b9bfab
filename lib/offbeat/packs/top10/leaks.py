"""The three leaks, measured: what a figure would be if the guard let them pass, beside the honest one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from offbeat.errors import GuardFailed
from offbeat.packs.top10.examples import BEFORE
from offbeat.packs.top10.features import HOURS
from offbeat.packs.top10.guard import assert_features
from offbeat.packs.top10.judge import Place, figures
from offbeat.packs.top10.learn import fields_of, filled, learn
from offbeat.packs.top10.options import Options
from offbeat.packs.top10.samples import Parts
from offbeat.tabular import fit

SNAPSHOT = ("imdb_rating", "votes", "popularity")
LEAKS = {
    "hours_filled_with_zero": "weekly hours of titles that were never listed, filled with 0",
    "snapshot": "ratings, votes and popularity of a crawl after the outcome",
    "source": "which fields are missing: other sources have almost only what charted",
}
_MODEL = "boosting"


def leaky_figures(parts: Parts, split: str, options: Options, *, seed: int) -> list[dict[str, Any]]:
    """Rows of title_figures with basis leaky; the note says what the guard answers."""
    made = []
    for leak, what in LEAKS.items():
        fields = leak_fields(leak, parts)
        if not fields:
            continue
        fill = {HOURS: 0.0} if leak == "hours_filled_with_zero" else {}
        way = replace(options, models=(_MODEL,), extra_features=fields, fill=fill)
        stopped = guard_says(parts, way)
        place = Place(BEFORE, split, leak, "leaky", f"{what}. The guard: {stopped}")
        if leak == "source":
            made += figures(place, parts.test.labels, _missing_only(parts, fields, seed), seed=seed)
            continue
        found = learn(parts.train, BEFORE, way, seed=seed, guarded=False)
        table = found.encoding.table(filled(parts.test.numbers, fill), parts.test.texts)
        made += figures(place, parts.test.labels, found.models[_MODEL].predict(table), seed=seed)
    return made


def leak_fields(leak: str, parts: Parts) -> tuple[str, ...]:
    """Fields that carry a leak in these titles; none where the catalogues have none."""
    there = sorted({field for row in parts.train.numbers for field in row})
    if leak == "hours_filled_with_zero":
        return (HOURS,) if HOURS in there else ()
    if leak == "snapshot":
        return tuple(field for field in SNAPSHOT if field in there)
    return tuple(field for field in there if "." in field)


def guard_says(parts: Parts, options: Options) -> str:
    """The guard's words on training in that way; it must have some."""
    fields = fields_of(BEFORE, options)
    try:
        assert_features(
            BEFORE, fields, filled(parts.train.numbers, options.fill), parts.train.texts, parts.train.labels
        )
    except GuardFailed as error:
        return str(error)
    return "lets it pass"


def missingness_figures(
    parts: Parts, question: str, split: str, fields: Sequence[str], *, seed: int
) -> list[dict[str, Any]]:
    """What knowing only which of the model's own fields are missing gives: should be near chance."""
    place = Place(
        question,
        split,
        "missingness_only",
        "reference",
        "knows only which of the model's fields are missing, by kind",
    )
    return figures(place, parts.test.labels, _missing_only(parts, fields, seed, within_kind=True), seed=seed)


def _missing_only(parts: Parts, fields: Sequence[str], seed: int, *, within_kind: bool = False) -> np.ndarray:
    """What a model says that sees only which fields are missing; `within_kind` takes out what the kind tells."""
    train, test = (_masks(p.numbers, p.texts, fields) for p in (parts.train, parts.test))
    model = fit("logistic", train, parts.train.labels, weights=np.ones(len(train)), seed=seed)
    said = model.predict(test)
    if within_kind:
        kinds = np.array([(text.get("kind") or ("",))[0] for text in parts.test.texts])
        for kind in set(kinds):
            said[kinds == kind] += 0.5 - said[kinds == kind].mean()
        said = np.clip(said, 0, 1)
    return said


def _masks(
    numbers: Sequence[Mapping[str, float]],
    texts: Sequence[Mapping[str, Sequence[str]]],
    fields: Sequence[str],
) -> np.ndarray:
    names = ("genre", "language", "rating_label", "director", "cast", "company")
    return np.array(
        [
            [field not in n for field in fields] + [not t.get(name) for name in names]
            for n, t in zip(numbers, texts, strict=True)
        ],
        np.float64,
    )
