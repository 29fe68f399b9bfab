"""Delta's JARs, and those of sources: resolved once by Spark's own Ivy, kept in a cache, loaded by `spark.jars`."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from offbeat.errors import OffbeatError, UsageError
from offbeat.runtime.java import ensure_java

# What tables and streams need of Delta; the rest of what it names lies in Spark's jars folder, or is unused.
NEEDED = ("delta-spark", "delta-storage", "delta-kernel-api")
NOT_FETCHED = "com.*:*,commons-*:*,io.airlift:*,io.unitycatalog:*,it.*:*,javax.*:*,org.*:*"
FETCH_LIMIT_S = 300
# What sources need, by the extra's name; a cluster brings its own (spark-submit --packages).
POSTGRESQL = "org.postgresql:postgresql:42.7.7"


def delta_jars() -> list[Path]:
    """List Delta's JARs for `spark.jars`: from the cache, which the first call on a machine fills.

    OFFBEAT_JARS (paths with commas between) is taken instead where set. Where Ivy looks is Spark's to say:
    spark-defaults.conf (spark.jars.ivySettings, spark.jars.repositories), DEFAULT_ARTIFACT_REPOSITORY,
    PYSPARK_SUBMIT_ARGS.

    Raises: UsageError: OFFBEAT_JARS names what is no file, or pyspark, delta-spark or Java is missing.
        OffbeatError: the cache is empty and no registry gave the JARs.
    """
    given = os.environ.get("OFFBEAT_JARS")
    if given:
        return _given_jars(given)
    return extra_jars(delta_coordinate())


def extra_jars(coordinate: str) -> list[Path]:
    """List the JARs of an artifact and of what it needs: from the cache, which the first call on a machine fills.

    Args:
        coordinate: group:artifact:version.

    Raises: OffbeatError: the cache lacks them and no registry gave them.
    """
    folder = cache_folder() / "jars" / coordinate.partition(":")[2].replace(":", "-")
    jars = _cached_jars(folder)
    if not jars:
        ensure_java()
        with _only_one(folder.parent):
            jars = _cached_jars(folder) or _fill_cache(coordinate, folder)
    return jars


def delta_coordinate() -> str:
    """Name Delta's artifact for the installed pyspark and delta-spark, as group:artifact:version.

    Raises: UsageError: one of the two isn't installed.
    """
    spark, delta = _installed("pyspark"), _installed("delta-spark")
    # Delta 4.0 was made for one Spark; from 4.1 on an artifact names the Spark that it is for.
    suffix = "" if delta.startswith("4.0.") else "_" + ".".join(spark.split(".")[:2])
    return f"io.delta:delta-spark{suffix}_2.13:{delta}"


def kafka_coordinate() -> str:
    """Name Spark's connector of Kafka for the installed pyspark, as group:artifact:version."""
    return f"org.apache.spark:spark-sql-kafka-0-10_2.13:{_installed('pyspark')}"


def _installed(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise UsageError(
            f"{package} isn't installed: pip install 'offbeat[local]', or give Spark the JARs of Delta"
            " (spark-submit --packages or --jars, or OFFBEAT_JARS)"
        ) from error


def cache_folder() -> Path:
    """Return the folder of what is fetched once: OFFBEAT_CACHE, else `offbeat` in the user's cache."""
    own = os.environ.get("OFFBEAT_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "offbeat")


def copy_from_ivy(coordinate: str, folder: Path) -> None:
    """Resolve `coordinate` as spark-submit would, for this user, and copy its JARs into `folder`; of Delta the needed.

    Starts a JVM, but no session.  Raises: OffbeatError: what was resolved is something else.
    """
    import pyspark
    from pyspark import SparkConf
    from pyspark.java_gateway import launch_gateway

    conf = SparkConf(loadDefaults=False)
    conf.set("spark.master", "local[1]")
    conf.set("spark.jars.packages", coordinate)
    if _is_delta(coordinate):
        conf.set("spark.jars.excludes", NOT_FETCHED)
    gateway = launch_gateway(conf)
    try:
        uris = gateway.jvm.java.lang.System.getProperty("spark.jars").split(",")
    finally:
        gateway.shutdown()
        gateway.proc.stdin.close()  # the JVM ends when its standard input does
        gateway.proc.wait(timeout=60)
    group, artifact, _ = coordinate.split(":")
    wanted = tuple(f"io.delta_{name}" for name in NEEDED) if _is_delta(coordinate) else ("",)
    resolved = [Path(uri.removeprefix("file://")) for uri in uris]
    shipped = {
        jar.name for jar in Path(pyspark.__file__).parent.glob("jars/*.jar")
    }  # Spark has these already
    jars = [
        jar for jar in resolved if jar.name.startswith(wanted) and jar.name.partition("_")[2] not in shipped
    ]
    if not any(jar.name.startswith(f"{group}_{artifact}") for jar in jars):
        raise OffbeatError(
            f"{coordinate} resolved to {uris}, which doesn't hold it: check spark.jars.ivySettings"
        )
    for jar in jars:
        shutil.copyfile(jar, folder / jar.name)


def _is_delta(coordinate: str) -> bool:
    return coordinate.startswith("io.delta:")


def _given_jars(paths: str) -> list[Path]:
    jars = [Path(path.strip()) for path in paths.split(",") if path.strip()]
    missing = [jar for jar in jars if not jar.is_file()]
    if missing:
        raise UsageError(f"OFFBEAT_JARS names {missing[0]}, which is no file: give paths with commas between")
    return jars


def _cached_jars(folder: Path) -> list[Path]:
    """List the JARs of a whole cache entry; empty where it is absent, or a file is lost or cut short."""
    try:
        sizes = json.loads((folder / "sizes.json").read_text())
        whole = all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return []
    return sorted(folder / name for name in sizes) if whole else []


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Let one process at a time fill the cache: Ivy's own download folder bears no second one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fill_cache(coordinate: str, folder: Path) -> list[Path]:
    """Fetch into a scratch folder and rename it: nobody ever sees half an entry."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as scratch:
        fresh = Path(scratch, "jars")
        fresh.mkdir()
        _fetch(coordinate, fresh, log=folder.parent / f"{folder.name}.log")
        sizes = {jar.name: jar.stat().st_size for jar in sorted(fresh.glob("*.jar"))}
        (fresh / "sizes.json").write_text(json.dumps(sizes, indent=1) + "\n")
        if folder.exists():
            folder.rename(Path(scratch, "broken"))
        fresh.rename(folder)
    return _cached_jars(folder)


def _fetch(coordinate: str, folder: Path, *, log: Path) -> None:
    """Run `copy_from_ivy` in a process of its own, whose JVM no session of this one inherits."""
    of_another_jvm = ("PYSPARK_GATEWAY_PORT", "PYSPARK_GATEWAY_SECRET")  # set for a script under spark-submit
    env = {name: value for name, value in os.environ.items() if name not in of_another_jvm}
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-m", "offbeat.runtime", "fetch", coordinate, str(folder)]
    with log.open("w") as out:
        try:
            done = subprocess.run(
                command, env=env, stdout=out, stderr=out, timeout=FETCH_LIMIT_S, check=False
            )
            fetched = done.returncode == 0
        except subprocess.TimeoutExpired:
            fetched = False
    if not fetched:
        raise OffbeatError(
            f"the JARs of {coordinate} are not in {log.parent} and no registry gave them (why: {log}):"
            " run once with a network, point spark.jars.ivySettings to a mirror, or set OFFBEAT_JARS to paths"
        )
