"""A catalogue of titles and the weekly lists that follow from it, with the truth behind them.

A title's appeal is a sum of what is known before release (genre, people, company, franchise, announced Metascore) and
of what nobody knows (noise). Hours of a week follow from appeal, age and season; each category's ten largest make the
week's list. Ratings, votes and popularity are a snapshot taken at the end: charting has raised them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from offbeat.packs.top10 import names
from offbeat.packs.top10.settings import Settings

CATEGORIES = ("Films (English)", "Films (Non-English)", "TV (English)", "TV (Non-English)")
_LIST = 10
_AWAY = 8  # weeks, before a season brings a title back
_FILMS = 2  # categories of films come first
_GENRE_EFFECT = np.array([0.0, 0.1, 0.45, 0.5, 0.2, -0.5, 0.15, 0.3, 0.1, 0.25, -0.2, -0.1])
_LANGUAGE_SHARE = (0.55, 0.1, 0.08, 0.07, 0.06, 0.06, 0.05, 0.03)
_DECAY_PER_WEEK = 0.3
_BASE_HOURS = 4e6


@dataclass(frozen=True)
class Simulated:
    """Frames as they are written: lists, catalogue, ratings of another source, truth."""

    weekly: pd.DataFrame
    catalogue: pd.DataFrame
    ratings: pd.DataFrame
    truth: pd.DataFrame


def simulate(titles: int, *, seed: int, settings: Settings) -> Simulated:
    """Make a catalogue of about so many titles, and what comes of it."""
    rng = np.random.default_rng(seed)
    frame = _catalogue(titles, rng, settings)
    hours, rank = _weeks(frame, rng, settings)
    weekly = _lists(frame, hours, rank, rng, settings)
    charts = np.asarray((rank > 0).any(axis=0))
    frame["weeks_charted"] = (rank > 0).sum(axis=0)
    ratings = _snapshot(frame, charts, rng, settings)
    truth = pd.DataFrame(
        {
            "catalogue_id": frame["id"].astype(str),
            "title": frame["title"],
            "charts": charts.astype(int),
            "weeks_charted": frame["weeks_charted"].astype(int),
            "known_appeal": frame["known"],
            "appeal": frame["appeal"],
            "seasonal": frame["season"].map({-1: "none", 10: "autumn", 12: "winter"}),
        }
    )
    hidden = ["known", "appeal", "season", "weeks_charted", "arrives"]
    return Simulated(weekly, frame.drop(columns=hidden), ratings, truth)


def _catalogue(n: int, rng: np.random.Generator, settings: Settings) -> pd.DataFrame:
    """Titles with what is known of each before its release, and its appeal."""
    days = settings.weeks * 7
    start = dt.date.fromisoformat(settings.start)
    before = rng.random(n) < settings.older
    offset = np.where(before, -rng.integers(30, 365 * 20, n), rng.integers(0, max(1, days - 28), n))
    film = rng.random(n) < settings.films
    language = rng.choice(len(names.LANGUAGES), n, p=_LANGUAGE_SHARE)
    genres = [rng.choice(len(names.GENRES), rng.integers(1, 4), replace=False) for _ in range(n)]
    directors, director_effect = _people(max(20, n // 10), rng, 0.55)
    actors, actor_effect = _people(max(60, n // 4), rng, 0.45)
    companies = np.asarray(names.COMPANIES)
    company_effect = rng.normal(0, 0.35, len(companies))
    # Popular people make many titles: an index drawn towards the front of the list.
    director = (len(directors) * rng.random(n) ** 1.6).astype(int)
    cast = [np.unique((len(actors) * rng.random(4) ** 1.6).astype(int)) for _ in range(n)]
    company = rng.integers(0, len(companies), n)
    franchise = rng.random(n) < settings.franchises
    quality = rng.normal(0, 1, n)
    meta = np.clip(np.round(60 + 13 * quality + rng.normal(0, 7, n)), 1, 100)
    known = (
        np.array([_GENRE_EFFECT[g].mean() for g in genres])
        + director_effect[director]
        + np.array([actor_effect[c].max() for c in cast])
        + company_effect[company]
        + 0.9 * franchise
        + 0.5 * (meta - 60) / 15
    )
    seasonal = np.where(rng.random(n) < settings.seasonal, rng.choice([10, 12], n), -1)
    released = [start + dt.timedelta(days=int(d)) for d in offset]
    title = _titles(n, rng, franchise, settings)
    return pd.DataFrame(
        {
            "id": np.arange(100_000, 100_000 + n),
            "title": title,
            "type": np.where(film, "Films", "TV"),
            "release_date": [f"{d:%Y-%m-%d}" for d in released],
            "genres": [str([names.GENRES[i] for i in g]) for g in genres],
            "original_language": [names.LANGUAGES[i] for i in language],
            "production_countries": [str([names.COUNTRIES[names.LANGUAGES[i]]]) for i in language],
            "production_companies": [str([str(c)]) for c in companies[company]],
            "director": [directors[i] for i in director],
            "cast": [str([actors[i] for i in c]) for c in cast],
            "runtime": np.where(film, np.round(rng.normal(106, 16, n)), np.round(rng.normal(46, 9, n))),
            "rating_label": _labels(film, genres, rng),
            "metascore": np.where(rng.random(n) < settings.metascores, meta, np.nan),
            "known": known,
            "appeal": known + rng.normal(0, settings.noise, n),
            "season": seasonal,
            "arrives": np.where(before, rng.integers(0, settings.weeks * 3, n), offset // 7),
        }
    )


def _people(n: int, rng: np.random.Generator, spread: float) -> tuple[list[str], np.ndarray]:
    """Distinct names, and what each adds to a title's appeal."""
    middle = [chr(ord("A") + i) for i in range(26)]
    made = [f"{first} {letter}. {last}" for first in names.FIRST for letter in middle for last in names.LAST]
    chosen = rng.choice(len(made), min(n, len(made)), replace=False)
    return [made[i] for i in chosen], rng.normal(0, spread, len(chosen))


def _titles(n: int, rng: np.random.Generator, franchise: np.ndarray, settings: Settings) -> list[str]:
    """Titles, nearly all distinct; a few are namesakes of another of the catalogue."""
    pairs = [f"{a} {b}" for a in names.ADJECTIVES for b in names.NOUNS]
    plain = [*pairs, *(f"The {p}" for p in pairs), *(f"{p} of {b}" for p in pairs for b in names.NOUNS)]
    chosen = [plain[i] for i in rng.choice(len(plain), n, replace=n > len(plain))]
    made = [
        f"{name} {rng.integers(2, 5)}" if again else name
        for name, again in zip(chosen, franchise, strict=True)
    ]
    for place in np.flatnonzero(rng.random(n) < settings.namesakes):
        made[place] = made[int(rng.integers(0, n))]
    return made


def _labels(film: np.ndarray, genres: list[np.ndarray], rng: np.random.Generator) -> list[str]:
    family = np.array(
        [names.GENRES.index("Family") in g or names.GENRES.index("Animation") in g for g in genres]
    )
    grown = np.where(film, rng.choice(["PG-13", "R"], len(film)), rng.choice(["TV-14", "TV-MA"], len(film)))
    return [str(label) for label in np.where(family, rng.choice(["G", "PG"], len(film)), grown)]


def _weeks(
    frame: pd.DataFrame, rng: np.random.Generator, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """Hours and rank (0 = not listed) of each title in each week, [weeks, titles]."""
    start = dt.date.fromisoformat(settings.start)
    n, weeks = len(frame), settings.weeks
    arrives, season = frame["arrives"].to_numpy(), frame["season"].to_numpy()
    category = category_of(frame)
    hours, rank = np.zeros((weeks, n)), np.zeros((weeks, n), int)
    lasting = rng.uniform(0.75, 1.25, n) * _DECAY_PER_WEEK
    for week in range(weeks):
        month = (start + dt.timedelta(days=7 * week)).month
        age = week - arrives
        fading = np.where(age >= 0, np.exp(-lasting * np.clip(age, 0, 30)), 0.0)
        # What belongs to a season comes back in it, whenever it first came.
        back = np.where((season == month) & (age > _AWAY), 0.35, 0.0)
        level = np.exp(frame["appeal"].to_numpy() + rng.normal(0, 0.25, n))
        hours[week] = _BASE_HOURS * level * np.maximum(fading, back)
        for each in range(len(CATEGORIES)):
            places = np.flatnonzero((category == each) & (hours[week] > 0))
            best = places[np.argsort(-hours[week, places], kind="stable")[:_LIST]]
            rank[week, best] = np.arange(1, len(best) + 1)
    return hours, rank


def category_of(frame: pd.DataFrame) -> np.ndarray:
    """Place in CATEGORIES of each title."""
    other = (frame["original_language"] != "en").astype(int)
    return np.asarray((frame["type"] == "TV").astype(int) * 2 + other)


def _lists(
    frame: pd.DataFrame, hours: np.ndarray, rank: np.ndarray, rng: np.random.Generator, settings: Settings
) -> pd.DataFrame:
    """The weekly lists, in the shape that Netflix publishes."""
    start = dt.date.fromisoformat(settings.start)
    week, title = np.nonzero(rank)
    weeks_so_far = np.cumsum(rank > 0, axis=0)[week, title]
    category = category_of(frame)[title]
    spelled = _respelled(frame["title"], rng, settings.respelled)
    minutes = frame["runtime"].to_numpy()[title]
    made = pd.DataFrame(
        {
            "week": [f"{start + dt.timedelta(days=7 * int(w) + 6):%Y-%m-%d}" for w in week],
            "category": [CATEGORIES[c] for c in category],
            "weekly_rank": rank[week, title],
            "show_title": spelled[title],
            "season_title": [
                "N/A" if c < _FILMS else f"{spelled[t]}: Season 1"
                for c, t in zip(category, title, strict=True)
            ],
            "weekly_hours_viewed": np.round(hours[week, title], -5).astype(np.int64),
            "runtime": np.round(minutes / 60, 4),
            "weekly_views": np.round(hours[week, title] / (minutes / 60), -5).astype(np.int64),
            "cumulative_weeks_in_top_10": weeks_so_far,
        }
    )
    return made.sort_values(["week", "category", "weekly_rank"], ascending=[False, True, True])


def _respelled(titles: pd.Series, rng: np.random.Generator, share: float) -> np.ndarray:
    """Titles as another source spells them: capitals, punctuation."""
    changed = rng.random(len(titles)) < share
    return np.array(
        [
            t.upper() if c and i % 2 else f"{t}!" if c else t
            for i, (t, c) in enumerate(zip(titles, changed, strict=True))
        ],
        dtype=object,
    )


def _snapshot(
    frame: pd.DataFrame, charts: np.ndarray, rng: np.random.Generator, settings: Settings
) -> pd.DataFrame:
    """What a crawl after the last week finds; adds imdb_rating, votes and popularity to the catalogue."""
    n = len(frame)
    rating = np.clip(6.2 + 0.4 * frame["appeal"] + 0.5 * charts + rng.normal(0, 0.7, n), 1, 10).round(1)
    weeks = frame["weeks_charted"].to_numpy()
    frame["imdb_rating"] = rating
    frame["votes"] = np.round(
        np.exp(7 + 0.5 * frame["appeal"] + 0.25 * np.minimum(weeks, 8) + rng.normal(0, 1, n))
    )
    frame["popularity"] = np.round(
        np.exp(2 + 0.3 * frame["appeal"] + 0.3 * np.minimum(weeks, 8) + rng.normal(0, 0.6, n)), 3
    )
    # The other source was asked for what charted: it has almost nothing else.
    asked = (charts & (rng.random(n) < settings.ratings_of_charting)) | (
        rng.random(n) < settings.ratings_of_others
    )
    rows = frame.loc[asked]
    columns: dict[str, Any] = {
        "title": rows["title"],
        "year": rows["release_date"].str.slice(0, 4),
        "type": np.where(rows["type"] == "TV", "series", "movie"),
        "imdb_rating": rows["imdb_rating"],
    }
    return pd.DataFrame(columns)
