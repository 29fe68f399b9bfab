"""Scoring beside the limit of these cores and beside first drafts."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.bare import Bare
from benchmarks.lakes import Work
from benchmarks.meter import Meter
from benchmarks.peers import deeplog_loop, keras_windows, remove, windows_of
from offbeat.config import Config
from offbeat.detectors.base import Sequences
from offbeat.scoring import run as score_step
from offbeat.scoring.carrier import Carrier, carry
from offbeat.tables.contract import ANOMALIES, EVENT_SCORES, SESSION_SCORES, SESSIONS
from offbeat.tables.lake import Lake
from offbeat.training.artifact import Artifact, load_artifact, load_artifact_bytes
from offbeat.training.registry import Registry

SHORT_TRAINING = {"max_events": 400_000}
WINDOW_EVENTS = 1_000_000
LOOP_EVENTS = 100_000
LOOP_S = 60.0
RUN_DATE = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


def ensure_model(lake: Lake, conf: Config) -> Path:
    """A model of the config's detector; briefly trained where there is none yet."""
    from offbeat.training.run import run

    registry = Registry(lake, conf.name)
    if registry.champion() is None:
        settings = {**SHORT_TRAINING, **conf.model.settings}
        short = conf.model_copy(update={"model": conf.model.model_copy(update={"settings": settings})})
        run(lake, short, run_id="bench")
    return Path(registry.path(str(registry.champion())))


def time_scores(lake: Lake, conf: Config, work: Work, *, prefix: str) -> dict[str, Any]:
    """From sessions to committed score tables, with equal beginnings shared and not, in turns with the bare model."""
    from benchmarks.part import CORES

    model = ensure_model(lake, conf)
    bare = Bare(str(model), _export(lake, load_artifact(model), work.folder, CORES))
    limits, alone, shared = [], [], []
    try:
        for _ in range(work.repeats):
            limits.append(bare.score(shared=False))
            alone.append(_score_once(lake, conf, model, shared=False))
            shared.append(_score_once(lake, conf, model, shared=True))
        once = bare.score(shared=True)
    finally:
        bare.close()
    limit = min(limits, key=lambda found: found["wall_s"])
    best = min(alone, key=lambda found: found.wall_s)
    best_shared = min(shared, key=lambda found: found.wall_s)
    events = limit["events"]
    return {
        f"{prefix}_events": events,
        **best.figures(f"{prefix}_alone"),
        **best_shared.figures(f"{prefix}_shared"),
        f"{prefix}_bare_wall_s": round(limit["wall_s"], 2),
        f"{prefix}_bare_cpu_s": round(limit["cpu_s"], 2),
        f"{prefix}_bare_events_per_cpu_s": round(events / limit["cpu_s"]),
        f"{prefix}_bare_shared_events_per_cpu_s": round(events / once["cpu_s"]),
        f"{prefix}_events_per_s_core": round(events / best_shared.wall_s / CORES),
        f"{prefix}_distinct_prefix_share": round(limit["distinct_share"], 4),
        f"{prefix}_flagged_share": round(lake.read(ANOMALIES).count() / lake.read(SESSIONS).count(), 4),
        f"{prefix}_vs_bare": round(limit["wall_s"] / best.wall_s, 3),
        f"{prefix}_cpu_vs_bare": round(limit["cpu_s"] / best.cpu_s, 3),
        f"{prefix}_shared_cpu_vs_bare": round(limit["cpu_s"] / best_shared.cpu_s, 3),
        f"{prefix}_shared_vs_bare": round(limit["wall_s"] / best_shared.wall_s, 3),
        f"{prefix}_worker_peak_mib": round(max(each.peak_mib["worker"] for each in (*alone, *shared))),
    }


def _score_once(lake: Lake, conf: Config, model: Path, *, shared: bool) -> Meter:
    """The step score from nothing."""
    for table in (SESSION_SCORES, EVENT_SCORES, ANOMALIES):
        remove(Path(lake.path(table.name)))
    remove(Path(lake.path("checkpoints", "score", conf.name, model.name)))
    with Meter() as meter, mock.patch.object(score_step, "carry", _carrying(shared=shared)):
        score_step.run(Lake(lake.spark, lake.location), conf, run_id="bench", run_date=RUN_DATE)
    return meter


def _carrying(*, shared: bool) -> Callable[..., Carrier]:
    """As `carry`; with `shared` off the model feeds every session for itself."""

    def load(data: bytes) -> Artifact:
        artifact = load_artifact_bytes(data)
        artifact.detector.share = shared
        return artifact

    def carrying(spark: Any, version: str, packed: bytes) -> Carrier:
        # A name of its own, so that a worker that holds the other one doesn't take it for this.
        return replace(carry(spark, version, packed, loader=load), version=f"{version}, shared {shared}")

    return carrying


def _export(lake: Lake, model: Artifact, folder: Path, slots: int) -> list[Path]:
    """The sessions as arrays in memory would hold them, a share per slot."""
    parts = _sequences(lake, model)
    paths = []
    for slot in range(slots):
        whole = _joined(parts[slot::slots])
        path = folder / f"arrays-{slot}.npz"
        np.savez(path, ids=whole.ids, offsets=whole.offsets, starts=whole.starts, ends=whole.ends)
        paths.append(path)
    return paths


def _sequences(lake: Lake, model: Artifact, most: int | None = None) -> list[Sequences]:
    import pyarrow.parquet as pq

    from benchmarks.part import files_of
    from offbeat.detectors.encoding import encode_sessions

    found, n = [], 0
    for file in files_of(lake, SESSIONS):
        for batch in pq.ParquetFile(file).iter_batches(
            20_000, columns=["events", "times", "state", "continues"]
        ):
            found.append(encode_sessions(batch, model.vocabulary))
            n += len(found[-1].ids)
            if most is not None and n >= most:
                return found
    return found


def _joined(parts: list[Sequences]) -> Sequences:
    starts = np.cumsum([0, *(len(part.ids) for part in parts)])
    offsets = [part.offsets[:-1] + start for part, start in zip(parts, starts[:-1], strict=True)]
    return Sequences(
        ids=np.concatenate([part.ids for part in parts]),
        offsets=np.concatenate([*offsets, starts[-1:]]).astype(np.int64),
        starts=np.concatenate([part.starts for part in parts]),
        ends=np.concatenate([part.ends for part in parts]),
    )


def time_drafts(lake: Lake, conf: Config) -> dict[str, Any]:
    """Rates of the first drafts on the first events of the log, and ours over theirs."""
    model = load_artifact(ensure_model(lake, conf))
    sequences = _joined(_sequences(lake, model, WINDOW_EVENTS))
    manifest = model.manifest["settings"]
    settings = {name: manifest[name] for name in ("units", "layers", "embedding")}
    settings["kind"] = model.detector.name
    windows, targets = windows_of(sequences.ids, sequences.offsets, WINDOW_EVENTS)
    n_tokens = len(model.vocabulary)
    wall, cpu = _time_windows(lake, settings, n_tokens, windows)
    loop = deeplog_loop(settings, n_tokens, windows[:LOOP_EVENTS], targets[:LOOP_EVENTS], LOOP_S)
    return {
        "windows_events": len(windows),
        "windows_wall_s": round(wall, 2),
        "windows_cpu_s": round(cpu, 2),
        "windows_events_per_s": round(len(windows) / wall),
        "deeplog_loop_events": loop["events"],
        "deeplog_loop_engine": loop["engine"],
        "deeplog_loop_events_per_s": round(loop["events"] / loop["wall_s"], 1),
        "deeplog_loop_events_per_cpu_s": round(loop["events"] / loop["cpu_s"], 1),
    }


def _time_windows(
    lake: Lake, settings: dict[str, Any], n_tokens: int, windows: np.ndarray
) -> tuple[float, float]:
    """`predict_batch_udf` on windows of ten events: seconds on the clock and of CPU, workers warm."""
    import pandas as pd
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, FloatType

    folder = Path(lake.path("..", "windows.parquet")).resolve()
    pd.DataFrame({"window": list(windows)}).to_parquet(folder, row_group_size=50_000)
    weights = [np.asarray(weight) for weight in keras_windows(settings, n_tokens).get_weights()]
    build, width = keras_windows, windows.shape[1]

    def load() -> Any:
        model = build(settings, n_tokens)
        model.set_weights(weights)
        return lambda inputs: model.predict_on_batch(inputs.astype(np.int32))

    predict = predict_batch_udf(
        load, return_type=ArrayType(FloatType()), batch_size=2048, input_tensor_shapes=[[width]]
    )
    rows = lake.spark.read.parquet(str(folder)).repartition(2 * lake.spark.sparkContext.defaultParallelism)
    scored = rows.select(predict("window").alias("p"))
    scored.limit(10).write.format("noop").mode("overwrite").save()  # workers import TensorFlow
    with Meter() as meter:
        began = time.perf_counter()
        scored.agg(F.max(F.array_max("p"))).collect()
        wall = time.perf_counter() - began
    return wall, meter.cpu_s
