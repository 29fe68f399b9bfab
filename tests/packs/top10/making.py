"""Small catalogues and models of this pack, made without Spark."""

from __future__ import annotations

import ast
import datetime as dt
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from offbeat.config import Config
from offbeat.packs.top10.examples import BEFORE, EARLY
from offbeat.packs.top10.learn import learn
from offbeat.packs.top10.normalize import normalize_title
from offbeat.packs.top10.options import Options
from offbeat.packs.top10.samples import Examples, split
from offbeat.packs.top10.settings import Settings
from offbeat.packs.top10.simulate import Simulated, simulate
from offbeat.packs.top10.train import save

SETTINGS = Settings(weeks=60, namesakes=0.0)
_EPOCH = dt.date(1970, 1, 1)


def simulated(titles: int = 1200, seed: int = 3) -> Simulated:
    return simulate(titles, seed=seed, settings=SETTINGS)


def examples_of(made: Simulated, question: str = BEFORE) -> Examples:
    """Examples as the Spark code makes them, as far as these tests need them: without people's histories."""
    start = dt.date.fromisoformat(SETTINGS.start)
    weekly = made.weekly.assign(norm=made.weekly["show_title"].map(normalize_title))
    weeks = (
        weekly.groupby("norm")["week"].apply(lambda days: sorted(map(dt.date.fromisoformat, days))).to_dict()
    )
    hours = weekly.sort_values("week").groupby("norm")["weekly_hours_viewed"].first().to_dict()
    rows = []
    for title in made.catalogue.to_dict("records"):
        norm = normalize_title(title["title"])
        listed, release = weeks.get(norm, []), dt.date.fromisoformat(title["release_date"])
        if question == EARLY and not listed:
            continue
        as_of = listed[0] if question == EARLY else max(release, start)
        after = [w for w in listed if (w > as_of if question == EARLY else w >= as_of)]
        numbers = {
            "runtime_min": title["runtime"], "metascore": title["metascore"], "imdb_rating": title["imdb_rating"],
            "votes": title["votes"], "popularity": title["popularity"], "age_years": float(as_of.year - release.year),
            "month": float(release.month), "weekly_hours_viewed": hours.get(norm),
        }  # fmt: skip
        texts = {
            "genre": ast.literal_eval(title["genres"]), "director": [title["director"]],
            "cast": ast.literal_eval(title["cast"]),
            "kind": ["tv" if title["type"] == "TV" else "film"], "language": [title["original_language"]],
            "rating_label": [title["rating_label"]],
        }  # fmt: skip
        known = {
            name: float(value) for name, value in numbers.items() if value is not None and not pd.isna(value)
        }
        rows.append(
            (
                str(title["id"]),
                title["title"],
                norm,
                as_of,
                release >= start,
                after[0] if after else None,
                known,
                texts,
            )
        )
    _add_histories(rows)
    rows.sort(key=lambda row: row[0])
    ids, titles, groups, as_of, dated, known_on, numbers, texts = map(list, zip(*rows, strict=True))
    return Examples(
        np.array(ids, object), titles, np.array(groups, object), np.array([(d - _EPOCH).days for d in as_of]),
        np.array(dated), np.array([(d - _EPOCH).days if d else 0 for d in known_on]),
        np.array([d is not None for d in known_on]).astype(int), numbers, texts,
    )  # fmt: skip


def _add_histories(rows) -> None:
    """Titles of the same people before, and how many of them had charted by then."""
    for row in rows:
        for role in ("director", "cast"):
            mine = [other for other in rows if set(other[7][role]) & set(row[7][role]) and other[3] < row[3]]
            row[6][f"{role}_tries"] = float(len(mine))
            row[6][f"{role}_charted"] = float(
                sum(other[5] is not None and other[5] < row[3] for other in mine)
            )


def saved_model(folder: Path, *, name: str = "top10") -> str:
    """Train on a small catalogue and save as champion under `folder/models/NAME`; gives the version."""
    conf = Config.model_validate(
        {
            "name": name,
            "pack": "top10",
            "lake": str(folder),
            "source": [],
            "model": {"settings": {"models": ["logistic", "boosting"], "folds": 2}},
        }
    )
    made = simulated()
    parts, learned = {}, {}
    for question in (BEFORE, EARLY):
        parts[question] = split(examples_of(made, question), by="entity", holdout=0.25, seed=0)
        learned[question] = learn(parts[question].train, question, Options.of(conf.model.settings), seed=0)
    where = folder / "models" / name
    version, _ = save(
        where, parts, learned, conf=conf, last_week=dt.date(2023, 2, 26), extra=_people(parts[BEFORE].train)
    )
    (where / "champion.json").write_text(f'{{"champion": "{version}", "history": []}}', encoding="utf-8")
    return version


def _people(train: Examples) -> dict[str, np.ndarray]:
    pairs = [
        (role, name, label)
        for texts, label in zip(train.texts, train.labels, strict=True)
        for role in ("director", "cast")
        for name in texts[role]
    ]
    tries = Counter((role, name) for role, name, _ in pairs)
    charted = Counter((role, name) for role, name, label in pairs if label)
    keys = sorted(tries, key=lambda key: (-tries[key], key))
    return {
        "people_role": np.array([k[0] for k in keys]),
        "people_name": np.array([k[1] for k in keys]),
        "people_tries": np.array([tries[k] for k in keys]),
        "people_charted": np.array([charted[k] for k in keys]),
    }
