"""A Spark cluster of real processes on loopback: a standalone master and workers, from the installed pyspark."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar
from urllib.request import urlopen

import pyspark

from offbeat import runtime

SPARK_HOME = Path(pyspark.__file__).parent
START_LIMIT_S = 120
STOP_LIMIT_S = 15
T = TypeVar("T")

# Small enough for a laptop. All executors must be there before the first task, else one does the work of all.
SUBMIT_CONF = {
    "spark.driver.memory": "700m",
    "spark.executor.memory": "700m",
    "spark.executor.cores": "1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "60s",
}


class StandaloneCluster:
    """A master and `workers` workers of one core and 1 GB; a context manager that stops what it started.

    Args: folder: where logs and work go; an empty folder of its own.
        path: PATH of its processes; default: this process's.
        hosts: addresses of this machine that workers take by turns; speculation gives no host a task's second try.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 2,
        path: str | None = None,
        hosts: Sequence[str] = ("127.0.0.1",),
    ) -> None:
        self.path = path or os.environ["PATH"]
        self.hosts = hosts
        self.folder = folder
        self.workers = workers
        self.url = ""
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def submit(
        self,
        script: Path,
        *args: str,
        py_files: Path | None = None,
        conf: Mapping[str, str] | None = None,
        limit_s: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        """Run `script` by spark-submit, with Delta's JARs as on a cluster that has them; the caller sees the status."""
        settings = {**SUBMIT_CONF, "spark.cores.max": str(self.workers), **(conf or {})}
        command: list[str] = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", self.url]
        command += ["--jars", ",".join(map(str, runtime.delta_jars()))]
        command += ["--py-files", str(py_files)] if py_files else []
        for key, value in settings.items():
            command += ["--conf", f"{key}={value}"]
        process = subprocess.Popen(
            [*command, str(script), *args],
            env=self._environment(),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=limit_s)
        finally:
            _stop_group(process)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def stop(self) -> None:
        """End every process that was started, executors with their worker; twice is no harm."""
        for process in reversed(self.processes):
            _stop_group(process)

    def _start(self) -> None:
        (self.folder / "conf").mkdir(parents=True)
        arguments = ["--port", "0", "--webui-port", "0"]
        master = ["--host", "127.0.0.1", *arguments]
        self._launch("master", "org.apache.spark.deploy.master.Master", master)
        self.url = self._wait_for("master", r"Starting Spark master at (spark://\S+)")
        page = self._wait_for("master", r"MasterWebUI.* (http://\S+)")
        sized = [*arguments, "--cores", "1", "--memory", "1g"]
        for number in range(self.workers):
            host = ["--host", self.hosts[number % len(self.hosts)]]
            work = ["--work-dir", str(self.folder / f"work-{number}"), self.url]
            self._launch(f"worker-{number}", "org.apache.spark.deploy.worker.Worker", [*sized, *host, *work])
        self._wait("every worker to register", lambda: _alive_workers(page) == self.workers or None)

    def _launch(self, name: str, main_class: str, arguments: Sequence[str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [SPARK_HOME / "bin" / "spark-class", main_class, *arguments],
                    env=self._environment(),
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # a group of its own, executors included: stop ends it and nothing else
                )
            )

    def _environment(self) -> dict[str, str]:
        """This process's environment less what would let its own Spark, code or settings shine through."""
        own = ("SPARK_", "PYSPARK_", "OFFBEAT_", "PYTHONPATH")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        return inherited | {
            "JAVA_HOME": str(runtime.ensure_java()),
            "PATH": self.path,
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_HOME": str(SPARK_HOME),
            "SPARK_CONF_DIR": str(self.folder / "conf"),
            "SPARK_LOCAL_DIRS": str(self.folder / "local"),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_DAEMON_MEMORY": "256m",
            "JDK_JAVA_OPTIONS": os.environ.get("OFFBEAT_JAVA_OPTIONS", ""),
        }

    def _wait_for(self, name: str, pattern: str) -> str:
        log = self.folder / f"{name}.log"
        found = self._wait(
            f"{pattern!r} in {log}", lambda: re.search(pattern, log.read_text(errors="replace"))
        )
        return found[1]

    def _wait(self, what: str, poll: Callable[[], T | None]) -> T:
        until = time.monotonic() + START_LIMIT_S
        while time.monotonic() < until:
            answer = poll()
            if answer is not None:
                return answer
            if any(process.poll() is not None for process in self.processes):
                break
            time.sleep(0.1)
        raise RuntimeError(f"no cluster: waited for {what}\n{self._logs()}")

    def _logs(self) -> str:
        return "\n".join(
            f"{log.name}: {log.read_text(errors='replace')[-2000:]}" for log in self.folder.glob("*.log")
        )


def _alive_workers(page: str) -> int:
    with urlopen(f"{page}/json/", timeout=10) as answer:
        return json.load(answer)["aliveworkers"]


def _stop_group(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Ask the group of `process` to end, make it, and wait until no member is left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal_group(process.pid, number)
        until = time.monotonic() + STOP_LIMIT_S
        while _signal_group(process.pid, 0) and time.monotonic() < until:
            process.poll()  # takes the exit status: until then the process counts as a member
            time.sleep(0.1)
    process.wait(timeout=STOP_LIMIT_S)


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a group of processes (0: none, only look); False where nobody is in it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
