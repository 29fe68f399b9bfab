import pytest
from pyspark.testing import assertDataFrameEqual

from offbeat.errors import UsageError
from offbeat.tables import TABLES, Lake
from offbeat.tables.table import Col, Table

pytestmark = pytest.mark.spark

MADE_BY_A_RUN = {
    *("anomalies", "drift", "evaluations", "event_scores", "events", "ingested", "minutes_viewed"),
    *("prediction_checks", "predictions", "quarantine", "runs", "session_scores", "sessions", "truth"),
}
SEEN = Table(
    name="seen",
    doc="What was seen, and how often. It's for `tests`.",
    columns=(
        Col("id", "string", "who", null=False),
        Col("part", "int", "where", null=False),
        Col("n", "bigint", "how often"),
    ),
    key=("id", "part"),
    cluster_by=("id",),
    checks={"n_is_positive": "n > 0"},
    change_feed=True,
)


def rows(spark, *values):
    return spark.createDataFrame(list(values), "id string, part int, n bigint")


@pytest.fixture
def lake(spark, tmp_path):
    return Lake(spark, str(tmp_path / "la`ke x"), metadata="who wrote it")


def test_a_table_is_created_with_comments_key_and_constraints(spark, lake):
    lake.ensure(SEEN)
    fields = {field.name: field for field in lake.read(SEEN).schema}
    assert fields["id"].metadata["comment"] == "who"
    properties = {
        row["key"]: row["value"] for row in spark.sql(f"SHOW TBLPROPERTIES {lake.reference(SEEN)}").collect()
    }
    assert properties["delta.constraints.n_is_positive"] == "n > 0"
    assert properties["delta.enableChangeDataFeed"] == "true"
    detail = spark.sql(f"DESCRIBE DETAIL {lake.reference(SEEN)}").first()
    assert detail["clusteringColumns"] == ["id"]
    assert detail["description"] == SEEN.doc


@pytest.mark.parametrize("bad", [("a", 1, 0), (None, 1, 1)])
def test_rows_that_break_the_contract_are_refused_whole(spark, lake, bad):
    lake.append(SEEN, rows(spark, ("a", 1, 1)))
    with pytest.raises(Exception, match=r"(?i)check constraint|not null"):
        lake.append(SEEN, rows(spark, ("b", 1, 1), bad))
    assertDataFrameEqual(lake.read(SEEN), rows(spark, ("a", 1, 1)))


def test_the_same_transaction_writes_once(spark, lake):
    for _ in range(2):
        lake.append(SEEN, rows(spark, ("a", 1, 1)), txn=("app", 0))
    lake.append(SEEN, rows(spark, ("a", 2, 1)), txn=("app", 1))
    assertDataFrameEqual(lake.read(SEEN), rows(spark, ("a", 1, 1), ("a", 2, 1)))


def test_merge_updates_inserts_and_deletes_by_key(spark, lake):
    lake.append(SEEN, rows(spark, ("a", 1, 1), ("b", 1, 1), ("c", 1, 1)))
    changes = spark.createDataFrame(
        [("a", 1, 9, False), ("b", 1, None, True), ("d", 1, 4, False), ("e", 1, 5, True)],
        "id string, part int, n bigint, gone boolean",
    )
    lake.merge(SEEN, changes, delete="gone")
    assertDataFrameEqual(lake.read(SEEN), rows(spark, ("a", 1, 9), ("c", 1, 1), ("d", 1, 4)))


def test_replace_takes_all_rows_of_an_id_and_of_no_other(spark, lake):
    lake.append(SEEN, rows(spark, ("a", 1, 1), ("a", 2, 1), ("a", 3, 1), ("b", 1, 1), ("c", 1, 1)))
    ids = spark.createDataFrame([("a",), ("b",)], "id string")
    lake.replace(SEEN, rows(spark, ("a", 2, 5), ("a", 4, 5)), ids, within={})
    assertDataFrameEqual(lake.read(SEEN), rows(spark, ("a", 2, 5), ("a", 4, 5), ("c", 1, 1)))


def test_reading_what_is_not_there_says_what_to_do(lake):
    assert not lake.exists(SEEN)
    with pytest.raises(UsageError, match="no table seen yet"):
        lake.read(SEEN)


def test_a_table_that_something_else_wrote_is_refused(spark, lake):
    rows(spark, ("a", 1, 1)).write.format("delta").save(lake.path("seen"))
    with pytest.raises(UsageError, match="was written by something else"):
        lake.ensure(SEEN)


def test_files_that_are_no_table_are_refused(spark, lake):
    rows(spark, ("a", 1, 1)).write.parquet(lake.path("seen"))
    with pytest.raises(UsageError, match="not a Delta table"):
        lake.append(SEEN, rows(spark, ("b", 1, 1)))


def test_a_lake_that_is_a_file_is_refused(spark, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        Lake(spark, str(tmp_path / "file")).ensure(SEEN)


def test_other_columns_than_the_contract_are_refused(spark, lake):
    lake.ensure(SEEN)
    other = Table("seen", SEEN.doc, (*SEEN.columns, Col("more", "int", "new", null=False)), key=SEEN.key)
    with pytest.raises(UsageError, match="differs from the contract in more"):
        Lake(spark, lake.location).ensure(other)


def test_a_lake_can_be_a_schema_of_a_catalog(spark):
    spark.sql("CREATE SCHEMA IF NOT EXISTS offbeat_test")
    try:
        lake = Lake(spark, "spark_catalog.offbeat_test")
        lake.append(SEEN, rows(spark, ("a", 1, 1)))
        assertDataFrameEqual(lake.read(SEEN), rows(spark, ("a", 1, 1)))
        assert lake.version(SEEN) == 1
    finally:
        spark.sql("DROP SCHEMA offbeat_test CASCADE")


def test_versions_read_and_written_are_kept(spark, lake):
    lake.append(SEEN, rows(spark, ("a", 1, 1)))
    lake.read(SEEN)
    assert (lake.tables_written, lake.tables_read) == ({"seen": 1}, {"seen": 1})


def test_a_snapshot_stays_at_the_version_that_it_first_named(spark, lake):
    lake.append(SEEN, rows(spark, ("a", 1, 1)))
    snapshot = lake.snapshot()
    assert snapshot.version_read(SEEN) == 1
    Lake(spark, lake.location).append(SEEN, rows(spark, ("b", 2, 2)))
    assertDataFrameEqual(snapshot.read(SEEN), rows(spark, ("a", 1, 1)))
    assert (snapshot.version_read(SEEN), lake.version_read(SEEN)) == (1, 2)
    assert lake.tables_read == {"seen": 1}  # what a run writes down
    assert lake.read(SEEN).count() == 2


def test_keys_and_clustering_of_every_table_can_be():
    for table in TABLES.values():
        assert set(table.key) | set(table.cluster_by) <= set(table.column_names), table.name
        assert len(table.cluster_by) <= 4, table.name


@pytest.mark.parametrize(  # tests/system/test_main_job.py sees the others made
    "table",
    [
        pytest.param(table, id=name, marks=[pytest.mark.slow] if name in MADE_BY_A_RUN else [])
        for name, table in TABLES.items()
    ],
)
def test_every_table_of_the_contract_can_be_made(spark, lake, table):
    lake.ensure(table)
    assert lake.read(table).columns == table.column_names


@pytest.mark.parametrize(
    "location, reference",
    [
        ("main.logs", "`main`.`logs`.`seen`"),
        ("m`ain.logs; DROP TABLE x --", "`m``ain`.`logs; DROP TABLE x --`.`seen`"),
        ("./x`; DROP TABLE y --", "/x``; DROP TABLE y --/seen`"),
    ],
)
def test_names_of_lakes_are_quoted_whatever_is_in_them(location, reference):
    assert Lake(None, location).reference(SEEN).endswith(reference)
