from __future__ import annotations

import json
from datetime import date, datetime, timezone

import pandas as pd
import pytest
import vl_convert

from offbeat.reports import charts, charts_model
from offbeat.reports.page import embed_json
from tests.reports.example import HOSTILE

SCORES = [
    {"low": 0.0, "high": 1.0, "sessions": 990, "above": False},
    {"low": 1.0, "high": 2.0, "sessions": 10, "above": True},
]
EVAL = [{"metric": "recall", "basis": "honest", "value": 0.9, "low": 0.8, "high": 0.95}]
EPOCHS = [{"epoch": i, "loss": 1 / i, "validation_loss": 1.1 / i} for i in (1, 2, 3)]
PR = [
    {"recall": 0.5, "precision": 0.9, "threshold": 3.0, "chosen": True},
    {"recall": 0.1, "precision": 1.0, "threshold": 5.0},
]
DAYS = [{"day": date(2026, 5, d), "n": 10.0 * d, "who": who} for d in (1, 2, 3) for who in ("a", "b")]
CELLS = [{"x": x, "y": y, "v": 0.1} for x in "ab" for y in "cd"]
ALL = {
    "histogram": lambda: charts.histogram(SCORES, threshold=1.0, unit="nats"),
    "histogram_bare": lambda: charts.histogram(SCORES),
    "bars": lambda: charts.bars(DAYS[::2], label="day", value="n", title="sessions"),
    "bars_series": lambda: charts.bars(
        DAYS, label="day", value="n", series="who", title="share (%)", kind="share"
    ),
    "over_time": lambda: charts.over_time(DAYS, time="day", value="n", series="who", title="sessions"),
    "area": lambda: charts.over_time(DAYS[::2], time="day", value="n", title="sessions", area=True),
    "heat_map": lambda: charts.heat_map(CELLS, x="x", y="y", value="v", title="share", kind="share"),
    "intervals": lambda: charts_model.intervals(EVAL, label="metric", series="basis", title="value"),
    "pr_curve": lambda: charts_model.pr_curve(PR),
    "training": lambda: charts_model.training_curves(EPOCHS, what="loss", title="loss (nats)"),
    "confusion": lambda: charts_model.confusion_matrix(
        true_flagged=9, false_flagged=1, missed=3, true_normal=0
    ),
}


@pytest.mark.parametrize("name", sorted(ALL))
def test_spec_compiles_and_has_text_and_numbers(name):
    chart = ALL[name]()
    assert vl_convert.vegalite_to_vega(chart.spec)["marks"]
    assert "http" not in json.dumps(chart.spec)
    assert chart.description.endswith(".")
    assert chart.rows
    assert {column.key for column in chart.columns} <= set(chart.rows[0])


@pytest.mark.parametrize("name", sorted(ALL))
def test_same_rows_give_the_same_spec(name):
    assert embed_json(ALL[name]().spec) == embed_json(ALL[name]().spec)


def test_charts_follow_the_page_s_colours():
    text = json.dumps([make().spec for make in ALL.values()])
    assert "var(--c1)" in text
    assert "#" not in text.replace("#,", "")


def test_pandas_frames_do_as_well():
    assert (
        charts.histogram(pd.DataFrame(SCORES), threshold=1.0).spec
        == charts.histogram(SCORES, threshold=1.0).spec
    )


def test_histogram_says_how_many_lie_above():
    chart = charts.histogram(SCORES, threshold=1.0, unit="nats")
    assert (
        chart.description
        == "Histogram of score (nats) of 1,000 sessions; 10 lie above the threshold of 1.00."
    )
    assert [column.title for column in chart.columns] == ["above (nats)", "up to (nats)", "sessions"]


def test_confusion_matrix_shares_are_of_the_label():
    chart = charts_model.confusion_matrix(true_flagged=9, false_flagged=1, missed=3, true_normal=0)
    assert [row["share"] for row in chart.rows] == [0.75, 0.25, 1.0, 0.0]


def test_chosen_point_is_named():
    assert (
        "the one in force has recall 50.0\u00a0%, precision 90.0\u00a0%"
        in charts_model.pr_curve(PR).description
    )


def test_names_of_the_data_are_values_never_fields():
    rows = [{"name": name, "n": 1.0} for name in HOSTILE]
    spec = charts.bars(rows, label="name", value="n", title="n").spec
    assert {key for row in spec["data"]["values"] for key in row} == {"x", "y"}
    assert spec["encoding"]["y"]["field"] == "y"
    vl_convert.vegalite_to_vega(spec)


def test_times_are_utc():
    rows = [{"at": datetime(2026, 5, 1, 12, h, tzinfo=timezone.utc), "n": 1.0} for h in (0, 1)]
    spec = charts.over_time(rows, time="at", value="n", title="n").spec
    assert spec["data"]["values"][0]["x"] == "2026-05-01T12:00:00Z"
    assert spec["encoding"]["x"]["scale"] == {"type": "utc"}
    assert spec["encoding"]["x"]["title"] == "time (UTC)"


def test_empty_rows_make_an_empty_chart():
    assert charts.bars([], label="a", value="b", title="b").rows == []
    assert charts.histogram([]).description == "Histogram of score of 0 sessions."


def test_days_of_several_years_carry_their_year():
    for last, expected in (("2026-06-01", "%b %-d"), ("2027-01-02", "%b %-d, %Y"), ("2028-03-01", "%b %Y")):
        rows = [{"day": "2026-05-01", "n": 1}, {"day": last, "n": 2}, {"day": "2027-01-01", "n": 3}]
        rows = rows[:2] if last < "2028" else rows
        chart = charts.over_time(rows, time="day", value="n", title="sessions")
        assert chart.spec["encoding"]["x"]["axis"]["format"] == expected
