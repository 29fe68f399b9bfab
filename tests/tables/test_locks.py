"""Only one process of a machine does a thing to a lake; the lock goes with the process."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time

from offbeat.tables.locks import notes, only_one

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


NOTE = """
import sys
from pathlib import Path
from offbeat.tables.locks import only_one
with only_one(Path(sys.argv[1]), "score", {"run_id": "score-1"}):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_note_tells_who_holds_the_lock_and_who_was_killed_at_it(tmp_path):
    assert notes(tmp_path, ("score",)) == []
    command = [sys.executable, "-c", NOTE, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        [note] = notes(tmp_path, ("ingest", "score"))
        assert (note["run_id"], note["outcome"]) == ("score-1", "running")
        other.kill()
    [note] = notes(tmp_path, ("score",))
    assert note["outcome"] == "killed"
    assert abs(note["touched_at"] - time.time()) < 60
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        other.kill()
    with only_one(tmp_path, "score"):  # who leaves no note lets the last one be
        pass
    with only_one(tmp_path, "score", {"run_id": "score-2"}) as left:
        assert [each["run_id"] for each in left] == ["score-1", "score-1"]
    assert notes(tmp_path, ("score",)) == []
    with only_one(tmp_path, "score", {"run_id": "score-3"}) as left:
        assert left == []
