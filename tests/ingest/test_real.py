"""Real logs, with counts that their descriptions or a plain look at the file give."""

from __future__ import annotations

from collections import Counter

import pytest

from offbeat.config import Source

pytestmark = pytest.mark.spark

COMBINED = (
    r'(?P<ip>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<request>[^"]*)" (?P<status>\d{3}) (?P<bytes>\S+)'
    r' "(?P<referer>[^"]*)" "(?P<agent>.*)"'
)
CURRICULUM = r"(?P<time>\S+ \S+) (?P<path>\S*) (?P<user>\d+) (?P<cohort>\d*) (?P<ip>\S+)"


def test_access_log_in_combined_format(read, data_dir):
    columns = {"entity": "ip", "time": "time", "event": "request", "covariates": ["status", "agent"]}
    path = str(data_dir / "apache_access" / "apache_logs.txt")
    rows = read(
        Source.model_validate({"format": "text", "path": path, "pattern": COMBINED, "columns": columns})
    )
    good = [row for row in rows if not row["reasons"]]
    assert (len(rows), len({row["entity"] for row in good})) == (10_000, 1753)
    assert min(row["event_time"] for row in good) == "2015-05-17 10:05:00"
    assert max(row["event_time"] for row in good) == "2015-05-20 21:05:59"
    statuses = Counter(row["covariates"]["status"] for row in good)
    assert statuses == {
        "200": 9125,  # one line of the 10,000 ends without its quote
        "304": 445,
        "404": 213,
        "301": 164,
        "206": 45,
        "500": 3,
        "403": 2,
        "416": 2,
    }


def test_curriculum_log_with_empty_cohorts(read, data_dir):
    columns = {"entity": "user", "time": "time", "event": "path", "covariates": ["cohort", "ip"]}
    path = str(data_dir / "codeup" / "real_excerpt.txt")
    rows = read(
        Source.model_validate({"format": "text", "path": path, "pattern": CURRICULUM, "columns": columns})
    )
    assert [row["raw"] for row in rows if row["reasons"]] == []
    assert (len(rows), len({row["entity"] for row in rows})) == (2832, 266)
    assert sum("cohort" not in row["covariates"] for row in rows) == 35
    assert all(row["covariates"]["ip"].count(".") == 3 for row in rows)


def test_block_sequences(read, data_dir):
    folder = data_dir / "hdfs_ait_loghub"
    rows = read(
        Source.model_validate({"format": "sequences", "path": str(folder / "hdfs_train"), "label": 0})
    )
    lengths = Counter(row["entity"] for row in rows)
    assert (len(lengths), min(lengths.values()), max(lengths.values())) == (5583, 13, 47)


@pytest.mark.slow  # in the fast tier the other blocks show it
def test_other_block_sequences(read, data_dir):
    rows = read(
        Source.model_validate({"format": "sequences", "path": str(data_dir / "hdfs_deeplog" / "hdfs_train")})
    )
    lengths = Counter(row["entity"] for row in rows)
    assert (len(lengths), min(lengths.values()), max(lengths.values())) == (4855, 13, 42)


def test_help_desk_in_xes_equals_the_csv_made_of_it(read, data_dir):
    folder = data_dir / "helpdesk_xes"
    xes = read(Source.model_validate({"format": "xes", "path": str(folder / "helpdesk.xes.gz")}))
    columns = {"entity": "case_id", "time": "timestamp", "event": "activity", "position": "event_index"}
    csv = read(Source.model_validate({"path": str(folder / "helpdesk.csv.gz"), "columns": columns}))
    assert (len(xes), len({row["entity"] for row in xes}), len({row["event"] for row in xes})) == (
        21_348,
        4580,
        14,
    )
    assert {row["event_id"] for row in xes} == {row["event_id"] for row in csv}


@pytest.mark.slow  # a packed csv is read in the help desk's test too
def test_ad_clicks_packed(read, data_dir):
    columns = {"entity": "ip", "time": "click_time", "event": "app", "label": "is_attributed"}
    rows = read(
        Source.model_validate({"path": str(data_dir / "talkingdata" / "*.csv.gz"), "columns": columns})
    )
    assert (len(rows), sum(row["label"] for row in rows), len({row["entity"] for row in rows})) == (
        100_000,
        227,
        34_857,
    )
    assert min(row["event_time"] for row in rows) == "2017-11-06 16:00:00"
    assert max(row["event_time"] for row in rows) == "2017-11-09 15:59:51"
