"""Writes a generated catalogue and its weekly lists; the folder appears whole or not at all."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

from offbeat.errors import UsageError
from offbeat.packs.top10.settings import Settings
from offbeat.packs.top10.simulate import simulate

MANIFEST = "catalogue.json"
_FORMAT = 1
_MOST_TITLES = 200_000


def write_data(folder: str | Path, *, titles: int, seed: int, settings: Settings) -> dict[str, Any]:
    """Make `weekly.tsv` (the lists), `catalogue.csv`, `ratings.csv` (a second source) and `truth.parquet`.

    The same request gives the same bytes; where the folder holds that already, nothing is done.

    Returns:
        Counts: `titles`, `rows` (of the lists), `charting`, and `written`.

    Raises:
        UsageError: the folder holds something else, or more titles are asked for than names can be made for.
    """
    if not 200 <= titles <= _MOST_TITLES:  # noqa: PLR2004 - fewer can't fill the lists
        raise UsageError(f"config generate.rows: expected 200 to {_MOST_TITLES} titles, got {titles}")
    target = Path(folder)
    request = {
        "format": _FORMAT,
        "pack": "top10",
        "titles": titles,
        "seed": seed,
        "settings": asdict(settings),
    }
    earlier = _earlier(target)
    if earlier is not None and earlier["request"] == request:
        return {**earlier["counts"], "written": False}
    made = simulate(titles, seed=seed, settings=settings)
    counts = {"titles": titles, "rows": len(made.weekly), "charting": int(made.truth["charts"].sum())}
    part = target.with_name(f".{target.name}.{uuid4().hex[:8]}.new")
    part.mkdir(parents=True)
    try:
        made.weekly.to_csv(part / "weekly.tsv", sep="\t", index=False)
        made.catalogue.to_csv(part / "catalogue.csv", index=False)
        made.ratings.to_csv(part / "ratings.csv", index=False)
        made.truth.to_parquet(part / "truth.parquet", index=False)
        manifest = json.dumps({"request": request, "counts": counts}, indent=1)
        (part / MANIFEST).write_text(manifest, encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return {**counts, "written": True}


def _earlier(folder: Path) -> dict[str, Any] | None:
    """What an earlier call left in the folder.

    Raises:
        UsageError: there is something that no earlier call left.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["request"]["pack"] == "top10":
            return dict(manifest)
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        pass
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"generate {folder}: it holds something else than a generated catalogue; give another generate.path"
        )
    return None
