"""`offbeat forget` in a process of its own, which dies by SIGKILL at a commit: `forget_and_die CONFIG ENTITY POINT`."""

from __future__ import annotations

import sys

from offbeat import steps
from offbeat.config import Config
from tests.system.steps_and_die import RUN_DATE, Death, instrument

if __name__ == "__main__":
    config, entity, point = sys.argv[1:]
    death = Death(point)
    instrument(death)
    steps.forget(steps.Context(Config.load(config), run_date=RUN_DATE, options={"entity": entity}))
    sys.stdout.write(" ".join(death.passed))
