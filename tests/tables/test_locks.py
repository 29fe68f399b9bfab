"""Only one process of a machine does a thing to a lake; the lock goes with the process."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

from offbeat.tables.locks import only_one

HOLD = """
import sys
from pathlib import Path
from offbeat.tables.locks import only_one
with only_one(Path(sys.argv[1]), "ingest"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_waited_for_also_where_it_is_killed(tmp_path, caplog):
    caplog.set_level(logging.INFO, "offbeat.tables.locks")
    command = [sys.executable, "-c", HOLD, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with (
            only_one(tmp_path, "sessionize"),
            only_one(tmp_path / "other", "ingest"),
            only_one(None, "ingest"),
        ):
            assert caplog.text == ""
        threading.Timer(0.3, other.kill).start()
        with only_one(tmp_path, "ingest"):
            assert other.wait(5) < 0
    assert "another run does ingest; waiting for it" in caplog.text
