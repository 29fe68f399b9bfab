"""What varies in a line of a log, whatever the line says: addresses, paths, ids, numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from offbeat.errors import UsageError

# In this order: what is inside an address or a path must not be taken for a number first.
USUAL: tuple[tuple[str, str], ...] = (
    ("uuid", r"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b"),
    ("url", r"\b[a-z][a-z0-9+.-]*://[^\s,;\"'<>)\]]+"),
    ("ip", r"/?(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?![\w.]*\w)"),
    ("path", r"(?<![\w.>])(?:/[\w.$@:+%~#=-]+)+/?"),
    ("id", r"\b[A-Za-z]+(?:_-?\d+)+(?:_[A-Za-z]+(?:_-?\d+)*)*\b"),
    ("hex", r"\b0[xX][0-9A-Fa-f]+\b|\b(?=[0-9A-Fa-f]*\d)(?=[0-9A-Fa-f]*[A-Fa-f])[0-9A-Fa-f]{8,}\b"),
    ("num", r"(?<![\w<])[-+]?\d+(?:[.:,]\d+)*(?![\w>])"),
)


class Masker:
    """Puts a mark like <num> in place of what varies.

    Args:
        own: name and regular expression of further masks, which go before the usual ones.

    Raises:
        UsageError: a pattern is no regular expression.
    """

    def __init__(self, own: Sequence[tuple[str, str]] = ()) -> None:
        self.masks = tuple((str(name), str(pattern)) for name, pattern in (*own, *USUAL))
        self._compiled = [(_compiled(name, pattern), f"<{name}>") for name, pattern in self.masks]
        # A list of parameters is one parameter, however long it is.
        names = "|".join(re.escape(name) for name in dict.fromkeys(name for name, _ in self.masks))
        self._runs = re.compile(rf"(<(?:{names})>)(?:[\s,;]+\1)+")

    def tokens(self, line: str) -> tuple[str, ...]:
        """The line's words, with marks for what varies."""
        for pattern, mark in self._compiled:
            line = pattern.sub(mark, line)
        return tuple(self._runs.sub(r"\1", line).split())


def own_masks(masks: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The masks that are not the usual ones: what `Masker` takes to be the same again."""
    return tuple((name, pattern) for name, pattern in masks if (name, pattern) not in USUAL)


def _compiled(name: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"config: templates.masks: {name} is no regular expression: {error}; got {pattern}"
        ) from None
