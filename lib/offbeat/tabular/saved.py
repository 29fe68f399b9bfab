"""A model as a folder of arrays and JSON: checked byte by byte when it is opened, and nothing in it is code.

Files: model.json (what the model is made of), arrays.npz, and manifest.json (format, names of the columns, the record
of who fitted it, SHA-256 of each file). The same model gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from offbeat.errors import GuardFailed
from offbeat.sealed import check, pack, read_folder, sealed, to_json, unpack, write_folder
from offbeat.tabular.base import Model
from offbeat.tabular.calibration import Calibrated
from offbeat.tabular.ensembles import Bundle, Columns, Stacking, Voting
from offbeat.tabular.linear import Logistic, NaiveBayes
from offbeat.tabular.neighbours import Neighbours
from offbeat.tabular.network import Network
from offbeat.tabular.scaling import Scaling
from offbeat.tabular.trees import Trees

FORMAT = 1
_MODEL, _ARRAYS = "model.json", "arrays.npz"
_KINDS = {
    kind.__name__: kind
    for kind in (
        Bundle,
        Calibrated,
        Columns,
        Logistic,
        NaiveBayes,
        Neighbours,
        Network,
        Scaling,
        Stacking,
        Trees,
        Voting,
    )
}


@dataclass(frozen=True)
class SavedModel:
    """A model that was checked and opened.

    Attributes:
        version: its folder's name.
        columns: names of the features, in order.
        record: what the one who fitted it wrote beside it.
        extra: further arrays that were saved with it.
    """

    version: str
    model: Model
    columns: tuple[str, ...]
    record: dict[str, Any]
    extra: dict[str, np.ndarray]


def save_model(
    folder: Path | str,
    model: Model,
    *,
    name: str,
    columns: Sequence[str],
    record: Mapping[str, Any] | None = None,
    extra: Mapping[str, np.ndarray] | None = None,
) -> str:
    """Write a model into a new folder of its own below `folder`; it is there whole or not at all.

    Args:
        name: what kind it is, the first part of its version.
        columns: names of the features, in order.
        record: what else to keep, as plain values.
        extra: further arrays to keep (encodings, bounds); no objects.

    Returns:
        The version: name, and a hash of the content, so that the same training gives the same version.
    """
    arrays: dict[str, np.ndarray] = {
        f"extra/{key}": np.asarray(value) for key, value in (extra or {}).items()
    }
    tree = _packed(model, arrays)
    files = {_MODEL: to_json({"model": tree, "columns": list(columns)}), _ARRAYS: _to_npz(arrays)}
    digest = hashlib.sha256(
        b"".join(hashlib.sha256(files[key]).digest() for key in sorted(files))
    ).hexdigest()
    version = f"{name}-{digest[:12]}"
    files = sealed({"format": FORMAT, "version": version, "record": dict(record or {})}, files)
    target = Path(folder) / version
    if target.exists():
        load_model(target)
    else:
        write_folder(target, files)
    return version


def load_model(folder: Path | str) -> SavedModel:
    """Open a model after checking all of it.

    Raises:
        UsageError: there is no such folder.
        GuardFailed: a file is missing, unexpected or changed, or the format is newer.
    """
    return _open(read_folder(Path(folder)), f"model {folder}")


def pack_model(folder: Path | str) -> bytes:
    """A checked model as one zip, the same bytes every time: how it travels.

    Raises: GuardFailed: as `load_model`.
    """
    files = read_folder(Path(folder))
    check(files, f"model {folder}", newest=FORMAT)
    return pack(files)


def load_packed(data: bytes) -> SavedModel:
    """Open what `pack_model` gave; nothing is written to disk.

    Raises: GuardFailed: as `load_model`.
    """
    return _open(unpack(data), "packed model")


def _packed(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A model as plain values; its arrays go into `arrays`."""
    if isinstance(value, np.ndarray):
        key = f"a{len(arrays)}"
        arrays[key] = value
        return {"array": key}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = {
            field.name: _packed(getattr(value, field.name), arrays) for field in dataclasses.fields(value)
        }
        return {"kind": type(value).__name__, "fields": kept}
    if isinstance(value, tuple):
        return [_packed(one, arrays) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def _unpacked(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return tuple(_unpacked(one, arrays) for one in value)
    if isinstance(value, dict) and "array" in value:
        return arrays[value["array"]]
    if isinstance(value, dict):
        return _KINDS[value["kind"]](**{key: _unpacked(one, arrays) for key, one in value["fields"].items()})
    return value


def _open(files: Mapping[str, bytes], where: str) -> SavedModel:
    manifest = check(files, where, newest=FORMAT)
    try:
        with np.load(io.BytesIO(files[_ARRAYS]), allow_pickle=False) as found:
            arrays = {key: found[key] for key in found.files}
        kept = json.loads(files[_MODEL])
        return SavedModel(
            version=manifest["version"],
            model=_unpacked(kept["model"], arrays),
            columns=tuple(kept["columns"]),
            record=manifest["record"],
            extra={
                key.removeprefix("extra/"): value for key, value in arrays.items() if key.startswith("extra/")
            },
        )
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise GuardFailed(f"{where}: its files don't belong together ({error}); train it again") from error


def _to_npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
