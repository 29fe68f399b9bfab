"""Wall seconds, CPU seconds and peak memory of a process tree while something runs in it."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any, Self

import psutil

_EVERY_S = 0.1
MIB = 2**20


class Meter:
    """Measures this process and all below it, from entering the `with` to leaving it.

    Attributes:
        wall_s: seconds on the clock.
        cpu_s: CPU seconds of all processes; of one that ends in between, as last seen.
        peak_mib: largest resident memory by kind: `driver` (this process), `jvm`, and `worker` (one Python worker).
    """

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0
        self.peak_mib = {"driver": 0.0, "jvm": 0.0, "worker": 0.0}
        self._own = psutil.Process()
        self._kinds: dict[int, str] = {self._own.pid: "driver"}
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._done = threading.Event()

    def __enter__(self) -> Self:
        self._look(starting=True)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s = time.perf_counter() - self._began
        self._done.set()
        self._thread.join()
        self._look()
        self.cpu_s = sum(last - self._first[pid] for pid, last in self._last.items())

    def figures(self, name: str) -> dict[str, Any]:
        """Seconds and peaks under names that begin with `name`."""
        peaks = {f"{name}_{kind}_peak_mib": round(peak) for kind, peak in self.peak_mib.items() if peak}
        return {f"{name}_wall_s": round(self.wall_s, 2), f"{name}_cpu_s": round(self.cpu_s, 2), **peaks}

    def _watch(self) -> None:
        while not self._done.wait(_EVERY_S):
            self._look()

    def _look(self, *, starting: bool = False) -> None:
        for process in [self._own, *self._own.children(recursive=True)]:
            with suppress(psutil.Error):
                kind = self._kinds.get(process.pid) or self._kind(process)
                times = process.cpu_times()
                used = times.user + times.system
                self._first.setdefault(process.pid, used if starting else 0.0)
                self._last[process.pid] = used
                if kind in self.peak_mib:
                    resident = process.memory_info().rss / MIB
                    self.peak_mib[kind] = max(self.peak_mib[kind], resident)

    def _kind(self, process: psutil.Process) -> str:
        """What a process is; that of a fresh fork is not kept, since it may yet become something else."""
        command = " ".join(process.cmdline())
        if "java" in process.name():
            kind = "jvm"
        elif "pyspark.daemon" in command or "pyspark/daemon" in command:
            parent = process.parent()
            above = " ".join(parent.cmdline()) if parent else ""
            kind = "worker" if "daemon" in above else "daemon"
        else:
            return "other"
        self._kinds[process.pid] = kind
        return kind
