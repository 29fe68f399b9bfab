"""Writes a click log of any size, chunk by chunk, so that memory stays bounded."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from offbeat.packs.installs.chunks import KINDS, Chunk, make_chunk
from offbeat.packs.installs.market import Market
from offbeat.packs.installs.settings import Settings
from offbeat.packs.log_folder import MANIFEST, appearing, earlier_log

_FORMAT = 1
_LEVEL = 4  # of gzip: a tenth larger than the default 9 makes it, in a tenth of the time
_ODDS = np.linspace(-20, 10, 3001)  # edges of the histogram that the best possible AUC is counted with
Progress = Callable[[str, int, int], None]


def write_log(
    folder: str | Path, *, rows: int, seed: int, settings: Settings, progress: Progress | None = None
) -> dict[str, Any]:
    """Make a click log with its truth.

    `clicks/part-NNNNN.csv.gz` holds the clicks of a block of addresses, `truth/part-NNNNN.parquet` who is behind each
    address; `log.json` says what was asked for and what came of it. The same request gives the same rows; where the
    folder holds that log already, nothing is done.

    Args:
        rows: about how many clicks.

    Returns:
        Counts: `clicks`, `installs`, `late_installs`, `addresses`, `farms`, `files`; `best_auc`: the ROC-AUC that the
        true probabilities have, which no model can beat by more than luck; `written`.

    Raises:
        UsageError: the folder holds something that is not a log of ours.
    """
    folder = Path(folder)
    request = {
        "format": _FORMAT,
        "pack": "installs",
        "rows": rows,
        "seed": seed,
        "settings": asdict(settings),
    }
    earlier = earlier_log(folder, "installs")
    if earlier is not None and earlier["request"] == request:
        return {**earlier["counts"], "written": False}
    market = Market.of(settings, seed)
    chunks = max(1, round(rows / settings.chunk_clicks))
    edges = np.linspace(0, rows, chunks + 1).astype(int)
    counts = dict.fromkeys(("clicks", "installs", "late_installs", "addresses", "farms", "files"), 0)
    odds = np.zeros((2, len(_ODDS) + 1))
    with appearing(folder) as made:
        (made / "clicks").mkdir()
        (made / "truth").mkdir()
        for number in range(chunks):
            size = int(edges[number + 1] - edges[number])
            chunk = make_chunk(settings, market, seed=seed, number=number, clicks=max(1, size))
            _write(made, number, chunk)
            _count(counts, odds, chunk)
            if progress is not None:
                progress("generate", number + 1, chunks)
        done = {**counts, "best_auc": _best_auc(odds)}
        text = json.dumps({"request": request, "counts": done}, indent=1)
        (made / MANIFEST).write_text(text, encoding="utf-8")
    return {**done, "written": True}


def _write(folder: Path, number: int, chunk: Chunk) -> None:
    options = pa.csv.WriteOptions(quoting_style="none", include_header=False)
    stream = pa.BufferOutputStream()
    stream.write((",".join(chunk.clicks.column_names) + "\n").encode())
    pa.csv.write_csv(chunk.clicks, stream, options)
    packed = gzip.compress(stream.getvalue(), compresslevel=_LEVEL, mtime=0)
    (folder / "clicks" / f"part-{number:05d}.csv.gz").write_bytes(packed)
    pq.write_table(chunk.truth, folder / "truth" / f"part-{number:05d}.parquet", compression="zstd")


def _count(counts: dict[str, int], odds: np.ndarray, chunk: Chunk) -> None:
    counts["clicks"] += len(chunk.clicks)
    counts["installs"] += int(chunk.installed.sum())
    counts["late_installs"] += int(np.sum(chunk.truth["late_installs"].to_numpy()))
    counts["addresses"] += len(chunk.truth)
    counts["farms"] += int(np.sum(chunk.truth["kind"].to_numpy(zero_copy_only=False) == KINDS[2]))
    counts["files"] += 1
    place = np.searchsorted(_ODDS, chunk.log_odds)
    for label in (0, 1):
        odds[label] += np.bincount(place[chunk.installed == label], minlength=odds.shape[1])


def _best_auc(odds: np.ndarray) -> float | None:
    """ROC-AUC of the true log odds, from their histograms by label; None where a label is missing."""
    no, yes = odds
    if not no.sum() or not yes.sum():
        return None
    below = np.cumsum(no) - no / 2
    return round(float((yes * below).sum() / (no.sum() * yes.sum())), 6)
