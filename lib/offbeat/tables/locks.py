"""Locks between processes of one machine that write to one lake.

On a local disk Delta looks whether a commit's file is there and then renames it: two processes may both find it free,
and one commit is lost. Object stores and catalogs have a way of their own; a folder of this machine gets a lock. The
system lets go of it when the process ends, however it ends, so a lock never has to be cleaned up.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def only_one(folder: Path | None, what: str) -> Iterator[None]:
    """Do something while no other process of this machine does it; wait for one that does, and say so.

    Args:
        folder: the lake's; None where it is not on this machine: then nothing is locked.
        what: names what only one may do, for the lock and for people.
    """
    if folder is None:
        yield
        return
    # Not in the lake: a run that is refused leaves no trace there.
    name = hashlib.sha256(f"{folder.resolve()}\n{what}".encode()).hexdigest()[:32]
    place = Path(tempfile.gettempdir(), f"offbeat-{name}.lock")
    # Opened for reading alone, so that two users can share a lake.
    lock = os.open(place, os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("lake %s: another run does %s; waiting for it", folder, what)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
