"""Where a CSV record ends."""

from __future__ import annotations

import io

import pytest

from offbeat.ingest.formats.records import Dialect, split


def records(content: bytes, *, dialect: Dialect | None = None, encoding: str | None = None) -> list[str]:
    return [
        record for _, record in split(io.BytesIO(content), dialect=dialect or Dialect(), encoding=encoding)
    ]


@pytest.mark.parametrize(
    "content, wanted",
    [
        (b"", []),
        (b"a,b\n1,2", ["a,b", "1,2"]),
        (b"a,b\r\n1,2\r\n", ["a,b", "1,2"]),
        (b"\xef\xbb\xbfa,b\n", ["a,b"]),
        (b"a\n\n  \nb\n", ["a", "b"]),
        (b'1,"two\nlines",3\n4,5,6\n', ['1,"two\nlines",3', "4,5,6"]),
        (b'1,"two\r\nlines",3\r\n', ['1,"two\nlines",3']),
        (b'1,"say ""x\ny""",3\n', ['1,"say ""x\ny""",3']),
        (b'"",,""\n', ['"",,""']),
        (b'5" disk,2\n3,4\n', ['5" disk,2', "3,4"]),
        # well quoted, but a field too many: one record, which is malformed
        (b'1,"a\nb",3,4\n5,6,7\n', ['1,"a\nb",3,4', "5,6,7"]),
    ],
)
def test_lines_and_quotes(content, wanted):
    assert records(content) == wanted


def test_a_stray_quote_takes_its_own_line_alone():
    assert records(b'1,"open,2\n3,4,5\n6,7,8\n') == ['1,"open,2', "3,4,5", "6,7,8"]
    assert records(b'1,"open,2\n3,"x",5\n6,7,8\n') == ['1,"open,2', '3,"x",5', "6,7,8"]


def test_a_stray_quote_stops_looking_after_a_thousand_lines():
    content = b'1,"open\n' + b"2,3\n" * 3000
    assert records(content) == ['1,"open', *["2,3"] * 3000]


def test_bytes_that_are_not_utf8_are_kept_apart():
    assert records(b"caf\xe9\ncaf\xe8\ncaf\xc3\xa9\n") == ["café", "cafè", "café"]
    assert records("żółw\n".encode("cp1250"), encoding="cp1250") == ["żółw"]


def test_escaped_quotes():
    assert records(b'1,"a\\"\nb",3\n4,5,6\n', dialect=Dialect(escape="\\")) == ['1,"a\\"\nb",3', "4,5,6"]


def test_a_line_of_ten_megabytes():
    long = b"x" * 10_000_000
    assert [len(record) for record in records(b'1,"' + long + b'\n",2\n3,4\n')] == [10_000_007, 3]


def test_records_know_their_first_line():
    content = b'a\n\n1,"two\nlines"\n1,"stray\nlast\n'
    numbered = list(split(io.BytesIO(content), dialect=Dialect(), encoding=None))
    assert numbered == [(0, "a"), (2, '1,"two\nlines"'), (4, '1,"stray'), (5, "last")]
