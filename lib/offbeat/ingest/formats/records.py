"""Where a record of a CSV file ends, when fields in quotes may hold line breaks."""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

# How far a quote that opens may be from the one that closes; a stray one would else take all that follows.
_MOST_LINES = 1000
_MOST_CHARACTERS = 1 << 24


@dataclass(frozen=True)
class Dialect:
    """How fields are parted and quoted; `escape` is the quote itself where quotes are doubled."""

    separator: str = ","
    quote: str = '"'
    escape: str = '"'

    @cached_property
    def special(self) -> re.Pattern[str]:
        """What means something inside quotes."""
        return re.compile(f"[{re.escape(self.quote + self.escape)}]")


def split(stream: BinaryIO, *, dialect: Dialect, encoding: str | None) -> Iterator[tuple[int, str]]:
    r"""Give the records of a CSV file, line breaks inside quotes as \n, blank lines left out.

    A record of several lines is one only where its quotes close as they should; else its first line stands alone, and
    the lines after it are looked at anew.

    Args:
        encoding: None reads UTF-8, and what is not UTF-8 as ISO 8859-1.

    Yields:
        The number of the record's first line, from 0, and the record.
    """
    text = io.TextIOWrapper(stream, encoding=encoding or "iso-8859-1", errors="replace", newline=None)
    ahead: deque[str] = deque()  # lines that were read while looking for the end of a record
    number = 0
    while line := ahead.popleft() if ahead else text.readline():
        record, lines = line.rstrip("\n"), 1
        if dialect.quote in record:
            record, lines = _whole(record, ahead, text, dialect)
        if record.strip():
            yield number, (record if encoding else as_utf8(record)).removeprefix("\ufeff")
        number += lines


def as_utf8(text: str) -> str:
    """Text that was read byte for byte, as the UTF-8 that it is; as it is where it is none."""
    try:
        return text if text.isascii() else text.encode("iso-8859-1").decode("utf-8")
    except UnicodeDecodeError:
        return text


def _whole(line: str, ahead: deque[str], text: io.TextIOWrapper, dialect: Dialect) -> tuple[str, int]:
    """The record that begins with a line, and how many lines it has: one, or those too that belong to it."""
    is_open = _scan(line, dialect, in_quotes=False)
    lines, size, place = [line], len(line), 0
    while is_open and place < _MOST_LINES and size < _MOST_CHARACTERS:
        if place == len(ahead):
            following = text.readline()
            if not following:
                return line, 1
            ahead.append(following)
        following = ahead[place].rstrip("\n")
        is_open = _scan(following, dialect, in_quotes=True)
        size, place = size + len(following), place + 1
        lines.append(following)
    if is_open is not False:
        return line, 1
    for _ in range(place):
        ahead.popleft()
    return "\n".join(lines), len(lines)


def _scan(line: str, dialect: Dialect, *, in_quotes: bool) -> bool | None:
    """Walk over a line of a record.

    Returns:
        Whether it ends inside quotes; None where a quote that closes is not followed by a separator, so that the line
        can't be read this way.
    """
    at, end = 0, len(line)
    while True:
        if in_quotes:
            found = dialect.special.search(line, at)
            if not found:
                return True
            at = found.end()
            following_one = line[at : at + 1]
            if (
                found[0] == dialect.escape
                and following_one
                and following_one in (dialect.quote, dialect.escape)
            ):
                at += 1
                continue
            if found[0] != dialect.quote:
                continue
            in_quotes = False
            if at < end and not line.startswith(dialect.separator, at):
                return None
        elif line.startswith(dialect.quote, at):
            in_quotes, at = True, at + len(dialect.quote)
            continue
        following = line.find(dialect.separator, at)
        if following < 0:
            return False
        at = following + len(dialect.separator)
