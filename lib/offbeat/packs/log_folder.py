"""The folder of a generated log: it appears whole or not at all, and knows what was asked for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from offbeat.errors import UsageError

MANIFEST = "log.json"
"""What was asked for and what came of it."""


def earlier_log(folder: Path, pack: str) -> dict[str, Any] | None:
    """What an earlier call for the same pack left in the folder; None where there is nothing.

    Raises:
        UsageError: there is something that no earlier call left.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["request"]["pack"] == pack:
            return dict(manifest)
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        pass
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"generate {folder}: it holds something else than a generated log; give another generate.path"
        )
    return None


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder` when the block ends well, and vanishes when it does not."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = uuid4().hex[:8]
    made, old = folder.with_name(f".{folder.name}.{mark}.new"), folder.with_name(f".{folder.name}.{mark}.old")
    made.mkdir()
    try:
        yield made
        if folder.exists():
            folder.rename(old)
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
