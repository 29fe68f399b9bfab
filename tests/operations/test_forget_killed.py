"""`forget` is killed on its way, over and over, and started again: in the end all is as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import deltalake
import pytest

from tests.operations.test_lake import ODD, WHO, Project, naming, rows, rows_of
from tests.system.offbeat_process import ROOT

pytestmark = [pytest.mark.system, pytest.mark.spark, pytest.mark.slow]

# Said and nothing gone; half of the tables; all but events; all rows, and all of history; half of that; done, unsaid.
MOMENTS = (
    "forgotten:1:after",
    "anomalies:1:after",
    "events:1:before",
    "events:1:after",
    "session_scores:1:after",
    "events:2:after",
    "forgotten:2:before",
)


def go(project, point):
    command = [sys.executable, "-m", "tests.operations.forget_and_die", project.folder / "c.yaml", WHO, point]
    env = os.environ | {"OFFBEAT_CORES": "2", "OFFBEAT_DRIVER_MEMORY": "1g"}
    return subprocess.run(
        command, cwd=ROOT, env=env, timeout=600, capture_output=True, text=True, check=False
    )


@pytest.mark.timeout(6000)
def test_killed_on_the_way_and_started_again(spark, tmp_path, capsys):
    project = Project(tmp_path)
    for verb in ("ingest", "sessionize", "train", "score"):
        assert project(verb) == 0
    rest = sorted(repr(row) for row in rows_of(project, "sessions") if row["entity"] != WHO)
    for point in MOMENTS:
        died = go(project, point)
        assert died.returncode == -signal.SIGKILL, f"{point}: {died.stderr}"
    done = go(project, "never")
    assert done.returncode == 0, done.stderr
    assert naming(project.lake) == []
    assert sorted(map(repr, rows_of(project, "sessions"))) == rest
    outcomes = [row["outcome"] for row in rows_of(project, "runs") if row["step"] == "forget"]
    assert sorted(outcomes) == ["done", *["killed"] * len(MOMENTS)]
    (project.folder / "log" / "b.csv").write_text("who,when,what\n" + rows(90, 102))
    for verb in ("ingest", "sessionize", "score"):
        assert project(verb) == 0
    assert naming(project.lake) == []
    assert len(rows_of(project, "sessions")) == len(rows_of(project, "session_scores")) == 75 + 10
    assert deltalake.DeltaTable(str(project.lake / "events")).to_pyarrow_table().num_rows == 85 * 5
    assert [row for row in rows_of(project, "sessions") if row["entity"] == ODD]
