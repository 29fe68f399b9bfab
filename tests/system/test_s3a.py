"""A lake on s3a: Hadoop's own client against moto's server; the tables are those of a lake in a folder.

moto comes in an environment of its own (`python3 -m venv M && M/bin/pip install 'moto[server]==5.2.5'`), and
OFFBEAT_MOTO names its program: `OFFBEAT_MOTO=M/bin/moto_server`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.request import Request, urlopen

import deltalake
import pytest

from tests.system.offbeat_process import ROOT
from tests.system.test_workers import OF_A_RUN, TABLES, a_log

MOTO = os.environ.get("OFFBEAT_MOTO", "")
pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not MOTO, reason="OFFBEAT_MOTO does not name moto's server"),
]

SECRET = "kept/for+the8store0alone"  # noqa: S105 - moto takes any
SDK = "2.35.4"  # of the AWS SDK, as hadoop-aws names it; three of its modules in place of the whole bundle
MODULES = [f"software.amazon.awssdk:{name}:{SDK}" for name in ("s3", "s3-transfer-manager", "sts")]
SUBMIT = [
    "--packages",
    ",".join(["org.apache.hadoop:hadoop-aws:3.5.0", *MODULES]),
    "--exclude-packages",
    "software.amazon.awssdk:bundle",
]
STEPS = """
import json, sys
from offbeat import cli
for call in json.load(sys.stdin):
    if status := cli.main(call):
        raise SystemExit(f"{call}: {status}")
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The address of an object store with an empty bucket `lake`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (tmp_path_factory.mktemp("moto") / "log").open("wb") as log:
        server = subprocess.Popen([MOTO, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            until = time.monotonic() + 120
            while time.monotonic() < until and server.poll() is None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.2)
            with urlopen(Request(f"{address}/lake", method="PUT"), timeout=60):
                pass
            yield address
        finally:
            server.terminate()
            server.wait(timeout=30)


class Project:
    """A config whose lake is on the store, or in a folder."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder, self.store = folder, store
        columns = {"entity": "who", "time": "when", "event": "what"}
        settings = {
            "name": "there",
            "lake": str(folder / "lake"),
            "source": {"path": str(a_log(folder)), "columns": columns},
            "sessions": {"gap": "10 minutes"},
            "model": {"detector": "ngram2"},
            "score": {"alert_budget": 0.05},
        }
        (folder / "c.yaml").write_text(json.dumps(settings))

    def call(self, verb: str, *more: str, here: bool = False) -> list[str]:
        there = [] if here else ["--lake", "s3a://lake/t", "--set", f"volume={self.folder / 'files'}"]
        return [verb, "--config", str(self.folder / "c.yaml"), "--run-date", "2026-02-01", *there, *more]

    def go(self, calls: list[list[str]]) -> subprocess.CompletedProcess[str]:
        """Commands, one after the other in one process, with credentials from its environment."""
        settings = {
            "endpoint": self.store,
            "endpoint.region": "us-east-1",
            "path.style.access": "true",
            "connection.ssl.enabled": "false",
        }
        confs = [
            part
            for key, value in settings.items()
            for part in ("--conf", f"spark.hadoop.fs.s3a.{key}={value}")
        ]
        env = os.environ | {
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "PYSPARK_SUBMIT_ARGS": " ".join([*SUBMIT, *confs, "pyspark-shell"]),
            "OFFBEAT_CORES": "2",
            "OFFBEAT_DRIVER_MEMORY": "1g",
        }
        command = [sys.executable, "-c", STEPS]
        done = subprocess.run(
            command, input=json.dumps(calls), env=env, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-6000:]
        return done

    def table(self, name: str, *, here: bool = False) -> deltalake.DeltaTable:
        if here:
            return deltalake.DeltaTable(str(self.folder / "lake" / name))
        options = {
            "AWS_ENDPOINT_URL": self.store,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }
        return deltalake.DeltaTable(f"s3a://lake/t/{name}", storage_options=options)


def rows(table: deltalake.DeltaTable) -> list[str]:
    found = table.to_pyarrow_table()
    kept = [column for column in found.column_names if column not in OF_A_RUN]
    return sorted(map(repr, found.select(kept).to_pylist()))


def assert_same(project: Project) -> None:
    """The lake on the store has the rows of the one in the folder."""
    for name in TABLES:
        found = rows(project.table(name))
        assert found, name
        assert found == rows(project.table(name, here=True)), name


def test_a_lake_on_s3a_is_as_one_in_a_folder(store, tmp_path):
    project = Project(tmp_path, store)
    steps = ("ingest", "sessionize", "train", "score")
    first = project.go([project.call(verb, here=here) for here in (False, True) for verb in steps])
    before = {name: project.table(name).version() for name in TABLES}
    assert_same(project)
    again = [project.call(verb, "--verbose") for verb in ("ingest", "sessionize", "score", "maintain")]
    second = project.go([*again, project.call("status", "--json")])
    since = {name: project.table(name).history()[: -before[name] - 1] for name in TABLES}
    assert {commit["operation"] for commits in since.values() for commit in commits} <= {"OPTIMIZE"}
    assert_same(project)
    facts = json.loads(second.stdout.splitlines()[-1])
    assert facts["model"]["champion"].startswith("ngram2")
    assert {run["outcome"] for run in facts["runs"]} == {"done"}
    assert facts["warnings"] == []
    said = "".join([first.stdout, first.stderr, second.stdout, second.stderr, *rows(project.table("runs"))])
    assert SECRET not in said
