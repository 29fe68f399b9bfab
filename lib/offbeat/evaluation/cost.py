"""Does the network earn its cost? Computed from the rows of the table `evaluations`, never written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from offbeat.evaluation.judged import FLAGGED, HONEST, REFERENCE
from offbeat.evaluation.subsets import ALL

NETWORKS = ("lstm", "gru", "ensemble")
"""A detector is a network where one of these is part of its name, as in `lstm_classifier`; an ensemble holds some."""
_LABELS = {"f1_scaled": "scaled F1", "f1": "F1", "pr_auc_scaled": "scaled PR-AUC", "pr_auc": "PR-AUC"}


@dataclass(frozen=True)
class _Standing:
    """One detector's figures on one split."""

    name: str
    split: str
    budget: float | None
    figures: Mapping[str, tuple[float, float, float]]
    seconds: float | None


def is_network(name: str) -> bool:
    """Whether a detector has to earn its cost beside the simple ones."""
    return any(part in NETWORKS for part in name.split("_"))


def earns_its_cost(rows: Iterable[Mapping[str, Any]], *, networks: Callable[[str], bool] = is_network) -> str:
    """Say of each network whether it is worth more than the simple detectors, and what it costs.

    A network earns its cost where its honest F1 (scaled, where the rows have it) is above that of every simple detector
    on the same split at the same alert budget, with intervals that don't touch. That is stricter than a test of the
    difference. Where the intervals touch, it is not shown; where a simple detector is as good, it does not.

    Args:
        rows: of the table evaluations: network and simple ones, any subsets and splits.
        networks: whether a detector of that name is a network.

    Returns:
        A sentence or two per network and split.
    """
    standings = _standings(rows)
    ours = [one for one in standings if networks(one.name)]
    if not ours:
        return "No network was judged, so there is no cost to earn."
    return " ".join(
        _verdict(one, [other for other in standings if _comparable(one, other, networks)]) for one in ours
    )


def _comparable(network: _Standing, other: _Standing, networks: Callable[[str], bool]) -> bool:
    same = (network.split, network.budget) == (other.split, other.budget)
    return same and not networks(other.name)


def _standings(rows: Iterable[Mapping[str, Any]]) -> list[_Standing]:
    """Detectors by split, in the order in which they come."""
    gathered: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        if (row["subset"], row["verdict_rule"]) == (ALL, FLAGGED) and row["basis"] in (HONEST, REFERENCE):
            gathered.setdefault((row["detector"], row["split"]), {})[row["metric"]] = row
    return [_standing(name, split, found) for (name, split), found in gathered.items()]


def _standing(name: str, split: str, found: Mapping[str, Mapping[str, Any]]) -> _Standing:
    figures = {
        metric: (found[metric]["value"], found[metric]["low"], found[metric]["high"])
        for metric in _LABELS
        if metric in found and found[metric]["value"] is not None
    }
    budget = found["alert_budget"]["value"] if "alert_budget" in found else None
    return _Standing(name, split, budget, figures, next(iter(found.values()))["seconds"])


def _verdict(network: _Standing, others: list[_Standing]) -> str:
    measure = "f1_scaled" if "f1_scaled" in network.figures else "f1"
    rivals = [other for other in others if measure in other.figures]
    if measure in network.figures and rivals:
        return f"{_judgement(network, rivals, measure)}: {_figures(network, rivals, measure)}"
    lacking = (
        "no simple detector was judged beside it"
        if measure in network.figures
        else "there are no abnormal sessions"
    )
    return f"Whether {network.name} earns its cost can't be said on {network.split}: {lacking}."


def _judgement(network: _Standing, rivals: list[_Standing], measure: str) -> str:
    value, low, _ = network.figures[measure]
    as_good = [one.name for one in rivals if one.figures[measure][0] >= value]
    unclear = [one.name for one in rivals if one.figures[measure][2] >= low]
    name, where = network.name, f"on {network.split}"
    if as_good:
        are = "is" if len(as_good) == 1 else "are"
        return f"{name} does not earn its cost {where}, where {_listed(as_good)} {are} as good or better"
    if unclear:
        return f"It is not shown that {name} earns its cost {where}: its lead over {_listed(unclear)} may be chance"
    return f"{name} earns its cost {where}, ahead of every simple detector by more than chance"


def _figures(network: _Standing, rivals: list[_Standing], measure: str) -> str:
    budget = "" if network.budget is None else f" at an alert budget of {network.budget:.3g} of normals"
    ranked = sorted(rivals, key=lambda one: (-one.figures[measure][0], one.name))
    against = "; ".join(f"{one.name} {_told(one, measure)}" for one in ranked)
    text = f"{_LABELS[measure]}{budget} {_told(network, measure)} against {against}."
    second = "pr_auc_scaled" if measure == "f1_scaled" else "pr_auc"
    known = {one.figures[second][0]: one.name for one in rivals if second in one.figures}
    if second not in network.figures or not known:
        return text
    ours, best = network.figures[second][0], max(known)
    return f"{text} {_LABELS[second]} {ours:.4f} against {best:.4f} of {known[best]}."


def _told(one: _Standing, measure: str) -> str:
    value, low, high = one.figures[measure]
    seconds = "" if one.seconds is None else f" in {one.seconds:,.1f} s"
    return f"{value:.4f} [{low:.4f}, {high:.4f}]{seconds}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
