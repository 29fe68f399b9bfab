"""`offbeat stream` as a process: what comes goes the whole way, SIGTERM ends it, its tables are those of a batch."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from offbeat import steps
from offbeat.config import Config
from tests.system.offbeat_process import LIMIT_S, ROOT
from tests.system.steps_and_die import RUN_DATE
from tests.system.test_killed import WHOLE, a_log, tables

pytestmark = [pytest.mark.system, pytest.mark.spark]


class Streaming:
    """A stream in a process group of its own, by `with`; its lines as they come."""

    def __init__(self, config: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "offbeat", "stream", "--config", config, *arguments]
        env = os.environ | {"OFFBEAT_CORES": "2", "OFFBEAT_DRIVER_MEMORY": "1g"}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self.said = ""

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def line_with(self, words: str) -> str:
        """The next line that has the words; pytest's timeout ends a wait in vain."""
        for line in self.process.stderr:
            self.said += line
            if words in line:
                return line
        raise AssertionError(self.said)

    def stop(self) -> int:
        os.killpg(self.process.pid, signal.SIGTERM)  # as `timeout` and Ctrl-C do: the whole group
        self.line_with("stream: stopped")
        return self.process.wait(LIMIT_S)


def test_a_stream_leaves_the_tables_of_a_batch(spark, tmp_path):
    folder = a_log(tmp_path / "it")
    first, following = folder / "log" / "first.csv", folder / "next.csv"
    conf = Config.load(folder / "c.yaml")
    context = steps.Context(conf, run_date=RUN_DATE)
    context.spark = spark
    for step in (steps.ingest, steps.sessionize, steps.train):
        step(context)
    shutil.copytree(folder / "lake", tmp_path / "streamed" / "lake")
    options = ("--lake", str(tmp_path / "streamed" / "lake"), "--run-date", RUN_DATE.isoformat())
    with Streaming(folder / "c.yaml", *options, "--set", "stream.every=0.2") as stream:
        assert "rows in 0, " in stream.line_with("round 1")
        shutil.copy2(following, first.with_name(".next.csv"))
        first.with_name(".next.csv").rename(first.with_name("next.csv"))
        told = stream.line_with("round 2")
        assert "rows in 209, events 206, duplicates 1, quarantined 2, sessions " in told
        assert float(told.rpartition("lag ")[2].removesuffix(" s\n")) > 0
        assert stream.stop() == 0
    for step in (steps.ingest, steps.sessionize, steps.score):
        step(context)
    streamed, batch = tables(tmp_path / "streamed"), tables(folder)
    for name in (*WHOLE, "ingested"):
        assert streamed[name] == batch[name], name
