"""The asset bundle: what it names is there, what it passes is understood, and Databricks' own types take it."""

from __future__ import annotations

import datetime as dt
import importlib
import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

from offbeat.cli import build_parser

ROOT = Path(__file__).parents[2]
STEPS = ["ingest", "sessionize", "train", "score", "evaluate", "report", "maintain"]
VARIABLE = re.compile(r"\$\{var\.(\w+)\}")


@pytest.fixture(scope="module")
def bundle() -> dict:
    return yaml.safe_load((ROOT / "databricks.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def jobs(bundle) -> dict[str, dict]:
    files = [path for pattern in bundle["include"] for path in sorted(ROOT.glob(pattern))]
    return {
        key: job
        for path in files
        for key, job in yaml.safe_load(path.read_text(encoding="utf-8"))["resources"]["jobs"].items()
    }


def steps_of(job: dict) -> list[dict]:
    return [task for task in job["tasks"] if "condition_task" not in task]


def test_every_job_does_the_steps_in_order(jobs):
    assert set(jobs) == {"offbeat_wheel", "offbeat_files", "offbeat_serverless"}
    for job in jobs.values():
        assert [task["task_key"] for task in steps_of(job)] == STEPS
        before: set[str] = set()
        for task in job["tasks"]:
            needed = {one["task_key"] for one in task.get("depends_on", [])}
            assert needed <= before, task["task_key"]
            assert needed or not before, task["task_key"]
            before.add(task["task_key"])


def test_what_the_tasks_start_is_there(jobs):
    points = {point.name: point for point in entry_points(group="packages") if "offbeat" in point.value}
    for job in jobs.values():
        for task in steps_of(job):
            if "python_wheel_task" in task:
                assert task["python_wheel_task"]["package_name"] == "offbeat"
                assert callable(points[task["python_wheel_task"]["entry_point"]].load())
            else:
                assert (ROOT / "resources" / task["spark_python_task"]["python_file"]).resolve().is_file()


def test_the_steps_understand_their_arguments(jobs):
    said = {
        "{{job.parameters.config}}": "conf/tvm.yaml",
        "{{job.parameters.lake}}": "prod.offbeat",
        "{{job.parameters.volume}}": "/Volumes/prod/offbeat/files",
        "{{job.start_time.iso_datetime}}": "2026-07-31T04:30:00",
    }
    for job in jobs.values():
        named = {parameter["name"] for parameter in job["parameters"]}
        for task in steps_of(job):
            given = " ".join((task.get("python_wheel_task") or task["spark_python_task"])["parameters"])
            assert set(re.findall(r"\{\{job\.parameters\.(\w+)\}\}", given)) <= named
            for reference, value in said.items():
                given = given.replace(reference, value)
            assert "{{" not in given
            args = build_parser(task["task_key"]).parse_args(given.split())
            assert args.run_date == dt.datetime(2026, 7, 31, 4, 30, tzinfo=dt.timezone.utc)
            assert (args.lake, args.set) == ("prod.offbeat", ["volume=/Volumes/prod/offbeat/files"])


def test_every_variable_has_a_value_in_every_target(bundle):
    files = [ROOT / "databricks.yml", *sorted(ROOT.glob("resources/*.yml"))]
    used = {name for path in files for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}
    assert used <= set(bundle["variables"])
    for name, target in bundle["targets"].items():
        defaults = {key for key, one in bundle["variables"].items() if "default" in one}
        assert set(bundle["variables"]) <= defaults | set(target["variables"]), name
    assert {name: target["mode"] for name, target in bundle["targets"].items()} == {
        "dev": "development",
        "prod": "production",
    }
    assert (ROOT / "conf" / f"{bundle['variables']['config']['default']}.yaml").is_file()


def test_databricks_own_types_take_every_job(jobs):
    types = pytest.importorskip(
        "databricks.bundles.jobs", reason="pip install databricks-bundles, under Databricks' licence"
    )
    for job in jobs.values():
        made = types.Job.from_dict(job)
        assert made.as_dict()["tasks"][0]["task_key"] == "ingest"


@pytest.mark.parametrize(
    "wrong",
    [
        {"scheduel": {}},
        {"tasks": [{"task_key": "a", "run_if": "MAYBE"}]},
        {"permissions": [{"level": "ROOT"}]},
    ],
)
def test_databricks_own_types_refuse_a_mistake(jobs, wrong):
    types = pytest.importorskip("databricks.bundles.jobs", reason="databricks-bundles is not installed")
    with pytest.raises((ValueError, TypeError)):
        types.Job.from_dict(jobs["offbeat_wheel"] | wrong)


def test_the_permissions_of_a_target_have_known_levels(bundle):
    types = pytest.importorskip("databricks.bundles.jobs", reason="databricks-bundles is not installed")
    known = {level.value for level in types.JobPermissionLevel}
    for target in bundle["targets"].values():
        assert {one["level"] for one in target.get("permissions", [])} <= known


def test_importing_a_job_starts_nothing():
    assert all(callable(importlib.import_module(f"offbeat.jobs.{step}").cli) for step in STEPS)
