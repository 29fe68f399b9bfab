"""Figures of the network of weekly runs, on runs that began after those it learned from."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
from pyspark.sql import DataFrame

from offbeat.packs.top10 import run_model
from offbeat.packs.top10.examples import BEFORE
from offbeat.packs.top10.judge import Place, figures, mean_figure
from offbeat.packs.top10.options import Options
from offbeat.packs.top10.run_model import Runs
from offbeat.tabular import SavedModel

_EPOCH = dt.date(1970, 1, 1)
STAYS, BACK, MORE = "stays_next_week", "comes_back", "weeks_more"


def day_of(runs: DataFrame, saved: SavedModel) -> dt.date:
    """First day that is held out: the saved model's cut; of a split by title, the day that parts runs as it would."""
    made = saved.record["split"]
    if made["cut"][BEFORE]:
        return dt.date.fromisoformat(made["cut"][BEFORE])
    starts = sorted(row["start"] for row in runs.select("start").collect())
    found: dt.date = starts[int(len(starts) * (1 - float(made["holdout"])))]
    return found


def run_figures(runs: DataFrame, saved: SavedModel, options: Options) -> list[dict[str, Any]]:
    """The network on runs that began from the cut on, beside the share of earlier runs and the rank alone.

    Of a split by time the saved network is judged. Of a split by title it has seen all runs, and another is fitted.
    """
    if "runs_kernel" not in saved.extra or not runs.take(1):
        return []
    seed, day = int(saved.record["split"]["seed"]), day_of(runs, saved)
    known, whole = run_model.gather_runs(runs, until=day), run_model.gather_runs(runs)
    own = bool(saved.record["split"]["cut"][BEFORE])
    weights = saved.extra if own else run_model.fit_runs(known, epochs=options.epochs, seed=seed)
    later = whole.take(whole.start >= (day - _EPOCH).days)
    if not weights or not later.ids:
        return []
    note = f"{'as saved' if own else 'fitted anew on earlier runs'}; runs from {day} on"
    said = run_model.states(weights, later.inputs)
    made: list[dict[str, Any]] = []
    for place, name in enumerate((STAYS, BACK)):
        made += _answer_figures(name, said[..., place], known, later, note, seed)
    return made + _weeks_figures(weights, known, later, note, seed)


def _answer_figures(
    name: str, said: np.ndarray, earlier: Runs, later: Runs, note: str, seed: int
) -> list[dict[str, Any]]:
    goals, asked = _asked(name, later)
    labels = goals[asked].astype(int)
    if len(np.unique(labels)) < 2:  # noqa: PLR2004 - yes and no
        return []
    before, counted = _asked(name, earlier)
    base = float(before[counted].mean()) if counted.any() else 0.5
    run = np.nonzero(asked)[0]  # weeks of a run are not drawn apart
    ranks = -later.inputs[..., 0][asked].astype(float)
    return [
        *figures(Place(name, "time", "gru", note=note), labels, said[asked], seed=seed, groups=run),
        *figures(
            Place(name, "time", "base_rate", "reference", "the share of earlier runs"),
            labels,
            np.full(len(labels), base),
            seed=seed,
            groups=run,
        ),
        *figures(
            Place(name, "time", "rank_rule", "reference", "the better its rank, the surer"),
            labels,
            ranks,
            seed=seed,
            probabilities=False,
            groups=run,
        ),
    ]


def _asked(name: str, runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """What is to be said of each week, and where it is asked: of coming back once a run, at its last week."""
    goals = runs.stays if name == STAYS else runs.back
    asked = goals >= 0
    if name == BACK:
        asked &= np.arange(goals.shape[1])[None, :] == runs.length[:, None] - 1
    return goals, asked


def _weeks_figures(
    weights: dict[str, np.ndarray], earlier: Runs, later: Runs, note: str, seed: int
) -> list[dict[str, Any]]:
    """How many weeks the number of further weeks is off, after the first week of later runs that have ended."""
    ended = later.take(~later.listed)
    if not ended.ids:
        return []
    first = ended.inputs.copy()
    first[:, 1:] = 0
    truth = ended.length - 1
    past = earlier.length[~earlier.listed] - 1
    usual = float(np.median(past)) if len(past) else 0.0
    said = {
        ("gru", "honest", f"{note}, after their first week"): run_model.weeks_more(
            weights, first, np.ones(len(first), int)
        ),
        ("median", "reference", "the median of earlier runs"): np.full(len(truth), usual),
    }
    stayed = (truth > 0).astype(int)
    return [
        mean_figure(
            Place(MORE, "time", name, basis, what), "mean_error_weeks", np.abs(n - truth), stayed, seed=seed
        )
        for (name, basis, what), n in said.items()
    ]
