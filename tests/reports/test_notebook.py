"""Charts that draw themselves in a notebook, without Spark; the notebooks themselves are executed in the slow tests."""

from __future__ import annotations

import re

from offbeat.reports import charts
from offbeat.reports.notebook import Picture, _range
from tests.reports.example import HOSTILE


def test_a_chart_draws_itself_without_a_script_and_names_its_colours():
    rows = [{"event": "play", "n": 1234}, {"event": "stop", "n": 7}]
    chart = charts.bars(rows, label="event", value="n", title="events", kind="count")
    html = Picture("Events", chart)._repr_html_()
    assert "<strong>Events</strong>" in html
    assert html.count("<svg") == 1
    assert "<td>1,234</td>" in html  # the numbers
    used = set(re.findall(r"var\((--[\w-]+)\)", html))
    assert used
    assert used <= set(re.findall(r"(--[\w-]+): #", html))  # a notebook has no colours of ours
    assert "<script" not in html
    assert "http" not in re.sub(r'xmlns(:xlink)?="[^"]+"', "", html)
    assert "<strong>" not in chart._repr_html_()


def test_texts_of_the_data_stay_texts():
    rows = [{"event": name, "n": n} for n, name in enumerate(HOSTILE, start=1)]
    html = charts.bars(rows, label="event", value="n", title="events", kind="count")._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert "<svg onload" not in html


def test_ranges_of_lengths_are_told_in_words():
    assert [_range(top) for top in (1, 2, 4, 8, 1024)] == ["1", "2", "3 to 4", "5 to 8", "513 to 1024"]
