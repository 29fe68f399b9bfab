"""The SQL function without Spark: what it makes of arrays, and which model it takes."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from offbeat.detectors import create
from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import UsageError
from offbeat.scoring.sql import register, score_arrays
from offbeat.tables import Lake

START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
EVENTS = ["open", "play", "close"]


def times(*seconds):
    return [START + dt.timedelta(seconds=at) for at in seconds]


@pytest.fixture(scope="module")
def timed():
    """A detector of gaps, which were between 9 and 11 seconds."""
    n, rng = 200, np.random.default_rng(0)
    vocabulary = Vocabulary.fit(dict.fromkeys(EVENTS, n))
    gaps = rng.uniform(9, 11, 3 * n).astype(np.float32)
    gaps[::3] = np.nan
    known = Sequences(
        ids=vocabulary.encode(np.array(EVENTS * n, dtype=object)),
        offsets=np.arange(0, 3 * n + 1, 3),
        starts=np.ones(n, bool),
        ends=np.ones(n, bool),
        gaps=gaps,
    )
    detector = create("interarrival")
    detector.fit(known, known, vocabulary=vocabulary)
    return SimpleNamespace(detector=detector, vocabulary=vocabulary)


def test_times_count_where_they_are_given(timed):
    events = pd.Series([EVENTS, EVENTS, None, []])
    given = pd.Series([times(0, 10, 20), times(0, 10, 5000), None, []])
    with_times, without = score_arrays(timed, events, given), score_arrays(timed, events)
    assert with_times[1] > with_times[0]
    assert without[0] == without[1]
    assert with_times[2] is None
    assert with_times[3] is not None


def test_times_of_another_length_are_refused(timed):
    with pytest.raises(UsageError, match="different lengths"):
        score_arrays(timed, pd.Series([EVENTS]), pd.Series([times(0, 10)]))


@pytest.mark.parametrize("names, said", [((), "there are: none"), (("a", "b"), "there are: a, b")])
def test_it_must_be_clear_whose_model_scores(tmp_path, names, said):
    for name in names:
        (tmp_path / "models" / name).mkdir(parents=True)
    with pytest.raises(UsageError, match=f"which config's models\\? give name=…; {said}"):
        register(None, Lake(None, str(tmp_path)))


def test_a_config_without_a_champion_is_named(tmp_path):
    (tmp_path / "models" / "a").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"models/a: no champion yet; run train first"):
        register(None, Lake(None, str(tmp_path)))
