"""Each question's table and chart from rows as its table gives them."""

from __future__ import annotations

import datetime as dt

import pytest

from offbeat.packs.curriculum import tables as T
from offbeat.packs.curriculum.exhibits import EXHIBITS, RECOMMENDED
from offbeat.packs.curriculum.pages import _cell
from offbeat.reports import parts

VALUES = {
    "text": "Ceres", "code": "java-i/<b>", "count": 7, "number": 2.5, "amount": 9.0, "share": 0.25,
    "time": "2020-01-02 03:04:05", "day": dt.date(2020, 1, 1),
}  # fmt: skip


ALL = [(letter, exhibit) for letter, found in EXHIBITS.items() for exhibit in found]


@pytest.mark.parametrize("letter,exhibit", [*ALL, ("recommendations", RECOMMENDED)])
def test_a_table_and_a_chart_of_rows(letter, exhibit):
    rows = [
        {
            column.key: f"{VALUES[column.kind]} {n}" if column.kind == "code" else VALUES[column.kind]
            for column in exhibit.columns
        }
        for n in (1, 1, 2)
    ]
    table = parts.table(rows, list(exhibit.columns), caption="t", name="t")
    assert str(table).count("<tr>") == 4
    assert "java-i/<b>" not in str(table)
    if exhibit.chart is None:
        return
    chart = exhibit.chart(rows)
    drawn = [row for layer in [chart.spec] for row in layer["data"]["values"]]
    labels = [row.get("y") for row in drawn]
    over_time = exhibit.table in (T.CROSSINGS, T.ACTIVITY)
    assert over_time or len(labels) == len(set(labels))
    assert parts.figure(chart, title="t", name="t")


def test_a_page_in_two_programs_has_two_bars():
    rows = [
        {"page": "java-i", "program": program, "users": n}
        for n, program in ((9, "web"), (5, "data"), (2, "web"))
    ]
    drawn = EXHIBITS["f"][0].chart(rows).spec["data"]["values"]
    assert [(row["y"], row["x"]) for row in drawn] == [("java-i (web)", 9), ("java-i (data)", 5)]


def test_a_csv_cell_never_runs_in_a_spreadsheet():
    assert _cell("=HYPERLINK(1)") == "'=HYPERLINK(1)"
    assert _cell("java-i") == "java-i"
    assert _cell(-1.5) == -1.5


@pytest.mark.spark
def test_every_exhibit_is_there_in_its_table(spark):
    for _, exhibit in [*ALL, ("", RECOMMENDED)]:
        shown = exhibit.rows(lambda table: spark.createDataFrame([], table.schema))
        keys = [column.key for column in exhibit.columns]
        assert shown.select(*keys).columns == keys
