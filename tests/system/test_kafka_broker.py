"""`offbeat stream` from a real broker of Kafka: each message once, also over a stop and a new start."""

from __future__ import annotations

import json
import subprocess
import sys

import deltalake
import pytest

from offbeat.errors import OffbeatError
from offbeat.runtime import extra_jars, kafka_coordinate
from tests.system.kafka_broker import COORDINATE, KafkaBroker
from tests.system.offbeat_process import LIMIT_S, ROOT

pytestmark = [pytest.mark.system, pytest.mark.slow]

# Messages are written, and a stream takes them until so many events are there; twice.
SCRIPT = """
import os, signal, sys, threading, time
import deltalake
from offbeat import cli, steps
from offbeat.config import Config

config, servers, lake = sys.argv[1:]
spark = steps.Context(Config.load(config), run_date=None).spark

def produce(*values):
    rows = spark.createDataFrame([(value,) for value in values], "value string")
    rows.write.format("kafka").options(**{"kafka.bootstrap.servers": servers, "topic": "clicks"}).save()

def stop_at(events):
    while True:
        time.sleep(0.5)
        try:
            if deltalake.DeltaTable(f"{lake}/events").to_pyarrow_table().num_rows >= events:
                break
        except deltalake.exceptions.TableNotFoundError:
            pass
    os.kill(os.getpid(), signal.SIGTERM)

row = '{{"u": "{}", "t": "2026-01-01T00:0{}:00Z", "e": "play"}}'.format
codes = []
for events, values in ((2, [row("a", 1), row("a", 1), row("b", 2), "no json"]), (3, [row("a", 3)])):
    produce(*values)
    threading.Thread(target=stop_at, args=[events]).start()
    codes.append(cli.main(["stream", "--config", config, "--json"]))
print(codes)
"""


def test_messages_are_taken_once(tmp_path):
    try:
        for coordinate in (COORDINATE, kafka_coordinate()):
            extra_jars(coordinate)
    except OffbeatError as error:
        pytest.skip(str(error))
    with KafkaBroker(tmp_path) as broker:
        options = {"kafka.bootstrap.servers": broker.servers, "subscribe": "clicks"}
        columns = {"entity": "u", "time": "t", "event": "e"}
        source = {"format": "kafka", "options": options, "columns": columns}
        conf = {
            "name": "k",
            "lake": f"{tmp_path}/lake",
            "source": source,
            "quarantine": {"limit": 0.5},
            "stream": {"every": 0.5},
        }
        (tmp_path / "c.yaml").write_text(json.dumps(conf))
        command = [sys.executable, "-c", SCRIPT, tmp_path / "c.yaml", broker.servers, f"{tmp_path}/lake"]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=2 * LIMIT_S, check=False
        )
    assert done.stdout.splitlines()[-1] == "[0, 0]", done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    names = ("rows_in", "events", "duplicates", "quarantined")
    assert [tuple(one[name] for name in names) for one in (first, second)] == [(4, 2, 1, 1), (1, 1, 0, 0)]
    rows = deltalake.DeltaTable(f"{tmp_path}/lake/events").to_pyarrow_table().to_pylist()
    assert sorted((row["entity"], row["event_time"].minute) for row in rows) == [("a", 1), ("a", 3), ("b", 2)]
