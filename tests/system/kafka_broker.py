"""A broker of Kafka of a test's own, on loopback: its JARs come from the same cache as Delta's."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import Self

import pyspark

from offbeat.runtime import ensure_java, extra_jars

COORDINATE = "org.apache.kafka:kafka_2.13:3.9.2"
CLUSTER = "b2ZmYmVhdC10ZXN0cy0xMg"  # any 16 bytes in base 64


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class KafkaBroker:
    """Started by `with`, stopped at its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers = f"127.0.0.1:{free_port()}"
        jars = [*map(str, extra_jars(COORDINATE)), f"{Path(pyspark.__file__).parent}/jars/*"]
        self._java = [str(Path(ensure_java()) / "bin" / "java"), "-Xmx300m", "-cp", ":".join(jars)]

    def __enter__(self) -> Self:
        controller = f"127.0.0.1:{free_port()}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.servers},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.servers}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self.folder / "logs",
            "offsets.topic.replication.factor": 1,
        }
        conf = self.folder / "server.properties"
        conf.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        format_it = [*self._java, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", conf]
        subprocess.run(format_it, check=True, capture_output=True)
        with (self.folder / "out").open("w") as out:
            self._process = subprocess.Popen([*self._java, "kafka.Kafka", conf], stdout=out, stderr=out)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)
