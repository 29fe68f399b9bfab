"""The archive of Java's classes: used where it lies, never in the way."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from offbeat.runtime import classes


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """An environment in a folder with a blank in its name, and none of another process's Spark."""
    folder = tmp_path / "an environment"
    folder.mkdir()
    monkeypatch.setattr(sys, "prefix", str(folder))
    return folder


def test_java_hears_of_an_archive_that_is_there(environment):
    assert classes.options() == ""
    classes.archive().parent.mkdir(parents=True)
    classes.archive().touch()

    assert f"-XX:SharedArchiveFile={classes.archive()}" in shlex.split(classes.options())


@pytest.mark.parametrize("leaves", [True, False])
def test_an_archive_counts_where_the_job_behind_it_went_well(environment, monkeypatch, leaves):
    def job(command, *, env, **_):
        (option,) = (
            word for word in shlex.split(env["OFFBEAT_JAVA_OPTIONS"]) if "ArchiveClassesAtExit" in word
        )
        Path(option.partition("=")[2]).write_text("classes")
        return subprocess.CompletedProcess(command, returncode=0 if leaves else 1)

    monkeypatch.setattr(subprocess, "run", job)

    assert classes.make_archive() is leaves
    assert classes.archive().exists() is leaves
    assert [path.name for path in classes.archive().parent.iterdir()] == [classes.archive().name] * leaves


def test_a_folder_that_can_t_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "share").touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))

    assert classes.make_archive() is False
