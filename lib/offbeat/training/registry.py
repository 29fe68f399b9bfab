"""Models of a lake: candidates and the champion, as folders under `<lake>/models/NAME/VERSION/`."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from offbeat.errors import UsageError
from offbeat.tables.lake import Lake

_POINTER = "champion.json"


class Registry:
    """The models of one config in one lake.

    Args:
        lake: its folder holds the models; a lake that is a catalog needs `folder` (a Volume).
        name: the config's name.
    """

    def __init__(self, lake: Lake, name: str, *, folder: str | None = None) -> None:
        base = Path(folder) if folder else lake.files
        if base is None:
            raise UsageError(
                f"lake {lake.location}: models need a folder; set volume to a Volume or a mounted folder"
            )
        self.folder = base / "models" / name

    def path(self, version: str) -> Path:
        """Folder of a version, whether it is there or not."""
        if not version or "/" in version or version.startswith("."):
            raise UsageError(f"model version {version!r}: not a version's name")
        return self.folder / version

    def versions(self) -> list[str]:
        """All versions, the oldest first."""
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if (path / "manifest.json").is_file()]
        return [path.name for path in sorted(found, key=lambda path: (path.stat().st_mtime, path.name))]

    def champion(self) -> str | None:
        """Version that scores; None before the first training."""
        return self._pointer().get("champion")

    def detector(self) -> str | None:
        """Name of the champion's detector, as its manifest says it; None before the first training."""
        version = self.champion()
        name: str | None = self._manifest(version).get("detector") if version is not None else None
        return name

    def trained_with(self, version: str) -> dict[str, str]:
        """Versions that the same run trained, this one first, with the names of their detectors."""
        run_id = self._manifest(version).get("record", {}).get("run_id")
        if run_id is None:
            return {}
        manifests = {each: self._manifest(each) for each in dict.fromkeys((version, *self.versions()))}
        return {
            each: manifest["detector"]
            for each, manifest in manifests.items()
            if manifest.get("record", {}).get("run_id") == run_id
        }

    def promote(self, version: str, *, reason: str) -> None:
        """Make a version champion, in one step that is visible whole or not at all.

        Raises:
            UsageError: there is no such version.
        """
        if version not in self.versions():
            known = ", ".join(self.versions()) or "none"
            raise UsageError(f"model {version}: not in {self.folder}; versions there: {known}")
        before = self._pointer()
        if before.get("champion") == version:
            return
        history = [*before.get("history", []), {"champion": version, "reason": reason}]
        self._write({"champion": version, "history": history})

    def note(self, comparison: str) -> None:
        """Keep how the champion last compared with another model, whichever of them won."""
        self._write({**self._pointer(), "compared": comparison})

    def why(self) -> str | None:
        """Why the champion is champion: its last comparison, else the reason it was promoted for."""
        pointer = self._pointer()
        history = pointer.get("history", [])
        reason: str | None = pointer.get("compared") or (history[-1]["reason"] if history else None)
        return reason

    def rollback(self) -> str:
        """Make the champion before this one champion again; gives its version.

        Raises:
            UsageError: there was none before.
        """
        history = self._pointer().get("history", [])
        if len(history) < 2:  # noqa: PLR2004 - the champion and the one before
            raise UsageError(f"models {self.folder}: there is no earlier champion to go back to")
        earlier: str = history[-2]["champion"]
        self._write({"champion": earlier, "history": history[:-1]})
        return earlier

    def _manifest(self, version: str) -> dict[str, Any]:
        """What a version's manifest says; nothing where there is none."""
        file = self.path(version) / "manifest.json"
        read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return read

    def _pointer(self) -> dict[str, Any]:
        try:
            data: dict[str, Any] = json.loads((self.folder / _POINTER).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return data

    def _write(self, pointer: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False, encoding="utf-8") as file:
            json.dump(pointer, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self.folder / _POINTER)
