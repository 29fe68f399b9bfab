"""The model alone on arrays in memory, one pinned process per task slot: what these cores can do at most.

As a program it is one slot: `python -m benchmarks.bare MODEL ARRAYS SLOT SHARED` says `ready`, waits for a line, scores
once per line and answers each with JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Bare:
    """Pinned processes that hold the sessions, a share each.

    Args:
        model: folder of the artifact.
        arrays: `arrays-SLOT.npz`, one per slot.
    """

    def __init__(self, model: str, arrays: list[Path]) -> None:
        self._stack = ExitStack()
        self._slots = []
        for slot, path in enumerate(arrays):
            command = [sys.executable, "-m", "benchmarks.bare", model, str(path), str(slot)]
            process = subprocess.Popen(  # a slot, ours
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **_ONE_THREAD},
            )
            self._stack.enter_context(process)
            self._slots.append(process)
        for process in self._slots:
            _answer(process)

    def score(self, *, shared: bool) -> dict[str, Any]:
        """Score everything once: events, seconds of the slowest slot, CPU seconds, share of distinct prefixes."""
        for process in self._slots:
            assert process.stdin is not None  # noqa: S101
            print("shared" if shared else "alone", file=process.stdin, flush=True)
        found = [_answer(process) for process in self._slots]
        steps = sum(each["steps"] for each in found)
        return {
            "events": sum(each["events"] for each in found),
            "wall_s": max(each["wall_s"] for each in found),
            "cpu_s": sum(each["cpu_s"] for each in found),
            "distinct_share": sum(each["distinct"] for each in found) / max(1, steps),
        }

    def close(self) -> None:
        """End the processes."""
        for process in self._slots:
            if process.stdin is not None:
                process.stdin.close()
        self._stack.close()


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None  # noqa: S101
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


def _serve(model: str, path: str, slot: int) -> None:
    from offbeat.detectors.base import Sequences
    from offbeat.training.artifact import load_artifact

    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[slot % len(cores)]})
    detector: Any = load_artifact(model).detector
    with np.load(path) as arrays:
        sequences = Sequences(**dict(arrays))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        detector.share = line.strip() == "shared"
        began, used = time.perf_counter(), time.process_time()
        detector.score(sequences)
        wall, cpu = time.perf_counter() - began, time.process_time() - used
        figures = {"events": len(sequences.ids), "wall_s": wall, "cpu_s": cpu}
        print(json.dumps(figures | _steps(detector, sequences)), flush=True)


def _steps(detector: Any, sequences: Any) -> dict[str, int]:
    """Steps of all sessions, and those left where each distinct beginning is computed once."""
    from offbeat.detectors.sweep import count_steps

    steps = distinct = 0
    for slab in sequences.slabs(detector.slab_events):
        all_steps, left = count_steps(detector.steps(slab))
        steps, distinct = steps + all_steps, distinct + left
    return {"steps": steps, "distinct": distinct}


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
