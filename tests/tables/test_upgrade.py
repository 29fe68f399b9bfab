"""Lakes of earlier forms are brought to the contract, once; newer ones are refused."""

from __future__ import annotations

import pytest

from offbeat.errors import UsageError
from offbeat.packs import all_tables
from offbeat.tables import TABLES, Lake
from offbeat.tables import table as contract
from offbeat.tables import upgrade as upgrading
from offbeat.tables.upgrade import upgrade
from tests.lakes.first_forms import in_first_form
from tests.lakes.maker import FORMS, make_lake

pytestmark = pytest.mark.spark


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_lake_of_an_earlier_form_becomes_one_of_the_contract(spark, tmp_path, form, monkeypatch):
    make_lake(spark, tmp_path / "lake", form)
    there = [table for table in TABLES.values() if (tmp_path / "lake" / table.name).exists()]
    lake = Lake(spark, str(tmp_path / "lake"))
    assert TABLES["anomalies"] in there
    assert [lake.read(table).count() for table in there] == [1] * len(there)  # readable as it is
    spark.sql(f"ALTER TABLE {lake.reference(TABLES['event_scores'])} DROP CONSTRAINT rank_is_positive")
    counts = upgrade(lake, all_tables().values())
    assert counts["tables_checked"] == len(there)
    assert counts["tables_upgraded"] >= 3  # truth and anomalies lacked columns, event_scores a check
    lake = Lake(spark, str(tmp_path / "lake"))
    for table in there:
        live = spark.read.table(lake.reference(table))
        assert {(f.name, f.dataType.simpleString(), f.metadata["comment"]) for f in live.schema} == {
            (f.name, f.dataType.simpleString(), f.metadata["comment"]) for f in table.schema
        }, table.name
        assert live.count() == 1
        assert table.properties.items() <= lake.live_properties(table).items()
    before = {table.name: lake.version(table) for table in there}
    assert upgrade(Lake(spark, str(tmp_path / "lake")), TABLES.values())["tables_upgraded"] == 0
    assert {table.name: lake.version(table) for table in there} == before
    # A column is renamed: the contract rises by one, and the lake goes along, also where a step was half done.
    feedback = TABLES["runs"]
    monkeypatch.setattr(contract, "CONTRACT_VERSION", 2)
    renamed = contract.Table(
        "runs",
        feedback.doc,
        tuple(
            contract.Col("took_s", c.type, c.comment, c.null) if c.name == "seconds" else c
            for c in feedback.columns
        ),
        feedback.key,
    )
    with pytest.raises(UsageError, match="offbeat maintain --upgrade"):
        Lake(spark, str(tmp_path / "lake")).read(renamed)
    steps = {(1, "runs"): lambda rows: rows.withColumnRenamed("seconds", "took_s")}
    monkeypatch.setattr(upgrading, "MIGRATIONS", steps)
    for _ in range(2):
        upgrade(Lake(spark, str(tmp_path / "lake")), [renamed])
        rows = Lake(spark, str(tmp_path / "lake")).read(renamed).collect()
        assert [row["took_s"] for row in rows] == [1.0]
        lake.set_property(renamed, "offbeat.contract", "1")
    lake.set_property(renamed, "offbeat.contract", "3")
    with pytest.raises(UsageError, match=r"has contract 3, newer than this offbeat \(2\); install a newer"):
        upgrade(Lake(spark, str(tmp_path / "lake")), [renamed])


def test_columns_that_came_or_may_be_null_since_a_table_first_landed(spark, tmp_path):
    lake = Lake(spark, str(tmp_path / "lake"))
    declared = all_tables()
    changed = [declared[name] for name in ("title_examples", "run_forecasts", "two_views", "student_access")]
    for table in changed:
        lake.ensure(in_first_form(table))
    *upgraded, written = changed
    assert upgrade(Lake(spark, lake.location), upgraded) == {"tables_checked": 3, "tables_upgraded": 3}
    never_came = spark.createDataFrame(
        [("u", "c", None, 0, 0, None, None, None, None, 0, False, False)], written.schema
    )
    Lake(spark, lake.location).append(written, never_came)  # a writer brings its table along by itself
    for table in changed:
        live = spark.read.table(lake.reference(table)).schema
        assert {(f.name, f.dataType.simpleString(), f.nullable) for f in live} == {
            (f.name, f.dataType.simpleString(), f.nullable) for f in table.schema
        }, table.name
    assert upgrade(Lake(spark, lake.location), upgraded)["tables_upgraded"] == 0


def test_rows_that_break_a_new_check_are_named(spark, tmp_path):
    lake = Lake(spark, str(tmp_path / "lake"))
    seen = contract.Table("seen", "d", (contract.Col("n", "int", "n"),), ("n",))
    lake.append(seen, spark.createDataFrame([(0,)], "n int"))
    checked = contract.Table("seen", "d", seen.columns, ("n",), checks={"n_is_positive": "n > 0"})
    with pytest.raises(UsageError, match=r"rows of table seen break the check n_is_positive \(n > 0\)"):
        upgrade(Lake(spark, lake.location), [checked])
