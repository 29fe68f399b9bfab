"""Models of installs on a small table of clicks: honest by time, whole visitors, chosen on validation."""

import numpy as np
import pytest

from offbeat.config import Tabular
from offbeat.errors import GuardFailed, InputRefused, UsageError
from offbeat.packs.installs.features import FEATURES
from offbeat.packs.installs.pictures import threshold_of
from offbeat.packs.installs.rates import NAMES, Rates, out_of_fold
from offbeat.packs.installs.sequences import Numbers, sequences_of
from offbeat.packs.installs.table import (
    ClickTable,
    as_numbers,
    fit_rows,
    judged_rows,
    make_split,
    train_rows,
    validation_rows,
)
from offbeat.packs.installs.train import assert_honest
from offbeat.packs.installs.training import BASELINE, choose, fit_all, judge_probabilities, make_design

HOUR = 3_600_000_000


def table_of(n=6000, seed=0, visitors=2000) -> ClickTable:
    """Clicks of which those on app 1 install in one of five, others in one of two hundred."""
    rng = np.random.default_rng(seed)
    visitor = rng.integers(visitors, size=n)
    app = rng.integers(8, size=n)
    installed = (rng.random(n) < np.where(app == 1, 0.2, 0.005)).astype(np.int64)
    fields = {
        "ip": visitor, "app": app, "device": np.ones(n, int), "os": visitor % 5, "channel": rng.integers(6, size=n),
    }  # fmt: skip
    return ClickTable(
        fields={name: values.astype(str).astype(object) for name, values in fields.items()},
        time=np.sort(rng.integers(96 * HOUR, size=n)),
        installed=installed,
        visitor=visitor,
        features=rng.normal(size=(n, len(FEATURES))),
        extra={},
        share=1.0,
    )


def test_parts_follow_in_time_and_no_visitor_is_in_two():
    table = table_of()
    split = make_split(table, 0.2)
    fit, validation, test = (rows(table, split) for rows in (fit_rows, validation_rows, judged_rows))
    assert len(test) == 1200  # the last fifth, all of it
    assert table.time[fit].max() < table.time[validation].min()
    assert table.time[validation].max() < table.time[test].min()
    train = train_rows(table, split)
    assert not set(table.visitor[train]) & set(table.visitor[test])
    assert not set(table.visitor[fit]) & set(table.visitor[validation])
    assert_honest(table, split)


def test_a_visitor_on_both_sides_fails_the_run(monkeypatch):
    table = table_of()
    split = make_split(table, 0.2)
    everything = np.arange(len(table))
    monkeypatch.setattr("offbeat.packs.installs.train.train_rows", lambda _table, _split: everything)
    with pytest.raises(GuardFailed, match="visitor ids are in training and in test"):
        assert_honest(table, split)


def test_too_few_installs_say_so():
    table = table_of(n=300)
    table.installed[:] = 0
    with pytest.raises(InputRefused, match="0 installs in 177 clicks of the fit part"):
        make_split(table, 0.2)


def test_rates_are_drawn_to_the_average_and_unknown_keys_get_it():
    fields = {
        "app": np.array(["a"] * 10 + ["b"] * 10), "channel": np.array(["x"] * 20), "os": np.array(["1"] * 20),
        "device": np.array(["1"] * 20),
    }  # fmt: skip
    rates = Rates.fit(fields, np.array([1] * 10 + [0] * 10))
    new = {name: np.array([values[0], values[-1], "?"]) for name, values in fields.items()}
    odds = rates.apply(new)[:, NAMES.index("rate_app")]
    # (10 + 20 * 0.5) / (10 + 20) = 2/3, (0 + 10) / 30 = 1/3, and one half.
    np.testing.assert_allclose(odds, [np.log(2), -np.log(2), 0], atol=1e-9)
    back = Rates.from_arrays(rates.to_arrays())
    np.testing.assert_array_equal(back.apply(new), rates.apply(new))


def test_no_label_reaches_the_rates_of_its_own_row():
    table = table_of(n=400, visitors=100)
    made = out_of_fold(table.fields, table.installed, table.visitor, seed=0)
    one = table.visitor == table.visitor[0]
    other = table.installed.copy()
    other[one] = 1 - other[one]
    changed = out_of_fold(table.fields, other, table.visitor, seed=0)
    np.testing.assert_array_equal(made[one], changed[one])
    assert not np.array_equal(made, changed)


def test_models_find_what_is_there_and_probabilities_are_ones():
    table = table_of(n=12_000)
    split = make_split(table, 0.2)
    conf = Tabular(
        models=(BASELINE, "forest_study", "naive_bayes", "voting"), settings={"boosting": {"rounds": 30}}
    )
    design, fitted = fit_all(table, split, conf, seed=0)
    assert [one.name for one in fitted] == [BASELINE, "forest_study", "naive_bayes", "voting"]
    test = table.take(judged_rows(table, split))
    for one in fitted:
        given = one.model.predict(design.rows(test))
        figures = judge_probabilities(test.installed, given)
        assert figures["roc_auc"] > 0.8, one.name
        assert given.mean() == pytest.approx(test.installed.mean(), abs=0.01), one.name
    best = choose(fitted, "auto")
    assert best.validation["pr_auc"] >= max(one.validation["pr_auc"] for one in fitted) - 0.1
    assert choose(fitted, "naive_bayes").name == "naive_bayes"
    with pytest.raises(UsageError, match="no model lasso; fitted are"):
        choose(fitted, "lasso")
    with pytest.raises(UsageError, match="no model forrest; known here"):
        fit_all(table, split, Tabular(models=("forrest",)), seed=0)


def test_the_design_gives_training_rows_other_rates_than_new_ones():
    table = table_of(n=1000)
    design, own = make_design(table, (), seed=0)
    assert own.shape == (1000, len(design.columns))
    assert design.columns == (*FEATURES, *NAMES)
    assert not np.allclose(own[:, -len(NAMES) :], design.rows(table)[:, -len(NAMES) :])


def test_the_threshold_follows_from_the_costs():
    assert threshold_of(Tabular(cost={"miss": 99, "alarm": 1}).cost) == pytest.approx(0.01)


def test_further_columns_are_numbers_or_times():
    numbers = as_numbers("bid", np.array(["1.5", None, "2"], object))
    np.testing.assert_array_equal(numbers, [1.5, np.nan, 2])
    times = as_numbers("seen", np.array(["1970-01-01 00:01:00", None], object))
    np.testing.assert_array_equal(times, [60, np.nan])
    with pytest.raises(UsageError, match="column word holds neither numbers nor times"):
        as_numbers("word", np.array(["blue"], object))


def test_a_click_sees_strictly_earlier_clicks_of_its_ip_in_order():
    table = table_of(n=5, visitors=1)
    table.time[:] = [0, 10, 10, 20, 30]
    table.fields["ip"][:] = ["a", "a", "a", "b", "a"]
    made = sequences_of(table, Numbers.fit(table.fields))
    assert made.known.tolist() == [0, 1, 1, 0, 3]
    assert [row[row >= 0].tolist() for row in made.before] == [[], [0], [0], [], [0, 1, 2]]
    window = made.windows(np.array([4]), own=True)
    assert (window["app"][0, -4:] == made.fields["app"][[0, 1, 2, 4]]).all()
    assert (window["app"][0, :-4] == 0).all()
