"""Each leak is stopped, planted in clean data and as it comes; clean data passes."""

from __future__ import annotations

import numpy as np
import pytest

from offbeat.errors import GuardFailed, InputRefused
from offbeat.packs.top10.examples import BEFORE, EARLY
from offbeat.packs.top10.features import HOURS
from offbeat.packs.top10.guard import assert_features
from offbeat.packs.top10.leaks import leaky_figures, missingness_figures
from offbeat.packs.top10.learn import fields_of, filled, learn
from offbeat.packs.top10.options import Options
from offbeat.packs.top10.samples import split

QUICK = Options(models=("logistic",), folds=2)


def look(examples, *, fields=(), fill=None, question=BEFORE):
    numbers = filled(examples.numbers, fill or {})
    assert_features(
        question, [*fields_of(question, QUICK), *fields], numbers, examples.texts, examples.labels
    )


def test_the_models_own_fields_pass(before, early):
    look(before)
    look(early, question=EARLY)


def test_hours_filled_with_zero_are_stopped(before):
    with pytest.raises(
        GuardFailed, match=r"weekly_hours_viewed is 0 for .* titles, and that tells the label"
    ):
        look(before, fields=(HOURS,), fill={HOURS: 0.0})


def test_hours_left_missing_are_stopped_too(before):
    with pytest.raises(GuardFailed, match="whether weekly_hours_viewed is missing tells the label"):
        look(before, fields=(HOURS,))


@pytest.mark.parametrize("field", ["votes", "imdb_rating", "popularity"])
def test_snapshots_are_stopped(before, field):
    with pytest.raises(GuardFailed, match=rf"{field} .known .*known only after the outcome"):
        look(before, fields=(field,))


def test_a_field_of_a_source_that_has_mostly_charting_titles_is_stopped(before):
    planted = [
        {**row, "other.score": 50.0 + place % 40} if label or place % 20 == 0 else row
        for place, (row, label) in enumerate(zip(before.numbers, before.labels, strict=True))
    ]
    with pytest.raises(GuardFailed, match=r"whether other.score is missing tells the label \(AUC 0\.9"):
        assert_features(BEFORE, ["other.score"], planted, before.texts, before.labels)


def test_a_field_that_is_missing_by_chance_passes(before):
    rng = np.random.default_rng(0)
    planted = [
        {**row, "other.score": 50.0 + rng.random()} if rng.random() < 0.3 else row for row in before.numbers
    ]
    assert_features(BEFORE, ["other.score"], planted, before.texts, before.labels)


def test_a_training_with_a_leak_ends_before_anything_is_fitted(before):
    with pytest.raises(GuardFailed) as stopped:
        learn(before, BEFORE, Options(models=("logistic",), extra_features=("votes",)), seed=0)
    assert stopped.value.exit_status == 4


def test_leaky_figures_stand_far_above_the_honest_one(before):
    parts = split(before, by="entity", holdout=0.3, seed=0)
    found = learn(parts.train, BEFORE, QUICK, seed=0)
    from offbeat.evaluation.metrics import area_under_roc

    honest = area_under_roc(
        parts.test.labels,
        found.models["logistic"].predict(found.encoding.table(parts.test.numbers, parts.test.texts)),
    )
    rows = {(row["model"], row["metric"]): row for row in leaky_figures(parts, "title", QUICK, seed=0)}
    assert rows["hours_filled_with_zero", "roc_auc"]["value"] > 0.97
    assert rows["snapshot", "roc_auc"]["value"] > honest + 0.05
    assert all("The guard: leakage" in row["note"] for row in rows.values())
    assert 0.6 < honest < 0.9


def test_knowing_only_what_is_missing_is_worth_nothing(before):
    parts = split(before, by="entity", holdout=0.3, seed=0)
    rows = missingness_figures(parts, BEFORE, "title", fields_of(BEFORE, QUICK), seed=0)
    auc = next(row for row in rows if row["metric"] == "roc_auc")
    assert 0.4 < auc["value"] < 0.6


def test_a_split_by_time_knows_no_label_of_later(before):
    parts = split(before, by="time", holdout=0.3, seed=0)
    cut = (parts.cut - type(parts.cut)(1970, 1, 1)).days
    assert (parts.test.as_of >= cut).all()
    assert (parts.train.as_of <= cut - 28).all()
    assert (parts.train.known_on[parts.train.labels == 1] < cut).all()
    assert not set(parts.train.groups) & set(parts.test.groups)


def test_a_split_by_title_keeps_names_apart_and_hangs_on_no_order(before):
    parts = split(before, by="entity", holdout=0.3, seed=0)
    assert not set(parts.train.groups) & set(parts.test.groups)
    turned = split(before.take(np.arange(len(before))[::-1]), by="entity", holdout=0.3, seed=0)
    assert set(turned.test.ids) == set(parts.test.ids)
    assert 0.2 < len(parts.test) / len(before) < 0.4


def test_too_few_titles_are_refused(before):
    with pytest.raises(InputRefused, match="charting of"):
        split(before.take(np.arange(30)), by="entity", holdout=0.3, seed=0)
