from __future__ import annotations

import numpy as np
import pytest

from offbeat.detectors import create
from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.evaluation.judged import Rules, Subject
from offbeat.evaluation.stress import LEVELS, NOTES, Bench, stress_detector
from offbeat.tables.contract import EVALUATIONS
from offbeat.training.calibration import calibrate
from offbeat.training.inject import inject_faults

WORDS = Vocabulary.fit({"a": 4, "b": 3, "c": 2, "d": 1})
RULES = Rules(budget=0.02, resamples=100)


@pytest.fixture(scope="module")
def rows():
    """All curves of a 2-gram on a log of two sequences."""
    normal = Sequences.from_lists([[4, 5, 6, 7] if at % 3 else [4, 5, 5, 6, 7] for at in range(900)])
    train, held, test = normal.slice(0, 300), normal.slice(300, 600), normal.slice(600, 900)
    faulty, _ = inject_faults(test, vocabulary_size=len(WORDS), seed=0)
    detector = create("ngram2")
    detector.fit(train, held, vocabulary=WORDS)
    both = Sequences(
        np.concatenate([test.ids, faulty.ids]),
        np.concatenate([test.offsets, test.offsets[-1] + faulty.offsets[1:]]),
        np.concatenate([test.starts, faulty.starts]),
        np.concatenate([test.ends, faulty.ends]),
    )
    labels = np.repeat([0.0, 1.0], [len(test), len(faulty)])
    threshold = calibrate(detector, held, budget=0.02).threshold
    bench = Bench(detector, threshold, train, held, both, labels, WORDS)
    return stress_detector(bench, tuple(NOTES), Subject("run", "v1", "ngram2"), RULES)


def curve(rows, kind, metric):
    mine = [row for row in rows if (row["split"], row["metric"]) == (f"stress_{kind}", metric)]
    return [row["value"] for row in sorted(mine, key=lambda row: float(row["subset"]))]


def test_rows_fit_the_table_and_share_no_key(rows):
    assert len({tuple(row[name] for name in EVALUATIONS.key) for row in rows}) == len(rows)
    assert len(rows) == 5 * sum(map(len, LEVELS.values()))
    assert all(set(row) == set(EVALUATIONS.column_names) for row in rows)


def test_wrong_labels_cost_as_much_as_they_are(rows):
    areas = curve(rows, "label_noise", "pr_auc")
    assert areas[0] == max(areas)
    assert areas[-1] < areas[0] - 0.05


def test_the_rarer_the_faults_the_lower_the_precision_and_recall_stays(rows):
    precision = curve(rows, "class_ratio", "precision")
    assert precision == sorted(precision)
    assert len(set(curve(rows, "class_ratio", "recall"))) == 1


def test_faults_in_training_are_trained_on(rows):
    recall = curve(rows, "train_faults", "recall")
    assert recall[0] == max(recall)
    assert recall[-1] < recall[0]


def test_new_events_and_new_habits_raise_false_alarms(rows):
    for kind in ("vocabulary_growth", "drift"):
        alarms = curve(rows, kind, "fpr")
        assert alarms == sorted(alarms)
        assert alarms[-1] > 0.1 > alarms[0]
