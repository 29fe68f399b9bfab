"""On a cluster whose workers have a bare Python: the packed environment, and workers and tasks that come, go and fail.

What happened to tasks and executors is read from Spark's event log: tables alone would look the same if nothing had.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import deltalake
import pytest

from tests.system.cluster import StandaloneCluster

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("steps_and_slow.py")
OF_A_RUN = {"run_id", "ingest_batch", "source_file", "source", "measured_at"}
TABLES = ("events", "quarantine", "sessions", "session_scores", "event_scores", "anomalies", "drift")
PEX = {"spark.pyspark.python": "./offbeat.pex", "spark.pyspark.driver.python": sys.executable}


@pytest.fixture(scope="module")
def pex() -> Path:
    subprocess.run(["make", "--silent", "pack"], cwd=ROOT, check=True)
    return ROOT / "dist" / "offbeat.pex"


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """A folder of programs with a Python that has nothing but itself."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python3"
    assert subprocess.run([python, "-c", "import pyarrow"], capture_output=True, check=False).returncode == 1
    return folder / "bin"


def a_log(folder: Path) -> Path:
    """A config, and its log of eight users whose sessions are in order but for some."""
    rng = random.Random(7)  # noqa: S311 - a test's log, not a secret
    rows = []
    for session in range(400):
        names = ["open", "look", "look", "pay", "close"]
        if session % 11 == 7:
            names[1:4] = rng.sample(["pay", "look", "odd"], 3)
        for i, name in enumerate(names):
            minute = session * 3 + i
            stamp = f"2026-01-{1 + minute // 1440:02}T{minute // 60 % 24:02}:{minute % 60:02}:00Z"
            rows.append(f"u{session % 8},{stamp},{name}")
    (folder / "log.csv").write_text("who,when,what\n" + "\n".join([*rows, "u1,soon,look", rows[5]]) + "\n")
    return folder / "log.csv"


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> Path:
    return a_log(tmp_path_factory.mktemp("log"))


def go(
    folder: Path, log: Path, bare: Path, pex: Path, step: str, how: str = "stop", *, conf=None, hosts=None
) -> None:
    """The steps on a cluster of their own; where `conf` is None, the worker where a task has stopped dies."""
    marker, config = folder / "marker", folder / "c.yaml"
    columns = {"entity": "who", "time": "when", "event": "what"}
    settings = {
        "name": "workers",
        "lake": str(folder / "lake"),
        "source": {"path": str(log), "columns": columns},
        "sessions": {"gap": "10 minutes"},
        "model": {"detector": "ngram2"},
        "score": {"alert_budget": 0.05},
    }
    config.write_text(json.dumps(settings))
    (folder / "told").mkdir()
    told = {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": (folder / "told").as_uri(),
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
    }
    path = f"{bare}:/usr/bin:/bin"
    with StandaloneCluster(folder / "cluster", path=path, hosts=hosts or ("127.0.0.1",)) as cluster:
        if conf is None:
            Thread(target=kill_where, args=(cluster, marker), daemon=True).start()
        conf_of_all = PEX | {"spark.files": str(pex)} | told | (conf or {})
        done = cluster.submit(SCRIPT, str(config), step, str(marker), how, conf=conf_of_all, limit_s=900)
        assert done.returncode == 0, done.stderr[-6000:]
        assert marker.exists() == (step != "never")
        if conf is None:
            assert [process.poll() for process in cluster.processes].count(-signal.SIGKILL) == 1
    assert not Path(f"{marker}.woke").exists()  # another try made the rows


def told(folder: Path, event: str) -> list[dict]:
    """The events of one kind that Spark has logged."""
    [file] = (folder / "told").iterdir()
    events = map(json.loads, file.read_text().splitlines())
    return [each for each in events if each["Event"] == f"SparkListener{event}"]


def ends(folder: Path) -> dict[tuple[int, int], list[tuple[str, bool]]]:
    """How the tries of each task (stage, index) ended, in that order, and whether they were speculative."""
    found: dict[tuple[int, int], list[tuple[str, bool]]] = {}
    for each in told(folder, "TaskEnd"):
        task = each["Task Info"]
        end = (each["Task End Reason"]["Reason"], task["Speculative"])
        found.setdefault((each["Stage ID"], task["Index"]), []).append(end)
    return found


def kill_where(cluster: StandaloneCluster, marker: Path) -> None:
    """Kill the worker whose executor has left its mark, and all that it started."""
    while not marker.exists() or not marker.read_text():
        time.sleep(0.2)
    number = int(Path(marker.read_text()).relative_to(cluster.folder).parts[0].rpartition("-")[2])
    os.killpg(cluster.processes[1 + number].pid, signal.SIGKILL)


def tables(folder: Path) -> dict[str, list[str]]:
    found = {}
    for name in TABLES:
        table = deltalake.DeltaTable(str(folder / "lake" / name)).to_pyarrow_table()
        kept = [column for column in table.column_names if column not in OF_A_RUN]
        found[name] = sorted(repr(row) for row in table.select(kept).to_pylist())
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, log, bare, pex):
    """Tables of a run with the packed environment that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    go(folder, log, bare, pex, "never", conf={})
    assert {end for tries in ends(folder).values() for end in tries} == {("Success", False)}
    found = tables(folder)
    assert [len(found[name]) for name in ("events", "quarantine", "sessions")] == [2000, 1, 400]
    assert 0 < len(found["anomalies"]) < 80
    return found


def assert_same(undisturbed: dict[str, list[str]], folder: Path) -> None:
    found = tables(folder)
    for name, rows in undisturbed.items():
        assert found[name] == rows, name


def test_executors_with_a_bare_python_run_on_the_packed_environment(undisturbed):
    assert len(undisturbed["session_scores"]) == 400


@pytest.mark.parametrize("step", ["sessionize", "score"])
def test_a_worker_killed_in_the_middle_of_a_step_changes_nothing(undisturbed, tmp_path, log, bare, pex, step):
    go(tmp_path, log, bare, pex, step)
    assert_same(undisturbed, tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="all of 127.0.0.0/8 is this machine on Linux alone")
@pytest.mark.parametrize("step", ["sessionize", "score"])
def test_tasks_that_run_twice_write_once(undisturbed, tmp_path, log, bare, pex, step):
    speculation = {
        "spark.speculation": "true",
        "spark.speculation.interval": "200ms",
        "spark.speculation.quantile": "0.5",
        "spark.speculation.multiplier": "1",
        "spark.speculation.minTaskRuntime": "5s",
        "spark.speculation.task.duration.threshold": "5s",
        "spark.speculation.efficiency.enabled": "false",
    }
    go(tmp_path, log, bare, pex, step, conf=speculation, hosts=("127.0.0.2", "127.0.0.3"))
    twice = [tries for tries in ends(tmp_path).values() if ("Success", True) in tries]
    assert any(("TaskKilled", False) in tries for tries in twice), twice
    assert_same(undisturbed, tmp_path)


@pytest.mark.parametrize("step", ["sessionize", "score"])
def test_a_task_that_fails_is_tried_again_and_writes_once(undisturbed, tmp_path, log, bare, pex, step):
    go(tmp_path, log, bare, pex, step, "fail", conf={})
    again = [tries for tries in ends(tmp_path).values() if len(tries) > 1]
    assert again == [[("ExceptionFailure", False), ("Success", False)]]
    assert_same(undisturbed, tmp_path)


def test_executors_that_come_and_go_change_nothing(undisturbed, tmp_path, log, bare, pex):
    dynamic = {
        "spark.dynamicAllocation.enabled": "true",
        "spark.dynamicAllocation.shuffleTracking.enabled": "true",
        "spark.dynamicAllocation.shuffleTracking.timeout": "3s",
        "spark.dynamicAllocation.initialExecutors": "1",
        "spark.dynamicAllocation.maxExecutors": "2",
        "spark.dynamicAllocation.executorIdleTimeout": "3s",
        "spark.dynamicAllocation.cachedExecutorIdleTimeout": "3s",
        "spark.dynamicAllocation.schedulerBacklogTimeout": "1s",
        "spark.scheduler.minRegisteredResourcesRatio": "0",
    }
    go(tmp_path, log, bare, pex, "sessionize", "pause", conf=dynamic)
    assert len(told(tmp_path, "ExecutorAdded")) > 1
    assert told(tmp_path, "ExecutorRemoved")
    assert_same(undisturbed, tmp_path)
