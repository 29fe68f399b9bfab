"""The steps of `make setup` do their work once and say in one line what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from offbeat.runtime import __main__ as steps
from offbeat.runtime import java


@pytest.fixture
def commands(monkeypatch) -> list[list[str]]:
    """The commands that would have been run, each of which fails."""
    run = []

    def refuse(command, **_):
        run.append([str(word) for word in command])
        return subprocess.CompletedProcess(command, returncode=100)

    monkeypatch.setattr(subprocess, "run", refuse)
    return run


@pytest.fixture
def no_java(monkeypatch):
    monkeypatch.setattr(steps, "find_java", lambda: None)
    monkeypatch.setattr(java, "find_java", lambda: None)


def test_java_is_installed_where_this_is_root_on_debian(monkeypatch, no_java, commands):
    monkeypatch.setattr(steps.os, "geteuid", lambda: 0)
    monkeypatch.setattr(steps.shutil, "which", lambda name: f"/usr/bin/{name}")

    assert steps.main(["setup"]) == 2
    assert ["/usr/bin/apt-get", "update", "-q"] in commands
    assert [command[-1] for command in commands[1:]] == ["openjdk-17-jre-headless", "openjdk-21-jre-headless"]


def test_without_root_nothing_is_installed_and_one_line_says_what_to_do(
    monkeypatch, capsys, no_java, commands
):
    monkeypatch.setattr(steps.os, "geteuid", lambda: 1000)

    assert steps.main(["setup"]) == 2
    assert commands == []
    error = capsys.readouterr().err
    assert error.startswith("offbeat: no Java 17 or 21")
    assert error.count("\n") == 1


def test_a_python_that_nothing_is_pinned_for_is_refused(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(steps, "NEWEST", (3, 10))
    monkeypatch.setattr(steps, "OLDEST", (3, 9))

    assert steps.main(["venv", str(tmp_path / "env")]) == 2
    assert "make setup PYTHON=" in capsys.readouterr().err
    assert not (tmp_path / "env").exists()


def test_an_environment_that_works_is_kept(commands, monkeypatch, tmp_path):
    monkeypatch.setattr(steps, "_has_pip", lambda python: python == tmp_path / "bin" / "python")

    assert steps.main(["venv", str(tmp_path)]) == 0
    assert commands == []


def test_the_steps_run_without_any_package():
    lib = Path(steps.__file__).parents[2]
    bare = [sys.executable, "-S", "-E", "-c"]
    code = f"import sys; sys.path.insert(0, {str(lib)!r}); import offbeat.runtime.__main__"

    done = subprocess.run([*bare, code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
