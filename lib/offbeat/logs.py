"""Log lines on stderr: ours, short, for people or as JSON; and errors in one line. None of them tells a secret."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from offbeat.errors import OffbeatError, UsageError
from offbeat.redaction import hide_secrets_of, redact

FORMATS = ("text", "json")
_FULL_DISK = ("No space left on device", "File too large", "Disk quota exceeded")
_CONCURRENT = (
    "ConcurrentAppendException",
    "ConcurrentTransactionException",
    "DELTA_CONCURRENT",
    "ConcurrentModification",
)
_CAUSE = re.compile(r"Caused by: [\w.$]+: (.*)")
_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Of the process, not of a thread: batches of a stream are done in threads of their own. One step is at work at a time.
_run: dict[str, str] = {}


class _Handler(logging.StreamHandler):  # type: ignore[type-arg] # generic at run time from Python 3.11 on
    """Of offbeat's log lines."""


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _Json(logging.Formatter):
    """A line is one JSON object: time, level, logger, message, and run_id and step where a run is at work."""

    def format(self, record: logging.LogRecord) -> str:
        at = dt.datetime.fromtimestamp(record.created, dt.timezone.utc)
        line = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            **_run,
        }
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def configure(*, verbose: bool = False, form: str | None = None) -> None:
    """Send offbeat's log lines to stderr; the root logger stays as it is.

    Args:
        form: text or json; where not given, what OFFBEAT_LOG_FORMAT says, else text.

    Raises:
        UsageError: there is no such form.
    """
    if not verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow reads it when it is imported
    hide_secrets_of({name: value for name, value in os.environ.items() if name.startswith("OFFBEAT_")})
    form = form or os.environ.get("OFFBEAT_LOG_FORMAT") or "text"
    if form not in FORMATS:
        raise UsageError(
            f"OFFBEAT_LOG_FORMAT: expected {' or '.join(FORMATS)}, got {one_line(form, limit=40)}"
        )
    logger = logging.getLogger("offbeat")
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger.propagate = False
    if not _handlers():
        logger.addHandler(_Handler(sys.stderr))
    for handler in _handlers():
        handler.setFormatter(_Json() if form == "json" else _Text(_LINE, "%H:%M:%S"))


def _handlers() -> list[_Handler]:
    """Ours; others that someone else has added keep their own form."""
    return [handler for handler in logging.getLogger("offbeat").handlers if isinstance(handler, _Handler)]


@contextmanager
def of_run(run_id: str, step: str) -> Iterator[None]:
    """Name the run in every JSON line that is logged meanwhile."""
    before = dict(_run)
    _run.update(run_id=run_id, step=step)
    try:
        yield
    finally:
        _run.clear()
        _run.update(before)


def tell(message: str) -> None:
    """Say in one line on stderr how a command ended: as `offbeat: …`, or as JSON where log lines are JSON."""
    formatter = next((handler.formatter for handler in _handlers()), None)
    line = f"offbeat: {message}"
    if isinstance(formatter, _Json):
        line = formatter.format(logging.LogRecord("offbeat", logging.ERROR, "", 0, message, (), None))
    print(line, file=sys.stderr)


def one_line(text: object, *, limit: int = 1000) -> str:
    """A text without secrets, line breaks or control characters, for a log line or an error."""
    cleaned = " ".join("".join(c if c.isprintable() else " " for c in redact(str(text))).split())
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
