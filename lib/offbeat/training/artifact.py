"""A model as a folder: everything that scoring needs, checked byte by byte when it is opened. No pickle.

Files: manifest.json (format, detector, settings, versions, SHA-256 of each other file), detector.json and weights.npz
(the detector's own), vocabulary.json, calibration.json, baseline.json, metrics.json, history.json.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from offbeat.detectors import DETECTORS
from offbeat.detectors.base import STATE_FILE, Detector, History, Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import GuardFailed
from offbeat.sealed import check, pack, read_folder, sealed, to_json, unpack, write_folder
from offbeat.training.baseline import Baseline, describe_normal
from offbeat.training.calibration import Calibration
from offbeat.training.forecast import Forecast

FORMAT = 1
_LIBRARIES = ("numpy", "keras", "tensorflow", "tensorflow-cpu", "pyarrow")


@dataclass(frozen=True)
class Artifact:
    """A model that was checked and opened.

    Attributes:
        version: its folder's name.
        detector: fitted.
        vocabulary: numbers of the events.
        calibration: threshold, percentiles.
        baseline: what drift is measured against.
        metrics: figures of the training.
        history: of the fit.
        manifest: as saved.
    """

    version: str
    detector: Detector
    vocabulary: Vocabulary
    calibration: Calibration
    baseline: Baseline
    metrics: dict[str, Any]
    history: History
    manifest: dict[str, Any]

    @property
    def record(self) -> dict[str, Any]:
        """What the one who trained it wrote beside it: split, run, config."""
        record: dict[str, Any] = self.manifest["record"]
        return record

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the detector's weights: the same for the same data and seed on the same machine."""
        found: str = self.manifest["files"]["weights.npz"]
        return found


def save_artifact(  # noqa: PLR0913 - a model has as many parts
    folder: Path | str,
    *,
    detector: Detector,
    vocabulary: Vocabulary,
    calibration: Calibration,
    history: History,
    train: Sequences,
    validation: Sequences | None = None,
    forecast: Forecast | None = None,
    metrics: Mapping[str, Any] | None = None,
    record: Mapping[str, Any] | None = None,
) -> str:
    """Write a model into a new folder of its own below `folder`; it is there whole or not at all.

    Args:
        folder: of the models of one name; made where it is not there.
        detector: fitted.
        vocabulary: that it was fitted with.
        calibration: of that detector.
        history: of the fit.
        train, validation: what the baseline describes.
        forecast: how likely open sessions are to break; kept in the baseline.
        metrics: figures to keep besides loss and accuracy of the epoch that was kept.
        record: what else to keep (plain values): split, seed, run, config.

    Returns:
        The version, which names the folder: the detector and a hash of weights, vocabulary and calibration, so that
        the same training gives the same version.

    Raises:
        GuardFailed: the vocabulary is not the detector's, or a damaged model of that version is there.
    """
    if detector.vocabulary_hash != vocabulary.hash:
        raise GuardFailed(
            f"model {detector.name}: the vocabulary is not the one it was fitted with; save it with that"
        )
    baseline = describe_normal(train, validation, vocabulary, calibration.quantiles)
    baseline = replace(baseline, forecast=forecast)
    core = {
        **detector.to_files(),
        "vocabulary.json": vocabulary.to_json().encode(),
        "calibration.json": to_json(calibration.to_dict()),
    }
    version = f"{detector.name}-{_hash_all(core)[:12]}"
    files = {
        **core,
        "baseline.json": to_json(baseline.to_dict()),
        "metrics.json": to_json({**_kept_figures(history), **(metrics or {})}),
        "history.json": to_json(history.to_dict()),
    }
    files = sealed(_manifest(version, detector, vocabulary, files, record or {}), files)
    target = Path(folder) / version
    if target.exists():
        load_artifact(target)
    else:
        write_folder(target, files)
    return version


def _manifest(
    version: str,
    detector: Detector,
    vocabulary: Vocabulary,
    files: Mapping[str, bytes],
    record: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": version,
        "detector": detector.name,
        "settings": json.loads(files[STATE_FILE])["state"].get("settings", {}),
        "seed": record.get("seed"),
        "vocabulary": vocabulary.hash,
        "versions": {
            "python": platform.python_version(),
            "offbeat": _version("offbeat"),
            **_library_versions(),
        },
        "record": dict(record),
    }


def _library_versions() -> dict[str, str]:
    found = {name: _version(name) for name in _LIBRARIES}
    return {name: version for name, version in found.items() if version}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _kept_figures(history: History) -> dict[str, Any]:
    """Loss and accuracy of the epoch whose weights were kept."""
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    values = history.to_dict()
    return {name: values[name][history.best_epoch] for name in names if history.best_epoch >= 0}


def load_artifact(folder: Path | str) -> Artifact:
    """Open a model, after checking all of it.

    Raises:
        UsageError: there is no such folder.
        GuardFailed: a file is missing, unexpected or changed, the vocabulary is another's, or the format is newer.
    """
    return _open(read_folder(Path(folder)), f"model {folder}")


def pack_artifact(folder: Path | str) -> bytes:
    """A checked model as one zip, the same bytes every time: how it travels.

    Raises: GuardFailed: as `load_artifact`.
    """
    files = read_folder(Path(folder))
    check(files, f"model {folder}", newest=FORMAT)
    return pack(files)


def load_artifact_bytes(data: bytes) -> Artifact:
    """Open what `pack_artifact` gave; nothing is written to disk.

    Raises: GuardFailed: as `load_artifact`, and where the bytes are not such a zip.
    """
    return _open(unpack(data), "packed model")


def _open(files: Mapping[str, bytes], where: str) -> Artifact:
    manifest = check(files, where, newest=FORMAT)
    try:
        vocabulary = Vocabulary.from_json(files["vocabulary.json"].decode())
        detector = DETECTORS[manifest["detector"]].from_files(files)
        if not vocabulary.hash == detector.vocabulary_hash == manifest["vocabulary"]:
            raise GuardFailed(
                f"{where}: its vocabulary is not the one that it was trained with; train it again"
            )
        return Artifact(
            version=manifest["version"],
            detector=detector,
            vocabulary=vocabulary,
            calibration=Calibration.from_dict(json.loads(files["calibration.json"])),
            baseline=Baseline.from_dict(json.loads(files["baseline.json"])),
            metrics=json.loads(files["metrics.json"]),
            history=History.from_dict(json.loads(files["history.json"])),
            manifest=manifest,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GuardFailed(f"{where}: its files don't belong together ({error}); train it again") from error


def _hash_all(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return digest.hexdigest()
