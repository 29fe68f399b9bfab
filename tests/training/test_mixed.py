import numpy as np
import pytest

from offbeat.config import Config
from offbeat.training.calibration import find_threshold
from offbeat.training.run import is_mixed


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1, 0.15])
@pytest.mark.parametrize("seed", range(3))
def test_faults_among_the_held_out_sessions_do_not_move_the_threshold_out_of_reach(share, seed):
    rng = np.random.default_rng(seed)
    normal = 2 + rng.exponential(0.5, 20_000)
    faulty = 8 + rng.normal(0, 1, int(share * 20_000))
    scores = np.concatenate([normal, faulty]).astype(np.float32)
    threshold, _ = find_threshold(scores, 0.01, mixed=True)
    assert (faulty > threshold).mean() > 0.95 if share else True
    assert 0.002 < (normal > threshold).mean() < 0.03


def test_a_mixed_log_is_never_judged_more_leniently_than_a_normal_one():
    rng = np.random.default_rng(0)
    for scores in (rng.normal(3, 1, 500), rng.pareto(2, 500), np.ones(500), rng.uniform(0, 1, 50)):
        assert find_threshold(scores, 0.01, mixed=True)[0] <= find_threshold(scores, 0.01)[0]


@pytest.mark.parametrize(
    "sources,mixed",
    [
        ([{}], True),
        ([{"label": 0}], False),
        ([{"role": "train"}, {"role": "score", "label": 1}], False),
        ([{"label": 0}, {}], True),
        ([{"role": "train"}, {}], False),
    ],
)
def test_a_log_is_mixed_unless_it_is_declared_normal(sources, mixed):
    conf = Config(name="log", lake="lake/x", source=[{"path": "x.csv", **source} for source in sources])
    assert is_mixed(conf) is mixed
