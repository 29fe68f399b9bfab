import math
from collections import Counter

import numpy as np
import pytest

from offbeat.evaluation.judged import Judged, Rules, Subject
from offbeat.evaluation.report import evaluate_detector
from offbeat.tables.contract import EVALUATIONS

SUBJECT = Subject("evaluate-1", "v1", "lstm", seconds=12.5)
RULES = Rules(budget=0.25, resamples=100)


def judged(**changes):
    """Eight sessions of six sequences: the strangest normal scores above the plainest abnormal."""
    given = {
        "labels": np.array([1, 1, 1, 0, 0, 0, 0, 0]),
        "scores": np.array([9, 8, 2, 3, 1, 1, 0, 0], np.float32),
        "threshold": 2.5,
        "sequence_hash": np.array([1, 2, 3, 4, 5, 5, 6, 6], np.uint64),
        "seen_in_training": np.array([0, 0, 0, 0, 1, 1, 0, 0], bool),
    }
    return Judged(**(given | changes))


def figures(rows, *, subset="all", rule="flagged", basis="honest"):
    wanted = (subset, rule, basis)
    return {r["metric"]: r["value"] for r in rows if (r["subset"], r["verdict_rule"], r["basis"]) == wanted}


def test_rows_fit_the_table():
    rows = evaluate_detector(judged(), SUBJECT, RULES)
    assert all(list(row) and set(row) == set(EVALUATIONS.column_names) for row in rows)
    keys = Counter(tuple(row[name] for name in EVALUATIONS.key) for row in rows)
    assert set(keys.values()) == {1}
    kinds = {type(row[name]) for row in rows for name in ("value", "low", "high", "seconds")}
    assert kinds <= {float, type(None)}
    assert {row["seconds"] for row in rows} == {12.5}


def test_honest_figures_by_hand():
    found = figures(evaluate_detector(judged(), SUBJECT, RULES))
    assert (found["true_positives"], found["false_positives"]) == (2, 1)
    assert (found["false_negatives"], found["true_negatives"]) == (1, 4)
    assert found["precision"] == found["recall"] == pytest.approx(2 / 3)
    assert found["accuracy"] == pytest.approx(6 / 8)
    assert found["fpr"] == found["fpr_at_budget"] == pytest.approx(0.2)
    assert found["flagged_share"] == pytest.approx(3 / 8)
    assert found["pr_auc"] == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert found["recall_at_k"] == pytest.approx(2 / 3)  # k = a quarter of eight sessions
    assert found["threshold"] == 2.5


def test_a_classifier_has_the_figures_that_classifiers_have():
    p = np.array([0.9, 0.8, 0.4, 0.6, 0.1, 0.1, 0.2, 0.0])
    found = figures(evaluate_detector(judged(scores=-np.log1p(-p), of_probability=True), SUBJECT, RULES))
    assert found["accuracy_at_half"] == 6 / 8
    told = np.where(np.arange(8) < 3, p, 1 - p)
    assert found["log_loss"] == pytest.approx(-np.log(told).mean())
    assert "log_loss" not in figures(evaluate_detector(judged(), SUBJECT, RULES))


def test_oracle_and_reference_stand_beside():
    rows = evaluate_detector(judged(), SUBJECT, RULES)
    oracle = figures(rows, basis="oracle")
    # Down to 2: all three abnormal sessions and one normal.
    assert oracle["f1"] == pytest.approx(6 / 7)
    assert (oracle["precision"], oracle["recall"]) == (0.75, 1.0)
    assert 1 <= oracle["threshold"] < 2
    assert oracle["f1"] >= figures(rows)["f1"]
    reference = figures(rows, basis="reference")
    assert reference["accuracy_all_normal"] == pytest.approx(5 / 8)
    assert (reference["sessions"], reference["abnormal_sessions"]) == (8, 3)


def test_accuracy_never_comes_without_that_of_saying_normal():
    rows = evaluate_detector(judged(), SUBJECT, RULES)
    where = [
        {(r["subset"], r["verdict_rule"]) for r in rows if r["metric"] == metric}
        for metric in ("accuracy", "accuracy_all_normal")
    ]
    assert where[0] == where[1]
    assert len(where[0]) == 6


def test_subsets_leave_out_copies_and_what_was_seen():
    rows = evaluate_detector(judged(), SUBJECT, RULES)
    assert figures(rows, subset="distinct", basis="reference")["sessions"] == 6
    assert figures(rows, subset="distinct")["true_negatives"] == 2
    assert figures(rows, subset="never_seen", basis="reference")["sessions"] == 6
    assert figures(rows, subset="never_seen")["fpr"] == pytest.approx(1 / 3)


def test_scaled_figures_come_for_all_sessions_alone():
    rows = evaluate_detector(judged(), SUBJECT, Rules(budget=0.25, scale_normals=500, resamples=100))
    found = figures(rows)
    assert found["f1_scaled"] == pytest.approx(2 * 2 / (2 * 2 + 100 + 1))
    assert found["precision_scaled"] == pytest.approx(2 / 102)
    assert found["pr_auc_scaled"] == pytest.approx((1 + 1 + 3 / 103) / 3)
    # With so many normals, the one above the third abnormal session costs more than that session gains.
    oracle = figures(rows, basis="oracle")
    assert oracle["f1_scaled"] == pytest.approx(2 * 2 / (2 * 2 + 1))
    assert (oracle["precision_scaled"], oracle["recall"]) == (1, pytest.approx(2 / 3))
    assert 3 <= oracle["threshold"] < 8
    assert {row["subset"] for row in rows if row["metric"].endswith("_scaled")} == {"all"}
    notes = {row["note"] for row in rows if row["metric"] == "f1_scaled" and row["basis"] == "honest"}
    assert notes == {"false-positive rate of 5 normals, scaled to 500"}


def test_without_unknown_events_are_not_flagged():
    unknown = np.array([1, 0, 0, 0, 0, 0, 1, 0], bool)
    rows = evaluate_detector(judged(unknown=unknown), SUBJECT, RULES)
    with_, without = figures(rows), figures(rows, rule="without_unknown")
    assert (with_["true_positives"], with_["false_positives"]) == (2, 2)
    assert (without["true_positives"], without["false_positives"]) == (1, 1)


def test_verdicts_count_where_given_and_the_score_alone_at_the_budget():
    # Say the strangest session was too short to be judged.
    flags = np.array([0, 1, 0, 1, 0, 0, 0, 0], bool)
    found = figures(evaluate_detector(judged(flags=flags), SUBJECT, RULES))
    assert found["recall"] == pytest.approx(1 / 3)
    assert found["recall_at_budget"] == pytest.approx(2 / 3)


def test_unlabelled_sessions_count_in_the_share_flagged_alone():
    labels = np.array([np.nan, 1, 1, 0, 0, 0, 0, 0])
    rows = evaluate_detector(judged(labels=labels), SUBJECT, RULES)
    assert figures(rows)["flagged_share"] == pytest.approx(3 / 8)
    assert figures(rows)["true_positives"] == 1
    sizes = next(row for row in rows if row["metric"] == "sessions")
    assert sizes["value"] == 8
    assert sizes["note"] == "1 of them have no label and count nowhere else"


@pytest.mark.parametrize(
    "labels, metric, why",
    [
        ([0] * 8, "pr_auc", "no abnormal session"),
        ([1] * 8, "fpr", "no normal session"),
        ([np.nan] * 8, "recall", "no labelled session"),
    ],
)
def test_a_figure_that_can_not_be_has_no_value_and_says_why(labels, metric, why):
    rows = evaluate_detector(judged(labels=np.array(labels, float)), SUBJECT, RULES)
    row = next(row for row in rows if row["metric"] == metric and row["basis"] == "honest")
    assert (row["value"], row["low"], row["high"], row["note"]) == (None, None, None, why)


def test_no_normals_can_not_be_scaled():
    rows = evaluate_detector(
        judged(labels=np.ones(8)), SUBJECT, Rules(budget=0.25, scale_normals=500, resamples=50)
    )
    scaled = [row for row in rows if row["metric"].endswith("_scaled")]
    assert {row["metric"] for row in scaled} == {"f1_scaled", "precision_scaled", "pr_auc_scaled"}
    assert {(row["value"], row["note"]) for row in scaled} == {(None, "no normal session")}


def test_precision_of_nothing_says_so():
    rows = evaluate_detector(judged(threshold=99.0), SUBJECT, RULES)
    row = next(row for row in rows if row["metric"] == "precision" and row["basis"] == "honest")
    assert (row["value"], row["note"]) == (None, "nothing was flagged")


def test_intervals_hold_their_values():
    rng = np.random.default_rng(0)
    labels = (rng.random(400) < 0.2).astype(float)
    case = judged(
        labels=labels,
        scores=rng.normal(size=400) + labels,
        threshold=1.0,
        sequence_hash=rng.integers(0, 200, 400).astype(np.uint64),
        seen_in_training=rng.random(400) < 0.5,
    )
    rows = evaluate_detector(case, SUBJECT, Rules(budget=0.1, scale_normals=5000, resamples=200))
    held = [row for row in rows if row["low"] is not None]
    assert len(held) > 40
    assert all(row["low"] <= row["value"] <= row["high"] for row in held)
    assert all(math.isfinite(row["value"]) for row in held)


def test_no_sessions_give_rows_without_values():
    empty = np.zeros(0)
    case = Judged(empty, empty, 1.0, np.zeros(0, np.uint64), np.zeros(0, bool))
    rows = evaluate_detector(case, SUBJECT, RULES)
    assert figures(rows)["f1"] is None
    assert figures(rows, basis="reference")["sessions"] == 0


def test_same_seed_same_rows_in_any_order_of_the_sessions():
    case = judged()
    order = np.array([5, 2, 7, 0, 1, 6, 3, 4])
    shuffled = Judged(
        case.labels[order],
        case.scores[order],
        case.threshold,
        case.sequence_hash[order],
        case.seen_in_training[order],
    )
    assert evaluate_detector(case, SUBJECT, RULES) == evaluate_detector(shuffled, SUBJECT, RULES)
