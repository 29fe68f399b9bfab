"""Figures on real data: HDFS by its README, thresholds from a held-out fifth of the training normals."""

from collections import Counter

import numpy as np
import pytest

from offbeat.detectors import create
from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.training.calibration import find_threshold

ALL_NORMALS = 553_366


def read(path):
    with path.open() as lines:
        return [line.rsplit(",", 1)[-1].split() for line in lines if line.strip()]


@pytest.fixture(scope="module")
def hdfs(data_dir):
    return {
        "train": read(data_dir / "hdfs_deeplog" / "hdfs_train"),
        "normal": read(data_dir / "hdfs_ait_loghub" / "hdfs_train"),
        "abnormal": read(data_dir / "hdfs_deeplog" / "hdfs_test_abnormal"),
    }


def scaled_f1(hdfs, name, seed):
    """F1 at a budget of 0.1 %, with the false-positive rate scaled to all normal sessions."""
    order = np.random.default_rng(seed).permutation(len(hdfs["train"]))
    held, kept = order[: len(order) // 5], order[len(order) // 5 :]
    vocabulary = Vocabulary.fit(Counter(key for at in kept for key in hdfs["train"][at]))

    def encode(sessions):
        lengths = [len(session) for session in sessions]
        ids = vocabulary.encode([key for session in sessions for key in session])
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Sequences(ids, offsets, np.ones(len(lengths), bool), np.ones(len(lengths), bool))

    detector = create(name)
    train, validation = (encode([hdfs["train"][at] for at in part]) for part in (kept, held))
    detector.fit(train, validation, vocabulary=vocabulary, seed=seed)
    threshold, _ = find_threshold(detector.score(validation), 0.001)
    normal, abnormal = (detector.score(encode(hdfs[part])) for part in ("normal", "abnormal"))
    hits = (abnormal > threshold).sum()
    alarms = (normal > threshold).mean() * ALL_NORMALS
    return 2 * hits / (hits + alarms + len(abnormal))


@pytest.mark.parametrize(
    "name,least", [("new_event", 0.63), ("counts", 0.94), ("ngram2", 0.8), ("length", 0.5)]
)
def test_simple_detectors(hdfs, name, least):
    assert scaled_f1(hdfs, name, seed=0) > least


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_networks(hdfs, name):
    assert scaled_f1(hdfs, name, seed=0) > 0.88
