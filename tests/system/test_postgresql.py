"""Events from a real PostgreSQL: the driver comes from the cache of JARs, the password from the environment alone."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import deltalake
import pytest
import yaml

from offbeat.errors import OffbeatError
from offbeat.runtime import POSTGRESQL, extra_jars
from tests.system.offbeat_process import LIMIT_S, ROOT
from tests.system.postgresql import PASSWORD, USER, PostgreSQL

pytestmark = [pytest.mark.system, pytest.mark.slow]

CLICKS = """
CREATE TABLE clicks (id bigint PRIMARY KEY, who text, at timestamptz, what text, more jsonb, price numeric(8,2));
INSERT INTO clicks SELECT i, 'u' || i % 7, timestamptz '2024-03-31 00:59:58+00' + i * interval '1 second',
  'e' || i % 3, '{"n": 1}', i FROM generate_series(1, 1000) i;
INSERT INTO clicks VALUES (1001, NULL, '2024-03-31', 'x', NULL, NULL), (1002, 'u1', NULL, NULL, NULL, NULL);
CREATE TABLE walls (who text, at timestamp, what text);
INSERT INTO walls VALUES ('a', '2024-03-31 01:59:59', 'winter'), ('a', '2024-03-31 03:00:00', 'summer');
"""
# Four calls in one process, which has to start Spark once; the last has a wrong password.
CALLS = """
import os, sys
from offbeat import cli
codes = [cli.main(["ingest", "--config", sys.argv[1], "--json"]) for _ in range(2)]
only_new = ["--set", "source.0.incremental=true", "--set", "sessions.lateness=100"]
codes.append(cli.main(["ingest", "--config", sys.argv[1], "--json", *only_new]))
os.environ["OFFBEAT_JDBC_PASSWORD"] = "wr0ng"
codes.append(cli.main(["ingest", "--config", sys.argv[1], "--json"]))
print(codes)
"""


@pytest.fixture(scope="module")
def database():
    try:
        extra_jars(POSTGRESQL)
    except OffbeatError as error:
        pytest.skip(str(error))
    with PostgreSQL() as started:
        started.execute(CLICKS)
        yield started


def test_tables_and_queries_plain_and_partitioned(database, tmp_path, monkeypatch):
    with sqlite3.connect(tmp_path / "db") as lite:
        lite.execute("CREATE TABLE log (who TEXT, at INTEGER, what TEXT)")
        lite.execute("INSERT INTO log VALUES ('lite', 1709287200, 'play')")
    lite.close()
    columns = {"entity": "who", "time": "at", "event": "what"}
    parts = {"partitionColumn": "id", "lowerBound": "1", "upperBound": "1000", "numPartitions": "3"}
    read = {"url": database.url, "dbtable": "clicks"}
    clicks = columns | {"event_id": "id", "covariates": ["more", "price"]}
    sources = [
        {"options": read | parts, "columns": clicks},
        {
            "options": {"url": database.url, "query": "SELECT * FROM clicks WHERE id <= 10"},
            "columns": columns,
        },
        {
            "options": {"url": database.url, "dbtable": "walls"},
            "columns": columns,
            "time_zone": "Europe/Berlin",
        },
        {"path": str(tmp_path / "db"), "options": {"dbtable": "log"}, "columns": columns},
    ]
    conf = {"name": "pg", "lake": f"{tmp_path}/lake", "source": [{"format": "jdbc"} | one for one in sources]}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(conf))
    monkeypatch.setenv("OFFBEAT_JDBC_USER", USER)
    monkeypatch.setenv("OFFBEAT_JDBC_PASSWORD", PASSWORD)
    done = subprocess.run(
        [sys.executable, "-c", CALLS, tmp_path / "c.yaml"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=3 * LIMIT_S,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines[-1] == "[0, 0, 0, 3]", done.stderr
    first, again, incremental = (json.loads(line) for line in lines if line.startswith("{"))
    assert [first[key] for key in ("rows_in", "events", "duplicates", "quarantined")] == [1015, 1013, 0, 2]
    assert [again[key] for key in ("rows_in", "events", "duplicates", "quarantined")] == [1015, 0, 1013, 2]
    # of 1000 clicks the last 100 seconds with their bounds, and the two that are refused, of which one has no time
    assert [incremental[key] for key in ("rows_in", "events", "quarantined")] == [101 + 1 + 10 + 2 + 1, 0, 1]
    rows = deltalake.DeltaTable(f"{tmp_path}/lake/events").to_pyarrow_table().to_pylist()
    by_id = {row["event_id"]: row for row in rows}
    assert by_id["1000"]["event_time"].isoformat() == "2024-03-31T01:16:38+00:00"
    assert dict(by_id["3"]["covariates"]) == {"more": '{"n": 1}', "price": "3.00"}
    walls = sorted((row["event_time"].isoformat(), row["event"]) for row in rows if row["entity"] == "a")
    assert walls == [("2024-03-31T00:59:59+00:00", "winter"), ("2024-03-31T01:00:00+00:00", "summer")]
    refused = deltalake.DeltaTable(f"{tmp_path}/lake/quarantine").to_pyarrow_table().to_pylist()
    assert sorted(tuple(row["reasons"]) for row in refused) == [("null_entity",), ("null_event", "null_time")]
    complaint = done.stderr.splitlines()[-1]
    assert complaint.startswith(f"offbeat: source {database.url} clicks: ")
    assert "password authentication failed" in complaint
    assert_told_nowhere(done.stdout + done.stderr, tmp_path / "lake")


def assert_told_nowhere(said: str, lake: Path) -> None:
    for secret in (PASSWORD, "wr0ng"):
        assert secret not in said
        assert not any(secret.encode() in log.read_bytes() for log in lake.rglob("*.json"))
