"""One part of the benchmark in a process of its own: `python -m benchmarks.part NAME WORK.json`; figures as JSON."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.lakes import Work, ensure_events, ensure_hashed, ensure_log
from benchmarks.meter import Meter
from benchmarks.peers import duckdb_sessions, polars_sessions, remove, session_facts
from offbeat.recording import recorded
from offbeat.spark import open_session
from offbeat.tables.contract import EVENTS, SESSIONS
from offbeat.tables.lake import Lake

Figures = dict[str, Any]
RUN_DATE = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
CORES = len(os.sched_getaffinity(0))


def ingest(work: Work) -> Figures:
    """The step ingest on the pack's log, once: what is there already would not be taken again."""
    from offbeat.ingest.run import run

    made = ensure_log(work)
    conf = work.conf("lake")
    remove(Path(conf.lake))
    lake = Lake(open_session("offbeat bench"), conf.lake)
    with _shuffled(lake.spark) as shuffled, Meter() as meter:
        recorded(lake, conf, "ingest", lambda _: run(lake, conf, run_date=RUN_DATE), run_date=RUN_DATE)
    return {
        **meter.figures("ingest"),
        "ingest_shuffle_bytes": shuffled[0],
        "ingest_events_per_s_core": _rate(made["events"], meter.wall_s),
    }


def sessionize(work: Work) -> Figures:
    """The step sessionize on the hashed log, in turns with DuckDB and Polars on the same Parquet."""
    spark = open_session("offbeat bench")
    lake = ensure_hashed(spark, work.folder / "hashed", rows=work.rows)
    files, conf = files_of(lake, EVENTS), work.conf("hashed")
    ours = []
    theirs: dict[str, list[float]] = {"duckdb": [], "polars": []}
    target = work.folder / "peer.parquet"
    facts = {}
    for _ in range(work.repeats):
        meter, shuffled = _sessionize_once(lake, conf)
        ours.append((meter.wall_s, meter, shuffled))
        for name, peer in (("duckdb", duckdb_sessions), ("polars", polars_sessions)):
            seconds = _apart(peer, files, target)
            if seconds is not None:
                theirs[name].append(seconds)
                facts[name] = session_facts([str(target)])
            remove(target)
    facts["ours"] = session_facts(files_of(lake, SESSIONS))
    if len(set(facts.values())) != 1:
        raise SystemExit(f"bench: the sessions differ: {facts}")
    wall, meter, shuffled = min(ours, key=lambda each: each[0])
    best = {name: min(seconds) for name, seconds in theirs.items() if seconds}
    return {
        **meter.figures("sessionize"),
        "sessionize_sessions": facts["ours"][0],
        "sessionize_shuffle_bytes": shuffled,
        "sessionize_events_per_s_core": _rate(work.rows, wall),
        **{f"sessionize_{name}_wall_s": round(seconds, 2) for name, seconds in best.items()},
        **{f"sessionize_vs_{name}": round(wall / seconds, 3) for name, seconds in best.items()},
    }


def skewed(work: Work) -> Figures:
    """The step sessionize where one entity has a fifth of all events: seconds and a worker's memory."""
    spark = open_session("offbeat bench")
    lake = ensure_hashed(spark, work.folder / "skewed", rows=work.rows, skewed=True)
    meter, _ = _sessionize_once(lake, work.conf("skewed", "sessions.max_events=null"))
    figures = meter.figures("skewed")
    return {name: figures[name] for name in ("skewed_wall_s", "skewed_cpu_s", "skewed_worker_peak_mib")}


def train(work: Work) -> Figures:
    """Training events per second against plain Keras `fit` on the same arrays; and a model for the part score."""
    from benchmarks.training import compare_training

    lake = ensure_sessions(work)
    return compare_training(lake, work.conf("lake"))


def score(work: Work) -> Figures:
    """The step score on the pack's log, in turns with the bare model."""
    from benchmarks.scoring import time_scores

    return time_scores(ensure_sessions(work), work.conf("lake"), work, prefix="score")


def shared(work: Work) -> Figures:
    """The same on a log whose sessions resemble each other as machines' do."""
    from benchmarks.lakes import ensure_machine
    from benchmarks.scoring import time_scores

    folder = work.folder / "machine"
    lake = ensure_machine(open_session("offbeat bench"), folder, rows=work.rows)
    conf = work.conf("machine/lake", "pack=null", "name=machine")
    _ensure_sessions(lake, conf)
    return time_scores(lake, conf, work, prefix="machine")


def drafts(work: Work) -> Figures:
    """What a first draft would do: windows of ten in `predict_batch_udf`, and one window per call."""
    from benchmarks.scoring import time_drafts

    return time_drafts(ensure_sessions(work), work.conf("lake"))


def networks(work: Work) -> Figures:  # noqa: ARG001 - of one size whatever is asked
    """Rates of the exact path and of Keras for LSTM and GRU, several widths and vocabularies."""
    from benchmarks.networks import time_networks

    return {"networks": time_networks()}


def full(work: Work) -> Figures:
    """`offbeat run` from nothing, the log already made."""
    from offbeat import steps

    ensure_log(work)
    conf = work.conf("full", "generate.path=null")
    remove(Path(conf.lake))
    context = steps.Context(conf, run_date=RUN_DATE)
    with Meter() as meter:
        summary = steps.run(context)
    seconds = {f"full_{step}_s": each["seconds"] for step, each in summary.items()}
    rate = _rate(summary["ingest"]["events"], meter.wall_s)
    return {**meter.figures("full"), **seconds, "full_events_per_s_core": rate}


PARTS: dict[str, Callable[[Work], Figures]] = {
    part.__name__: part for part in (ingest, sessionize, skewed, train, score, shared, drafts, networks, full)
}


def ensure_sessions(work: Work) -> Lake:
    """The lake of the pack's log, with sessions."""
    lake = ensure_events(open_session("offbeat bench"), work)
    _ensure_sessions(lake, work.conf("lake"))
    return lake


def _ensure_sessions(lake: Lake, conf: Any) -> None:
    from offbeat.sessions.run import run

    if not lake.exists(SESSIONS):
        run(lake, conf, run_date=RUN_DATE)


def files_of(lake: Lake, table: Any) -> list[str]:
    """The Parquet files that a table is made of now."""
    import deltalake

    return [uri.removeprefix("file://") for uri in deltalake.DeltaTable(lake.path(table.name)).file_uris()]


def _sessionize_once(lake: Lake, conf: Any) -> tuple[Meter, int]:
    from offbeat.sessions.run import run

    remove(Path(lake.path(SESSIONS.name)))
    fresh = Lake(lake.spark, conf.lake)
    with _shuffled(lake.spark) as shuffled, Meter() as meter:
        run(fresh, conf, run_date=RUN_DATE)
    return meter, shuffled[0]


def _apart(peer: Callable[..., float], *arguments: Any) -> float | None:
    """A peer's seconds, in a process of its own so that its memory goes with it; None where memory was too small."""
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(peer, *arguments).result()
    except (BrokenProcessPool, MemoryError):
        print(f"bench: {peer.__name__} was killed: too little memory", file=sys.stderr)
        return None


@contextmanager
def _shuffled(spark: Any) -> Iterator[list[int]]:
    """How many bytes went through a shuffle within the `with`."""
    found = [0]
    before = _bytes_shuffled(spark)
    yield found
    found[0] = _bytes_shuffled(spark) - before


def _bytes_shuffled(spark: Any) -> int:
    time.sleep(0.2)  # the listener is a little behind
    executors = spark.sparkContext._jsc.sc().statusStore().executorList(False)  # noqa: SLF001 - no public way
    return sum(int(executors.apply(i).totalShuffleWrite()) for i in range(executors.size()))


def _rate(events: int, seconds: float) -> int:
    return round(events / seconds / CORES)


def main() -> None:
    """Run the part that the command line names."""
    name, path = sys.argv[1:]
    values = json.loads(Path(path).read_text())
    work = Work(**{**values, "folder": Path(values["folder"])})
    began = time.perf_counter()
    figures = PARTS[name](work)
    print(json.dumps(figures | {f"{name}_part_s": round(time.perf_counter() - began, 1)}), flush=True)


if __name__ == "__main__":
    main()
