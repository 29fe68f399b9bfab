"""Fitted models: NumPy gives what scikit-learn gives, saved and opened again too."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from offbeat.errors import GuardFailed, UsageError
from offbeat.tabular import MODELS, calibrate, fit, load_model, load_packed, pack_model, save_model
from offbeat.tabular.calibration import fit_platt
from offbeat.tabular.fit import STUDY_FOREST, balanced, fold_of
from offbeat.tabular.trees import fit_boosting, fit_forest

COLUMNS = tuple("abcdefgh")
SMALL = {
    "bagging": {"bags": 3, "of": "forest_study"},
    "stacking": {"of": ["logistic", "forest_study"]},
    "boosting": {"rounds": 40},
}


@pytest.fixture(scope="module")
def table():
    """3,000 rows of 8 columns, some gaps, one yes in ten that hangs on two columns."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3000, 8))
    y = (x[:, 0] + 0.5 * x[:, 1] + 0.3 * rng.normal(size=3000) > 1.5).astype(int)
    x[rng.random((3000, 8)) < 0.03] = np.nan
    return x, y


def test_a_forest_in_numpy_is_the_one_that_was_fitted(table):
    x, y = table
    x = np.nan_to_num(x)
    ours = fit_forest(x, y, np.ones(len(y)), seed=3, **STUDY_FOREST)
    theirs = RandomForestClassifier(
        n_estimators=10, max_depth=4, max_features=7, min_samples_split=10, random_state=3
    ).fit(x, y, sample_weight=np.ones(len(y)))
    assert len(ours.roots) == 10
    assert ours.depth == 4
    np.testing.assert_allclose(ours.predict(x), theirs.predict_proba(x)[:, 1], atol=1e-12)


def test_boosting_in_numpy_is_what_was_fitted_gaps_included(table):
    x, y = table
    ours = fit_boosting(x, y, np.ones(len(y)), seed=0, rounds=20, columns=1.0)
    theirs = HistGradientBoostingClassifier(
        max_iter=20, learning_rate=0.05, max_leaf_nodes=15, max_depth=6, min_samples_leaf=40, l2_regularization=5.0,
        early_stopping=False, random_state=0,
    ).fit(x, y)  # fmt: skip
    np.testing.assert_allclose(ours.predict(x), theirs.predict_proba(x)[:, 1], atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_ranks_and_comes_back_from_its_folder_the_same(table, name, tmp_path):
    x, y = table
    settings = SMALL.get(name, {})
    learn, judge = slice(0, 2000), slice(2000, 3000)
    model = fit(name, x[learn], y[learn], groups=np.arange(2000) // 3, seed=0, settings=settings)
    said = model.predict(x[judge])
    assert said.dtype == np.float64
    assert ((said >= 0) & (said <= 1)).all()
    assert said[y[judge] == 1].mean() > said[y[judge] == 0].mean() + 0.2
    whole = calibrate(model, said, y[judge])
    version = save_model(
        tmp_path, whole, name=name, columns=COLUMNS, record={"seed": 0}, extra={"one": np.ones(2)}
    )
    assert (
        save_model(tmp_path, whole, name=name, columns=COLUMNS, record={"seed": 0}) != version
    )  # other content
    opened, travelled = load_model(tmp_path / version), load_packed(pack_model(tmp_path / version))
    for found in (opened, travelled):
        np.testing.assert_array_equal(found.model.predict(x[judge]), whole.predict(x[judge]))
        assert (found.version, found.columns, found.record) == (version, COLUMNS, {"seed": 0})
        np.testing.assert_array_equal(found.extra["one"], np.ones(2))
    names = {path.name for path in (tmp_path / version).iterdir()}
    assert names == {"manifest.json", "model.json", "arrays.npz"}


def test_rows_get_the_same_alone_as_among_others(table):
    x, y = table
    for name in ("logistic", "forest_study", "boosting", "stacking"):
        model = fit(name, x, y, seed=0, settings=SMALL.get(name))
        alone = np.concatenate([model.predict(x[i : i + 1]) for i in range(20)])
        np.testing.assert_array_equal(alone, model.predict(x)[:20])


def test_a_changed_missing_or_foreign_file_is_refused(table, tmp_path):
    x, y = table
    folder = tmp_path / save_model(tmp_path, fit("logistic", x, y), name="logistic", columns=COLUMNS)
    good = (folder / "arrays.npz").read_bytes()
    (folder / "arrays.npz").write_bytes(good[:-1] + b"x")
    with pytest.raises(GuardFailed, match=r"arrays\.npz was changed"):
        load_model(folder)
    (folder / "arrays.npz").unlink()
    with pytest.raises(GuardFailed, match=r"arrays\.npz is missing"):
        load_model(folder)
    (folder / "arrays.npz").write_bytes(good)
    (folder / "more.pkl").write_bytes(b"")
    with pytest.raises(GuardFailed, match=r"more\.pkl does not belong"):
        pack_model(folder)
    with pytest.raises(UsageError, match="there is none"):
        load_model(tmp_path / "nothing")


def test_wrong_names_settings_and_labels_say_so(table):
    x, y = table
    with pytest.raises(UsageError, match="did you mean boosting"):
        fit("bosting", x, y)
    with pytest.raises(UsageError, match="unexpected keyword argument 'tres'"):
        fit("forest", x, y, settings={"tres": 3})
    with pytest.raises(UsageError, match="one label only"):
        fit("logistic", x, np.zeros(len(y)))


def test_calibration_brings_probabilities_to_shares_and_keeps_the_order():
    rng = np.random.default_rng(0)
    true = rng.beta(0.3, 6, 40_000)
    labels = (rng.random(40_000) < true).astype(int)
    biased = true**0.3  # far too high, in the right order

    class Said:
        def predict(self, features):
            return features[:, 0]

    for kind in ("platt", "isotonic"):
        found = calibrate(Said(), biased, labels, kind=kind).predict(biased[:, None])
        assert found.mean() == pytest.approx(labels.mean(), abs=0.002)
        assert (np.diff(found[np.argsort(biased)]) >= 0).all()
    top = biased > np.quantile(biased, 0.95)
    assert found[top].mean() == pytest.approx(labels[top].mean(), abs=0.02)


def test_platt_gives_a_slope_that_is_finite_and_never_falls():
    slope, bias = fit_platt(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert 0 < slope < 10
    assert bias == pytest.approx(0, abs=1e-6)
    wrong, _ = fit_platt(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([1.0, 1.0, 0.0, 0.0]))
    assert 0 < wrong < 1e-3


def test_weights_make_labels_count_alike_and_folds_keep_groups_whole():
    weights = balanced(np.array([0, 0, 0, 1]))
    assert weights.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2.0])
    groups = np.array([7, 7, 8, 9, 9, 9, 10])
    fold = fold_of(groups, 2, seed=0)
    assert all(len(set(fold[groups == one])) == 1 for one in set(groups))
    assert set(fold) == {0, 1}
