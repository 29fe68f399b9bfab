"""Fixtures that all tests share: one Spark session per process, and the folder of real data."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ["TZ"] = "UTC"
time.tzset()
os.environ.setdefault("OFFBEAT_CORES", "2")
os.environ.setdefault("OFFBEAT_DRIVER_MEMORY", "2g")
# A small log ends before the JVM's second compiler has earned what it costs: without it tests take half the CPU time.
# With the first alone Java keeps 48 MB for compiled code: Spark fills it in minutes, and from then on it is thrown
# away and compiled again.
os.environ.setdefault(
    "OFFBEAT_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole jobs first: with several processes side by side, none is left alone with a long file at the end."""
    items.sort(key=lambda item: "system" not in item.path.parts)


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:  # noqa: F821 - imported lazily, so that tests without Spark stay fast
    """A session with Delta, two partitions a shuffle, UTC; made by the code that jobs use."""
    from offbeat.spark import open_session

    session = open_session("offbeat-tests")
    session.conf.set("spark.sql.shuffle.partitions", "2")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("OFFBEAT_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data: set OFFBEAT_DATA (looked in {folder})")
    return folder
