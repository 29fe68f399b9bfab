"""The package for a cluster holds all of offbeat, and its zip is the wheel."""

from __future__ import annotations

import configparser
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]


def files_under(folder: Path) -> set[str]:
    """Paths below `folder`, less what Python and setuptools leave there."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        path.as_posix()
        for path in paths
        if "__pycache__" not in path.parts and "egg-info" not in path.parts[0]
    }


def test_the_zip_is_the_wheel(offbeat_zip):
    (wheel,) = offbeat_zip.parent.glob("offbeat-*.whl")

    assert offbeat_zip.read_bytes() == wheel.read_bytes()


def test_every_file_of_lib_and_jobs_is_in_it(offbeat_zip):
    packed = {name for name in zipfile.ZipFile(offbeat_zip).namelist() if ".dist-info/" not in name}

    assert packed == files_under(ROOT / "lib") | {
        f"offbeat/jobs/{name}" for name in files_under(ROOT / "jobs")
    }


def test_every_job_is_an_entry_point(offbeat_zip):
    with zipfile.ZipFile(offbeat_zip) as packed:
        (name,) = (name for name in packed.namelist() if name.endswith("/entry_points.txt"))
        entry_points = configparser.ConfigParser()
        entry_points.read_string(packed.read(name).decode())

    verbs = {path.stem for path in (ROOT / "jobs").glob("*.py")} - {"__init__"}
    assert dict(entry_points["packages"]) == {verb: f"offbeat.jobs.{verb}:cli" for verb in verbs}
    assert dict(entry_points["console_scripts"]) == {"offbeat": "offbeat.cli:cli"}
