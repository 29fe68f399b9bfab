"""Delta's JARs are fetched once, whole or not at all, through the user's own settings, and then asked of nobody."""

from __future__ import annotations

import importlib.metadata
import threading
import time
import zipfile
from pathlib import Path

import pytest

from offbeat.errors import OffbeatError, UsageError
from offbeat.runtime import delta_jars, jars


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("OFFBEAT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("OFFBEAT_JARS", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def fetches(monkeypatch) -> list[str]:
    """The coordinates that were asked for, in place of a registry that takes a moment."""
    asked = []

    def fetch(coordinate, folder, *, log):
        asked.append(coordinate)
        for name in ("io.delta_delta-spark-1.jar", "io.delta_delta-storage-1.jar"):
            time.sleep(0.05)
            (folder / name).write_bytes(b"jar")

    monkeypatch.setattr(jars, "_fetch", fetch)
    monkeypatch.setattr(jars, "ensure_java", lambda: None)
    return asked


@pytest.mark.parametrize(
    "spark,delta,coordinate",
    [
        ("4.2.0", "4.4.0", "io.delta:delta-spark_4.2_2.13:4.4.0"),
        ("4.1.1", "4.1.0", "io.delta:delta-spark_4.1_2.13:4.1.0"),
        ("4.0.1", "4.0.1", "io.delta:delta-spark_2.13:4.0.1"),
    ],
)
def test_the_artifact_fits_the_installed_versions(monkeypatch, spark, delta, coordinate):
    monkeypatch.setattr(importlib.metadata, "version", {"pyspark": spark, "delta-spark": delta}.__getitem__)

    assert jars.delta_coordinate() == coordinate


def test_without_delta_spark_the_message_names_the_extra(monkeypatch):
    def version(package):
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", version)

    with pytest.raises(UsageError, match=r"offbeat\[local\]"):
        delta_jars()


def test_a_second_call_fetches_nothing(fetches):
    first = delta_jars()

    assert delta_jars() == first
    assert [jar.name for jar in first] == ["io.delta_delta-spark-1.jar", "io.delta_delta-storage-1.jar"]
    assert len(fetches) == 1


def test_callers_at_the_same_time_fetch_once(fetches):
    threads = [threading.Thread(target=delta_jars) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(fetches) == 1


@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda jar: jar.write_bytes(b"j")], ids=["lost", "cut short"]
)
def test_a_damaged_entry_is_fetched_again(fetches, damage):
    damage(delta_jars()[1])

    assert all(jar.read_bytes() == b"jar" for jar in delta_jars())
    assert len(fetches) == 2


def test_a_fetch_that_breaks_off_leaves_nothing_to_load(monkeypatch, fetches, cache):
    whole = jars._fetch

    def break_off(coordinate, folder, *, log):
        (folder / "io.delta_delta-spark-1.jar").write_bytes(b"j")
        raise KeyboardInterrupt

    monkeypatch.setattr(jars, "_fetch", break_off)
    with pytest.raises(KeyboardInterrupt):
        delta_jars()
    assert list(cache.rglob("*.jar")) == []

    monkeypatch.setattr(jars, "_fetch", whole)
    assert len(delta_jars()) == 2


def test_given_paths_are_taken_as_they_are(monkeypatch, fetches, tmp_path):
    for name in ("a.jar", "b.jar"):
        (tmp_path / name).touch()
    monkeypatch.setenv("OFFBEAT_JARS", f"{tmp_path}/b.jar, {tmp_path}/a.jar")

    assert delta_jars() == [tmp_path / "b.jar", tmp_path / "a.jar"]
    assert fetches == []


def test_a_given_path_that_is_no_file_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("OFFBEAT_JARS", f"{tmp_path}/absent.jar")

    with pytest.raises(UsageError, match=r"absent\.jar"):
        delta_jars()


def write_module(repository: Path, name: str, needs: tuple[str, ...] = ()) -> None:
    """One module of a Maven repository in a folder: group io.delta, version 9, with what it depends on."""
    folder = repository / "io" / "delta" / name / "9"
    folder.mkdir(parents=True)
    entries = "".join(
        f"<dependency><groupId>io.delta</groupId><artifactId>{need}</artifactId><version>9</version></dependency>"
        for need in needs
    )
    (folder / f"{name}-9.pom").write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>io.delta</groupId>"
        f"<artifactId>{name}</artifactId><version>9</version><dependencies>{entries}</dependencies></project>"
    )
    with zipfile.ZipFile(folder / f"{name}-9.jar", "w") as jar:
        jar.writestr("name.txt", name)


@pytest.fixture
def mirror(monkeypatch, tmp_path) -> Path:
    """An empty Maven repository in a folder, which the user's Ivy settings name as the only one."""
    settings = tmp_path / "ivysettings.xml"
    pattern = f"{tmp_path}/mirror/[organisation]/[module]/[revision]/[module]-[revision]"
    settings.write_text(
        '<ivysettings><settings defaultResolver="mirror"/><resolvers><filesystem name="mirror" m2compatible="true">'
        f'<ivy pattern="{pattern}.pom"/><artifact pattern="{pattern}.[ext]"/></filesystem></resolvers></ivysettings>'
    )
    own = f"--conf spark.jars.ivySettings={settings} --conf spark.jars.ivy={tmp_path}/ivy"
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", f"{own} pyspark-shell")
    monkeypatch.setattr(jars, "delta_coordinate", lambda: "io.delta:delta-spark_4.2_2.13:9")
    return tmp_path / "mirror"


@pytest.mark.spark
def test_the_users_mirror_is_asked_once_and_only_what_is_needed_is_kept(mirror):
    write_module(mirror, "delta-spark_4.2_2.13", needs=("delta-storage", "delta-kernel-defaults"))
    write_module(mirror, "delta-storage")
    write_module(mirror, "delta-kernel-defaults", needs=("delta-kernel-api",))
    write_module(mirror, "delta-kernel-api")

    first = delta_jars()

    names = [
        "io.delta_delta-kernel-api-9.jar",
        "io.delta_delta-spark_4.2_2.13-9.jar",
        "io.delta_delta-storage-9.jar",
    ]
    assert [jar.name for jar in first] == names
    mirror.rename(mirror.with_name("gone"))
    assert delta_jars() == first


@pytest.mark.spark
def test_where_no_registry_has_them_one_line_says_what_to_do(mirror, cache):
    with pytest.raises(OffbeatError) as caught:
        delta_jars()

    message = str(caught.value)
    assert "\n" not in message
    for part in ("io.delta:delta-spark_4.2_2.13:9", "spark.jars.ivySettings", "OFFBEAT_JARS"):
        assert part in message
    log = cache / "jars" / "delta-spark_4.2_2.13-9.log"
    assert str(log) in message
    assert "not found" in log.read_text()
    assert {path.name for path in log.parent.iterdir()} == {".lock", log.name}
