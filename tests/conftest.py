"""Fixtures that all tests share: one Spark session per process, and the folder of real data."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
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


# Seconds of each test file; `OFFBEAT_DURATIONS=1 make test` writes down what it has measured.
DURATIONS = Path(__file__).with_name("durations.json")
_measured: Counter[str] = Counter()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest files first: so several processes end together, each taking the next file when it is done with one."""
    seconds = json.loads(DURATIONS.read_text(encoding="utf-8"))
    items.sort(key=lambda item: (-seconds.get(_file_of(item.nodeid), 0), _file_of(item.nodeid)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what a file's tests took, set-up included."""
    _measured[_file_of(report.nodeid)] += report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where it is asked for, keep what was measured; files that did not run keep what they had."""
    if os.environ.get("OFFBEAT_DURATIONS") and not hasattr(session.config, "workerinput"):
        seconds = json.loads(DURATIONS.read_text(encoding="utf-8"))
        seconds |= {name: round(each) for name, each in _measured.items()}
        there = {name: each for name, each in sorted(seconds.items()) if each and Path(name).exists()}
        DURATIONS.write_text(json.dumps(there, indent=1) + "\n", encoding="utf-8")


def _file_of(test: str) -> str:
    return test.partition("::")[0]


# Over a small log, plans cost more to compile, and to change on the way, than they gain: a quarter of the CPU time.
# Jobs that run as processes do both, so both ways are tested.
INTERPRETED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:  # noqa: F821 - imported lazily, so that tests without Spark stay fast
    """A session with Delta, two partitions a shuffle, UTC; made by the code that jobs use."""
    from offbeat.spark import open_session

    session = open_session("offbeat-tests")
    for key, value in {"spark.sql.shuffle.partitions": "2", **INTERPRETED}.items():
        session.conf.set(key, value)
    yield session
    session.stop()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("OFFBEAT_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data: set OFFBEAT_DATA (looked in {folder})")
    return folder
