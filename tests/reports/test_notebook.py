"""Charts that draw themselves in a notebook, without Spark; the notebooks themselves are executed in the slow tests."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from offbeat.errors import UsageError
from offbeat.reports import charts
from offbeat.reports.exploration import render_exploration_page
from offbeat.reports.notebook import Picture, Pictures
from offbeat.reports.page import embed_json
from tests.reports.example import HOSTILE, evaluation_page_data
from tests.reports.example_exploration import exploration_page_data


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


@pytest.fixture
def pictures() -> Pictures:
    """Of a lake whose tables are read already."""
    lake = SimpleNamespace(exists=lambda _: True, location="lake/x")
    made, data = Pictures(lake, name="x", version="v1"), exploration_page_data()
    made.__dict__ |= {"_events": data.events, "_sessions": data.sessions}
    made.__dict__["_evaluated"] = evaluation_page_data().evaluations
    return made


def test_pictures_are_the_charts_of_the_page(pictures):
    page = render_exploration_page(exploration_page_data())
    for name in ("volume", "hours", "events", "lengths", "gaps", "transitions", "flow", "firsts", "lasts"):
        assert embed_json(getattr(pictures, name)().chart.spec) in page, name
    assert embed_json(pictures.covariates("platform").chart.spec) in page
    with pytest.raises(UsageError, match="bitrate: no category of the log; these are: platform"):
        pictures.covariates("bitrate")


def test_pictures_of_an_evaluation(pictures):
    assert pictures.confusion("lstm").title == "Labels against verdicts: lstm"
    assert {row["level"] for row in pictures.stress("drift").chart.rows} == {0.0, 0.01, 0.05, 0.2}
    assert "PR-AUC" in pictures.detectors().title
    with pytest.raises(UsageError, match=r"stress heat: no curve; set evaluate\.stress"):
        pictures.stress("heat")
    with pytest.raises(UsageError, match="detector nobody: not judged"):
        pictures.confusion("nobody")
