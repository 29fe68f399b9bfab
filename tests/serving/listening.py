"""Runs `offbeat serve` as a process, on a port that is free."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def listening(lake: Path, *, core: int | None = None) -> Iterator[str]:
    """The address of a server over a lake; with `core`, it runs on that core alone."""
    config = lake.parent / "serve.yaml"
    config.write_text(
        f"{{name: top10, pack: top10, lake: {lake}, source: [], serve: {{port: 0}}}}\n", encoding="utf-8"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "offbeat", "serve", "--config", str(config)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        line = process.stdout.readline()
        found = re.search(r"http://\S+?(?=/ )", line)
        assert found, line
        yield found[0]
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()
