"""Labels from elsewhere than a column of the log: a file of their own, or a csv of whole sequences."""

from __future__ import annotations

import pytest

from offbeat.config import Source
from offbeat.errors import InputRefused

pytestmark = pytest.mark.spark


def test_sequences_of_a_csv_with_labels(read, make_source, tmp_path):
    source = Source.model_validate(
        {
            "format": "sequences",
            "path": str(tmp_path / "log"),
            "columns": {"event": "Sequence", "label": "label"},
        }
    )
    (tmp_path / "log").write_text("Sequence,label\n5 5  7,0\n5 5  7,0\n9,1\n,1\n8 8,maybe\n1,2,3\n")
    rows = read(source)
    good = [row for row in rows if not row["reasons"]]
    by_entity: dict[str, list] = {}
    for row in sorted(good, key=lambda row: row["position"]):
        by_entity.setdefault(row["entity"], []).append((row["event"], row["label"]))
    assert sorted(by_entity.values()) == [
        [("5", 0), ("5", 0), ("7", 0)], [("5", 0), ("5", 0), ("7", 0)], [("9", 1)],
    ]  # fmt: skip
    bad = sorted((row["raw"], tuple(row["reasons"])) for row in rows if row["reasons"])
    assert bad == [
        (",1", ("null_event",)), ("1,2,3", ("malformed_row",)), ("8 8,maybe", ("bad_label",)),
    ]  # fmt: skip
    (tmp_path / "log").write_text("Sequences,label\n5 5 7,0\n")
    with pytest.raises(InputRefused, match="no column Sequence; columns there: Sequences, label"):
        read(source)


def test_labels_of_a_file_go_by_entity(spark, make_source, tmp_path):
    from offbeat.ingest.labels import add_labels

    labels = tmp_path / "labels.csv"
    labels.write_text("id,faulty\na,0\nb,1\nb,0\n é ,1\n")
    source = make_source(None, path=tmp_path, labels={"path": str(labels), "entity": "id", "label": "faulty"})
    rows = spark.createDataFrame(
        [("a", None), ("b", None), ("c", None), ("é", None), ("a", 1)], "entity string, label int"
    )
    found = sorted(
        (row["entity"], row["label"]) for row in add_labels(rows, source).collect() if row["entity"] != "c"
    )
    assert found == [("a", 0), ("a", 1), ("b", 1), ("é", 1)]
    labels.write_text("id,faulty\na,yes\n")
    with pytest.raises(InputRefused, match="'yes' in column faulty; expected 0 or 1"):
        add_labels(rows, source)
    labels.write_text("id,fault\na,1\n")
    with pytest.raises(InputRefused, match="no column faulty; did you mean fault"):
        add_labels(rows, source)
    labels.unlink()
    with pytest.raises(InputRefused, match="no such file"):
        add_labels(rows, source)
