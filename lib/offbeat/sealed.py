"""Folders of a model: files with a manifest that names the SHA-256 of each, checked byte by byte when they are opened.

A folder is there whole or not at all; packed as one zip it has the same bytes every time.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from offbeat.errors import GuardFailed, UsageError

MANIFEST = "manifest.json"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def sealed(manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with a manifest of them, closed by a hash of its own.

    Args:
        manifest: what it says besides: at least `format`, a whole number.
    """
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    whole = {**manifest, "files": hashes}
    closed = {**whole, "sha256": hashlib.sha256(to_json(whole)).hexdigest()}
    return {**files, MANIFEST: to_json(closed)}


def check(files: Mapping[str, bytes], where: str, *, newest: int) -> dict[str, Any]:
    """The manifest, after every other file was compared with it.

    Args:
        where: which model, for messages.
        newest: the newest format that the caller reads.

    Raises:
        GuardFailed: a file is missing, unexpected or changed, or the format is newer.
    """
    manifest = _read_manifest(files[MANIFEST], where, newest) if MANIFEST in files else None
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


def _read_manifest(data: bytes, where: str, newest: int) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(data)
        newer = int(manifest["format"]) > newest
        rest = {name: value for name, value in manifest.items() if name != "sha256"}
        intact = to_json(manifest) == data and hashlib.sha256(to_json(rest)).hexdigest() == manifest["sha256"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GuardFailed(
            f"{where}: {MANIFEST} is not readable ({error}); restore it or train again"
        ) from error
    if newer:
        raise GuardFailed(
            f"{where}: its format {manifest['format']} is newer than {newest}, which this offbeat reads; update offbeat"
        )
    if not intact:
        raise GuardFailed(f"{where}: {MANIFEST} was changed after it was saved; restore it or train again")
    return manifest


def read_folder(folder: Path) -> dict[str, bytes]:
    """The bytes of each file of a model's folder.

    Raises:
        UsageError: there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"model {folder}: there is none; run train, or name a version that is there")
    return {path.name: path.read_bytes() if path.is_file() else b"" for path in folder.iterdir()}


def write_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """Write into a hidden sibling and rename it: whole or not at all."""
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


def pack(files: Mapping[str, bytes]) -> bytes:
    """One zip of the files, the same bytes every time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), files[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of a zip that `pack` made.

    Raises:
        GuardFailed: it is none.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, zlib.error) as error:
        raise GuardFailed(f"packed model: not readable ({error}); pack it again from its folder") from error


def to_json(values: Mapping[str, Any]) -> bytes:
    """One form for one content: sorted keys, ASCII, no NaN."""
    return json.dumps(values, indent=1, sort_keys=True, allow_nan=False).encode()
