"""Spark's own sink gives Prometheus what it measures, on the port that the environment names."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from offbeat.errors import UsageError
from offbeat.spark import _metrics

SCRAPE = """
import urllib.request
from offbeat.spark import open_session
spark = open_session("metrics")
spark.range(1000).repartition(2).count()
for path in ("/metrics/prometheus/", "/metrics/executors/prometheus/"):
    with urllib.request.urlopen(spark.sparkContext.uiWebUrl + path) as got:
        print(got.read().decode())
spark.stop()
"""


@pytest.mark.parametrize("port", ["x", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(port):
    with pytest.raises(UsageError, match="expected a port from 1 to 65535"):
        _metrics(port)


@pytest.mark.system
@pytest.mark.slow
def test_metrics_can_be_scraped():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"OFFBEAT_METRICS_PORT": str(port), "OFFBEAT_DRIVER_MEMORY": "1g"}
    command = [sys.executable, "-c", SCRAPE]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert "metrics_offbeat_driver_DAGScheduler_job_allJobs_Value" in done.stdout
    assert "metrics_executor_completedTasks_total" in done.stdout
