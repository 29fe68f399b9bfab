"""The pages of a curriculum: how popular each is, and where in the course it comes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

_TAIL = 420  # pages behind the popular ones
_PICTURES = (".jpg", ".jpeg", ".png", ".svg", ".gif")
_INDEX = ("/", "toc", "search/search_index.json", "appendix", "index.html")
_TOPICS = {
    "web": (
        "markup",
        "styles",
        "scripting-i",
        "scripting-ii",
        "databases",
        "server-i",
        "server-ii",
        "frameworks",
    ),
    "data": (
        "basics",
        "sheets",
        "queries",
        "python",
        "statistics",
        "regression",
        "classes",
        "clusters",
        "time-series",
    ),
}
_WORDS = [
    "overview",
    "setup",
    "values",
    "operators",
    "functions",
    "loops",
    "conditions",
    "arrays",
    "objects",
    "forms",
    "layout",
    "selectors",
    "events",
    "promises",
    "tables",
    "users",
    "joins",
    "indexes",
    "types",
    "methods",
    "collections",
    "errors",
    "files",
    "tests",
    "views",
    "routes",
    "controllers",
    "sessions",
    "security",
    "deployment",
    "review",
    "exercises",
    "project",
]
_TURNS = ["first", "further", "combined", "applied", "practice", "notes", "examples", "questions"]


@dataclass(frozen=True)
class Catalogue:
    """Pages of one track.

    Attributes:
        paths: the pages.
        weight: probability of each, together 1.
        place: where in the course it comes, 0 to 1; NaN: anywhere.
        pictures: by page, what else is loaded in the same second, with its probability.
    """

    paths: list[str]
    weight: np.ndarray
    place: np.ndarray
    pictures: dict[int, list[tuple[str, float]]] = field(default_factory=dict)

    def all_paths(self) -> list[str]:
        """Pages and pictures, each once."""
        more = [path for found in self.pictures.values() for path, _ in found]
        return list(dict.fromkeys([*self.paths, *more]))


def builtin_catalogue(track: str) -> Catalogue:
    """A curriculum of our own: an index, topics, lessons whose popularity falls slowly, then a long tail."""
    head: dict[str, float] = {"/": 0.056, "search/search_index.json": 0.022}
    if track == "web":
        head["toc"] = 0.022
    topics = _TOPICS[track]
    # The topics' own pages first, then the lessons: flat at the head, half as popular forty places on.
    lessons = [f"{topic}/{word}" for word in _WORDS[:6] for topic in topics]
    for place, path in enumerate([*topics, *lessons]):
        head[path] = 0.021 * 0.97**place
    head = _bounded(head, 0.62)
    pictures = {f"{topic}/overview": [f"{topic}/map.jpg", f"{topic}/timeline.svg"] for topic in topics[::3]}
    return _finish(
        head, topics, pictures={page: [(p, 0.9) for p in found] for page, found in pictures.items()}
    )


def catalogue_like(track: str, pages: list[dict[str, str]], rows: float) -> Catalogue:
    """A curriculum whose popular pages are those of the table, as popular as they are there.

    Args:
        pages: rows of a table with scope, path and rows; the scopes whose name begins with `ds` are of the track data.
        rows: how many rows the full scopes of this track have, all in all.
    """
    mine = [row for row in pages if row["scope"].startswith("ds") == (track == "data")]
    head: dict[str, float] = {}
    for full in (True, False):  # a page that no full scope has takes its place from a part of the log
        for row in mine:
            if ("full" in row["scope"]) is not full or "after" in row["scope"] or row["path"] in head:
                continue
            total = rows if full else rows * (0.8 if track == "web" else 0.66)
            wider = 1.2 if row["scope"].startswith("all_but") else 1.0  # counted with the staff
            head[row["path"]] = float(row["rows"]) / (total * wider)
    shown = {path: weight for path, weight in head.items() if not path.lower().endswith(_PICTURES)}
    pictures: dict[str, list[tuple[str, float]]] = {}
    for path, weight in head.items():
        if path not in shown:
            page = _page_of(path, shown)
            pictures.setdefault(page, []).append((path, min(0.97, weight / shown[page])))
    topics = tuple(dict.fromkeys(path.split("/")[0] for path in shown if path not in _INDEX))
    return _finish(shown, topics, pictures=pictures)


def _page_of(picture: str, shown: dict[str, float]) -> str:
    """The page that brings a picture: of its folder the one that is as popular."""
    folder = picture.split("/", maxsplit=1)[0]
    near = [path for path in shown if path.split("/")[0] == folder] or [
        path for path in shown if path not in _INDEX
    ]
    return max(near, key=lambda path: shown[path])


def _bounded(head: dict[str, float], share: float) -> dict[str, float]:
    total = sum(head.values())
    return {path: weight * min(1.0, share / total) for path, weight in head.items()}


def _finish(
    head: dict[str, float], topics: tuple[str, ...], *, pictures: dict[str, list[tuple[str, float]]]
) -> Catalogue:
    """Add the long tail, and say where in the course each page comes."""
    head = _bounded(head, 0.92)
    loads = 1 + sum(head[page] * p for page, found in pictures.items() for _, p in found)
    head = {path: weight * loads for path, weight in head.items()}  # what pictures take, pages don't lose
    head = _bounded(head, 0.95)
    paths = list(head) + _tail(topics, set(head))
    weights = np.array(list(head.values()))
    lowest, left = weights.min(), 1 - weights.sum()
    falls = max(1 - min(lowest, 0.006) / left, 0.985)
    tail = falls ** np.arange(len(paths) - len(head))
    weight = np.concatenate([weights, tail / tail.sum() * left])
    order = {topic: number / len(topics) for number, topic in enumerate(topics)}
    rng = np.random.default_rng(7)
    place = np.array(
        [
            np.nan if p in _INDEX else order.get(p.split("/")[0], 0.5) + rng.uniform(0, 1 / len(topics))
            for p in paths
        ]
    )
    for number, path in enumerate(paths):
        if path in order:  # a topic's own page is where one comes back to
            place[number] = np.nan if number % 2 else order[path] + 0.5 / len(topics)
    at = {path: number for number, path in enumerate(paths)}
    return Catalogue(
        paths, weight / weight.sum(), place, {at[page]: found for page, found in pictures.items()}
    )


def _tail(topics: tuple[str, ...], taken: set[str]) -> list[str]:
    names = (f"{topic}/{word}/{turn}" for turn, word, topic in itertools.product(_TURNS, _WORDS, topics[:24]))
    return list(itertools.islice((name for name in names if name not in taken), _TAIL))
