"""A model is opened whole and unchanged, or not at all."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from offbeat.detectors import DETECTORS, create
from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import GuardFailed, UsageError
from offbeat.sealed import to_json
from offbeat.training.artifact import load_artifact, load_artifact_bytes, pack_artifact, save_artifact
from offbeat.training.calibration import calibrate_scores

VOCABULARY = Vocabulary.fit({"öffnen": 9, "play": 8, "stop": 7, "x": 1})
TRAIN = Sequences.from_lists(
    [[4, 5, 6], [4, 5, 5, 6], [4, 6]] * 10, gaps=[[1.0] * 3, [1.0] * 4, [1.0] * 2] * 10
)
HELD = Sequences.from_lists([[4, 5, 6], [4, 1, 6], []])
QUICK = {"units": 4, "layers": 1, "embedding": 3, "epochs": 1}


def save(folder, name, **more):
    detector = create(name)
    settings = QUICK if name.startswith(("lstm", "gru")) else {}
    learnt, held = TRAIN, HELD
    if detector.supervised:
        learnt = replace(TRAIN, labels=np.float32([0, 1, 0] * 10))
        held = replace(HELD, labels=np.float32([0, 1, 0]))
    history = detector.fit(learnt, held, vocabulary=VOCABULARY, seed=7, settings=settings)
    given = {
        "vocabulary": VOCABULARY,
        "record": {"split": {"by": "time"}, "seed": 7},
        "validation": HELD,
        **more,
    }
    calibration = calibrate_scores(detector.score(HELD), budget=0.1)
    version = save_artifact(
        folder, detector=detector, calibration=calibration, history=history, train=TRAIN, **given
    )
    return detector, folder / version


@pytest.fixture
def model(tmp_path):
    return save(tmp_path, "ngram2")[1]


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_what_is_loaded_scores_as_what_was_saved(tmp_path, name):
    detector, folder = save(tmp_path, name)
    for loaded in (load_artifact(folder), load_artifact_bytes(pack_artifact(folder))):
        assert (loaded.detector.score(HELD) == detector.score(HELD)).all()
        assert loaded.vocabulary == VOCABULARY
        assert loaded.version == folder.name
        assert loaded.record == {"split": {"by": "time"}, "seed": 7}
        assert loaded.manifest["seed"] == 7
        assert loaded.manifest["versions"]["numpy"] == np.__version__
        assert loaded.calibration.n == 3
        assert len(loaded.weights_hash) == 64
    if name == "lstm":
        assert loaded.metrics["val_loss"] == loaded.history.val_loss[0]
        assert loaded.manifest["settings"]["units"] == 4


def test_the_baseline_says_what_was_normal(model):
    baseline = load_artifact(model).baseline
    assert baseline.n_sessions == 30
    assert baseline.event_shares[[4, 5, 6]] == pytest.approx([30 / 90, 30 / 90, 30 / 90])
    assert baseline.length_quantiles[[0, 50, 100]].tolist() == [2, 3, 4]
    assert baseline.unknown_share == pytest.approx(1 / 6)
    assert len(baseline.score_quantiles) == 101


def test_the_same_model_is_the_same_version_and_bytes(tmp_path):
    first = save(tmp_path / "a", "ngram2")[1]
    second = save(tmp_path / "b", "ngram2")[1]
    assert first.name == second.name
    assert pack_artifact(first) == pack_artifact(second) == pack_artifact(first)
    assert save(tmp_path / "a", "ngram2")[1] == first  # again into the same place


def test_a_single_changed_byte_is_refused(model):
    rng = np.random.default_rng(0)
    for path in sorted(model.iterdir()):
        data = path.read_bytes()
        at = int(rng.integers(len(data)))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(GuardFailed, match=path.name) as refused:
            load_artifact(model)
        assert "\n" not in str(refused.value)
        path.write_bytes(data)
    load_artifact(model)


def test_blanks_in_the_manifest_are_a_change_too(model):
    path = model / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\n ", 1))
    with pytest.raises(GuardFailed, match="changed"):
        load_artifact(model)


@pytest.mark.parametrize("name", ["weights.npz", "vocabulary.json", "manifest.json", "history.json"])
def test_a_missing_file_is_refused(model, name):
    (model / name).unlink()
    with pytest.raises(GuardFailed, match=f"{name} is missing"):
        load_artifact(model)


def test_an_unexpected_file_or_folder_is_refused(model):
    (model / "extra").mkdir()
    with pytest.raises(GuardFailed, match="extra does not belong"):
        load_artifact(model)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="run train"):
        load_artifact(tmp_path / "none")


def rewrite(folder, change):
    """Change a manifest and sign it anew, as another program could."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    change(manifest)
    manifest.pop("sha256")
    manifest["sha256"] = hashlib.sha256(to_json(manifest)).hexdigest()
    path.write_bytes(to_json(manifest))


def test_a_newer_format_is_refused(model):
    rewrite(model, lambda manifest: manifest.update(format=2))
    with pytest.raises(GuardFailed, match=r"newer.*update offbeat"):
        load_artifact(model)


def test_a_detector_of_later_times_is_refused(model):
    rewrite(model, lambda manifest: manifest.update(detector="oracle"))
    with pytest.raises(GuardFailed, match="oracle"):
        load_artifact(model)


def test_a_foreign_vocabulary_is_refused(model, tmp_path):
    other = Vocabulary.fit({"a": 9, "b": 8, "c": 7, "d": 1})
    (model / "vocabulary.json").write_text(other.to_json())
    digest = hashlib.sha256(other.to_json().encode()).hexdigest()
    rewrite(model, lambda manifest: manifest["files"].update({"vocabulary.json": digest}))
    with pytest.raises(GuardFailed, match="vocabulary"):
        load_artifact(model)
    rewrite(model, lambda manifest: manifest.update(vocabulary=other.hash))
    with pytest.raises(GuardFailed, match="vocabulary"):
        load_artifact(model)
    with pytest.raises(GuardFailed, match="vocabulary"):
        save(tmp_path / "new", "ngram2", vocabulary=other)
    assert not (tmp_path / "new").exists()


def test_a_damaged_package_is_refused(model):
    packed = pack_artifact(model)
    for damaged in (b"", packed[:-30], packed[: len(packed) // 2], packed.replace(b"PK", b"KP")):
        with pytest.raises(GuardFailed):
            load_artifact_bytes(damaged)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None


def test_nothing_is_seen_of_a_model_that_could_not_be_written(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path, "ngram2")
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_opened_without_tensorflow(tmp_path):
    _, folder = save(tmp_path, "gru")
    code = f"""
import sys
from offbeat.detectors.base import Sequences
from offbeat.training.artifact import load_artifact_bytes, pack_artifact
model = load_artifact_bytes(pack_artifact({str(folder)!r}))
model.detector.score(Sequences.from_lists([[4, 5, 6]]))
assert not {{"tensorflow", "keras", "pyspark"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
