"""The whole way from files to anomalies in a process of its own, which dies by SIGKILL: `steps_and_die CONFIG POINT`.

The config's folder `log` has a first file; when it has gone the whole way, `next.csv` beside the config joins it and
goes the way of an increment. POINT says where to die: `TABLE:N:before` and `TABLE:N:after` the N-th commit to a table
of this process, the same of `promote`, `second:S` after S seconds, or `never`. On the last line of stdout stands each
point that was passed.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from offbeat import steps
from offbeat.config import Config
from offbeat.tables.lake import Lake
from offbeat.training.registry import Registry

RUN_DATE = dt.datetime(2026, 2, 1, tzinfo=dt.timezone.utc)


class Death:
    """Counts the points that are passed, and dies at one."""

    def __init__(self, point: str) -> None:
        self.point, self.passed, self.counts = point, [], Counter()
        if point.startswith("second:"):
            threading.Timer(float(point.partition(":")[2]), self.die).start()

    @contextmanager
    def around(self, what: str) -> Iterator[None]:
        """Pass the points before and after something."""
        self.counts[what] += 1
        number = self.counts[what]
        self.reach(f"{what}:{number}:before")
        yield
        self.reach(f"{what}:{number}:after")

    def reach(self, point: str) -> None:
        self.passed.append(point)
        if point == self.point:
            self.die()

    @staticmethod
    def die() -> None:
        """Kill Java and this process, neither of which has a chance to tidy up."""
        from pyspark import SparkContext

        gateway = SparkContext._gateway
        if gateway is not None:
            os.kill(gateway.proc.pid, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def instrument(death: Death) -> None:
    """Have every commit to a table, and the choice of a champion, pass their points."""
    commit, promote = Lake.commit, Registry.promote

    @contextmanager
    def commit_and_pass(lake: Lake, table: Any, txn: Any = None) -> Iterator[None]:
        with death.around(table.name), commit(lake, table, txn):
            yield

    def promote_and_pass(*args: Any, **options: Any) -> None:
        with death.around("promote"):
            promote(*args, **options)

    Lake.commit = commit_and_pass  # type: ignore[method-assign]
    Registry.promote = promote_and_pass  # type: ignore[method-assign]


def go_all_the_way(conf: Config, spark: Any = None) -> None:
    """From the files that are there to anomalies, in the session given or one of its own."""
    context = steps.Context(conf, run_date=RUN_DATE)
    if spark is not None:
        context.spark = spark
    steps.ingest(context)
    steps.sessionize(context)
    if Registry(context.lake, conf.name).champion() is None:
        steps.train(context)
    steps.score(context)


def add_next_file(config: Path) -> bool:
    """Lay the next file beside the first one, whole at once; False where it has been there."""
    following = config.with_name("log") / "next.csv"
    if following.exists():
        return False
    shutil.copy2(config.with_name("next.csv"), following.with_name(".next.csv"))
    following.with_name(".next.csv").rename(following)
    return True


def go_with_next_file(config: Path, spark: Any = None) -> None:
    """All the way with the first file, then again with the next one, where that has not been there."""
    conf = Config.load(config)
    go_all_the_way(conf, spark)
    if add_next_file(config):
        go_all_the_way(conf, spark)


if __name__ == "__main__":
    config, point = Path(sys.argv[1]), sys.argv[2]
    death = Death(point)
    instrument(death)
    go_with_next_file(config)
    print(" ".join(death.passed))
