"""Durations as people write them in a config: `30 minutes`, `1 day`, `90s`."""

import re

_UNITS_S = {
    "us": 1e-6, "microsecond": 1e-6,
    "ms": 1e-3, "millisecond": 1e-3,
    "s": 1.0, "sec": 1.0, "second": 1.0,
    "m": 60.0, "min": 60.0, "minute": 60.0,
    "h": 3600.0, "hour": 3600.0,
    "d": 86400.0, "day": 86400.0,
    "w": 604800.0, "week": 604800.0,
}  # fmt: skip
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.IGNORECASE)


def parse_duration_s(text: str | int | float) -> float:
    """Seconds of a duration: `30 minutes`, `1h 30m`, or a plain number of seconds.

    Raises:
        ValueError: the text is not a duration.
    """
    if isinstance(text, bool):
        raise ValueError(f"expected a duration like '30 minutes', got {text}")  # noqa: TRY004 - pydantic takes ValueError
    if isinstance(text, int | float):
        return float(text)
    total, at = 0.0, 0
    while at < len(text):
        part = _PART.match(text, at)
        unit = part and _unit_s(part.group(2))
        if not part or unit is None:
            raise ValueError(f"expected a duration like '30 minutes', got {text!r}")
        total, at = total + float(part.group(1)) * unit, part.end()
    if at == 0:
        raise ValueError("expected a duration like '30 minutes', got an empty text")
    return total


def _unit_s(name: str) -> float | None:
    key = name.lower()
    found = _UNITS_S.get(key)
    return found if found is not None else _UNITS_S.get(key.removesuffix("s"))
