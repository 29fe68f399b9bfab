"""Pseudonyms at ingest: a keyed hash in place of what names a person, before anything is written.

The key comes from the environment (OFFBEAT_PSEUDONYM_KEY). With the same key the same value always has the same
pseudonym, so that all that is counted by person stays right; without the key nobody gets back, nor tells by trying.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from dataclasses import replace

from pyspark.sql import Column
from pyspark.sql import functions as F

from offbeat.config import Source
from offbeat.errors import InputRefused, UsageError
from offbeat.ingest.rows import Rows
from offbeat.tables.table import quoted

KEY = "OFFBEAT_PSEUDONYM_KEY"
_BLOCK = 64  # bytes of a block of SHA-256
_LEAST_KEY = 16
_DIGITS, _NETWORK_DIGITS = 16, 8
_IS_ONE = r"^p_[0-9a-f]{8,16}(_[0-9a-f]{16})?$"
_IPV4 = r"^(\d{1,3}\.\d{1,3})\.\d{1,3}\.\d{1,3}$"


def hide(rows: Rows, source: Source) -> Rows:
    """The rows with pseudonyms in the columns that the source names; refused rows keep nothing else either.

    Raises:
        UsageError: the environment has no key, or one that could be guessed.
        InputRefused: a column that shall be hidden isn't there.
    """
    if not source.pseudonyms:
        return rows
    key = _key()
    if rows.names is not None:
        for name in source.pseudonyms:
            if name not in rows.names:
                raise InputRefused(
                    f"source {source.path}: no column {name} to hide; columns there: {', '.join(rows.names)}; "
                    "name the right one under source.pseudonyms"
                )
        fields = F.struct(
            *(
                (pseudonym(_text(name), key) if name in source.pseudonyms else rows.value(name)).alias(name)
                for name in rows.names
            )
        )
    else:
        pairs = F.map_entries("fields")
        fields = F.map_from_entries(
            F.transform(
                pairs,
                lambda one: F.struct(
                    one["key"].alias("key"),
                    F.when(one["key"].isin(*source.pseudonyms), pseudonym(one["value"], key))
                    .otherwise(one["value"])
                    .alias("value"),
                ),
            )
        )
    # A line that can't be parsed can't be told to hold nobody's name.
    withheld = F.concat(F.lit("withheld, SHA-256 "), F.sha2(rows.raw.cast("binary"), 256))
    frame = rows.frame.withColumn("_withheld", withheld).withColumn("fields", fields)
    types = {name: kind for name, kind in rows.types.items() if name not in source.pseudonyms}
    # Without the header, which is no header but a row where the file has none: JSON is parsed without.
    hidden = replace(rows, frame=frame, types=types, header=None)
    raw = F.when(F.col("malformed"), F.col("_withheld")).otherwise(hidden.as_json(source.columns.time))
    return replace(hidden, raw=raw)


def pseudonym(value: Column, key: bytes) -> Column:
    """`p_` and a keyed hash (HMAC-SHA-256) of a text; an IPv4 address keeps that it shares its network with others.

    A pseudonym stays as it is, so that rows from quarantine can be taken again; nothing stays nothing.
    """
    text = F.trim(value)
    network = F.regexp_extract(text, _IPV4, 1)
    plain = F.concat(F.lit("p_"), F.substring(_hmac(text, key), 1, _DIGITS))
    address = F.concat(
        F.lit("p_"), F.substring(_hmac(network, key), 1, _NETWORK_DIGITS),
        F.lit("_"), F.substring(_hmac(text, key), 1, _DIGITS),
    )  # fmt: skip
    hidden = F.when(text.rlike(_IS_ONE), text).when(network != "", address).otherwise(plain)
    return F.when(text != "", hidden)


def pseudonym_text(value: str) -> str:
    """The pseudonym of one value, as `pseudonym` gives it to a column."""
    text, key = value.strip(" "), _key()
    if re.search(_IS_ONE, text):
        return text

    def digest(part: str, digits: int) -> str:
        return hmac.new(key, part.encode(), hashlib.sha256).hexdigest()[:digits]

    address = re.search(_IPV4, text)
    network = "" if address is None else f"{digest(address[1], _NETWORK_DIGITS)}_"
    return f"p_{network}{digest(text, _DIGITS)}"


def pseudonym_of(value: Column, source: Source, name: str) -> Column:
    """The value as ingest has written it: its pseudonym where the source hides that column."""
    return pseudonym(value, _key()) if name in source.pseudonyms else value


def _hmac(text: Column, key: bytes) -> Column:
    """HMAC-SHA-256 in hexadecimal digits (RFC 2104), by functions that run where the data is."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner, outer = (bytes(byte ^ mask for byte in block) for mask in (0x36, 0x5C))
    first = F.sha2(F.concat(F.lit(bytearray(inner)), text.cast("binary")), 256)
    return F.sha2(F.concat(F.lit(bytearray(outer)), F.unhex(first)), 256)


def _key() -> bytes:
    key = os.environ.get(KEY, "")
    if len(key) < _LEAST_KEY:
        raise UsageError(
            f"config source.pseudonyms: {KEY} is {'not set' if not key else 'too short'}; export {KEY} with at least "
            f"{_LEAST_KEY} random characters, and keep it: another key gives other pseudonyms"
        )
    return key.encode()


def _text(name: str) -> Column:
    return F.col(f"fields.{quoted(name)}").cast("string")
