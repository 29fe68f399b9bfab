"""Mistakes that people make: one clear line, the right exit status, nothing half-written."""

import json

import pytest
import yaml

from offbeat import cli

pytestmark = [pytest.mark.system, pytest.mark.spark]
LOG = "who,when,what\n" + "".join(
    f"u{i % 7},2026-01-0{1 + i % 5} 10:{i % 60:02}:00,e{i % 3}\n" for i in range(200)
)


@pytest.fixture
def project(tmp_path, spark):
    """A folder with a log and a config; gives a function that runs a verb on it."""
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")

    def run(capsys, verb, *args, **changes):
        conf = {
            "name": "log",
            "lake": str(tmp_path / "lake"),
            "source": {
                "format": "csv",
                "path": str(tmp_path / "log.csv"),
                "columns": {"entity": "who", "time": "when", "event": "what"},
            },
        }
        (tmp_path / "c.yaml").write_text(yaml.safe_dump(conf | changes), encoding="utf-8")
        status = cli.main([verb, "--config", str(tmp_path / "c.yaml"), "--run-date", "2026-02-01", *args])
        said = capsys.readouterr()
        return status, said.out, said.err

    run.folder = tmp_path
    return run


def complaint(err):
    lines = [line for line in err.splitlines() if line.startswith("offbeat: ")]
    assert len(lines) == 1, err
    return lines[0]


def test_a_config_that_is_not_there(capsys):
    assert cli.main(["run", "--config", "/nowhere/c.yaml"]) == 2
    assert "/nowhere/c.yaml" in complaint(capsys.readouterr().err)


def test_a_wrong_key(project, capsys):
    status, _, err = project(capsys, "ingest", sesions={})
    assert status == 2, err
    assert "did you mean sessions?" in complaint(err)


@pytest.mark.parametrize(
    "content,change,said",
    [
        (None, {"path": "missing.csv"}, "missing.csv"),
        ("", {}, "log.csv"),
        ("who,when,what\n", {}, "log.csv"),
        (LOG, {"columns": {"entity": "who", "time": "whn", "event": "what"}}, "whn"),
    ],
    ids=["missing file", "empty file", "no rows", "missing column"],
)
def test_input_that_cannot_be_taken(project, capsys, content, change, said):
    if content is not None:
        (project.folder / "log.csv").write_text(content, encoding="utf-8")
    source = {
        "format": "csv",
        "path": str(project.folder / "log.csv"),
        "columns": {"entity": "who", "time": "when", "event": "what"},
    }
    status, _, err = project(capsys, "ingest", source=source | change)
    assert status == 3, err
    assert said in complaint(err)


def test_too_much_in_quarantine_publishes_nothing(project, capsys, spark):
    bad = LOG + "".join(f"u1,yesterday,e{i}\n" for i in range(100))
    (project.folder / "log.csv").write_text(bad, encoding="utf-8")
    status, _, err = project(capsys, "ingest")
    assert status == 3, err
    assert "quarantine" in complaint(err)
    events = project.folder / "lake" / "events"
    assert not events.exists() or spark.read.format("delta").load(str(events)).isEmpty()


def test_a_lake_that_something_else_wrote(project, capsys, spark):
    spark.range(3).write.format("delta").save(str(project.folder / "lake" / "events"))
    status, _, err = project(capsys, "ingest")
    assert status == 2, err
    assert "was written by something else" in complaint(err)


def test_a_step_before_its_turn(project, capsys):
    status, _, err = project(capsys, "score")
    assert status == 2, err
    assert "run sessionize first" in complaint(err)


def test_a_dry_run_writes_nothing(project, capsys):
    status, out, _ = project(capsys, "ingest", "--dry-run", "--json")
    assert status == 0
    assert json.loads(out.splitlines()[-1])["verb"] == "ingest"
    assert not (project.folder / "lake").exists()


def test_the_last_line_is_json_with_the_counts(project, capsys):
    status, out, _ = project(capsys, "ingest", "--json")
    counts = json.loads(out.splitlines()[-1])
    assert status == 0
    assert counts["rows_in"] == 200 == counts["events"] + counts["duplicates"] + counts["quarantined"]


def test_an_unknown_verb_or_date_is_usage(project, capsys):
    for arguments in (["scor"], ["ingest", "--config", "c.yaml", "--run-date", "soon"]):
        with pytest.raises(SystemExit) as stopped:
            cli.main(arguments)
        assert stopped.value.code == 2
