"""The package for a cluster holds all of offbeat, and its zip is the wheel."""

from __future__ import annotations

import configparser
import hashlib
import json
import re
import zipfile
from importlib import metadata
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


def test_beside_it_lie_a_bill_of_what_it_needs_and_hashes(offbeat_zip):
    dist = offbeat_zip.parent
    bill = json.loads((dist / "sbom.cdx.json").read_text())
    sums = dict(reversed(line.split("  ")) for line in (dist / "SHA256SUMS").read_text().splitlines())
    (wheel,) = dist.glob("offbeat-*.whl")
    assert set(sums) == {wheel.name, "sbom.cdx.json", "requirements.lock"}
    assert all(
        hashlib.sha256((dist / name).read_bytes()).hexdigest() == found for name, found in sums.items()
    )
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["hashes"][0]["content"] == sums[wheel.name]
    there = {part["name"]: part for part in bill["components"]}
    for name in ("pyspark", "numpy", "pydantic", "rich", "keras", "jinja2", "py4j"):
        assert there[name]["version"] == metadata.version(name)
    assert {"delta-spark_4.2_2.13", "delta-storage", "delta-kernel-api"} <= set(there)
    assert not {"pytest", "mypy", "duckdb"} & set(there)  # tools are no part of it
    refs = {part["bom-ref"] for part in (*bill["components"], bill["metadata"]["component"])}
    assert all({edge["ref"], *edge["dependsOn"]} <= refs for edge in bill["dependencies"])


def test_every_pinned_version_of_the_lock_is_the_tested_one():
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    plain = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pinned.items()}
    lines = [
        line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")
    ]
    locked = dict(re.fullmatch(r"(\S+)==(\S+) --hash=sha256:[0-9a-f]{64}", line).groups() for line in lines)
    assert locked.items() <= plain.items()
    assert {"pyspark", "delta-spark", "tensorflow-cpu", "rich"} <= set(locked)
