"""Log lines on stderr: ours, short; and errors in one line."""

from __future__ import annotations

import logging
import os
import re
import sys

from offbeat.errors import OffbeatError

_FULL_DISK = ("No space left on device", "File too large", "Disk quota exceeded")
_CONCURRENT = (
    "ConcurrentAppendException",
    "ConcurrentTransactionException",
    "DELTA_CONCURRENT",
    "ConcurrentModification",
)
_CAUSE = re.compile(r"Caused by: [\w.$]+: (.*)")
_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure(*, verbose: bool = False) -> None:
    """Send offbeat's log lines to stderr; the root logger stays as it is."""
    if not verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow reads it when it is imported
    logger = logging.getLogger("offbeat")
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger.propagate = False
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(_LINE, "%H:%M:%S"))
        logger.addHandler(handler)


def one_line(text: object, *, limit: int = 1000) -> str:
    """A text without line breaks or control characters, for a log line or an error."""
    cleaned = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"


def error_line(error: BaseException) -> str:
    """One line that says what, where and what to do."""
    if isinstance(error, OffbeatError):
        return one_line(error)
    text = str(error)
    for sign in _FULL_DISK:
        if sign in text:
            return (
                f"the disk is full ({sign}): free some space and run the same command again; nothing is lost"
            )
    if any(sign in text for sign in _CONCURRENT):
        return "another run wrote the same table at the same time and won: run the same command again"
    causes = _CAUSE.findall(text)
    said = (
        causes[-1]
        if causes
        else next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    )
    return f"{type(error).__name__}: {one_line(said, limit=400)} (a traceback with --verbose)"
