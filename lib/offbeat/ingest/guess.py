"""What the columns of a sample look like: which may be time, entity and event, and why."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

Row = Mapping[str, object]

_TIME_NAMES = re.compile(r"(time|date|stamp|^ts$|^t$|_at$|_ts$|^when$|^day$)", re.IGNORECASE)
_ENTITY_NAMES = re.compile(
    r"(^|_)(user|usr|visitor|client|customer|device|session|cookie|account|member|player|block|case|trace|host|ip|uid|entity|uuid)"
    r"(_?(id|name|key|no|hash))?$|^id$",
    re.IGNORECASE,
)
_EVENT_NAMES = re.compile(
    r"^(event|event_?(name|type|kind|template|id)|action|activity|type|kind|name|operation|method|page|path|url|verb|command"
    r"|message|template|status|state|key|webpage|app)$",
    re.IGNORECASE,
)
_LABEL_NAMES = re.compile(r"^(label|is_\w+|anomaly|anomalous|abnormal|fraud|target)$", re.IGNORECASE)
_ID_NAMES = re.compile(r"^(event_?(id|uuid|key)|record_?id|message_?id|id|uuid)$", re.IGNORECASE)
_ISO = re.compile(
    r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}([Tt ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([Zz]|UTC|GMT|[+-]\d{1,2}(:?\d{2})?)?)?$"
)
_NUMBER = re.compile(r"^\d{9,10}(\.\d+)?$|^\d{12,13}(\.\d+)?$|^\d{15,16}$|^\d{18,19}$")
_COMPACT = re.compile(r"^(19|20)\d{2}[01]\d[0-3]\d([Tt]?[0-2]\d[0-5]\d[0-5]\dZ?)?$")
_COMMON_LOG = re.compile(r"^\[?\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}\]?$")
_FIRST_YEAR, _LAST_YEAR = 1990, 2100


@dataclass(frozen=True)
class Column:
    """A column of the sample.

    Attributes:
        values: as they came, None where there is none.
    """

    name: str
    values: Sequence[object]

    @cached_property
    def texts(self) -> list[str]:
        """The values that are there, as text."""
        return [str(value) for value in self.values if value is not None and str(value).strip()]

    @cached_property
    def distinct(self) -> int:
        """How many different values there are."""
        return len(set(self.texts))

    @property
    def filled(self) -> float:
        """Share of rows that have a value."""
        return len(self.texts) / len(self.values) if self.values else 0.0

    @cached_property
    def time_share(self) -> float:
        """Share of the values that `time_format: auto` reads as a time of our days."""
        typed = sum(isinstance(value, dt.date) for value in self.values)
        if typed:
            return typed / max(1, len(self.texts))
        return sum(map(is_time, self.texts)) / max(1, len(self.texts))

    @property
    def repetition(self) -> float:
        """How often a value comes on average."""
        return len(self.texts) / max(1, self.distinct)

    @property
    def saw(self) -> str:
        """What a person should know of it, in a few words."""
        share = f", {100 * (1 - self.filled):.0f} % empty" if self.filled < 1 else ""
        examples = ", ".join(repr(one[:30]) for one in list(dict.fromkeys(self.texts))[:3])
        return f"{self.distinct:,} different in {len(self.values):,} rows{share}, like {examples}"


def is_time(text: str) -> bool:
    """Whether a text is a time that `auto` reads; a number has to be one of 1990 to 2100 since 1970."""
    text = text.strip()
    if _ISO.match(text) or _COMMON_LOG.match(text) or _COMPACT.match(text):
        return True
    if not _NUMBER.match(text):
        return False
    digits = len(text.partition(".")[0])
    seconds = float(text) / (1 if digits <= 10 else 1e3 if digits <= 13 else 1e6 if digits <= 16 else 1e9)  # noqa: PLR2004
    return _FIRST_YEAR <= 1970 + seconds / 31_556_952 < _LAST_YEAR


def rank_times(columns: Sequence[Column]) -> list[Column]:
    """Columns that hold times, the likeliest first: nearly all values parse, the name helps, few are empty."""
    likely = [column for column in columns if column.texts and column.time_share >= 0.9]  # noqa: PLR2004
    return sorted(likely, key=lambda c: (-_named(_TIME_NAMES, c), -round(c.filled, 1), -c.distinct))


def rank_entities(columns: Sequence[Column]) -> list[Column]:
    """Columns that can name whose events these are, the likeliest first: several events each, many of them."""
    likely = [column for column in columns if column.distinct > 1 and column.repetition > 1.05]  # noqa: PLR2004
    return sorted(likely, key=lambda c: -(3 * _named(_ENTITY_NAMES, c) + 2 * _spread(c) + c.filled))


def rank_events(columns: Sequence[Column]) -> list[Column]:
    """Columns that can name what happened, the likeliest first: few values that come again and again."""
    likely = [column for column in columns if column.distinct > 1 and column.repetition > 1.5]  # noqa: PLR2004
    return sorted(likely, key=lambda c: -(3 * _named(_EVENT_NAMES, c) + _fewness(c) + c.filled + _words(c)))


def find_label(columns: Sequence[Column]) -> Column | None:
    """The column with a name like a label and nothing but 0 and 1."""
    binary = {"0", "1", "0.0", "1.0", "true", "false"}
    named = (
        c for c in columns if _named(_LABEL_NAMES, c) and {text.strip().lower() for text in c.texts} <= binary
    )
    return next((column for column in named if column.texts), None)


def find_id(columns: Sequence[Column]) -> Column | None:
    """The column with a name like an event's id and another value in each row; a mere count of rows is none."""
    named = (c for c in columns if _named(_ID_NAMES, c) and c.filled == 1 and c.distinct == len(c.values) > 1)
    return next((column for column in named if not _counts_rows(column)), None)


def _counts_rows(column: Column) -> bool:
    first = column.texts[0]
    return first.isdigit() and column.texts == [str(int(first) + place) for place in range(len(column.texts))]


def is_named_entity(column: Column) -> bool:
    """Whether the name says that the column is an entity, and not the values alone."""
    return bool(_named(_ENTITY_NAMES, column))


def is_named_event(column: Column) -> bool:
    """Whether the name says that the column is an event, and not the values alone."""
    return bool(_named(_EVENT_NAMES, column))


def _named(names: re.Pattern[str], column: Column) -> int:
    return int(bool(names.search(column.name.rpartition(":")[2])))


def _spread(column: Column) -> float:
    """1 where about every fifth row has another value, falling to both sides."""
    share = math.log(column.distinct) / math.log(max(2, len(column.texts)))
    return 1 - abs(share - 0.8)


def _fewness(column: Column) -> float:
    """1 for a handful of values, 0 where every row has its own."""
    return 1 - math.log(column.distinct) / math.log(max(2, len(column.texts)))


def _words(column: Column) -> float:
    """Share of values with a letter: what happened mostly has a name."""
    return sum(any(letter.isalpha() for letter in text) for text in column.texts) / max(1, len(column.texts))
