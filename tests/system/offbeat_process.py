"""Runs `offbeat` as a process, as a person would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import INTERPRETED

ROOT = Path(__file__).parents[2]
LIMIT_S = 280


def with_plain_plans() -> dict[str, str]:
    """Surroundings of processes on small logs, for which compiling the plans is a good part of what they cost."""
    plain = [f"-D{key}={value}" for key, value in INTERPRETED.items()]
    return os.environ | {
        "OFFBEAT_CORES": "2",
        "OFFBEAT_DRIVER_MEMORY": "1g",
        "OFFBEAT_JAVA_OPTIONS": " ".join([os.environ.get("OFFBEAT_JAVA_OPTIONS", ""), *plain]),
    }


def offbeat(*args: str | Path, limit_s: float = LIMIT_S) -> subprocess.CompletedProcess[str]:
    """One call of the command line."""
    command = [sys.executable, "-m", "offbeat", *map(str, args)]
    surroundings = os.environ | {"OFFBEAT_CORES": "2", "OFFBEAT_DRIVER_MEMORY": "2g"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=limit_s, cwd=ROOT, env=surroundings, check=False
    )


def figures(done: subprocess.CompletedProcess[str]) -> dict:
    """The JSON object on the last line of stdout."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
