"""What `offbeat init` proposes, and that the proposal works."""

from __future__ import annotations

import datetime as dt
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from offbeat.config import Config
from offbeat.errors import InputRefused
from offbeat.ingest.propose import propose


def log(rows=300):
    """A log as apps write it: users come back, actions repeat, ids do not."""
    start = dt.datetime(2024, 3, 1, 10, tzinfo=dt.timezone.utc)
    actions = ("open", "play", "pause", "stop")
    for row in range(rows):
        when = start + dt.timedelta(seconds=37 * row)
        yield {
            "event_id": f"e{row * 7919 % 1_000_003:x}",
            "user_id": f"u{row % 40}",
            "sent_at": when.strftime("%Y-%m-%d %H:%M:%S"),
            "action": actions[row % 4],
            "os": ("tv", "web")[row % 2],
            "is_fraud": str(int(row % 50 == 0)),
        }


def as_csv(rows, separator=","):
    return separator.join(rows[0]) + "\n" + "".join(separator.join(row.values()) + "\n" for row in rows)


def config_of(text, tmp_path):
    place = tmp_path / "proposed.yaml"
    place.write_text(text, encoding="utf-8")
    return Config.load(place, lake=f"{tmp_path}/lake")


@pytest.mark.parametrize("kind", ["csv", "semicolons", "gz", "json", "parquet"])
def test_columns_are_found_by_name_and_content(tmp_path, kind):
    rows = list(log())
    path = tmp_path / f"my log.{kind}"
    if kind == "json":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "gz":
        path.write_bytes(gzip.compress(as_csv(rows).encode()))
    else:
        path.write_text(as_csv(rows, ";" if kind == "semicolons" else ","))
    conf = config_of(propose(path), tmp_path)
    source = conf.source[0]
    assert conf.name == "my_log"
    assert source.format == {"json": "json", "parquet": "parquet"}.get(kind, "csv")
    columns = source.columns
    assert (columns.entity, columns.time, columns.event) == (("user_id",), "sent_at", ("action",))
    assert (columns.event_id, columns.label, columns.covariates) == ("event_id", "is_fraud", ("os",))
    assert source.options == ({"sep": ";"} if kind == "semicolons" else {})


def test_without_a_time_the_order_of_lines_is_proposed(tmp_path):
    path = tmp_path / "log.csv"
    rows = [{"host": row["user_id"], "event": row["action"]} for row in log()]
    path.write_text(as_csv(rows))
    text = propose(path)
    columns = config_of(text, tmp_path).source[0].columns
    assert (columns.time, columns.order) == (None, "line")
    assert "no column reads as a time" in text


def test_a_count_of_rows_is_no_id_of_an_event(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        as_csv([{"id": str(place), **row} for place, row in enumerate(log())]).replace("event_id", "other")
    )
    assert config_of(propose(path), tmp_path).source[0].columns.event_id is None


def test_alternatives_and_doubts_are_told(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        as_csv([{"a": r["user_id"], "b": r["action"], "c": r["os"], "when": r["sent_at"]} for r in log()])
    )
    text = propose(path)
    assert (
        "entity: a  # whose events these are (a guess from the values, no name says so): 40 different" in text
    )
    assert "    #   or " in text
    config_of(text, tmp_path)


@pytest.mark.parametrize(
    "content, told",
    [
        (None, "no such file"),
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"\x7fELF\x00\x01", "neither text nor Parquet"),
        (b"PAR1\x00", "not a whole Parquet file"),
        (b"a,b,c\n", "no rows in it"),
        (b"just some words\nin lines\n", "format: text and a pattern"),
        (b"[1, 2]\n", "not an object per line"),
        (b"a,b\n1,2\n3,4\n", "no columns that repeat"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path, content, told):
    path = tmp_path / "log"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputRefused, match=told):
        propose(path)


def test_a_damaged_gzip_is_refused(tmp_path):
    path = tmp_path / "log.csv.gz"
    path.write_bytes(b"not packed")
    with pytest.raises(InputRefused, match="can't be read"):
        propose(path)


@pytest.mark.spark
def test_the_proposal_ingests_cleanly(tmp_path, ingest):
    path = tmp_path / "log.csv"
    path.write_text(as_csv(list(log())))
    counts = ingest(config_of(propose(path), tmp_path))
    assert counts == {
        "rows_in": 300, "events": 300, "duplicates": 0, "quarantined": 0, "files_taken": 1, "files_skipped": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "name, wanted",
    [
        ("talkingdata/train_sample.csv.gz", ("ip", "click_time", "app", "is_attributed")),
        ("helpdesk_xes/helpdesk.csv.gz", ("case_id", "timestamp", "activity", None)),
        ("mobile_game/toy_unlock.csv", ("USR_ID", "CLIENT_TIME", "UNLOCK_CAUSE", None)),
    ],
)
def test_real_logs(data_dir, tmp_path, name, wanted):
    columns = config_of(propose(data_dir / name), tmp_path).source[0].columns
    assert (*columns.entity, columns.time, *columns.event, columns.label) == wanted
