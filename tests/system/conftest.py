"""What the system tests share: the package as a cluster gets it, and a cluster."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.cluster import StandaloneCluster

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def offbeat_zip() -> Path:
    """dist/offbeat.zip of the code as it is now: make builds it where something has changed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    with (ROOT / "Makefile").open() as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        subprocess.run(["make", "--silent", "dist/offbeat.zip"], cwd=ROOT, env=env, check=True)
    return ROOT / "dist" / "offbeat.zip"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneCluster]:
    """A master and two workers, for the tests of one module."""
    with StandaloneCluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started
