"""Patterns of text logs, from Python's syntax to Java's."""

from __future__ import annotations

import pytest

from offbeat.errors import UsageError
from offbeat.ingest.formats.pattern import translate


@pytest.mark.parametrize(
    "pattern, numbers, java",
    [
        (r"(?P<a>\S+) (?P<b_c>\d+)", {"a": 1, "b_c": 2}, r"(\S+) (\d+)"),
        (r"(?<a>x)(y)(?<b>z)", {"a": 1, "b": 3}, "(x)(y)(z)"),
        (r"(?P<q>['\"]).*(?P=q)", {"q": 1}, r"(['\"]).*(?:\1)"),
        (r"\(?P<no>\) (?P<a>(?:b|c)(?<!d)(?<=e))", {"a": 1}, r"\(?P<no>\) ((?:b|c)(?<!d)(?<=e))"),
    ],
)
def test_named_groups_become_numbered(pattern, numbers, java):
    assert translate(pattern) == (numbers, java)


@pytest.mark.parametrize(
    "pattern, told", [(None, "missing"), ("(?P<a>", "no regular expression"), (r"(\d+)", "no named")]
)
def test_what_can_not_be_a_pattern_is_refused(pattern, told):
    with pytest.raises(UsageError, match=told):
        translate(pattern)
