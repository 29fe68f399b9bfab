"""The anchor: a rule whose figures are published, on real logs, must come out as published."""

import numpy as np
import pytest

from offbeat.evaluation import intervals, metrics

NORMALS = 553_366


@pytest.fixture(scope="module")
def hdfs(data_dir):
    """Sessions of the training file, of the other normals, and the abnormal ones, as lists of keys."""
    names = ("hdfs_deeplog/hdfs_train", "hdfs_ait_loghub/hdfs_train", "hdfs_deeplog/hdfs_test_abnormal")
    paths = [data_dir / name for name in names]
    if not all(path.is_file() for path in paths):
        pytest.skip(f"no HDFS logs under {data_dir}")
    return [[line.rpartition(",")[2].split() for line in path.read_text().splitlines()] for path in paths]


def flag_unseen_event_or_length(train, sessions):
    known = {key for session in train for key in session}
    lengths = [len(session) for session in train]
    low, high = min(lengths), max(lengths)
    return np.array([not known.issuperset(s) or not low <= len(s) <= high for s in sessions])


def test_unseen_event_or_length_has_the_published_scaled_f1(hdfs):
    train, normal, abnormal = hdfs
    labels = np.repeat([0, 1], [len(normal), len(abnormal)])
    flags = flag_unseen_event_or_length(train, normal + abnormal)
    counts = metrics.confusion(labels, flags)
    assert (counts.normal, counts.abnormal) == (5_583, 16_838)
    assert counts.recall == pytest.approx(0.840, abs=0.0005)
    assert counts.fpr == pytest.approx(3 / 5_583)
    assert counts.scaled_to(NORMALS).f1 == pytest.approx(0.9045, abs=0.0005)
    weights = metrics.scale_normals(labels, NORMALS)
    assert metrics.confusion(labels, flags, weights).f1 == pytest.approx(0.9045, abs=0.0005)


def test_its_interval_says_that_three_false_positives_are_few(hdfs):
    train, normal, abnormal = hdfs
    labels = np.repeat([0, 1], [len(normal), len(abnormal)])
    counts = metrics.confusion(labels, flag_unseen_event_or_length(train, normal + abnormal))
    low, high = intervals.rate_intervals(counts, normals=NORMALS)["f1_scaled"]
    assert low < 0.9045 < high
    assert 0.015 < high - low < 0.03
    bounds = intervals.f1_bounds(counts, normals=NORMALS)
    assert bounds.low < low < high < bounds.high
