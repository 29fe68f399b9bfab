"""Takes secrets out of what is said: passwords in URLs, tokens in options, and values that are known to be secret.

What is hidden stays hidden whatever repeats it: an error of a database, a traceback, a row of `runs`, an alert.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

HIDDEN = "***"
_LEAST = 4  # a shorter value would take half of every text with it
_NAMES = (
    r"pass(?:word|wd|phrase)?|pwd|secret(?:[_.-]?key)?|token|credentials?|private[_.-]?key|api[_.-]?key|access[_.-]?key|"
    r"account[_.-]?key|shared[_.-]?key|pseudonym[_.-]?key|client[_.-]?secret|signature|sig|sas|webhook"
)
_SECRET_NAME = re.compile(rf"(?:^|[^a-z]|(?<=[a-z])(?=[A-Z]))(?:{_NAMES})(?:$|[^a-z])", re.IGNORECASE)
_IN_TEXT = (
    # scheme://user:password@host, also after jdbc:
    (re.compile(r"(\w://)[^/\s@'\"]*@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    # password=…, "token": "…", x-amz-signature=…; also jaas' password="…"
    (
        re.compile(
            rf"((?<![a-z])(?:[\w.-]*[_.-])?(?:{_NAMES})(?:\.[\w.-]+)?['\"]?\s*(?:=|:\s)\s*)"
            r"(?:\"[^\"]*\"|'[^']*'|[^\s,;&'\"})\]]+)",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
)

_known: set[str] = set()


def is_secret(name: str) -> bool:
    """Whether what has this name (an option, a variable of the environment) is a secret by custom."""
    return bool(_SECRET_NAME.search(name))


def hide(values: Iterable[str]) -> None:
    """Hide these values from now on, wherever they turn up."""
    _known.update(value for value in values if len(value) >= _LEAST)


def hide_secrets_of(options: Mapping[str, str]) -> None:
    """Hide the values of options that are secrets by their name."""
    hide(value for name, value in options.items() if is_secret(name))


def redact(text: str) -> str:
    """The text without secrets."""
    for value in sorted(_known, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", HIDDEN, text)
    return redact_by_form(text)


def redact_by_form(text: str) -> str:
    """The text without what looks like a secret: always the same, whatever else is known to be one."""
    for pattern, instead in _IN_TEXT:
        text = pattern.sub(instead, text)
    return text
