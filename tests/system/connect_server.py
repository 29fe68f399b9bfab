"""A Spark Connect server in a process of its own, from the installed pyspark; what `SPARK_REMOTE` then points at."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from offbeat import runtime
from tests.conftest import INTERPRETED
from tests.system.cluster import SPARK_HOME, _stop_group

START_LIMIT_S = 120


class ConnectServer:
    """A server on loopback with Delta; a context manager that stops what it started.

    Args:
        folder: where its log and warehouse go.
        memory: of its heap.
    """

    def __init__(self, folder: Path, *, memory: str = "1g") -> None:
        self.folder, self.memory = folder, memory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def remote(self) -> str:
        """What SPARK_REMOTE is set to."""
        return f"sc://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.connect.grpc.binding.port": self.port,
            "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
            "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
            "spark.sql.warehouse.dir": self.folder / "warehouse",
            "spark.sql.shuffle.partitions": 2,
            "spark.databricks.delta.snapshotPartitions": 2,
            "spark.driver.memory": self.memory,
            "spark.driver.host": "127.0.0.1",
            "spark.ui.enabled": "false",
            **INTERPRETED,
        }
        command = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", "local[2]"]
        command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
        command += ["--jars", ",".join(map(str, runtime.delta_jars()))]
        for key, value in settings.items():
            command += ["--conf", f"{key}={value}"]
        own = ("SPARK_", "PYSPARK_", "OFFBEAT_", "PYTHONPATH")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        options = os.environ.get("OFFBEAT_JAVA_OPTIONS", "")
        inherited |= {
            "PYSPARK_PYTHON": sys.executable,
            "JDK_JAVA_OPTIONS": options,
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        with (self.folder / "connect.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "spark-internal"],
                env=inherited | {"JAVA_HOME": str(runtime.ensure_java())},
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            _stop_group(self.process)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _stop_group(self.process)

    def _wait(self) -> None:
        until = time.monotonic() + START_LIMIT_S
        while time.monotonic() < until and self.process.poll() is None:
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.2)
        said = (self.folder / "connect.log").read_text(errors="replace")[-3000:]
        raise RuntimeError(f"no Connect server:\n{said}")
