from __future__ import annotations

import math
from datetime import date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from offbeat.reports import form
from offbeat.reports.form import Column

S = "\u00a0"


@pytest.mark.parametrize(
    "value, said",
    [
        (0, "0"),
        (0.01234, "0.0123"),
        (14.27, "14.3"),
        (1234.5, "1,234"),
        (-3.14159, "-3.14"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_number(value, said):
    assert form.number(value) == said


@pytest.mark.parametrize(
    "value, said",
    [
        (0, f"0.00{S}%"),
        (0.0312, f"3.12{S}%"),
        (0.5, f"50.0{S}%"),
        (0.00001, f"<{S}0.01{S}%"),
        (-0.014, f"−1.40{S}%"),
        (-0.00001, f">{S}−0.01{S}%"),
        (None, "–"),
    ],
)
def test_share(value, said):
    assert form.share(value) == said


def test_signed_share_says_which_way():
    assert form.signed_share(0.031) == f"+3.10{S}%"
    assert form.signed_share(-0.031) == f"−3.10{S}%"
    assert form.signed_share(0) == f"0.00{S}%"


@pytest.mark.parametrize(
    "value, said", [(99.987, "99.99"), (99.99999, "99.99"), (100, "100"), (50.0, "50"), (99.9, "99.9")]
)
def test_percentile_below_100_never_reads_as_100(value, said):
    assert form.percentile(value) == f"{said}{S}%"


@pytest.mark.parametrize(
    "value, said",
    [
        (0.912, f"91.2{S}%"),
        (0.0002, "1 in 5,000"),
        (1 / 83_333, "1 in 83,000"),
        (0.0, "under 1 in a trillion"),
    ],
)
def test_probability_of_the_unlikely_is_a_count(value, said):
    assert form.probability(value) == said


@pytest.mark.parametrize(
    "seconds, said",
    [
        (0.25, f"250{S}ms"),
        (3.14159, f"3.14{S}s"),
        (1326.2, f"22{S}min 6{S}s"),
        (3600, f"1{S}h"),
        (90061, f"1{S}d 1{S}h"),
        (None, "–"),
    ],
)
def test_duration(seconds, said):
    assert form.duration(seconds) == said


def test_instant_is_utc_whatever_the_zone():
    east = timezone(timedelta(hours=2))
    assert (
        form.instant(datetime(2026, 5, 1, 14, 3, 4, 250_000, tzinfo=east)) == f"2026-05-01 12:03:04.250{S}UTC"
    )
    assert form.instant(datetime(2026, 5, 1, 12, 3, 4)) == f"2026-05-01 12:03:04{S}UTC"  # noqa: DTZ001 - naive is UTC
    assert form.iso(datetime(2026, 5, 1, 14, 3, 4, tzinfo=east)) == "2026-05-01T12:03:04Z"


def test_visible_shows_what_hides():
    assert form.visible("a\x00b\x1bc") == "a␀b␛c"
    assert form.visible("\u202eevil\u2028\ud800") == "⟨U+202E⟩evil⟨U+2028⟩\ufffd"
    assert form.visible("Zürich 🎬 日本\n") == "Zürich 🎬 日本\n"


@pytest.mark.parametrize(
    "link, kept",
    [
        ("../anomalies", True),
        ("index.html#x", True),
        ("https://example.org/a", True),
        ("javascript:alert(1)", False),
        (" javascript:alert(1)", False),
        ("java\tscript:alert(1)", False),
        ("//evil.example/x", False),
        ("\\\\evil\\share", False),
        ("data:text/html,x", False),
        ("", False),
        (None, False),
    ],
)
def test_links_lead_nowhere_dangerous(link, kept):
    assert form.safe_link(link) == (link if kept else None)


def test_cell_keeps_the_exact_value_beside_the_shown_one():
    row = {
        "n": 1234.5678,
        "np": np.float32(0.5),
        "t": datetime(2026, 5, 1, tzinfo=timezone.utc),
        "d": date(2026, 5, 1),
    }
    assert form.cell(row, Column("n", "n", "count")) == form.Cell("1,235", "1234.5678")
    assert form.cell(form.rows_of([row])[0], Column("np", "n", "number")).raw == "0.5"
    assert form.cell(row, Column("t", "t", "time")).raw == "2026-05-01T00:00:00Z"
    assert form.cell(row, Column("d", "d", "day")) == form.Cell("2026-05-01", "2026-05-01")
    assert form.cell(row, Column("gone", "gone", "number")) == form.Cell("–", "")


def test_rows_of_a_pandas_frame_are_plain():
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan]})
    assert form.rows_of(frame) == [{"a": 1, "b": 0.5}, {"a": 2, "b": None}]
    assert form.rows_of([{"a": math.inf}]) == [{"a": None}]


def test_unknown_kind_of_column_is_refused():
    with pytest.raises(ValueError, match="column a: kind 'sum' is none of"):
        Column("a", "a", "sum")
