"""The step `train` on a sample in memory, and what the executors make of its model; without Spark."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from offbeat.config import Config
from offbeat.detectors import Sequences, Vocabulary
from offbeat.errors import UsageError
from offbeat.scoring.judge import Rules, _judge_batch
from offbeat.training import run as step
from offbeat.training.artifact import load_artifact
from offbeat.training.data import TrainingData, covariates_of
from offbeat.training.registry import Registry
from offbeat.training.split import SplitRule
from tests.detectors.conftest import cycles

VOCABULARY = Vocabulary.fit(dict(zip("abcde", range(9, 4, -1), strict=True)))


@pytest.fixture
def conf(tmp_path):
    return Config.model_validate(
        {
            "name": "log",
            "lake": f"{tmp_path}/lake",
            "source": [{"path": "log.csv", "label": 0}],
            "model": {"detector": "counts", "rivals": ["ngram2", "isolation_forest"]},
            "score": {"alert_budget": 0.05, "segments": ["platform"]},
            "output": {"models": str(tmp_path)},
        }
    )


@pytest.fixture
def sample(monkeypatch):
    def part(n, seed):
        platform = np.array(["web", "tv", None] * n, object)[:n]
        return replace(Sequences.from_lists(cycles(n, seed=seed)), covariates={"platform": platform})

    data = TrainingData(part(200, 0), part(100, 1), VOCABULARY, SplitRule("entity", 0.2, 0))
    monkeypatch.setattr(step, "load_training_data", lambda *_, **__: data)
    return data


def test_rivals_are_compared_and_the_page_can_say_why(conf, sample):
    told = step.run(None, conf, run_id="r")
    registry = Registry(None, "log", folder=conf.output["models"])
    assert len(registry.versions()) == 3
    assert (told["train_sessions"], told["validation_sessions"]) == (200, 100)
    assert told["champion"] == registry.champion()
    assert registry.champion().startswith("ngram2")
    assert registry.why() == told["because"]
    assert " before " in told["because"]
    assert told["champion_accuracy"] > 0.5
    model = load_artifact(registry.path(registry.champion()))
    assert model.calibration.segments.names == ("platform",)
    assert set(model.calibration.segments.sessions) == {"web", "tv", ""}


@pytest.mark.parametrize("rival,takes", [("gru", True), ("lstm_classifier", False), ("counts", False)])
def test_a_rival_of_the_same_family_takes_the_settings(conf, rival, takes):
    model = conf.model.model_copy(update={"detector": "lstm", "settings": {"epochs": 2}})
    assert step.settings_of(rival, conf.model_copy(update={"model": model})) == (
        {"epochs": 2} if takes else {}
    )


def test_an_unknown_rival_is_refused_before_anything_is_read(conf, monkeypatch):
    monkeypatch.setattr(step, "load_training_data", lambda *_, **__: pytest.fail("the lake was read"))
    wrong = conf.model_copy(update={"model": conf.model.model_copy(update={"rivals": ("gru", "lstn")})})
    with pytest.raises(UsageError, match="no detector is called lstn; did you mean lstm"):
        step.run(None, wrong, run_id="r")


def test_each_session_is_judged_by_the_threshold_of_its_segment(conf, sample):
    step.run(None, conf, run_id="r")
    registry = Registry(None, "log", folder=conf.output["models"])
    model = load_artifact(registry.path(registry.champion()))
    segments = replace(model.calibration.segments, thresholds={"web": 0.5, "tv": 2e6})
    model = replace(model, calibration=replace(model.calibration, segments=segments, threshold=1e6))
    odd = list("aabbcc")
    n = 3
    batch = pa.RecordBatch.from_pydict(
        {
            "session_id": ["1", "2", "3"],
            "state": ["closed"] * n,
            "continues": [False] * n,
            "entity": ["x"] * n,
            "start": pa.nulls(n, pa.timestamp("us")),
            "end": pa.nulls(n, pa.timestamp("us")),
            "events": [odd] * n,
            "times": pa.array([[None] * 6] * n, pa.list_(pa.timestamp("us"))),
            "event_ids": [list("123456")] * n,
            "covariates": pa.array(
                [[("platform", "web")], [("platform", "tv")], None], pa.map_(pa.string(), pa.string())
            ),
        }
    )
    got = _judge_batch(batch, model, Rules(3, 2, 0.5, "flagged"))
    assert got["threshold"].to_pylist() == [0.5, 2e6, 1e6]
    assert got["verdict"].to_pylist() == ["anomalous", "normal", "normal"]


@pytest.mark.parametrize(
    "settings,names",
    [
        ({}, ()),
        ({"covariates": "platform"}, ("platform",)),
        ({"settings": {"lstm": {"covariates": ["a", "b"]}, "gru": {"covariates": ["a"]}}}, ("a", "b")),
        ({"covariates": 3}, ()),
    ],
)
def test_covariates_that_settings_name(settings, names):
    assert covariates_of(settings) == names
