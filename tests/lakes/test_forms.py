import pytest

from offbeat.tables import TABLES, Lake
from tests.lakes.maker import FORMS, make_lake

pytestmark = pytest.mark.spark


@pytest.mark.parametrize("form", FORMS)
def test_a_lake_of_an_earlier_form_can_still_be_read(spark, tmp_path, form):
    make_lake(spark, tmp_path / "lake", form)
    lake = Lake(spark, str(tmp_path / "lake"))
    for table in TABLES.values():
        if lake.exists(table):
            assert lake.read(table).count() == 1, table.name
    assert lake.exists(TABLES["anomalies"])
