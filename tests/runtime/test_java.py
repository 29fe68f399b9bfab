"""Java is found where people and packages put it, and only a version that Spark runs on counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from offbeat.errors import UsageError
from offbeat.runtime import ensure_java, find_java, java


@pytest.fixture(autouse=True)
def _no_java_but_ours(monkeypatch, tmp_path):
    monkeypatch.setattr(java, "USUAL_FOLDERS", (f"{tmp_path}/jvm/*",))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("JAVA_HOME", "")


def install_java(home: Path, version: str, *, status: int = 0, java_home: Path | None = None) -> Path:
    """A program that answers as `java -XshowSettings:properties -version` of that version does."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        "#!/bin/sh\n"
        "/bin/cat >&2 <<'END'\n"
        "Property settings:\n"
        f"    java.home = {java_home or home}\n"
        f"    java.specification.version = {version}\n"
        "    java.vm.specification.version = 17\n"
        "END\n"
        f"exit {status}\n"
    )
    program.chmod(0o755)
    return home


@pytest.mark.parametrize("version", ["17", "21"])
def test_java_home_is_taken_where_it_fits(tmp_path, version):
    home = install_java(tmp_path / "mine", version)
    install_java(tmp_path / "jvm" / "java-17", "17")

    assert find_java({"JAVA_HOME": str(home), "PATH": "/nowhere"}) == home


@pytest.mark.parametrize("version", ["1.8", "11", "25"])
def test_a_java_home_of_another_version_gives_way_to_path(tmp_path, version):
    unfit = install_java(tmp_path / "unfit", version)
    fit = install_java(tmp_path / "fit", "21")

    assert find_java({"JAVA_HOME": str(unfit), "PATH": str(fit / "bin")}) == fit


def test_the_usual_folders_are_looked_through(tmp_path):
    install_java(tmp_path / "jvm" / "java-11", "11")
    fit = install_java(tmp_path / "jvm" / "temurin-latest", "21")

    assert find_java({"PATH": "/nowhere"}) == fit


def test_a_launcher_answers_for_the_java_behind_it(tmp_path):
    shim = install_java(tmp_path / "shims", "17", java_home=tmp_path / "real")

    assert find_java({"PATH": str(shim / "bin")}) == tmp_path / "real"


def test_a_java_without_the_vector_module_is_none(tmp_path):
    cut_down = install_java(tmp_path / "jre", "17", status=1)

    assert find_java({"JAVA_HOME": str(cut_down), "PATH": "/nowhere"}) is None


def test_no_java_is_one_line_that_says_what_to_install():
    with pytest.raises(UsageError) as caught:
        ensure_java()

    message = str(caught.value)
    assert "apt-get install openjdk-17-jre-headless" in message
    assert "\n" not in message


def test_java_home_of_the_process_is_set(tmp_path):
    fit = install_java(tmp_path / "jvm" / "java-17", "17")

    assert ensure_java() == fit
    assert os.environ["JAVA_HOME"] == str(fit)
