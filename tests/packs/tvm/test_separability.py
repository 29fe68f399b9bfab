"""How hard the default log is, and that memory does not grow with its size. Minutes, so slow."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from offbeat.detectors import create
from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.evaluation.metrics import pr_auc
from offbeat.packs.tvm.generate import write_log
from offbeat.training.calibration import calibrate_scores
from tests.packs.tvm.reading import read_events, read_truth, sessions_of

pytestmark = pytest.mark.slow

BUDGET = 0.01
PEAK = """
import resource, sys
from offbeat.packs.tvm.generate import write_log
from offbeat.packs.tvm.settings import Settings
write_log(sys.argv[1], rows=int(sys.argv[2]), seed=0, jobs=1, settings=Settings(days=4, chunk_sessions=1500))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Training, validation and test sessions of the default log by time, and labels of the last."""
    folder = tmp_path_factory.mktemp("default") / "log"
    write_log(folder, rows=1_000_000, seed=0)
    truth = read_truth(folder)
    blamed = set(truth["fault_event_id"].dropna())
    sessions = sessions_of(read_events(folder))
    faulty = np.array([not blamed.isdisjoint(ids) for ids in sessions["event_ids"]], int)
    day = (sessions["start"] - sessions["start"].min()).dt.days.to_numpy()
    where = [day < 9, (day >= 9) & (day < 11), day >= 11]
    vocabulary = Vocabulary.fit(sessions.loc[where[0], "events"].explode().value_counts().to_dict())
    encoded = [
        Sequences.from_lists(
            [vocabulary.encode(events).tolist() for events in sessions.loc[chosen, "events"]]
        )
        for chosen in where
    ]
    return vocabulary, encoded, faulty[where[2]]


def judge(parts, name: str) -> tuple[float, np.ndarray]:
    """PR-AUC of a detector, and which test sessions it flags at the budget."""
    vocabulary, (train, validation, test), labels = parts
    detector = create(name)
    detector.fit(train, validation, vocabulary=vocabulary)
    scores = detector.score(test)
    threshold = calibrate_scores(detector.score(validation), budget=BUDGET, mixed=True).threshold
    return pr_auc(labels, scores), scores > threshold


@pytest.mark.parametrize("name", ["ngram2", "ngram3"])
def test_neighbours_do_not_tell_all_faults(parts, name):
    area, _ = judge(parts, name)
    assert 0.5 < area <= 0.85


def test_names_lengths_and_counts_tell_few_faults(parts):
    labels = parts[2]
    found = np.any([judge(parts, name)[1] for name in ("new_event", "length", "counts")], axis=0)
    assert found[labels == 1].mean() < 0.5


def test_memory_does_not_grow_with_the_log(tmp_path):
    """Four times the rows in chunks of the same size: the same peak, within a tenth and a few megabytes."""
    peaks = []
    for rows in (500_000, 2_000_000):
        command = [sys.executable, "-c", PEAK, str(tmp_path / str(rows)), str(rows)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.1 * peaks[0] + 8_000
