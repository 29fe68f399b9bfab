"""Locks between processes of one machine that write to one lake, with a note of who holds each.

On a local disk Delta looks whether a commit's file is there and then renames it: two processes may both find it free,
and one commit is lost. Object stores and catalogs have a way of their own; a folder of this machine gets a lock. The
system lets go of it when the process ends, however it ends, so a lock never has to be cleaned up.

Who holds a lock may leave a note in it, and takes it away at the end. A note without a holder is one of a process that
was killed; when it was last touched says how long that process lived.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

log = logging.getLogger(__name__)

_TOUCH_EVERY_S = 5.0
_BEFORE = "killed_before"
Note = dict[str, Any]


@contextmanager
def only_one(folder: Path | None, what: str, note: Mapping[str, Any] | None = None) -> Iterator[list[Note]]:
    """Do something while no other process of this machine does it; wait for one that does, and say so.

    Args:
        folder: the lake's; None where it is not on this machine: then nothing is locked.
        what: names what only one may do, for the lock and for people.
        note: what `notes` tells of who holds the lock.

    Yields:
        The notes of holders before that were killed, with `touched_at` (seconds since 1970): since the last one that
        came to its end, who has had them.
    """
    if folder is None:
        yield []
        return
    lock, writable = _open(_place(folder, what))
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("lake %s: another run does %s; waiting for it", folder, what)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if note is None or not writable:
            yield []
            return
        left = _read(lock)
        killed = [] if left is None else [*left.pop(_BEFORE, []), left]
        with _noted(lock, {**note, _BEFORE: killed}):
            yield killed
    finally:
        os.close(lock)


def notes(folder: Path | None, whats: tuple[str, ...]) -> list[Note]:
    """The notes in the locks of a lake; `outcome` says `running`, or `killed` where nobody holds the lock any more."""
    found: list[Note] = []
    if folder is None:
        return found
    for what in whats:
        try:
            lock = os.open(_place(folder, what), os.O_RDONLY)
        except OSError:
            continue
        try:
            note = _read(lock)
            if note is not None:
                note.pop(_BEFORE, None)
                found.append(note | {"outcome": "running" if _is_held(lock) else "killed"})
        finally:
            os.close(lock)
    return found


def _place(folder: Path, what: str) -> Path:
    """Where the lock lies: not in the lake, so that a run that is refused leaves no trace there."""
    name = hashlib.sha256(f"{folder.resolve()}\n{what}".encode()).hexdigest()[:32]
    return Path(tempfile.gettempdir(), f"offbeat-{name}.lock")


def _open(place: Path) -> tuple[int, bool]:
    """The lock's file, and whether a note can be written: two users can share a lake, the first one's locks too."""
    try:
        return os.open(place, os.O_RDWR | os.O_CREAT, 0o644), True
    except PermissionError:
        return os.open(place, os.O_RDONLY), False


def _read(lock: int) -> Note | None:
    with suppress(ValueError):
        found = json.loads(os.pread(lock, os.fstat(lock).st_size, 0))
        if isinstance(found, dict):
            return found | {"touched_at": os.fstat(lock).st_mtime}
    return None


def _is_held(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


@contextmanager
def _noted(lock: int, note: Mapping[str, Any]) -> Iterator[None]:
    """Keep a note in the lock, and touch it while this process lives."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps(note, default=str).encode(), 0)
    done = Event()

    def touch() -> None:
        while not done.wait(_TOUCH_EVERY_S):
            with suppress(OSError):
                os.utime(lock)

    toucher = Thread(target=touch, name=f"note {lock}", daemon=True)
    toucher.start()
    try:
        yield
    finally:
        done.set()
        toucher.join()
        os.ftruncate(lock, 0)
