"""Writes a log of any size to Parquet, chunk by chunk, so that memory stays bounded.

The folder appears whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from offbeat.packs.log_folder import MANIFEST, appearing, earlier_log
from offbeat.packs.tvm.chunks import generate_chunk
from offbeat.packs.tvm.settings import Settings
from offbeat.packs.tvm.viewers import Layout

Progress = Callable[[str, int, int], None]
"""Called as progress(what, done, total)."""

_FORMAT = 2
_POOL_FROM_ROWS = 3_000_000  # below, a second process costs more than it saves
_MAX_JOBS = 2


def write_log(
    folder: str | Path,
    *,
    rows: int,
    seed: int,
    settings: Settings | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make a log of client events with its truth.

    `events/part-DAY-BLOCK.parquet` holds what arrived on a day, `…-late.parquet` what belongs to the day before;
    `truth/part-DAY-BLOCK.parquet` one row per true session; `log.json` what was asked for and what came of it. The
    same request gives the same rows, whatever `jobs` is; where the folder holds that log already, nothing is done.

    Args:
        folder: made by this call; an earlier log of ours in it is replaced.
        rows: about how many event rows; days, sessions and devices follow from it.
        jobs: processes; by default one for a small log, else up to two.

    Returns:
        Counts: `events` (rows, with those delivered twice), `sessions`, `faulty_sessions`, `faults` by kind, `files`,
        and `written`, which is False where the log was there already.

    Raises:
        UsageError: the folder holds something that is not a log of ours.
    """
    folder = Path(folder)
    settings = settings or Settings()
    request = {"format": _FORMAT, "pack": "tvm", "rows": rows, "seed": seed, "settings": asdict(settings)}
    earlier = earlier_log(folder, "tvm")
    if earlier is not None and earlier["request"] == request:
        return {**earlier["counts"], "written": False}
    layout = Layout.of(rows, seed, settings)
    with appearing(folder) as made:
        (made / "events").mkdir()
        (made / "truth").mkdir()
        counts = _total(_chunk_counts(layout, made, _jobs(rows, jobs), progress))
        manifest = {"request": request, "counts": counts}
        (made / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return {**counts, "written": True}


def _jobs(rows: int, jobs: int | None) -> int:
    if jobs is not None:
        return jobs
    return min(_MAX_JOBS, os.cpu_count() or 1) if rows >= _POOL_FROM_ROWS else 1


def _chunk_counts(
    layout: Layout, folder: Path, jobs: int, progress: Progress | None
) -> Iterator[Counter[str]]:
    """Write all chunks; gives each one's counts as it is done."""
    write = partial(_write_chunk, layout, folder)
    if jobs == 1:
        yield from _told(map(write, range(layout.chunks)), layout.chunks, progress)
        return
    # Spawned, not forked: a fork would copy the threads' locks of whoever runs Spark or TensorFlow beside us.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from _told(pool.map(write, range(layout.chunks)), layout.chunks, progress)


def _told(counts: Iterable[Counter[str]], chunks: int, progress: Progress | None) -> Iterator[Counter[str]]:
    for done, count in enumerate(counts, 1):
        if progress is not None:
            progress("generate", done, chunks)
        yield count


def _write_chunk(layout: Layout, folder: Path, chunk: int) -> Counter[str]:
    day, block = layout.place(chunk)
    made = generate_chunk(layout, chunk)
    files = {
        f"events/part-{day:03d}-{block:05d}.parquet": made.events,
        f"events/part-{day + 1:03d}-{block:05d}-late.parquet": made.late,
        f"truth/part-{day:03d}-{block:05d}.parquet": made.truth,
    }
    counts: Counter[str] = Counter(events=len(made.events) + len(made.late), sessions=len(made.truth))
    for name, table in files.items():
        if len(table) or name.startswith("truth"):
            _write(table, folder / name)
            counts["files"] += 1
    faults = made.truth["fault_kind"].drop_null().value_counts().to_pylist()
    counts.update({f"fault:{each['values']}": each["counts"] for each in faults})
    return counts


def _write(table: pa.Table, path: Path) -> None:
    plain = {
        "event_id",
        "event_time",
        "event_ids",
        "session_key",
    }  # never repeat: a dictionary would only cost
    names = [name for name in table.schema.names if name not in plain]
    pq.write_table(table, path, compression="zstd", use_dictionary=names)


def _total(counts: Iterable[Counter[str]]) -> dict[str, Any]:
    total: Counter[str] = Counter(events=0, sessions=0, files=0)
    for count in counts:
        total.update(count)
    faults = {
        name.removeprefix("fault:"): n for name, n in sorted(total.items()) if name.startswith("fault:")
    }
    plain = {name: n for name, n in total.items() if not name.startswith("fault:")}
    return {**plain, "faulty_sessions": sum(faults.values()), "faults": faults}
