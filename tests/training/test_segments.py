"""Thresholds of segments: their own where they differ by more than chance, else the common one."""

import json

import numpy as np
import pytest

from offbeat.detectors.tails import find_threshold
from offbeat.errors import UsageError
from offbeat.training.calibration import Calibration
from offbeat.training.segments import Segments, fit_segments, segment_keys

BUDGET = 0.05


def fitted(scores, platform, spread=None):
    common = find_threshold(scores, BUDGET)[0]
    rng = np.random.default_rng(1)
    drawn = [find_threshold(rng.choice(scores, len(scores)), BUDGET)[0] for _ in range(200)]
    covariates = {"platform": np.array(platform, object)}
    found = fit_segments(
        scores,
        covariates,
        ["platform"],
        BUDGET,
        mixed=False,
        common=common,
        spread=spread or float(np.var(drawn)),
    )
    return found, common


def test_segments_that_score_alike_keep_the_common_threshold():
    rng = np.random.default_rng(0)
    platform = rng.choice(["web", "ios", "tv", "roku"], 4000)
    found, common = fitted(rng.exponential(1.0, 4000), platform)
    assert [round(value - common, 1) for value in found.thresholds.values()] == [0, 0, 0, 0]


def test_one_that_scores_otherwise_gets_its_own_and_a_small_one_less_of_it():
    rng = np.random.default_rng(0)
    platform = np.repeat(["web", "tv", "roku"], [3000, 3000, 30])
    scale = {"web": 1.0, "tv": 3.0, "roku": 3.0}
    scores = rng.exponential([scale[name] for name in platform])
    found, common = fitted(scores, platform)
    flagged = {name: (scores[platform == name] > found.thresholds[name]).mean() for name in ("web", "tv")}
    assert flagged == {"web": pytest.approx(BUDGET, abs=0.01), "tv": pytest.approx(BUDGET, abs=0.01)}
    own = find_threshold(scores[platform == "roku"], BUDGET)[0]
    assert 0 < (found.thresholds["roku"] - common) / (own - common) < 0.9
    assert found.sessions == {"web": 3000, "tv": 3000, "roku": 30}


def test_too_few_sessions_and_unknown_values_have_the_common_threshold():
    found, common = fitted(np.arange(40.0), ["web"] * 21 + [None] * 19)
    assert set(found.thresholds) == {"web"}
    values = {"platform": np.array(["web", "roku", None], object)}
    assert found.of_each(values, 3, common=common)[1:].tolist() == [np.float32(common)] * 2
    assert Segments().of_each({}, 2, common=1.5).tolist() == [1.5, 1.5]


def test_values_are_joined_so_that_no_two_segments_are_one():
    values = {"a": np.array(["x|y", "x", None], object), "b": np.array(["z", "y|z", "z"], object)}
    assert segment_keys(values, ["a", "b"], 3) == [r"x\|y|z", r"x|y\|z", "|z"]


def test_a_covariate_that_nobody_has_is_refused():
    with pytest.raises(UsageError, match=r"score\.segments: no session has a platform"):
        fitted(np.arange(40.0), [None] * 40)


def test_thresholds_survive_json_and_calibrations_without_them_are_read():
    segments = Segments(("platform",), {"web": 2.5}, {"web": 30})
    whole = Calibration(
        0.01, 3.0, 2.0, 4.0, "tail", None, 100, np.linspace(0, 1, 1001, dtype=np.float32), segments
    )
    values = json.loads(json.dumps(whole.to_dict()))
    again = Calibration.from_dict(values)
    assert again.segments == segments
    assert again.thresholds({"platform": np.array(["web", "tv"], object)}, 2).tolist() == [2.5, 3.0]
    del values["segments"]
    assert Calibration.from_dict(values).segments == Segments()
