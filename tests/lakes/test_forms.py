import pytest
from pyspark.sql import functions as F

from offbeat.tables import TABLES, Lake
from tests.lakes.maker import FORMS, make_lake

pytestmark = pytest.mark.spark


@pytest.mark.parametrize("form", FORMS)
def test_a_lake_of_an_earlier_form_takes_later_columns(spark, tmp_path, form):
    make_lake(spark, tmp_path / "lake", form)
    truth = TABLES["truth"]
    before = Lake(spark, str(tmp_path / "lake")).read(truth)
    assert set(before.columns) == set(truth.column_names)
    assert before.collect()[0]["fault_event_ids"] is None
    lake = Lake(spark, str(tmp_path / "lake"))
    lake.append(
        truth, before.withColumns({"session_key": F.lit("k2"), "fault_event_ids": F.array(F.lit("a"))})
    )
    rows = Lake(spark, str(tmp_path / "lake")).read(truth).orderBy("session_key").collect()
    assert [row["fault_event_ids"] for row in rows] == [["a"], None]
