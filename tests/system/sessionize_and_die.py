"""Sessionizes a lake in a process of its own and dies by SIGKILL at a point: `sessionize_and_die LAKE POINT`."""

from __future__ import annotations

import os
import signal
import sys
from unittest.mock import patch

from offbeat.sessions.run import Basis
from offbeat.spark import open_session
from offbeat.tables.lake import Lake
from tests.sessions.logs import Log


def die(*_args: object, **_kwargs: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def merge_and_die(*args: object, **kwargs: object) -> None:
    merge(*args, **kwargs)
    die()


merge = Lake.merge
POINTS = {
    "first load, before its basis is written": patch.object(Basis, "write", die),
    "before the merge": patch.object(Lake, "merge", die),
    "between merge and checkpoint": patch.object(Lake, "merge", merge_and_die),
}

if __name__ == "__main__":
    folder, point = sys.argv[1:]
    with POINTS[point]:
        Log(open_session("dies"), folder).run()
