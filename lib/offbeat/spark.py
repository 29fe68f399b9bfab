"""The SparkSession: an embedded default on a laptop, or the one that the cluster hands over.

Only this module builds a session, and only it and one function in `scoring/` touch what Spark Connect lacks.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pyspark.sql import DataFrame, SparkSession

from offbeat import runtime
from offbeat.errors import UsageError

log = logging.getLogger(__name__)

METRICS_PORT = "OFFBEAT_METRICS_PORT"
_EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"
_CATALOG = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
# What results depend on; everything else on a cluster is the cluster's.
_RESULTS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
# For one machine: few partitions and few tasks that only list files, since start-up is what a small log pays for.
_EMBEDDED = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": str(2 * (os.cpu_count() or 2)),
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "10000",
    # So that no core waits long for the last task of another; what is small is read in as few tasks as before.
    "spark.sql.files.maxPartitionBytes": "32m",
    # No two events share an id: a dictionary of them is made in vain.
    "spark.hadoop.parquet.enable.dictionary#event_id": "false",
    "spark.hadoop.parquet.enable.dictionary#event_ids.list.element": "false",
}
# Where Spark is a service of others (Databricks serverless), few settings can be made, and nothing can be kept.
_REFUSED = ("CONFIG_NOT_AVAILABLE", "CANNOT_MODIFY_CONFIG", "NOT_SUPPORTED_WITH_SERVERLESS")
_CONNECT_PORT = 15002
_CONNECT_LIMIT_S = 10


def open_session(
    app_name: str = "offbeat", *, verbose: bool = False, extras: Sequence[str] = ()
) -> SparkSession:
    """The session to work in.

    Over Spark Connect (`SPARK_REMOTE`) and on Databricks it is the one that is there; under spark-submit it is made
    on the cluster that spark-submit names; else an embedded one on all cores of this machine is started. With
    `SPARK_REMOTE=local[*]` the embedded one is a Connect server that ends with this process.

    Args:
        extras: artifacts (group:artifact:version) that sources need; the embedded session fetches them, a cluster
            brings its own.

    Raises:
        UsageError: there is no Java, the Delta JARs can't be had, or nobody answers at `SPARK_REMOTE`.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else executors take a bare `python3`
    remote = os.environ.get("SPARK_REMOTE", "")
    if _on_databricks():
        spark = SparkSession.builder.getOrCreate()
    elif remote and not remote.startswith("local"):
        spark = _connect(remote)
    else:
        spark = SparkSession.getActiveSession() or _start(app_name, verbose=verbose, extras=extras)
    for key, value in _RESULTS.items():
        set_if_allowed(spark, key, value)
    return spark


def _on_databricks() -> bool:
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def _connect(remote: str) -> SparkSession:
    """The session of a Connect server, whose workers get this offbeat: they need what it needs, not offbeat itself."""
    _assert_answers(remote)
    try:
        spark = SparkSession.builder.getOrCreate()
    except ImportError as error:
        raise UsageError(
            f"SPARK_REMOTE is set, but {error.name} is missing: pip install 'offbeat[connect]'"
        ) from None
    package = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        packed = shutil.make_archive(f"{folder}/offbeat", "zip", package.parent, package.name)
        spark.addArtifacts(packed, pyfile=True)
    return spark


def _assert_answers(remote: str) -> None:
    """Spark itself would try for minutes.

    Raises:
        UsageError: nobody listens there.
    """
    try:
        place = urlsplit(remote)
        host, port = place.hostname, place.port or _CONNECT_PORT
    except ValueError:
        host, port = None, 0
    if host is None or not remote.startswith("sc://"):  # it may hold a token: it is not repeated
        raise UsageError("SPARK_REMOTE: expected sc://HOST[:PORT][/;KEY=VALUE…], or local[*]")
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_LIMIT_S):
            pass
    except OSError as error:
        raise UsageError(
            f"SPARK_REMOTE: nobody answers at {host}:{port} ({error.strerror or error}); start the Spark Connect "
            "server, or unset SPARK_REMOTE"
        ) from None


def set_if_allowed(spark: SparkSession, key: str, value: str) -> bool:
    """Set a setting of the session; False where the service that runs Spark doesn't let it be set."""
    try:
        spark.conf.set(key, value)
    except Exception as error:
        if _is_refused(error):
            log.debug("setting %s can't be made here", key)
            return False
        raise
    return True


def keep(frame: DataFrame) -> DataFrame:
    """Keep a frame's rows for more than one use; where nothing can be kept they are made again, and are the same."""
    try:
        return frame.persist()
    except Exception as error:
        if _is_refused(error):
            return frame
        raise


def let_go(frame: DataFrame) -> None:
    """Let go of what `keep` has kept."""
    try:
        frame.unpersist()
    except Exception as error:
        if not _is_refused(error):
            raise


def _is_refused(error: Exception) -> bool:
    return any(sign in str(error) for sign in _REFUSED)


def has_context(spark: SparkSession) -> bool:
    """Whether the session has a SparkContext (it has none over Spark Connect)."""
    return not type(spark).__module__.startswith("pyspark.sql.connect")


def _start(app_name: str, *, verbose: bool, extras: Sequence[str]) -> SparkSession:
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    remote = os.environ.get("SPARK_REMOTE")
    if not submitted:
        runtime.ensure_java()
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.appName(app_name)
    settings = dict(_RESULTS)
    if not submitted:
        settings |= _EMBEDDED | {
            "spark.master": f"local[{os.environ.get('OFFBEAT_CORES', '*')}]",
            "spark.driver.memory": os.environ.get("OFFBEAT_DRIVER_MEMORY", "3g"),
            "spark.driver.extraJavaOptions": _java_options(verbose=verbose),
            "spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower(),
        }
        settings |= _metrics(os.environ.get(METRICS_PORT))
    if remote:
        settings = {key: value for key, value in settings.items() if key != "spark.master"}
    settings |= _delta(submitted=submitted)
    if not submitted:
        settings |= _jars(extras, served=bool(remote))
    for key, value in settings.items():
        builder = builder.config(key, value)
    with _java_on_its_own():
        spark = builder.getOrCreate()
    if has_context(spark):
        spark.sparkContext.setLogLevel("WARN" if verbose else "OFF")
    return spark


def _metrics(port: str | None) -> dict[str, str]:
    """Settings of the embedded session's own metrics, for Prometheus to scrape from its web interface.

    Raises:
        UsageError: the port is none.
    """
    if not port:
        return {}
    if not port.isdigit() or not 0 < int(port) < 65_536:  # noqa: PLR2004 - ports have 16 bits
        raise UsageError(f"{METRICS_PORT}: expected a port from 1 to 65535, got {port[:20]}")
    sink = "spark.metrics.conf.*.sink.prometheusServlet"
    return {
        "spark.ui.enabled": "true",
        "spark.ui.port": port,
        "spark.ui.prometheus.enabled": "true",
        f"{sink}.class": "org.apache.spark.metrics.sink.PrometheusServlet",
        f"{sink}.path": "/metrics/prometheus",
        "spark.metrics.namespace": "offbeat",  # else each run has a name of its own
    }


@contextmanager
def _java_on_its_own() -> Iterator[None]:
    """Start Java in a process group of its own, with what it prints on stderr.

    So what stops this process (Ctrl-C, `timeout`, which signal the whole group) lets it finish the step at work first,
    and stdout stays the result's. Java ends when this process does, however that ends.
    """
    java_gateway: Any = import_module("pyspark.java_gateway")
    plain = java_gateway.Popen
    java_gateway.Popen = partial(plain, start_new_session=True, stdout=sys.__stderr__)
    try:
        yield
    finally:
        java_gateway.Popen = plain


def _java_options(*, verbose: bool) -> str:
    """JVM options: less chatter on stderr, which is for the job's own log lines; and what the environment adds."""
    chatter = Path(__file__).with_name("log4j2.properties").as_uri()
    quiet = "" if verbose else f"-Dlog4j2.configurationFile={chatter} "
    return f"{quiet}{runtime.class_options()} {os.environ.get('OFFBEAT_JAVA_OPTIONS', '')}"


def _jars(extras: Sequence[str], *, served: bool) -> dict[str, str]:
    """Settings that bring the embedded session its JARs.

    Delta's lie on Java's own class path, since an archive of classes holds no others; a Connect server loads its own.
    """
    delta = [str(jar) for jar in runtime.delta_jars()]
    wanted = [extra for extra in extras if not any(extra.split(":")[1] in jar for jar in delta)]
    fetched = [str(jar) for extra in wanted for jar in runtime.extra_jars(extra)]
    if served:
        return {"spark.jars": ",".join([*delta, *fetched])}
    return {"spark.driver.extraClassPath": os.pathsep.join(delta)} | (
        {"spark.jars": ",".join(fetched)} if fetched else {}
    )


def _delta(*, submitted: bool) -> dict[str, str]:
    """Settings that bring Delta: nothing but its names where Java has it on its class path."""
    names = {"spark.sql.extensions": _EXTENSION, "spark.sql.catalog.spark_catalog": _CATALOG}
    if not submitted or _on_class_path(_EXTENSION):
        return names
    jars = [str(jar) for jar in runtime.delta_jars()]
    _add_to_class_path(jars)
    return names | {"spark.jars": ",".join(jars)}


def _on_class_path(name: str) -> bool:
    jvm = _jvm()
    try:
        jvm.java.lang.Thread.currentThread().getContextClassLoader().loadClass(name)
    except Exception:  # noqa: BLE001 - py4j wraps ClassNotFoundException in an error of its own
        return False
    return True


def _add_to_class_path(jars: list[str]) -> None:
    """Let the driver that spark-submit has started see the JARs; `spark.jars` set this late reaches executors only."""
    jvm = _jvm()
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    for jar in jars:
        loader.addURL(jvm.java.io.File(jar).toURI().toURL())


def _jvm() -> Any:
    from pyspark import SparkContext

    SparkContext._ensure_initialized()  # noqa: SLF001 - there is no public way to the JVM before a session
    return SparkContext._jvm  # noqa: SLF001
