"""What the same work costs elsewhere: sessions in DuckDB and Polars, scores as a first draft would make them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

GAP_S = 1800
WINDOW = 10
_LISTS = ("event", "event_time", "event_id")


def duckdb_sessions(files: Sequence[str], target: Path) -> float:
    """Sessionize in DuckDB, from Parquet to Parquet with list columns; seconds."""
    import duckdb

    lists = ", ".join(f"list({name} ORDER BY event_time, event_id) AS {name}s" for name in _LISTS)
    query = f"""
        COPY (
            SELECT entity, min(event_time) AS start, max(event_time) AS "end", count(*) AS n_events, {lists}
            FROM (
                SELECT *, sum(opens) OVER (PARTITION BY entity ORDER BY event_time, event_id) AS number
                FROM (
                    SELECT entity, event, event_time, event_id,
                        CASE WHEN event_time - lag(event_time) OVER (PARTITION BY entity ORDER BY event_time, event_id)
                            <= INTERVAL {GAP_S} SECOND THEN 0 ELSE 1 END AS opens
                    FROM read_parquet(?)))
            GROUP BY entity, number
        ) TO '{target}' (FORMAT parquet)"""  # noqa: S608 - our own names
    began = time.perf_counter()
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(query, [list(files)])
    return time.perf_counter() - began


def polars_sessions(files: Sequence[str], target: Path) -> float:
    """Sessionize in Polars, likewise."""
    import polars as pl

    began = time.perf_counter()
    rows = pl.scan_parquet(list(files)).select("entity", *_LISTS).sort("entity", "event_time", "event_id")
    opens = (pl.col("entity") != pl.col("entity").shift(1)) | (
        pl.col("event_time") - pl.col("event_time").shift(1) > pl.duration(seconds=GAP_S)
    )
    sessions = (
        rows.with_columns(number=opens.fill_null(True).cum_sum())
        .group_by("number", maintain_order=True)
        .agg(
            pl.col("entity").first(),
            pl.col("event_time").first().alias("start"),
            pl.col("event_time").last().alias("end"),
            pl.len().alias("n_events"),
            *(pl.col(name).alias(f"{name}s") for name in _LISTS),
        )
    )
    sessions.drop("number").collect().write_parquet(target)
    return time.perf_counter() - began


def session_facts(files: Sequence[str]) -> tuple[int, ...]:
    """Of written sessions, whoever wrote them: how many, events in them, and a sum over their order and bounds."""
    import duckdb

    query = """
        SELECT count(*), sum(n_events), bit_xor(hash(entity, epoch_us(start), n_events, event_ids))
        FROM read_parquet(?)"""
    with duckdb.connect() as connection:
        found = connection.execute(query, [list(files)]).fetchone()
    return tuple(map(int, found or ()))


def remove(path: Path) -> None:
    """Take a file or folder away, where it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def keras_windows(settings: Any, n_tokens: int, seed: int = 0) -> Any:
    """The network as a first draft would have it: a window of ten events in, one probability per event out."""
    import keras

    cells = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[settings["kind"]]
    keras.utils.set_random_seed(seed)
    layers = [
        keras.Input((WINDOW,), dtype="int32"),
        keras.layers.Embedding(n_tokens, settings["embedding"]),
        *(cells(settings["units"], return_sequences=True) for _ in range(settings["layers"] - 1)),
        cells(settings["units"]),
    ]
    return keras.Sequential([*layers, keras.layers.Dense(n_tokens, activation="softmax")])


def windows_of(tokens: np.ndarray, offsets: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Per event the ten before it in its session (0 before the first), and the event; `most` events."""
    lengths = np.diff(offsets)
    sessions = int(np.searchsorted(offsets, most, side="right")) - 1
    n = int(offsets[max(1, sessions)])
    place = np.arange(n) - np.repeat(offsets[:-1], lengths)[:n]
    back = np.arange(-WINDOW, 0)
    at = np.arange(n)[:, None] + back
    windows = np.where(place[:, None] + back >= 0, tokens[np.maximum(at, 0)], 0)
    return windows.astype(np.int32), tokens[:n].astype(np.int32)


def deeplog_loop(
    settings: Any, n_tokens: int, windows: np.ndarray, targets: np.ndarray, seconds: float
) -> dict[str, Any]:
    """One window per call, top nine or not, as DeepLog's public code does it; for at most `seconds`.

    With PyTorch where it is installed; else with Keras, compiled, which is kinder to it than its own eager call.
    """
    call, engine = _torch_call(settings, n_tokens) or _keras_call(settings, n_tokens)
    misses = done = 0
    call(windows[:1])
    began, used = time.perf_counter(), time.process_time()
    for window, target in zip(windows, targets, strict=True):
        likeliest = np.argsort(call(window[None])[0])[-9:]
        misses += target not in likeliest
        done += 1
        if done % 64 == 0 and time.perf_counter() - began > seconds:
            break
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    return {"events": done, "wall_s": wall, "cpu_s": cpu, "engine": engine, "misses": int(misses)}


def _keras_call(settings: Any, n_tokens: int) -> tuple[Any, str]:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = keras_windows(settings, n_tokens)
    compiled = tf.function(model, input_signature=[tf.TensorSpec([1, WINDOW], tf.int32)])
    return lambda window: compiled(tf.constant(window)).numpy(), "keras"


def _torch_call(settings: Any, n_tokens: int) -> tuple[Any, str] | None:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    cells = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[settings["kind"]]
    embed = torch.nn.Embedding(n_tokens, settings["embedding"])
    network = cells(settings["embedding"], settings["units"], settings["layers"], batch_first=True)
    out = torch.nn.Linear(settings["units"], n_tokens)

    def call(window: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            states, _ = network(embed(torch.from_numpy(window).long()))
            found: np.ndarray = out(states[:, -1]).numpy()
            return found

    return call, "torch"
