import pytest

from offbeat.tables import TABLES, Lake
from offbeat.tables.upgrade import upgrade
from offbeat.tables.views import ensure_verdicts
from tests.lakes.asked import at

pytestmark = pytest.mark.spark


def test_a_catalog_has_a_view_of_the_newest_verdicts(spark, tmp_path):
    spark.sql("CREATE SCHEMA IF NOT EXISTS offbeat_views")
    try:
        lake = Lake(spark, "spark_catalog.offbeat_views")
        assert [ensure_verdicts(lake), ensure_verdicts(lake)] == [True, False]
        view = "spark_catalog.offbeat_views.verdicts"
        spark.sql(f"CREATE OR REPLACE VIEW {view} AS SELECT 1 AS of_an_earlier_offbeat")
        assert upgrade(lake, ()) == {"tables_checked": 0, "tables_upgraded": 1}
        rows = [
            ("s1", model, 1.0, 50.0, "normal", 5.0, 0.0, "r", at(day))
            for model, day in (("m1", 1), ("m2", 2))
        ]
        scores = TABLES["session_scores"]
        lake.append(scores, spark.createDataFrame(rows, scores.schema))
        found = spark.table(view).select("session_id", "model_version").collect()
        assert found == [("s1", "m2")]
    finally:
        spark.sql("DROP SCHEMA offbeat_views CASCADE")


def test_a_folder_has_no_place_for_a_view(tmp_path):
    ensure_verdicts(Lake(None, str(tmp_path)))
    assert list(tmp_path.iterdir()) == []
