"""A job for the cluster: files to anomalies in one driver; one task of a step stops in its middle, the first time.

`steps_and_slow.py CONFIG STEP MARKER`: the first task of STEP (sessionize, score; never: none) that has rows to give
writes into MARKER in which folder its executor works, and then sleeps; where it lives to go on, MARKER.woke says so.
So a test has the time to kill its worker, or the cluster to try the task a second time beside it.
"""

import os
import sys
import time
from pathlib import Path

STEP, MARKER = sys.argv[2], sys.argv[3]
SLEEP_S = 150  # a second try on a busy machine takes a minute


def stopping(make, marker):
    """`make` gives what a task does with its batches; here it stops after it has made the first one."""

    def made(*args):
        work = make(*args)

        def do(batches):
            for batch in work(batches):
                try:
                    file = os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
                except FileExistsError:
                    pass
                else:
                    os.write(file, str(Path.cwd()).encode())
                    os.close(file)
                    time.sleep(SLEEP_S)
                    Path(f"{marker}.woke").touch()
                yield batch

        return do

    return made


def go():
    import datetime as dt

    from offbeat import steps
    from offbeat.config import Config
    from offbeat.scoring import judge
    from offbeat.sessions import build

    if STEP == "sessionize":
        build._cutting = stopping(build._cutting, MARKER)
    if STEP == "score":
        judge._judging = stopping(judge._judging, MARKER)
    run_date = dt.datetime(2026, 2, 1, tzinfo=dt.timezone.utc)
    context = steps.Context(Config.load(sys.argv[1]), run_date=run_date)
    for step in (steps.ingest, steps.sessionize, steps.train, steps.score):
        step(context)


go()
