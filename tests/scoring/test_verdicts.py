import numpy as np
import pytest

from offbeat.scoring.verdicts import is_flagged, judge

PLAIN = {"score": 1.0, "length": 5, "unknown": 0.0, "open": False}


@pytest.mark.parametrize(
    "change,verdict",
    [
        ({}, "normal"),
        ({"score": 2.0}, "normal"),
        ({"score": 2.1}, "anomalous"),
        ({"length": 1, "score": 9.0}, "short"),
        ({"unknown": 0.5}, "normal"),
        ({"unknown": 0.6}, "unknown_event"),
        ({"unknown": 0.6, "length": 1}, "short"),
        ({"open": True, "score": 9.0, "unknown": 1.0, "length": 1}, "open"),
    ],
)
def test_the_first_case_that_holds_is_said(change, verdict):
    row = PLAIN | change
    said = judge(
        np.array([row["score"]], np.float32),
        threshold=2.0,
        lengths=np.array([row["length"]]),
        unknown_share=np.array([row["unknown"]], np.float32),
        is_open=np.array([row["open"]]),
        min_events=2,
        unknown_limit=0.5,
    )
    assert said.tolist() == [verdict]
    assert is_flagged(said).tolist() == [verdict in ("anomalous", "unknown_event")]
