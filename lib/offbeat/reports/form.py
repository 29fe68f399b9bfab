"""How values are written for people: numbers with units, times with their zone, text that can't hide anything."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any
from urllib.parse import urlsplit

NONE = "–"  # what stands where a value is not known
_SPACE = "\u00a0"  # a unit stays beside its number
LONGEST = 160  # letters of a name: more is cut off, or a few long ones would fill a page
_LONGEST_TEXT = 400  # of a cell that holds a sentence
_MANY = 1e-3  # below this share, "1 in n" says more than a percentage


def visible(text: str) -> str:
    """Text with its control characters, lone surrogates and bidirectional overrides made visible.

    An event name from a log may hold any of them; none may end a document, break its encoding or reorder what is read.
    """
    return text.translate(_VISIBLE)


def clipped(text: str, most: int = LONGEST) -> str:
    """The text, of a longer one its beginning; a few letters of its hash tell it from others that begin alike."""
    if len(text) <= most:
        return text
    return f"{text[: most - 7]}…{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"


def event_name(event: str) -> str:
    """An event's name, the vocabulary's own marks in words, a long one clipped."""
    return {"<end>": "end of session", "<start>": "start of session", "<unknown>": "unknown event"}.get(
        event, clipped(event)
    )


def count(value: float | None) -> str:
    """1234567 → `1,234,567`."""
    return NONE if _missing(value) else f"{value:,.0f}"


def number(value: float | None, digits: int = 3) -> str:
    """Three significant digits, but never fewer than its whole part: 0.01234 → `0.0123`, 14.27 → `14.3`."""
    if value is None or _missing(value):
        return NONE
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 9)}f}"


def share(value: float | None) -> str:
    """A share from 0 to 1 as a percentage: 0.0312 → `3.12 %`; what is not zero never reads as zero."""
    if value is None or _missing(value):
        return NONE
    percent = 100 * value
    if 0 < abs(percent) < 0.01:  # noqa: PLR2004 - two decimals are what is shown
        return f"<{_SPACE}0.01{_SPACE}%" if percent > 0 else f">{_SPACE}−0.01{_SPACE}%"
    decimals = 1 if abs(percent) >= 10 else 2  # noqa: PLR2004 - three digits in all
    return f"{percent:.{decimals}f}".replace("-", "−") + f"{_SPACE}%"


def signed_share(value: float | None) -> str:
    """A deviation as a percentage with its sign: 0.031 → `+3.10 %`."""
    text = share(value)
    return f"+{text}" if value is not None and value > 0 and not _missing(value) else text


def percentile(value: float | None) -> str:
    """A percentile from 0 to 100: 99.987 → `99.99 %`; below 100 never rounds up to it."""
    if value is None or _missing(value):
        return NONE
    return f"{value if value >= 100 else min(value, 99.99):.2f}".rstrip("0").rstrip(".") + f"{_SPACE}%"  # noqa: PLR2004


def probability(value: float | None) -> str:
    """A probability from 0 to 1; a tiny one as `1 in n`, which people can compare."""
    if value is None or _missing(value):
        return NONE
    if value >= _MANY:
        return share(value)
    if value <= 1e-12:  # noqa: PLR2004 - beyond what float32 sums to
        return "under 1 in a trillion"
    return f"1 in {float(f'{1 / value:.2g}'):,.0f}"


def duration(seconds: float | None) -> str:
    """1326.2 → `22 min 6 s`; the two largest units say enough."""
    if seconds is None or _missing(seconds):
        return NONE
    if abs(seconds) < 1:
        return f"{number(seconds * 1000)}{_SPACE}ms"
    if abs(seconds) < 60:  # noqa: PLR2004 - a minute
        return f"{number(seconds)}{_SPACE}s"
    left = round(abs(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if left >= size and len(parts) < 2:  # noqa: PLR2004 - two units
            parts.append(f"{left // size}{_SPACE}{unit}")
        left %= size
    return ("−" if seconds < 0 else "") + " ".join(parts)


def utc(moment: datetime) -> datetime:
    """The instant in UTC; a naive one is UTC already."""
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)


def instant(moment: datetime | None) -> str:
    """`2026-05-01 12:03:04.250 UTC`; milliseconds only where there are some."""
    if moment is None:
        return NONE
    at = utc(moment)
    fraction = f".{at.microsecond // 1000:03d}" if at.microsecond else ""
    return f"{at:%Y-%m-%d %H:%M:%S}{fraction}{_SPACE}UTC"


def minute(moment: datetime | None) -> str:
    """`2026-05-01 12:03`, in UTC as its column says, where seconds would only take room; downloaded they are there."""
    return NONE if moment is None else f"{utc(moment):%Y-%m-%d %H:%M}"


def iso(moment: datetime) -> str:
    """The instant for machines: `2026-05-01T12:03:04.250000Z`."""
    return utc(moment).isoformat().replace("+00:00", "Z")


def safe_link(link: str | None) -> str | None:
    """The link, if it is relative or http(s); None for anything that could run code or name another machine's share."""
    if not link or any(ord(letter) <= 32 for letter in link):  # noqa: PLR2004 - blanks and controls hide a scheme
        return None
    try:
        parts = urlsplit(link.replace("\\", "/"))
    except ValueError:
        return None
    if parts.scheme in ("http", "https"):
        return link
    return None if parts.scheme or parts.netloc else link


@dataclass(frozen=True)
class Column:
    """A column of a table on a page.

    Attributes:
        key: which entry of a row it shows.
        title: its header, with the unit where it has one.
        kind: how a value is written, one of `KINDS`.
        link: entry of a row that holds where the cell leads to.
    """

    key: str
    title: str
    kind: str = "text"
    link: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"column {self.key}: kind {self.kind!r} is none of {', '.join(KINDS)}")

    @property
    def numeric(self) -> bool:
        """Whether it is set flush right and sorted by value."""
        return self.kind in _NUMERIC


@dataclass(frozen=True)
class Cell:
    """A value as it is shown, and as it is sorted and downloaded."""

    text: str
    raw: str
    link: str | None = None


def cell(row: dict[str, Any], column: Column) -> Cell:
    """The cell of a row (entry name to value) in a column; an entry that is not there reads as not known."""
    value = row.get(column.key)
    link = safe_link(row.get(column.link)) if column.link else None
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Cell(NONE, "", link)
    if isinstance(value, datetime):
        raw = iso(value)
    elif isinstance(value, float):
        raw = repr(float(value))  # a NumPy float writes its own name into its repr
    else:
        if isinstance(value, str):
            value = clipped(value, LONGEST if column.kind == "code" else _LONGEST_TEXT)
        raw = str(value)
    return Cell(KINDS[column.kind](value), raw, link)


def rows_of(frame: Any) -> list[dict[str, Any]]:
    """Rows as dicts, from a list of dicts or a pandas frame."""
    records: Sequence[dict[Any, Any]] = frame.to_dict("records") if hasattr(frame, "to_dict") else frame
    return [{str(key): _plain(value) for key, value in row.items()} for row in records]


def _plain(value: Any) -> Any:
    """A value without NumPy: its scalars know how to become Python's, and what is not finite is not known."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _time(value: datetime | str) -> str:
    return value if isinstance(value, str) else instant(value)


def _minute(value: datetime | str) -> str:
    return value if isinstance(value, str) else minute(value)


def _amount(value: float) -> str:
    return count(int(value)) if float(value).is_integer() else number(value)


def _day(value: date | str) -> str:
    return value if isinstance(value, str) else f"{value:%Y-%m-%d}"


KINDS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "code": str,
    "count": count,
    "number": number,
    "share": share,
    "signed_share": signed_share,
    "percentile": percentile,
    "seconds": duration,
    "time": _time,
    "minute": _minute,
    "day": _day,
    "amount": _amount,
    "interval": str,
    "words": str,
}
_NUMERIC = frozenset({"amount", "count", "number", "share", "signed_share", "percentile", "seconds"})

_VISIBLE: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"},
    0x7F: "\u2421",
    **{
        code: f"⟨U+{code:04X}⟩"
        for code in (*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    },
    **{code: f"⟨U+{code:04X}⟩" for code in (0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF)},
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}
