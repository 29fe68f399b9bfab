"""A model as a folder: everything that scoring needs, checked byte by byte when it is opened. No pickle.

Files: manifest.json (format, detector, settings, versions, SHA-256 of each other file), detector.json and weights.npz
(the detector's own), vocabulary.json, calibration.json, baseline.json, metrics.json, history.json.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from offbeat.detectors import DETECTORS
from offbeat.detectors.base import STATE_FILE, Detector, History, Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import GuardFailed, UsageError
from offbeat.training.baseline import Baseline, describe_normal
from offbeat.training.calibration import Calibration
from offbeat.training.forecast import Forecast

FORMAT = 1
MANIFEST = "manifest.json"
_LIBRARIES = ("numpy", "keras", "tensorflow", "tensorflow-cpu", "pyarrow")
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


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
        "calibration.json": _to_json(calibration.to_dict()),
    }
    version = f"{detector.name}-{_hash_all(core)[:12]}"
    files = {
        **core,
        "baseline.json": _to_json(baseline.to_dict()),
        "metrics.json": _to_json({**_kept_figures(history), **(metrics or {})}),
        "history.json": _to_json(history.to_dict()),
    }
    files[MANIFEST] = _to_json(_manifest(version, detector, vocabulary, files, record or {}))
    target = Path(folder) / version
    if target.exists():
        load_artifact(target)
    else:
        _write_folder(target, files)
    return version


def _manifest(
    version: str,
    detector: Detector,
    vocabulary: Vocabulary,
    files: Mapping[str, bytes],
    record: Mapping[str, Any],
) -> dict[str, Any]:
    manifest = {
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
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    return {**manifest, "sha256": hashlib.sha256(_to_json(manifest)).hexdigest()}


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


def _write_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """Write into a hidden sibling and rename it; the manifest comes last."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for name, data in files.items():
            with (draft / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        draft.chmod(0o755)  # mkdtemp makes it the owner's alone
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def load_artifact(folder: Path | str) -> Artifact:
    """Open a model, after checking all of it.

    Raises:
        UsageError: there is no such folder.
        GuardFailed: a file is missing, unexpected or changed, the vocabulary is another's, or the format is newer.
    """
    return _open(_read_folder(Path(folder)), f"model {folder}")


def pack_artifact(folder: Path | str) -> bytes:
    """A checked model as one zip, the same bytes every time: how it travels.

    Raises: GuardFailed: as `load_artifact`.
    """
    files = _read_folder(Path(folder))
    _check(files, f"model {folder}")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), files[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def load_artifact_bytes(data: bytes) -> Artifact:
    """Open what `pack_artifact` gave; nothing is written to disk.

    Raises: GuardFailed: as `load_artifact`, and where the bytes are not such a zip.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, zlib.error) as error:
        raise GuardFailed(f"packed model: not readable ({error}); pack it again from its folder") from error
    return _open(files, "packed model")


def _read_folder(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        raise UsageError(f"model {folder}: there is none; run train, or name a version that is there")
    return {path.name: path.read_bytes() if path.is_file() else b"" for path in folder.iterdir()}


def _open(files: Mapping[str, bytes], where: str) -> Artifact:
    manifest = _check(files, where)
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


def _check(files: Mapping[str, bytes], where: str) -> dict[str, Any]:
    """The manifest, after every other file was compared with it."""
    manifest = _read_manifest(files[MANIFEST], where) if MANIFEST in files else None
    if manifest is None:
        raise GuardFailed(f"{where}: {MANIFEST} is missing; restore it or train again")
    listed = set(manifest["files"]) | {MANIFEST}
    for name in sorted(listed - set(files)):
        raise GuardFailed(f"{where}: {name} is missing; restore it or train again")
    for name in sorted(set(files) - listed):
        raise GuardFailed(f"{where}: {name} does not belong to it; take it away")
    for name, expected in manifest["files"].items():
        if hashlib.sha256(files[name]).hexdigest() != expected:
            raise GuardFailed(f"{where}: {name} was changed after it was saved; restore it or train again")
    return manifest


def _read_manifest(data: bytes, where: str) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(data)
        newer = int(manifest["format"]) > FORMAT
        rest = {name: value for name, value in manifest.items() if name != "sha256"}
        intact = (
            _to_json(manifest) == data and hashlib.sha256(_to_json(rest)).hexdigest() == manifest["sha256"]
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GuardFailed(
            f"{where}: {MANIFEST} is not readable ({error}); restore it or train again"
        ) from error
    if newer:
        raise GuardFailed(
            f"{where}: its format {manifest['format']} is newer than {FORMAT}, which this offbeat reads; update offbeat"
        )
    if not intact:
        raise GuardFailed(f"{where}: {MANIFEST} was changed after it was saved; restore it or train again")
    return manifest


def _hash_all(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return digest.hexdigest()


def _to_json(values: Mapping[str, Any]) -> bytes:
    """One form for one content: sorted keys, ASCII, no NaN."""
    return json.dumps(values, indent=1, sort_keys=True, allow_nan=False).encode()
