import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offbeat.evaluation import metrics

few_scores = st.integers(-3, 3)
judged_sessions = st.lists(st.tuples(st.integers(0, 1), few_scores), min_size=1, max_size=30)
weighted_sessions = st.lists(
    st.tuples(st.integers(0, 1), few_scores, st.integers(0, 4)), min_size=1, max_size=20
)


def average_precision_in_words(labels, scores):
    """Flag from the strangest score down; each time, gained recall times precision."""
    abnormal, total, found = sum(labels), 0.0, 0
    for score in sorted(set(scores), reverse=True):
        flagged = [label for label, other in zip(labels, scores, strict=True) if other >= score]
        total += (sum(flagged) - found) / abnormal * (sum(flagged) / len(flagged))
        found = sum(flagged)
    return total


def roc_auc_in_words(labels, scores):
    """Of all pairs of an abnormal and a normal session, the share that is in the right order, ties half."""
    abnormal = [score for label, score in zip(labels, scores, strict=True) if label]
    normal = [score for label, score in zip(labels, scores, strict=True) if not label]
    won = sum((a > b) + 0.5 * (a == b) for a in abnormal for b in normal)
    return won / (len(abnormal) * len(normal))


def columns(rows):
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def test_confusion_by_hand():
    counts = metrics.confusion(np.array([1, 1, 1, 0, 0, 0, 0, 0]), np.array([1, 1, 0, 1, 0, 0, 0, 0], bool))
    assert (counts.tp, counts.fp, counts.fn, counts.tn) == (2, 1, 1, 4)
    assert counts.precision == pytest.approx(2 / 3)
    assert counts.recall == pytest.approx(2 / 3)
    assert counts.fpr == pytest.approx(0.2)
    assert counts.f1 == pytest.approx(2 / 3)
    assert counts.accuracy == pytest.approx(0.75)
    assert counts.accuracy_all_normal == pytest.approx(0.625)
    assert counts.balanced_accuracy == pytest.approx((2 / 3 + 0.8) / 2)


def test_what_has_no_meaning_is_nan():
    nothing_flagged = metrics.confusion(np.array([1, 0]), np.array([False, False]))
    assert np.isnan(nothing_flagged.precision)
    assert nothing_flagged.f1 == 0
    no_abnormal = metrics.confusion(np.array([0, 0]), np.array([True, False]))
    assert np.isnan(no_abnormal.recall)
    assert np.isnan(no_abnormal.f1)
    assert np.isnan(no_abnormal.balanced_accuracy)
    assert no_abnormal.fpr == 0.5
    nothing = metrics.confusion(np.zeros(0), np.zeros(0, bool))
    assert np.isnan(nothing.accuracy)


def test_false_positives_are_scaled_and_true_ones_are_not():
    counts = metrics.Confusion(tp=90, fp=1, fn=10, tn=99).scaled_to(10_000)
    assert (counts.tp, counts.fn) == (90, 10)
    assert counts.fp == pytest.approx(100)
    assert counts.tn == pytest.approx(9_900)
    assert counts.f1 == pytest.approx(2 * 90 / (2 * 90 + 100 + 10))


def test_scaling_by_weights_is_scaling_of_the_counts():
    labels, flags = np.array([1, 1, 0, 0, 0]), np.array([1, 0, 1, 0, 0], bool)
    weights = metrics.scale_normals(labels, 300)
    assert weights.tolist() == [1, 1, 100, 100, 100]
    weighted = metrics.confusion(labels, flags, weights)
    assert weighted.f1 == pytest.approx(metrics.confusion(labels, flags).scaled_to(300).f1)


@pytest.mark.parametrize("labels", [[0, 2], [0.0, np.nan], [[0, 1]]])
def test_labels_are_zero_or_one(labels):
    with pytest.raises(ValueError, match="labels are 0"):
        metrics.confusion(np.array(labels), np.zeros(2, bool))


@pytest.mark.parametrize("scores", [[0.0, np.nan], [0.0, np.inf], [0.0]])
def test_scores_are_finite_and_one_each(scores):
    with pytest.raises(ValueError, match="scores are finite"):
        metrics.pr_auc(np.array([0, 1]), np.array(scores))


@pytest.mark.parametrize("weights", [[1.0, -1.0], [1.0, np.inf], [1.0]])
def test_weights_are_finite_and_not_negative(weights):
    with pytest.raises(ValueError, match="weights are finite"):
        metrics.pr_auc(np.array([0, 1]), np.array([0.0, 1.0]), np.array(weights))


def test_flags_are_one_each():
    with pytest.raises(ValueError, match="2 labels"):
        metrics.confusion(np.array([0, 1]), np.zeros(3, bool))


def test_average_precision_by_hand():
    # From the top: abnormal (1/1), normal, abnormal (2/3), normal.
    assert metrics.pr_auc(np.array([1, 0, 1, 0]), np.array([4, 3, 2, 1])) == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_all_scores_equal_give_the_share_of_the_abnormal():
    labels = np.array([1, 0, 0, 0])
    assert metrics.pr_auc(labels, np.ones(4)) == pytest.approx(0.25)
    assert metrics.area_under_roc(labels, np.ones(4)) == pytest.approx(0.5)


@given(judged_sessions)
def test_areas_agree_with_their_definitions(rows):
    labels, scores = columns(rows)
    if labels.any():
        assert metrics.pr_auc(labels, scores) == pytest.approx(average_precision_in_words(labels, scores))
    else:
        assert np.isnan(metrics.pr_auc(labels, scores))
    if labels.any() and not labels.all():
        assert metrics.area_under_roc(labels, scores) == pytest.approx(roc_auc_in_words(labels, scores))
    else:
        assert np.isnan(metrics.area_under_roc(labels, scores))


@given(judged_sessions, st.randoms(use_true_random=False))
def test_the_order_of_the_sessions_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    for metric in (metrics.pr_auc, metrics.area_under_roc):
        assert metric(*columns(rows)) == pytest.approx(metric(*columns(shuffled)), nan_ok=True)


@given(weighted_sessions)
def test_a_whole_weight_is_a_repetition(rows):
    labels, scores, weights = columns(rows)
    repeated = np.repeat(labels, weights), np.repeat(scores, weights)
    for metric in (metrics.pr_auc, metrics.area_under_roc):
        assert metric(labels, scores, weights) == pytest.approx(metric(*repeated), nan_ok=True)
    weighted = metrics.confusion(labels, scores > 0, weights)
    assert weighted == metrics.confusion(repeated[0], repeated[1] > 0)
    ranked = metrics.rank_sessions(labels, scores, weights), metrics.rank_sessions(*repeated)
    for metric in (metrics.best_f1, lambda ranking: metrics.recall_at_k(ranking, 3)):
        assert metric(ranked[0]) == pytest.approx(metric(ranked[1]), nan_ok=True)


@given(judged_sessions)
def test_a_rising_change_of_scale_changes_nothing(rows):
    labels, scores = columns(rows)
    assert metrics.pr_auc(labels, np.exp(scores)) == pytest.approx(
        metrics.pr_auc(labels, scores), nan_ok=True
    )


@given(judged_sessions)
def test_the_oracle_threshold_is_the_best_of_all(rows):
    labels, scores = columns(rows)
    best = metrics.oracle_best_f1(labels, scores)
    if not labels.any():
        assert best is None
        return
    cuts = [min(scores) - 1.0, *scores]
    every = [metrics.confusion(labels, scores > cut).f1 for cut in cuts]
    assert best.confusion.f1 == pytest.approx(max(every))
    assert metrics.confusion(labels, scores > best.threshold) == best.confusion
    assert metrics.best_f1(metrics.rank_sessions(labels, scores)) == pytest.approx(max(every))


@given(judged_sessions, st.integers(1, 40))
def test_recall_at_k_is_the_mean_over_the_orders_of_ties(rows, k):
    labels, scores = columns(rows)
    found = metrics.recall_at_k(metrics.rank_sessions(labels, scores), k)
    if not labels.any():
        assert np.isnan(found)
        return
    # A session at the edge is taken with the chance that its tie leaves it.
    expected = 0.0
    for label, score in rows:
        above, tied = (scores > score).sum(), (scores == score).sum()
        expected += label * min(1.0, max(0.0, (k - above) / tied))
    assert found == pytest.approx(expected / labels.sum())


def test_recall_at_budget_counts_what_is_above_the_threshold():
    labels, scores = np.array([1, 1, 0, 0]), np.array([2.0, 1.0, 1.0, 0.0], np.float32)
    assert metrics.recall_at_budget(labels, scores, 1.0) == 0.5


@settings(max_examples=30)
@given(judged_sessions)
def test_many_rankings_at_once_give_what_each_gives_alone(rows):
    labels, scores = columns(rows)
    one = metrics.rank_sessions(labels, scores)
    other = metrics.Ranking(one.scores, one.abnormal[::-1].copy(), one.normal[::-1].copy())
    both = metrics.Ranking(
        one.scores, np.stack([one.abnormal, other.abnormal]), np.stack([one.normal, other.normal])
    )
    for metric in (
        metrics.average_precision,
        metrics.roc_auc,
        metrics.best_f1,
        lambda ranking: metrics.recall_at_k(ranking, 2),
        lambda ranking: metrics.average_precision(ranking.scaled_to(1000)),
    ):
        np.testing.assert_allclose(metric(both), [metric(one), metric(other)])


def test_no_session_at_all_is_no_figure():
    ranking = metrics.rank_sessions(np.zeros(0), np.zeros(0))
    for metric in (metrics.average_precision, metrics.roc_auc, metrics.best_f1):
        assert np.isnan(metric(ranking))
    assert np.isnan(metrics.recall_at_k(ranking, 1))
    assert metrics.oracle_best_f1(np.zeros(0), np.zeros(0)) is None
