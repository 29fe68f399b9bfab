"""A saved model: a folder of files that run no code when read, each with its SHA-256 in the manifest."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from offbeat import __version__
from offbeat.detectors import DETECTORS
from offbeat.detectors.base import Detector, History, Sequences
from offbeat.detectors.vocabulary import UNKNOWN, Vocabulary
from offbeat.errors import GuardFailed, UsageError
from offbeat.training.calibration import Calibration

FORMAT = 1
MANIFEST = "manifest.json"
_VOCABULARY, _CALIBRATION, _BASELINE, _HISTORY = (
    "vocabulary.json",
    "calibration.json",
    "baseline.json",
    "history.json",
)
_LIBRARIES = ("tensorflow-cpu", "tensorflow", "keras", "numpy")
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)
_QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class Artifact:
    """A model, ready to score.

    Attributes:
        baseline: what the training sessions were like: event shares, quantiles of their lengths.
        record: what the run kept with it: split, run, seed, hash of the config.
        manifest: format, versions, SHA-256 of each file.
    """

    version: str
    detector: Detector
    vocabulary: Vocabulary
    calibration: Calibration
    history: History
    baseline: dict[str, Any]
    record: dict[str, Any]
    manifest: dict[str, Any]


def save_artifact(
    folder: Path,
    *,
    detector: Detector,
    vocabulary: Vocabulary,
    calibration: Calibration,
    history: History,
    train: Sequences,
    record: dict[str, Any],
) -> str:
    """Write a model under `folder/VERSION/`, whole or not at all.

    Args:
        train: what it learnt from, for the baseline.
        record: plain values kept with it.

    Returns:
        The version: detector and a hash of what scores depend on, so that the same model has the same version.
    """
    files = {
        **detector.to_files(),
        _VOCABULARY: vocabulary.to_json().encode(),
        _CALIBRATION: _json(calibration.to_json()),
        _BASELINE: _json(_baseline(train, vocabulary)),
    }
    version = (
        f"{detector.name}-{_digest(b''.join(_digest(files[name]).encode() for name in sorted(files)))[:12]}"
    )
    files[_HISTORY] = _json(history.to_dict())
    manifest = {
        "format": FORMAT,
        "version": version,
        "detector": detector.name,
        "vocabulary": vocabulary.hash,
        "libraries": _libraries(),
        "files": {name: _digest(data) for name, data in files.items()},
        "record": record,
    }
    _publish(folder, version, {**files, MANIFEST: _json(manifest)})
    return version


def _publish(folder: Path, version: str, files: Mapping[str, bytes]) -> None:
    target = folder / version
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as made:
        inside = Path(made) / version
        inside.mkdir()
        for name, data in files.items():
            (inside / name).write_bytes(data)
        if not target.exists():  # else it is the same model, by its name
            inside.replace(target)


def load_artifact(folder: Path) -> Artifact:
    """Read a model and check all of it.

    Raises:
        UsageError: there is no model.
        GuardFailed: a file is missing, changed or not of it, its vocabulary is another's, or its format is newer.
    """
    if not (folder / MANIFEST).is_file():
        raise UsageError(f"model {folder}: there is none; run train, or name a version that is there")
    return _open({path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}, str(folder))


def pack_artifact(folder: Path) -> bytes:
    """A model as one zip, the same bytes for the same model; checked before it travels."""
    load_artifact(folder)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.writestr(zipfile.ZipInfo(path.name, _FIXED_DATE), path.read_bytes())
    return buffer.getvalue()


def load_artifact_bytes(data: bytes) -> Artifact:
    """Read what `pack_artifact` gave, with the same checks."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return _open({name: archive.read(name) for name in archive.namelist()}, "in transit")


def _open(files: dict[str, bytes], where: str) -> Artifact:
    manifest = _checked_manifest(files, where)
    kind = DETECTORS.get(manifest["detector"])
    if kind is None:
        raise GuardFailed(
            f"model {where}: its detector {manifest['detector']} is not known here; install what made it"
        )
    try:
        detector = kind.from_files(files)
        vocabulary = Vocabulary.from_json(files[_VOCABULARY].decode())
        calibration = Calibration.from_json(json.loads(files[_CALIBRATION]))
        history = History.from_dict(json.loads(files[_HISTORY]))
        baseline = json.loads(files[_BASELINE])
    except (ValueError, KeyError, TypeError) as error:
        raise GuardFailed(f"model {where}: can't be read ({error}); train again") from None
    if not vocabulary.hash == manifest["vocabulary"] == detector.vocabulary_hash:
        raise GuardFailed(
            f"model {where}: the vocabulary is not the one that it was trained with; train again"
        )
    return Artifact(
        manifest["version"],
        detector,
        vocabulary,
        calibration,
        history,
        baseline,
        manifest["record"],
        manifest,
    )


def _checked_manifest(files: dict[str, bytes], where: str) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(files[MANIFEST])
        found, hashes = manifest["format"], manifest["files"]
    except (ValueError, KeyError, TypeError):
        raise GuardFailed(
            f"model {where}: the manifest can't be read; train again or restore the folder"
        ) from None
    if found > FORMAT:
        raise GuardFailed(
            f"model {where}: format {found}, newer than this offbeat reads ({FORMAT}); install a newer one"
        )
    present = set(files) - {MANIFEST}
    for what, names in (("is missing", set(hashes) - present), ("is not part of it", present - set(hashes))):
        if names:
            raise GuardFailed(
                f"model {where}: {', '.join(sorted(names))} {what}; train again or restore the folder"
            )
    changed = sorted(name for name, digest in hashes.items() if _digest(files[name]) != digest)
    if changed:
        raise GuardFailed(
            f"model {where}: {', '.join(changed)} was changed; train again or restore the folder"
        )
    return manifest


def _baseline(train: Sequences, vocabulary: Vocabulary) -> dict[str, Any]:
    counts = np.bincount(train.ids, minlength=len(vocabulary))
    lengths = train.lengths
    return {
        "sessions": len(train),
        "events": dict(zip(vocabulary.tokens, (counts / max(1, counts.sum())).tolist(), strict=True)),
        "unknown_share": float(counts[UNKNOWN] / max(1, counts.sum())),
        "length_quantiles": {str(q): float(np.quantile(lengths, q)) for q in _QUANTILES},
    }


def _libraries() -> dict[str, str]:
    versions = {"offbeat": __version__}
    for name in _LIBRARIES:
        found = [d.version for d in importlib.metadata.distributions(name=name)]
        versions |= {name: found[0]} if found else {}
    return versions


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
