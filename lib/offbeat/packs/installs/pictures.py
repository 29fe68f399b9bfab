"""The points of the page's pictures, from what models said of the test's clicks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from offbeat.config import Cost
from offbeat.evaluation.intervals import wilson_interval
from offbeat.evaluation.metrics import average_precision, confusion, rank_sessions
from offbeat.packs.installs.features import FEATURES
from offbeat.packs.installs.networks import SUPERVISED, Said
from offbeat.packs.installs.rates import Rates
from offbeat.packs.installs.table import ClickTable, Split, fit_rows, judged_rows
from offbeat.packs.installs.visitors import Visitors
from offbeat.tabular import SavedModel

Point = dict[str, Any]

STUDY = "forest_study"
_BINS = 10  # of the reliability plot, with as many clicks each
_GAIN = 100  # points of a gain curve
_SHUFFLES = 3
_IMPORTANT = 15
_DRAWN = 120  # a page has to stay below two megabytes with the library of its charts in it
_INSTALLERS = 300  # of the test, drawn; a log of a hundred million clicks has more than a chart has room for
_CLICKS = (("1", 1, 2), ("2 to 4", 2, 5), ("5 to 19", 5, 20), ("20 and more", 20, np.inf))
_ZOOM = 30  # clicks on each side of the zoom
_SPIKE = 0.99  # quantile of the errors of training above which an error is a spike


@dataclass(frozen=True)
class Seen:
    """What the pictures show.

    Attributes:
        test: the clicks that judge, by time.
        models: saved models by name. given: probabilities of the test's clicks by model.
        networks: what networks said. champion: name of the model that scores.
        visitors: what it says of the test's visitors.
    """

    table: ClickTable
    split: Split
    test: ClickTable
    models: Mapping[str, SavedModel]
    given: Mapping[str, np.ndarray]
    networks: tuple[Said, ...]
    champion: str
    visitors: Visitors


def threshold_of(cost: Cost) -> float:
    """Probability above which calling a click costs less than not calling it."""
    return cost.alarm / (cost.alarm + cost.miss)


def points_of(seen: Seen, *, cost: Cost, seed: int) -> list[Point]:
    """All pictures' points; see INSTALL_CHARTS."""
    labels = seen.test.installed
    shown = [
        name for name in dict.fromkeys((seen.champion, "logistic_baseline", STUDY)) if name in seen.given
    ]
    points: list[Point] = []
    for name in shown:
        points += _reliability(name, labels, seen.given[name])
        points += _gain(name, labels, seen.given[name])
    for name in dict.fromkeys((STUDY, seen.champion)):
        if name in seen.given:
            points += _confusion(name, labels, seen.given[name] > threshold_of(cost))
    points += _visitors(seen.visitors)
    points += _importance(seen, seed=seed)
    for network in seen.networks:
        if network.name != SUPERVISED:
            points += _errors(seen, network, seed=seed)
    points += _history(seen)
    return points


def _point(picture: str, series: str, position: int, **more: Any) -> Point:
    empty = dict.fromkeys(("label", "x", "y", "low", "high", "n"))
    return {**empty, "picture": picture, "series": series, "position": position, **more}


def _reliability(name: str, labels: np.ndarray, given: np.ndarray) -> Iterator[Point]:
    """Probability given against share found, in bins of rising probability; the last ones hold most installs."""
    order = np.argsort(given, kind="stable")
    # Half of the clicks, then half of the rest, and so on: nearly all installs are among the highest.
    edges = [0, *(round(len(order) * (1 - 0.5**k)) for k in range(1, _BINS)), len(order)]
    for position, (low, high) in enumerate(pairwise(edges)):
        part = order[low:high]
        if len(part):
            hits = float(labels[part].sum())
            interval = wilson_interval(hits, len(part))
            yield _point(
                "reliability", name, position, x=float(given[part].mean()), y=hits / len(part), low=interval.low,
                high=interval.high, n=len(part),
            )  # fmt: skip


def _visitors(visitors: Visitors) -> Iterator[Point]:
    """Reliability by visitor, and installers expected against found by how many clicks a visitor has."""
    ways = {"as scored": visitors.given, "independent clicks": visitors.independent}
    for name, given in ways.items():
        for point in _reliability(name, visitors.installed, given):
            yield {**point, "picture": "visitor_reliability"}
        for position, (label, low, high) in enumerate(_CLICKS):
            part = (visitors.clicks >= low) & (visitors.clicks < high)
            n, hits = int(part.sum()), float(visitors.installed[part].sum())
            if n:
                reach = wilson_interval(hits, n)
                yield _point(
                    "visitor_clicks", name, position, label=label, x=float(given[part].sum()), y=hits,
                    low=reach.low * n, high=reach.high * n, n=n,
                )  # fmt: skip


def _gain(name: str, labels: np.ndarray, given: np.ndarray) -> Iterator[Point]:
    """Share of installs among the likeliest clicks, and how many times the average that is."""
    order = np.argsort(-given, kind="stable")
    found = np.concatenate([[0], np.cumsum(labels[order])])
    shares = np.concatenate([[0], np.geomspace(0.001, 1, _GAIN)])
    total = max(1, int(labels.sum()))
    for position, share in enumerate(shares):
        n = round(share * len(order))
        reached = float(found[n]) / total
        lift = reached / (n / len(order)) if n else None
        yield _point("gain", name, position, x=float(share), y=reached, n=n)
        if lift is not None:
            yield _point("lift", name, position, x=float(share), y=lift, n=n)


def _confusion(name: str, labels: np.ndarray, flags: np.ndarray) -> Iterator[Point]:
    counts = confusion(labels, flags)
    cells = (("installed", "called", counts.tp), ("installed", "not called", counts.fn),
             ("not installed", "called", counts.fp), ("not installed", "not called", counts.tn))  # fmt: skip
    for position, (truth, call, n) in enumerate(cells):
        yield _point("confusion", name, position, label=f"{truth}|{call}", n=int(n))


def _importance(seen: Seen, *, seed: int) -> Iterator[Point]:
    """By how much the champion's PR-AUC falls when a column is shuffled, on average and at its least and most."""
    saved = seen.models[seen.champion]
    rows = np.column_stack([seen.test.features, Rates.from_arrays(saved.extra).apply(seen.test.fields)])
    labels = seen.test.installed
    # Most clicks are plainly no install; those and all installs are enough to see an order, and quick.
    kept = np.flatnonzero(
        (labels == 1) | (np.random.default_rng(seed).random(len(labels)) < 4000 / len(labels))
    )
    weights = np.where(labels[kept] == 1, 1.0, (labels == 0).sum() / max(1, (labels[kept] == 0).sum()))
    whole = _pr_auc(labels[kept], saved.model.predict(rows[kept]), weights)
    found = []
    rng = np.random.default_rng(seed)
    for column, name in enumerate(saved.columns):
        falls = []
        for _ in range(_SHUFFLES):
            shuffled = rows[kept].copy()
            shuffled[:, column] = rng.permutation(shuffled[:, column])
            falls.append(whole - _pr_auc(labels[kept], saved.model.predict(shuffled), weights))
        found.append((float(np.mean(falls)), name, min(falls), max(falls)))
    for position, (fall, name, low, high) in enumerate(sorted(found, reverse=True)[:_IMPORTANT]):
        yield _point(
            "importance", seen.champion, position, label=name, x=fall, low=float(low), high=float(high)
        )


def _pr_auc(labels: np.ndarray, given: np.ndarray, weights: np.ndarray) -> float:
    return float(average_precision(rank_sessions(labels, given, weights)))


def _errors(seen: Seen, network: Said, *, seed: int) -> Iterator[Point]:
    """Error of clicks of non-installers in training, then of the test's; a spike of the test is true or false."""
    table, test = seen.table, judged_rows(seen.table, seen.split)
    early = fit_rows(table, seen.split)
    bought = np.unique(table.fields["ip"][early][table.installed[early] == 1])
    early = early[~np.isin(table.fields["ip"][early], bought)]
    limit = float(np.quantile(network.scores[early], _SPIKE))
    spikes = test[network.scores[test] > limit]
    for position, installed in enumerate((1, 0)):
        label = _kind("test", math.inf, installed, limit)
        n = int((table.installed[spikes] == installed).sum())
        yield _point("spikes", network.name, position, label=label, n=n)
    rng = np.random.default_rng(seed)
    left = np.sort(rng.choice(early, min(_DRAWN, len(early)), replace=False))
    yes, no = test[table.installed[test] == 1], test[table.installed[test] == 0]
    if len(yes) > _INSTALLERS:
        yes = rng.choice(yes, _INSTALLERS, replace=False)
    right = np.sort(np.concatenate([yes, rng.choice(no, min(_DRAWN, len(no)), replace=False)]))
    rows = np.concatenate([left, right])
    region = np.repeat(["training", "test"], [len(left), len(right)])
    zoom = _zoom(network.scores[rows], table.installed[rows], region, len(left))
    for position, row in enumerate(rows):
        kind = _kind(region[position], float(network.scores[row]), int(table.installed[row]), limit)
        for picture in ("errors", "errors_zoom") if position in zoom else ("errors",):
            yield _point(
                picture, network.name, position, label=kind, x=float(position), y=float(network.scores[row]),
                low=float(network.known[row]), high=limit,
            )  # fmt: skip


def _kind(region: str, error: float, installed: int, limit: float) -> str:
    if region == "training":
        return "training, no install"
    if error > limit:
        return "spike, true installer" if installed else "spike, false installer"
    return "installer without a spike" if installed else "test, no install"


def _zoom(scores: np.ndarray, installed: np.ndarray, region: np.ndarray, border: int) -> range:
    """The places around the test's strongest true installer, or around the border where there is none."""
    yes = np.flatnonzero((region == "test") & (installed == 1))
    middle = int(yes[np.argmax(scores[yes])]) if len(yes) else border
    return range(max(0, middle - _ZOOM), min(len(scores), middle + _ZOOM))


def _history(seen: Seen) -> Iterator[Point]:
    """How many installs have an earlier click of the same ip, in training and in the test."""
    before = seen.table.features[:, FEATURES.index("ip_before")]
    test = judged_rows(seen.table, seen.split)
    for position, (name, rows) in enumerate((("all", np.arange(len(seen.table))), ("test", test))):
        installs = rows[seen.table.installed[rows] == 1]
        yield _point(
            "history", name, position, label=name, x=float((before[installs] > 0).sum()), n=len(installs)
        )
