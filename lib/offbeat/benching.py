"""Starts the benchmark, which lies beside the package in a checkout and is no part of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from offbeat.errors import OffbeatError, UsageError

_BAD_USAGE = 2


def run_benchmarks(config: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Run `python -m benchmarks` in the checkout that this package comes from.

    Returns:
        What is stored afterwards, by size.

    Raises:
        UsageError: the package is installed without its checkout, or an argument is wrong.
        OffbeatError: a part failed.
    """
    root = next((path for path in (Path(__file__).parents[2], Path.cwd()) if _is_checkout(path)), None)
    if root is None:
        raise UsageError(
            "bench: its files are no part of the package; run `make bench` in a checkout of offbeat"
        )
    command = [sys.executable, "-m", "benchmarks", "--config", str(Path(config).absolute()), *arguments]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    status = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False).returncode
    if status == _BAD_USAGE:
        raise UsageError("bench: nothing was measured; see the line above")
    if status:
        raise OffbeatError("bench: a part failed; what the others found is stored, see above")
    latest = root / "benchmarks" / "latest.json"
    return json.loads(latest.read_text(encoding="utf-8")) if latest.exists() else {}


def _is_checkout(path: Path) -> bool:
    return (path / "benchmarks" / "__main__.py").is_file()
