"""A GRU over the weeks of a run: will the title be listed next week, and once it has left, will it come back?

Keras fits it on the driver; the weights are kept as arrays, and NumPy runs them. A week's input is its rank, its hours
(with a mark where they are not known), its number and the month. At each week two answers are learned: whether there is
another week of the run, and whether another run of the title begins within half a year of its end. A run is of a title
and season as the lists write them; a title comes back with whichever season. What can't be known yet – the newest week,
an end less than half a year ago – is left out of the loss, and so is the end of a season while another is still listed.

The answers are calibrated: Platt's curve, fitted on titles that a network had not seen, is folded into the last layer.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from offbeat.packs.top10.options import Options
from offbeat.packs.top10.samples import share_of
from offbeat.tabular.base import logit, sigmoid
from offbeat.tabular.calibration import fit_platt

BACK_WEEKS = 26
_INPUTS = 6
_UNITS = 16
_LONGEST = 52  # weeks that are looked at: the last ones of a longer run
_MOST_RUNS = 200_000
_FEWEST_RUNS = 40
_AHEAD = 52
_CALIBRATED_ON = 0.25  # of the titles
_FEWEST_ENDS = 10  # of each answer, for a curve
_NEXT = dt.timedelta(days=10)  # a season that begins by then takes over: the title was never away
_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Runs:
    """Runs as arrays, in order of their ids.

    Attributes:
        inputs: float32, [runs, weeks, inputs], padded at the end. length: weeks of each.
        stays, back: float32, [runs, weeks]: 1, 0, or -1 where it is not known.
        start, end: days of the first and the last week. listed: whether the newest list has it.
    """

    ids: list[str]
    charts: list[str]
    inputs: np.ndarray
    length: np.ndarray
    stays: np.ndarray
    back: np.ndarray
    start: np.ndarray
    end: np.ndarray
    listed: np.ndarray

    def take(self, rows: np.ndarray) -> Runs:
        """Those of the rows (a mask)."""
        places = np.flatnonzero(rows)
        return Runs(
            [self.ids[i] for i in places],
            [self.charts[i] for i in places],
            *(getattr(self, name)[places] for name in ("inputs", "length", "stays", "back")),
            *(getattr(self, name)[places] for name in ("start", "end", "listed")),
        )


def gather_runs(runs: DataFrame, *, until: dt.date | None = None, most: int = _MOST_RUNS) -> Runs:
    """Runs on the driver; with `until`, as they were known on that day."""
    rows = runs.orderBy(F.xxhash64("session_id")).limit(most).select(
        "session_id", "chart_id", "start",
        F.transform("weeks", lambda week: F.struct(week["week"], week["rank"], week["hours"])).alias("weeks"),
    ).collect()  # fmt: skip
    rows = sorted(rows, key=lambda row: str(row["session_id"]))
    if until is not None:
        rows = [row for row in rows if row["start"] < until]
    return _as_arrays(rows, until)


def _as_arrays(rows: list[Any], until: dt.date | None) -> Runs:
    kept = [[week for week in row["weeks"] if until is None or week[0] < until] for row in rows]
    spans: dict[str, list[tuple[dt.date, dt.date]]] = {}
    for row, weeks in zip(rows, kept, strict=True):
        spans.setdefault(row["chart_id"], []).append((weeks[0][0], weeks[-1][0]))
    newest = max((week[0] for weeks in kept for week in weeks), default=_EPOCH)
    n = len(rows)
    inputs = np.zeros((n, _LONGEST, _INPUTS), np.float32)
    stays, back = -np.ones((n, _LONGEST), np.float32), -np.ones((n, _LONGEST), np.float32)
    length, listed = np.zeros(n, int), np.zeros(n, bool)
    for i, (row, whole) in enumerate(zip(rows, kept, strict=True)):
        first = max(0, len(whole) - _LONGEST)
        weeks = whole[first:]
        length[i], listed[i] = len(weeks), weeks[-1][0] == newest
        for t, week in enumerate(weeks):
            inputs[i, t] = _week_inputs(week, first + t)
        stays[i, : len(weeks) - 1] = 1
        if not listed[i]:
            stays[i, len(weeks) - 1] = 0
            back[i, : len(weeks)] = _came_back(weeks[-1][0], spans[row["chart_id"]], newest)
    return Runs(
        [row["session_id"] for row in rows],
        [row["chart_id"] for row in rows],
        inputs,
        length,
        stays,
        back,
        np.array([(row["start"] - _EPOCH).days for row in rows], int),
        np.array([(weeks[-1][0] - _EPOCH).days for weeks in kept], int),
        listed,
    )


def _week_inputs(week: Any, number: int) -> list[float]:
    day, rank, hours = week
    angle = 2 * np.pi * day.timetuple().tm_yday / 365.25
    known = hours is not None
    return [
        rank / 10,
        np.log1p(hours) / 20 if known else 0.0,
        float(known),
        np.log1p(number),
        np.sin(angle),
        np.cos(angle),
    ]


def _came_back(end: dt.date, spans: list[tuple[dt.date, dt.date]], newest: dt.date) -> float:
    """1 or 0; -1 where it can't be known yet, or where another season of the title went on."""
    if any(start <= end + _NEXT and last > end for start, last in spans):
        return -1.0
    limit = end + dt.timedelta(weeks=BACK_WEEKS)
    if any(end < start <= limit for start, _ in spans):
        return 1.0
    return 0.0 if limit <= newest else -1.0


def train(runs: DataFrame, cut: dt.date | None, options: Options, *, seed: int) -> dict[str, np.ndarray]:
    """Fit on runs as they were known on the day of the cut; weights by name, empty where there are too few runs."""
    known = gather_runs(runs, until=cut)
    return fit_runs(known, epochs=options.epochs, seed=seed)


def fit_runs(known: Runs, *, epochs: int, seed: int) -> dict[str, np.ndarray]:
    """Fit and calibrate the network; weights by name, empty where there are too few runs."""
    if len(known.ids) < _FEWEST_RUNS:
        return {}
    held = np.array([share_of(f"runs|{seed}|{chart}") < _CALIBRATED_ON for chart in known.charts])
    curves = [(1.0, 0.0), (1.0, 0.0)]
    if held.any() and not held.all():
        curves = _curves(_fitted(known.take(~held), epochs=epochs, seed=seed), known.take(held))
    made = _fitted(known, epochs=epochs, seed=seed)
    slopes, shifts = (np.array(each) for each in zip(*curves, strict=True))
    made["top"], made["top_bias"] = made["top"] * slopes, made["top_bias"] * slopes + shifts
    return {f"runs_{name}": value for name, value in (made | _drifts(known)).items()}


def _curves(weights: dict[str, np.ndarray], held: Runs) -> list[tuple[float, float]]:
    """Slope and bias of Platt's curve for each answer, from runs that the network has not seen."""
    said = states({f"runs_{name}": value for name, value in weights.items()}, held.inputs)
    found = []
    for place, goals in enumerate((held.stays, held.back)):
        known = goals >= 0
        if place:  # once a run, as it is asked
            known &= np.arange(goals.shape[1])[None, :] == held.length[:, None] - 1
        labels, given = goals[known], logit(said[..., place][known])
        enough = min((labels == 1).sum(), (labels == 0).sum()) >= _FEWEST_ENDS
        found.append(fit_platt(given, labels.astype(np.float64)) if enough else (1.0, 0.0))
    return found


def _fitted(known: Runs, *, epochs: int, seed: int) -> dict[str, np.ndarray]:
    """The network's weights by name, as Keras fits them."""
    import keras

    keras.utils.set_random_seed(seed)
    weights = keras.Input((_LONGEST, _INPUTS))
    hidden = keras.layers.GRU(_UNITS, return_sequences=True, reset_after=True)(weights)
    model = keras.Model(weights, keras.layers.Dense(2)(hidden))

    def loss(truth: Any, said: Any) -> Any:
        known = keras.ops.cast(truth >= 0, "float32")
        each = (
            keras.ops.maximum(said, 0)
            - said * keras.ops.maximum(truth, 0)
            + keras.ops.log1p(keras.ops.exp(-keras.ops.abs(said)))
        )
        return keras.ops.sum(each * known) / (keras.ops.sum(known) + 1.0)

    model.compile(keras.optimizers.Adam(0.01), loss)
    goals = np.stack([known.stays, known.back], axis=-1)
    model.fit(known.inputs, goals, epochs=epochs, batch_size=128, verbose=0)
    kernel, recurrent, bias, top, top_bias = (np.asarray(w, np.float64) for w in model.get_weights())
    return {"kernel": kernel, "recurrent": recurrent, "bias": bias, "top": top, "top_bias": top_bias}


def _drifts(known: Runs) -> dict[str, np.ndarray]:
    """How rank and hours move from one week of a run to the next, on average: by rank, from 0 to 10."""
    now, then = known.inputs[:, :-1], known.inputs[:, 1:]
    followed = np.arange(1, known.inputs.shape[1])[None, :] < known.length[:, None]
    rank = np.clip(np.rint(now[..., 0] * 10), 0, 10).astype(int)
    moved = {
        "rank_drift": (0, followed),
        "hours_drift": (1, followed & (now[..., 2] > 0) & (then[..., 2] > 0)),
    }
    made = {}
    for name, (column, counted) in moved.items():
        change = (then - now)[..., column].astype(np.float64)
        number = np.bincount(rank[counted], minlength=11)
        total = np.bincount(rank[counted], change[counted], minlength=11)
        made[name] = total / np.maximum(number, 1)
    return made


def forecast(extra: dict[str, np.ndarray], inputs: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Probabilities at the last week of each run: of another week, of coming back; float64, [runs, 2]."""
    found = states(extra, inputs)
    last: np.ndarray = found[np.arange(len(length)), length - 1]
    return last


def states(extra: dict[str, np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """Both probabilities at every week; float64, [runs, weeks, 2]."""
    kernel, recurrent, bias = (extra[f"runs_{name}"] for name in ("kernel", "recurrent", "bias"))
    units = recurrent.shape[0]
    hidden = np.zeros((len(inputs), units))
    said = np.zeros((len(inputs), inputs.shape[1], 2))
    for week in range(inputs.shape[1]):
        given = inputs[:, week].astype(np.float64) @ kernel + bias[0]
        carried = hidden @ recurrent + bias[1]
        update, reset = (
            sigmoid(given[:, a:b] + carried[:, a:b]) for a, b in ((0, units), (units, 2 * units))
        )
        new = np.tanh(given[:, 2 * units :] + reset * carried[:, 2 * units :])
        hidden = update * hidden + (1 - update) * new
        said[:, week] = sigmoid(hidden @ extra["runs_top"] + extra["runs_top_bias"])
    return said


def weeks_more(extra: dict[str, np.ndarray], inputs: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Expected further weeks of listed runs, float64, [runs]: from the last week on, rank and hours move as they do."""
    rows = inputs[:, : max(1, int(length.max(initial=1)))]
    still = np.zeros(11)  # a model that was saved before it learned how ranks move
    rank_drift, hours_drift = (extra.get(f"runs_{name}_drift", still) for name in ("rank", "hours"))
    rolled = np.concatenate([rows, np.zeros((len(rows), _AHEAD, rows.shape[2]), rows.dtype)], axis=1)
    for step in range(_AHEAD):
        place = length + step
        last = rolled[np.arange(len(rows)), place - 1].copy()
        rank = np.clip(np.rint(last[:, 0] * 10), 0, 10).astype(int)
        last[:, 0] = np.clip(last[:, 0] + rank_drift[rank], 0.1, 1.0)
        last[:, 1] = np.maximum(last[:, 1] + hours_drift[rank] * last[:, 2], 0.0)
        last[:, 3] = np.log1p(np.expm1(last[:, 3]) + 1)
        rolled[np.arange(len(rows)), place] = last
    said = states(extra, rolled)[:, :, 0]
    alive, total = np.ones(len(rows)), np.zeros(len(rows))
    for step in range(_AHEAD):
        alive = alive * said[np.arange(len(rows)), length - 1 + step]
        total += alive
    return total
