"""Titles in one spelling: the same in Python, for the form, and in Spark, for the joins."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

from pyspark.sql import Column
from pyspark.sql import functions as F

_EXTRA = {"ø": "o", "ł": "l", "đ": "d", "ı": "i", "ħ": "h", "œ": "o", "æ": "a"}
_DROPPED = re.compile("['’\u0300-\u036f]")
_MARKS = re.compile(r"[^\w]+|_+")


@cache
def folds() -> tuple[str, str]:
    """Letters with marks and, in the same order, the plain letters that stand for them."""
    plain = dict(_EXTRA)
    for code in range(0xC0, min(0x2000, sys.maxunicode)):
        letter = chr(code)
        base = unicodedata.normalize("NFKD", letter)[0]
        if base != letter and base.isascii() and base.isalpha():
            plain[letter] = base.lower()
    return "".join(plain), "".join(plain.values())


@cache
def _table() -> dict[int, int]:
    return str.maketrans(*folds())


def normalize_title(title: str) -> str:
    """Lower case, without accents, punctuation and double blanks; `&` reads `and`.

    >>> normalize_title("Pokémon: Détective & Co.")
    'pokemon detective and co'
    """
    text = unicodedata.normalize("NFC", title).lower().replace("&", " and ").translate(_table())
    return _MARKS.sub(" ", _DROPPED.sub("", text)).strip()


def norm_title(title: Column) -> Column:
    """The same as a column."""
    text = F.translate(F.replace(F.lower(title), F.lit("&"), F.lit(" and ")), *folds())
    text = F.regexp_replace(text, "['’\u0300-\u036f]", "")
    return F.trim(F.regexp_replace(text, r"[^\p{L}\p{M}\p{N}]+", " "))
