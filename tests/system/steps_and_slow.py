"""A job for the cluster: files to anomalies in one driver; one task is disturbed in its middle, the first time.

`steps_and_slow.py CONFIG STEP MARKER HOW`: the first task of STEP (sessionize, score; never: none) that has given rows
writes into MARKER in which folder its executor works. Then, by HOW, it

- stop: sleeps, so that a test has the time to kill its worker, or the cluster to try the task a second time beside it;
  where it lives to go on, MARKER.woke says so
- pause: sleeps for less, while other executors have nothing to do, and goes on
- fail: raises
"""

import os
import sys
import time
from pathlib import Path

STEP, MARKER, HOW = sys.argv[2:5]
SLEEP_S = {"stop": 150, "pause": 20}  # a second try on a busy machine takes a minute


def disturbed(make, marker, how):
    """`make` gives what a task does with its batches; here it is disturbed after it has given the first one."""

    def made(*args):
        work = make(*args)

        def do(batches):
            for batch in work(batches):
                yield batch
                try:
                    file = os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
                except FileExistsError:
                    continue
                os.write(file, str(Path.cwd()).encode())
                os.close(file)
                if how == "fail":
                    raise RuntimeError("the first try fails")
                time.sleep(SLEEP_S[how])
                if how == "stop":
                    Path(f"{marker}.woke").touch()

        return do

    return made


def go():
    import datetime as dt

    from offbeat import steps
    from offbeat.config import Config
    from offbeat.scoring import judge
    from offbeat.sessions import build

    if STEP == "sessionize":
        build._cutting = disturbed(build._cutting, MARKER, HOW)
    if STEP == "score":
        judge._judging = disturbed(judge._judging, MARKER, HOW)
    run_date = dt.datetime(2026, 2, 1, tzinfo=dt.timezone.utc)
    context = steps.Context(Config.load(sys.argv[1]), run_date=run_date)
    for step in (steps.ingest, steps.sessionize, steps.train, steps.score):
        step(context)


go()
