"""Where pages lie, and how a page names what it was computed from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from offbeat import __version__
from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.reports.data import TableRef
from offbeat.tables.lake import Lake
from offbeat.tables.table import Table


def has_folder(lake: Lake, conf: Config) -> bool:
    """Whether there is somewhere to write pages to."""
    return bool(conf.output.get("pages")) or lake.files is not None


def pages_folder(lake: Lake, conf: Config) -> Path:
    """The folder of a config's pages: the one that `output.pages` names, else `<lake>/pages/NAME/`.

    Raises:
        UsageError: the lake has no folder, and the config names none.
    """
    named = conf.output.get("pages")
    if named:
        return Path(named)
    if lake.files is None:
        raise UsageError(
            f"lake {lake.location}: pages need a folder; set volume to a Volume or a mounted folder"
        )
    return lake.files / "pages" / conf.name


def table_ref(lake: Lake, table: Table, folder: Path) -> TableRef:
    """A table as pages in a folder name it: the version that is read, and the way there.

    Args:
        lake: best a snapshot: of a lake that others write to, the version named may be an older one than is read.
    """
    version = lake.version_read(table)
    local = lake.local_folder
    link = os.path.relpath(local / table.name, folder) if local is not None else None
    return TableRef(table.name, version, link=link, doc=table.doc)


def table_refs(lake: Lake, tables: tuple[Table, ...], folder: Path) -> tuple[TableRef, ...]:
    """Those of the tables that are there."""
    return tuple(table_ref(lake, table, folder) for table in tables if lake.exists(table))


def of_model(model: Path | None, name: str) -> dict[str, Any]:
    """A JSON file of a model's folder; empty where there is none."""
    if model is None or not (model / name).is_file():
        return {}
    values: dict[str, Any] = json.loads((model / name).read_text(encoding="utf-8"))
    return values


def model_files(model: Path | None, *names: str) -> tuple[str, ...]:
    """Those of the files that a model's folder has, as a page names what it was computed from."""
    return tuple(f"{name} of the model" for name in names if model is not None and (model / name).is_file())


def generated_from(conf: Config) -> str:
    """The code and the config behind a page's figures."""
    return f"offbeat {__version__} with config {conf.name} (hash {conf.hash[:12]})"
