"""Small networks that are trained once for all tests of a process."""

import numpy as np
import pytest

from offbeat.detectors import create
from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import Vocabulary

CYCLE = (4, 5, 6, 7, 8)
SMALL = {"units": 12, "layers": 2, "embedding": 6, "epochs": 40, "batch": 4, "learning_rate": 0.02}


def cycles(n, *, seed):
    """Sessions that repeat one cycle of five events, begun anywhere, one to four times."""
    rng = np.random.default_rng(seed)
    return [list(CYCLE * int(rng.integers(1, 5)))[int(rng.integers(3)) :] for _ in range(n)]


@pytest.fixture(scope="session")
def cycle_vocabulary():
    return Vocabulary.fit({name: 100 - at for at, name in enumerate(["a", "b", "c", "d", "é…"])})


@pytest.fixture(scope="session", params=["lstm", "gru"])
def trained(request, cycle_vocabulary):
    """A detector that knows the cycle, its history, and the held-out sessions."""
    train, held = (Sequences.from_lists(cycles(n, seed=seed)) for n, seed in ((200, 0), (50, 1)))
    detector = create(request.param)
    history = detector.fit(train, held, vocabulary=cycle_vocabulary, seed=1, settings=SMALL)
    return detector, history, held
