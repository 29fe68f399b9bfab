"""Log lines on stderr: ours, short; a library's only when they matter."""

from __future__ import annotations

import logging
import sys

_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure(*, verbose: bool = False) -> None:
    """Send offbeat's log lines to stderr; the root logger stays as it is."""
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
