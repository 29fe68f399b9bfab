"""The search for settings: on validation sessions alone, within its time, and all that was tried is told."""

import json
from dataclasses import replace

import numpy as np
import pytest

from offbeat.config import Model
from offbeat.detectors import Sequences, Vocabulary
from offbeat.errors import InputRefused, UsageError
from offbeat.tables.contract import TUNING
from offbeat.training.data import TrainingData
from offbeat.training.split import SplitRule
from offbeat.training.tune import tune
from tests.detectors.conftest import cycles

SMALL = {"epochs": 2, "units": 8, "layers": 1, "embedding": 4, "max_events": 4000}


@pytest.fixture
def data():
    train, held = (Sequences.from_lists(cycles(n, seed=seed)) for n, seed in ((60, 0), (30, 1)))
    vocabulary = Vocabulary.fit(dict(zip("abcde", range(9, 4, -1), strict=True)))
    return TrainingData(train, held, vocabulary, SplitRule("entity", 0.2, 0))


def test_the_first_trial_is_the_configs_own_and_the_best_is_chosen(data):
    found = tune("gru", SMALL, data, Model(seed=3), trials=2, run_id="r")
    assert [row["trial"] for row in found.rows] == [0, 1]
    assert set(found.rows[0]) == {column.name for column in TUNING.columns}
    first, chosen = json.loads(found.rows[0]["settings"]), [row for row in found.rows if row["chosen"]]
    assert (first["units"], first["layers"], first["learning_rate"]) == (8, 1, 0.003)
    assert len(chosen) == 1
    assert chosen[0]["value"] == max(row["value"] for row in found.rows)
    assert found.settings == {**SMALL, **json.loads(chosen[0]["settings"])}
    again = tune("gru", SMALL, data, Model(seed=3), trials=2, run_id="r")
    assert [(row["settings"], row["value"]) for row in again.rows] == [
        (row["settings"], row["value"]) for row in found.rows
    ]


def test_when_the_time_is_over_no_trial_goes_on(data):
    hurried = Model.model_validate({"tune": {"limit": "0.01 seconds"}})
    with pytest.raises(
        InputRefused, match=r"no trial came to an end .*were over.*; raise model\.tune\.limit"
    ):
        tune("lstm", SMALL, data, hurried, trials=50, run_id="r")


def test_what_has_no_settings_is_refused(data):
    with pytest.raises(UsageError, match="counts has no settings to search; known: gru"):
        tune("counts", {}, data, Model(), trials=2, run_id="r")


def test_a_classifier_is_judged_by_its_loss(data):
    labels = [np.arange(len(part)) % 2 for part in (data.train, data.validation)]
    told = replace(
        data,
        train=replace(data.train, labels=labels[0].astype(np.float32)),
        validation=replace(data.validation, labels=labels[1].astype(np.float32)),
    )
    found = tune("lstm_classifier", {"epochs": 1}, told, Model(), trials=1, run_id="r")
    assert found.rows[0]["value"] == -found.rows[0]["val_loss"] < 0
