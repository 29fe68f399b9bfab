"""MLflow hears of a training all that it needs to repeat and to serve it; without MLflow one line says so.

MLflow wants another cachetools than drain3, so it is not in the tests' environment: `pip install mlflow-skinny
sqlalchemy alembic pytest` in one of its own, with offbeat, and there `pytest tests/tracking`.
"""

from __future__ import annotations

import importlib.util
import json
import sys

import pandas as pd
import pytest

from offbeat.config import Config
from offbeat.detectors import create
from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import UsageError
from offbeat.tracking.mlflow import log_training
from offbeat.training.artifact import save_artifact
from offbeat.training.calibration import calibrate_scores

VOCABULARY = Vocabulary.fit({"open": 9, "play": 8, "close": 7})
TRAIN = Sequences.from_lists([[4, 5, 6], [4, 5, 5, 6], [4, 6]] * 10)
HELD = Sequences.from_lists([[4, 5, 6], [6, 5, 4]])
VERSIONS = {"sessions": 7, "events": 3}
there = pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None, reason="mlflow-skinny is not installed"
)


def config(tmp_path, **mlflow) -> Config:
    values = {"name": "log", "lake": str(tmp_path / "lake"), "source": {"path": "x.csv"}, "mlflow": mlflow}
    (tmp_path / "c.yaml").write_text(json.dumps(values))
    return Config.load(tmp_path / "c.yaml")


@pytest.fixture
def model(tmp_path):
    """A saved model: its folder, and its scores of HELD."""
    detector = create("ngram2")
    history = detector.fit(TRAIN, HELD, vocabulary=VOCABULARY, seed=1, settings={})
    calibration = calibrate_scores(detector.score(HELD), budget=0.1)
    version = save_artifact(
        tmp_path / "models",
        detector=detector,
        vocabulary=VOCABULARY,
        calibration=calibration,
        history=history,
        train=TRAIN,
        validation=HELD,
        record={"seed": 1},
    )
    return tmp_path / "models" / version, detector.score(HELD)


def test_nothing_is_said_where_no_experiment_is_named(tmp_path):
    assert log_training(config(tmp_path), tmp_path, run_id="r", versions={}, outcome={}) == {}


def test_an_experiment_without_mlflow_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UsageError, match="pip install mlflow-skinny"):
        log_training(config(tmp_path, experiment="e"), tmp_path, run_id="r", versions={}, outcome={})


@there
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of MLflow and what it brings are not ours
def test_a_training_is_logged_registered_and_served(tmp_path, model, monkeypatch):
    import mlflow

    monkeypatch.chdir(tmp_path)
    folder, scores = model
    conf = config(
        tmp_path, experiment="offbeat", uri=f"sqlite:///{tmp_path}/mlflow.db", register_as="offbeat"
    )
    said = log_training(conf, folder, run_id="train-1", versions=VERSIONS, outcome={"train_sessions": 30})
    run = mlflow.get_run(said["mlflow_run"])
    assert run.data.params["detector"] == "ngram2"
    assert run.data.params["alert_budget"] == "0.01"
    assert run.data.metrics["train_sessions"] == 30
    assert run.data.tags["offbeat.table.sessions"] == "7"
    assert run.data.tags["offbeat.run_id"] == "train-1"
    lineage = mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/lineage.json")
    assert lineage["tables"] == VERSIONS
    assert said["mlflow_version"] == "1"
    served = mlflow.pyfunc.load_model("models:/offbeat/1")
    assert served.metadata.signature.inputs.input_names() == ["events"]
    asked = pd.DataFrame({"events": [["open", "play", "close"], ["close", "play", "open"]]})
    assert served.predict(asked)["score"].tolist() == pytest.approx(scores.tolist())
