"""The networks: NumPy says what Keras says, and they learn what is there to learn."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from offbeat.evaluation.metrics import area_under_roc
from offbeat.packs.top10 import run_model
from offbeat.tabular import fit, load_model, save_model
from offbeat.tabular.network import tune_network

pytestmark = pytest.mark.slow  # TensorFlow alone takes seconds to come


def test_a_network_learns_what_no_line_can_and_survives_saving(tmp_path):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(1200, 3))
    table[::7, 2] = np.nan
    labels = (table[:, 0] * table[:, 1] > 0).astype(int)
    model = fit(
        "network", table, labels, seed=0, settings={"units": 16, "layers": 2, "dropout": 0.0, "rate": 0.01}
    )
    assert area_under_roc(labels, model.predict(table)) > 0.95
    version = save_model(tmp_path, model, name="n", columns=("a", "b", "c"))
    again = load_model(tmp_path / version).model
    assert np.array_equal(again.predict(table), model.predict(table))
    one_by_one = np.concatenate([model.predict(row[None, :]) for row in table[:50]])
    assert np.array_equal(one_by_one, model.predict(table)[:50])


def test_tuning_gives_knobs_and_none_without_trials():
    rng = np.random.default_rng(0)
    table, groups = rng.normal(size=(120, 2)), np.arange(120)
    labels = (table[:, 0] > 0).astype(int)
    found = tune_network(table, labels, np.ones(120), groups, seed=0, trials=1)
    assert set(found) == {"units", "layers", "dropout", "rate", "penalty"}
    assert tune_network(table, labels, np.ones(120), groups, seed=0, trials=0) == {}


def a_run(place, weeks, *, title=None, start=None):
    first = start or dt.date(2023, 1, 1) + dt.timedelta(weeks=place % 40)
    days = [first + dt.timedelta(weeks=w) for w in range(weeks)]
    # A run that begins at rank 1 lasts; one that begins at 9 is gone after a week.
    rows = [(day, 1 if weeks > 1 else 9, 5e6) for day in days]
    return {
        "session_id": f"s{place:03}",
        "chart_id": title or f"c{place}",
        "start": first,
        "weeks": rows,
    }


def test_runs_know_only_what_was_known_on_the_day():
    rows = [
        a_run(0, 3, title="a", start=dt.date(2023, 1, 1)),
        a_run(1, 1, title="a", start=dt.date(2023, 3, 5)),
        a_run(2, 2, title="b", start=dt.date(2023, 12, 24)),
    ]
    found = run_model._as_arrays(rows, None)
    assert found.stays[0, :3].tolist() == [1, 1, 0]
    assert found.back[0, :3].tolist() == [1, 1, 1]  # it came back in March
    assert found.back[1, :1].tolist() == [0]  # and then no more, for half a year
    assert found.stays[2, :2].tolist() == [1, -1]  # the newest week: not known yet
    assert found.listed.tolist() == [False, False, True]
    early = run_model._as_arrays(rows[:1], dt.date(2023, 1, 10))
    assert early.length.tolist() == [2]
    assert early.stays[0, :2].tolist() == [1, -1]


def test_a_season_that_takes_over_is_no_return_and_no_end():
    rows = [
        a_run(0, 2, title="a", start=dt.date(2023, 1, 1)),  # until the 8th, when the second season goes on
        a_run(1, 4, title="a", start=dt.date(2023, 1, 8)),
        a_run(2, 1, title="a", start=dt.date(2023, 5, 7)),
        a_run(3, 1, title="b", start=dt.date(2023, 12, 31)),
    ]
    found = run_model._as_arrays(rows, None)
    assert found.back[:3, 0].tolist() == [-1, 1, 0]
    assert found.take(np.array([False, True, False, True])).ids == ["s001", "s003"]


def test_the_network_of_runs_learns_and_numpy_says_what_keras_says():
    import keras

    runs = run_model._as_arrays([a_run(place, 1 + 5 * (place % 2)) for place in range(120)], None)
    weights = run_model.fit_runs(runs, epochs=30, seed=0)
    said = run_model.states(weights, runs.inputs)
    first, known = said[:, 0, 0], runs.stays[:, 0] >= 0
    assert area_under_roc(runs.stays[known, 0].astype(int), first[known]) > 0.95
    layer = keras.layers.GRU(weights["runs_recurrent"].shape[0], return_sequences=True, reset_after=True)
    layer.build(runs.inputs.shape)
    layer.set_weights([weights[f"runs_{name}"] for name in ("kernel", "recurrent", "bias")])
    hidden = np.asarray(layer(runs.inputs))
    keras_said = 1 / (1 + np.exp(-(hidden @ weights["runs_top"] + weights["runs_top_bias"])))
    assert np.abs(keras_said - said).max() < 1e-4
    more = run_model.weeks_more(weights, runs.inputs[:4], runs.length[:4])
    assert (more > 0).all()
    # The longest are listed for six weeks: a first week at rank 1 has few more before it, one at 9 none.
    first = run_model.weeks_more(weights, runs.inputs[:2, :1], np.ones(2, int))
    assert first[0] < 2 < first[1] < 12, first
    assert run_model.fit_runs(run_model._as_arrays([a_run(0, 1)], None), epochs=1, seed=0) == {}
    # Platt's curve lies in the last layer: the mean of what is said is the share of what is found.
    known = runs.stays >= 0
    assert said[..., 0][known].mean() == pytest.approx(runs.stays[known].mean(), abs=0.05)


def test_ranks_and_hours_go_on_as_they_do():
    weeks = [(dt.date(2023, 1, 1) + dt.timedelta(weeks=w), 1 + 2 * w, 8e6 / 2**w) for w in range(5)]
    rows = [{**a_run(place, 5), "weeks": weeks} for place in range(3)]
    drifts = run_model._drifts(run_model._as_arrays(rows, None))
    assert drifts["rank_drift"][[1, 3, 5, 7]] == pytest.approx(0.2, abs=1e-6)
    assert drifts["rank_drift"][9] == 0  # no run goes on from there
    assert drifts["hours_drift"][[1, 3]] == pytest.approx(-np.log(2) / 20, abs=1e-5)
