"""Each guard catches a leak that was planted, and lets a clean split pass."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offbeat.errors import GuardFailed
from offbeat.evaluation import leakage


def test_a_leak_ends_the_run_with_status_4():
    with pytest.raises(GuardFailed) as caught:
        leakage.assert_disjoint({"train": ["a", "b"], "test": ["b", "c"]})
    assert caught.value.exit_status == 4
    assert str(caught.value).startswith("leakage: 1 session ids are in train and in test (such as b)")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ["session", "entity", "title"])
def test_an_id_on_both_sides_is_caught(what):
    train, test = pd.Series(["x", "y", None]), np.array(["z", "y"], object)
    with pytest.raises(GuardFailed, match=what):
        leakage.assert_disjoint({"train": train, "test": test}, what=what)


def test_every_pair_of_parts_is_compared():
    parts = {"train": [1, 2], "validation": [3, 4], "test": [5, 4]}
    with pytest.raises(GuardFailed, match="validation and in test"):
        leakage.assert_disjoint(parts)


def test_a_clean_split_passes_and_a_missing_id_is_no_id():
    parts = {"train": pd.Series(["a", None]), "validation": np.array([], object), "test": ["b", None, np.nan]}
    leakage.assert_disjoint(parts)


@given(st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20)))
def test_disjoint_means_disjoint(left, right):
    if left & right:
        with pytest.raises(GuardFailed):
            leakage.assert_disjoint({"train": left, "test": right})
    else:
        leakage.assert_disjoint({"train": left, "test": right})


@pytest.mark.parametrize("what", ["vocabulary", "encoding", "threshold"])
def test_what_was_fitted_on_test_rows_is_caught(what):
    train, test = ["s1", "s2"], ["s3"]
    leakage.assert_fitted_on(train, train, what=what)
    with pytest.raises(GuardFailed, match=rf"{what} was fitted on 1 rows .*s3"):
        leakage.assert_fitted_on(train + test, train, what=what)


def test_a_vocabulary_with_an_event_of_the_test_is_caught():
    leakage.assert_vocabulary_of_training(["play"], ["play", "pause"])
    with pytest.raises(GuardFailed, match=r"never occur in training \(such as crash\)"):
        leakage.assert_vocabulary_of_training(["play", "crash"], ["play", "pause"])


def test_a_vocabulary_counted_on_the_test_is_caught_by_its_hash():
    events = ["play", "pause"]
    leakage.assert_vocabulary_of_training(events, events, vocabulary_hash="ab", training_hash="ab")
    with pytest.raises(GuardFailed, match="not the one that the training part gives"):
        leakage.assert_vocabulary_of_training(events, events, vocabulary_hash="ab", training_hash="cd")


def test_a_feature_known_after_the_outcome_is_caught():
    known_after = {"attributed_time": "when the app is installed"}
    leakage.assert_known_in_time(["ip", "os"], known_after)
    with pytest.raises(GuardFailed, match=r"attributed_time \(known when the app is installed\)"):
        leakage.assert_known_in_time(["ip", "attributed_time"], known_after)


def test_missing_told_by_hand():
    missing, labels = np.array([1, 1, 0, 0, 0, 0], bool), np.array([1, 1, 1, 0, 0, 0])
    counts = leakage.count_missing(missing, labels)
    assert counts == leakage.Missing(missing_normal=0, normal=3, missing_abnormal=2, abnormal=3)
    assert counts.auc == pytest.approx(0.5 + (2 / 3) / 2)
    assert counts.auc_low < 0.6  # six rows prove nothing
    assert np.isnan(leakage.Missing(0, 5, 0, 0).auc)


def planted(n=2000):
    """Metadata that came with the positives alone, as labels often do, beside a field that is missing by chance."""
    rng = np.random.default_rng(0)
    labels = (rng.random(n) < 0.2).astype(int)
    rating = np.where((labels == 1) | (rng.random(n) < 0.3), 7.5, np.nan)
    country = np.where(rng.random(n) < 0.4, None, "US")
    return pd.DataFrame({"rating": rating, "country": country}), labels


def test_a_field_that_came_with_the_label_is_caught():
    frame, labels = planted()
    with pytest.raises(GuardFailed, match=r"whether rating is missing tells the label \(AUC 0\.8"):
        leakage.assert_missingness_silent(frame, labels)


def test_a_field_missing_by_chance_passes_and_so_does_one_that_is_allowed():
    frame, labels = planted()
    leakage.assert_missingness_silent(frame[["country"]], labels)
    leakage.assert_missingness_silent(frame, labels, allowed=["rating"])
    leakage.assert_missingness_silent(frame, np.zeros(len(frame), int))


def test_a_pattern_of_two_fields_is_caught_where_each_alone_is_silent():
    rng = np.random.default_rng(1)
    labels = (rng.random(2000) < 0.5).astype(int)
    first = rng.random(2000) < 0.5
    masks = {"first": first, "second": first ^ (labels == 1)}
    for name, mask in masks.items():
        leakage.assert_missingness_silent({name: mask}, labels)
    with pytest.raises(GuardFailed, match="pattern of which of first, second"):
        leakage.assert_missingness_silent(masks, labels)
    leakage.assert_missingness_silent({"first": first, "second": rng.random(2000) < 0.3}, labels)


@given(st.integers(0, 2**32 - 1))
def test_fields_that_know_nothing_pass(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 200))
    masks = {
        name: rng.random(n) < 0.5 for name in "abcdefgh"
    }  # most patterns occur once: no half knows the other's
    leakage.assert_missingness_silent(masks, rng.integers(0, 2, n))
