"""A log of many short, alike sessions, as machines write them: blocks that are written to three places at once.

Each block is announced, then three copies go through the same four steps, each at its own pace, so that their events
interleave; some copies are slow, some are read or checked afterwards, and most blocks are deleted in the end. Sessions
resemble each other because the process does, not because any was copied; `pace` says how uneven the copies are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_STEPS = ("receiving", "received", "stored", "acknowledged")
_LATER = ("verified", "served", "served_remote", "moved", "failed_read", "replicated", "renamed")
_PLACES = ("here", "near", "far")
_COPYING = tuple(f"{step}_{place}" for place in _PLACES for step in _STEPS)
_EVENTS = ("allocated", *_COPYING, *_LATER, "delete_asked", "deleted", "invalidated")
_UNEVEN = 0.3  # how much of a step's time is chance
_LATER_SHARE, _DELETED_SHARE = 0.15, 0.6
_BLOCKS_A_FILE = 50_000
_START_US = 1_740_960_000_000_000  # 2025-03-03


def write_machine_log(folder: Path, *, rows: int, seed: int = 0, pace: float = 0.4) -> int:
    """Write about `rows` events as Parquet files with event_id, entity, event_time, event; gives how many.

    Args:
        pace: spread of the copies' paces; 0: all copies go in step.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written, number = 0, 0
    while written < rows:
        blocks = min(_BLOCKS_A_FILE, max(1, (rows - written) // 15))
        table = _blocks(np.random.default_rng((seed, number)), number * _BLOCKS_A_FILE, blocks, pace)
        pq.write_table(table, folder / f"part-{number:05d}.parquet", compression="zstd")
        written, number = written + len(table), number + 1
    return written


def _blocks(rng: np.random.Generator, first: int, n: int, pace: float) -> pa.Table:
    """All events of `n` blocks, in the order of their times."""
    own_pace = np.exp(pace * rng.standard_normal((n, len(_PLACES), 1)))
    steps = np.cumsum(
        own_pace * (1 - _UNEVEN + _UNEVEN * rng.exponential(1.0, (n, len(_PLACES), len(_STEPS)))), axis=2
    )
    codes = [np.zeros((n, 1), np.int64), np.tile(1 + np.arange(len(_COPYING)), (n, 1))]
    at = [np.zeros((n, 1)), steps.reshape(n, -1)]
    end = steps.max(axis=(1, 2))
    for _ in range(2):  # what happens to a block later, if anything does
        kind = rng.choice(len(_LATER), n, p=[0.55, 0.25, 0.1, 0.04, 0.02, 0.02, 0.02])
        codes.append((1 + len(_COPYING) + kind)[:, None])
        end = end + rng.exponential(20, n) + 1
        at.append(np.where(rng.random(n) < _LATER_SHARE, end, np.nan)[:, None])
    deleted = np.where(rng.random(n) < _DELETED_SHARE, end + 30, np.nan)
    for place, code in enumerate((-3, -2, -1)):
        codes.append(np.full((n, 1), len(_EVENTS) + code))
        at.append((deleted + place)[:, None])
    return _table(np.concatenate(codes, axis=1), np.concatenate(at, axis=1), rng, first)


def _table(codes: np.ndarray, at_s: np.ndarray, rng: np.random.Generator, first: int) -> pa.Table:
    n = len(codes)
    begun_us = _START_US + np.sort(rng.integers(0, 14 * 86_400_000_000, n))
    at_us = np.broadcast_to(begun_us[:, None], codes.shape) + (np.nan_to_num(at_s) * 1e6).astype(np.int64)
    there = ~np.isnan(at_s)
    block = np.broadcast_to(np.arange(first, first + n)[:, None], codes.shape)[there]
    code, at_us = codes[there], at_us[there]
    order = np.argsort(at_us, kind="stable")
    ids = first * 20 + np.arange(len(order))
    return pa.table(
        {
            "event_id": pa.array([f"{number:032x}" for number in ids]),
            "entity": pa.array([f"blk_{number:012d}" for number in block[order].tolist()]),
            "event_time": pa.array(at_us[order], pa.timestamp("us", "UTC")),
            "event": pa.DictionaryArray.from_arrays(pa.array(code[order]), pa.array(_EVENTS)).cast(
                pa.string()
            ),
        }
    )
