"""Single titles with their reasons, as fast as they can be asked: one core answers."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.serving.listening import listening
from tests.serving.load import load

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_one_core_answers_three_hundred_a_second(form_lake):
    with listening(form_lake, core=0) as address:
        where = urlsplit(address)
        load(where.hostname, where.port, seconds=2, connections=4)
        got = load(where.hostname, where.port, seconds=10, connections=8)
    assert got["failed"] == 0
    assert got["per_second"] >= 300, got
    assert got["p99_ms"] < 50, got
