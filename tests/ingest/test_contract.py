"""What the contract makes of rows, and every reason why it refuses one."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from offbeat.errors import InputRefused

pytestmark = pytest.mark.spark


def test_every_reason_is_told_not_the_first_alone(read, make_source):
    content = (
        "id,u,t,e,l,p\n"
        "1,anna,2024-03-01,play,0,7\n"
        "2,,2024-03-01,play,0,7\n"
        "3,anna,,play,1,7\n"
        "4,anna,soon,play,true,7\n"
        "5,anna,2026-01-01T00:00:01Z,play,1.0,7\n"
        "6,anna,2024-03-01,,0,7\n"
        "7,anna,2024-03-01,play,2,7\n"
        "8,anna,2024-03-01,play,,seven\n"
        ",anna,2024-03-01,play,,\n"
        '10,  ,soon," ",maybe,x\n'
    )
    rows = read(make_source(content, columns={"event_id": "id", "label": "l", "position": "p"}))
    assert {(row["raw"] or "1").split(",")[0]: row["reasons"] for row in rows} == {
        "1": [],
        "2": ["null_entity"],
        "3": ["null_time"],
        "4": ["unparsable_time"],
        "5": ["future_time"],
        "6": ["null_event"],
        "7": ["bad_label"],
        "8": ["bad_position"],
        "": ["null_event_id"],
        "10": ["null_entity", "null_event", "unparsable_time", "bad_label", "bad_position"],
    }
    good = next(row for row in rows if not row["reasons"])
    assert (good["event_id"], good["label"], good["position"], good["raw"]) == ("1", 0, 7, None)


def test_several_columns_are_joined_by_bars(read, make_source):
    content = (
        "a,b,t,x,y\np|q,r,2024-03-01,1,2\np,q|r,2024-03-01,1,\np\\,,2024-03-01,1,2\nz\\|,|,2024-03-01,,\n"
    )
    rows = read(make_source(content, columns={"entity": ["a", "b"], "event": ["x", "y"]}))
    found = {row["entity"]: row["event"] for row in rows if not row["reasons"]}
    assert found == {r"p\|q|r": "1|2", r"p|q\|r": "1|"}
    assert sorted(row["reasons"] for row in rows if row["reasons"]) == [["null_entity"], ["null_event"]]


def test_one_column_stays_as_it_is(read, make_source):
    rows = read(make_source("u,t,e\na|b\\, 2024-03-01, play \n"))
    assert [(row["entity"], row["event"]) for row in rows] == [("a|b\\", " play ")]


def test_covariates_new_columns_and_the_label_of_a_source(read, make_source):
    content = "u,t,e,os,extra\nanna,2024-03-01,play,tv,x\n"
    chosen = make_source(content, columns={"covariates": "os"}, label=1, role="train")
    assert [(r["covariates"], r["label"], r["role"]) for r in read(chosen)] == [({"os": "tv"}, 1, "train")]
    every = make_source(content, columns={"covariates": "os"}, new_columns="keep")
    assert [r["covariates"] for r in read(every)] == [{"os": "tv", "extra": "x"}]


def test_a_missing_column_is_refused_and_the_nearest_named(read, make_source):
    with pytest.raises(InputRefused, match=r"no column e; did you mean ev.*columns there: u, t, ev"):
        read(make_source("u,t,ev\nanna,2024-03-01,play\n"))


@pytest.mark.parametrize(
    "name, values, told",
    [
        ("t", pa.array([True]), "column t is boolean, expected a timestamp"),
        ("u", pa.array([["anna"]]), "column u is array<string>, expected text or a number"),
        ("e", pa.array([{"a": 1}]), "column e is struct<a:bigint>, expected text or a number"),
    ],
)
def test_a_type_that_can_not_be_is_refused(read, make_source, tmp_path, name, values, told):
    good = {"u": pa.array(["anna"]), "t": pa.array([1709287200]), "e": pa.array(["play"])}
    pq.write_table(pa.table(good | {name: values}), tmp_path / "log")
    with pytest.raises(InputRefused, match=told):
        read(make_source(None, "parquet"))


def test_the_id_is_of_the_content_alone(read, make_source):
    content = "u,t,e,os\nanna,2024-03-01 10:00:00,play,tv\nanna,2024-03-01T11:00:00+01:00,play,tv\n"
    first = {
        row["event_id"] for row in read(make_source(content, name="a.csv", columns={"covariates": "os"}))
    }
    other = "os,e,t,u\ntv,play,1709287200,anna\n"
    second = {row["event_id"] for row in read(make_source(other, name="b.csv", columns={"covariates": "os"}))}
    assert first == second
    assert {len(one) for one in first} == {32}
    third = {row["event_id"] for row in read(make_source(other, name="b.csv"))}
    assert third.isdisjoint(first)  # without the covariate it is another row
    nanos = "u,t,e\nanna,1709287200000000001,play\nanna,1709287200000000002,play\n"
    assert len({row["event_id"] for row in read(make_source(nanos))}) == 2


def test_no_two_lists_of_values_have_one_id(read, make_source):
    content = "u,t,e,x\na,2024-03-01,b,1:c\na,2024-03-01,b1:c,\na1:b,2024-03-01,c,\na,2024-03-01,b,\n"
    rows = read(make_source(content, columns={"covariates": "x"}))
    assert len({row["event_id"] for row in rows}) == 4
