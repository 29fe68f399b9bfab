"""A lake with a few sessions: its health, an entity that it forgets, and what later runs make of it."""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path

import deltalake
import pyarrow.parquet as pq
import pytest
import yaml

from offbeat import cli
from tests.operations.receivers import webhook

pytestmark = [pytest.mark.system, pytest.mark.spark]

WHO = "zebra-4711"
ODD = "o'hara`; DROP TABLE events --"  # and others that must not be taken for anything but a name
OTHERS = ("u1", "u2", ODD, "../../etc", 'quo"te')


def rows(first: int, last: int) -> str:
    """Sessions of all entities by turns, the strangest of WHO, so that it is flagged."""
    rng = random.Random(4)  # noqa: S311 - a test's log, not a secret
    lines = []
    for session in range(first, last):
        who = (*OTHERS, WHO)[session % 6]
        names = ["open", "look", "look", "pay", "close"]
        if session % 18 == 5:
            names[1:4] = rng.sample(["pay", "look", "odd`; '--"], 3)
        for i, name in enumerate(names):
            minute = session * 20 + i
            stamp = f"2026-01-{1 + minute // 1440:02}T{minute // 60 % 24:02}:{minute % 60:02}:00Z"
            lines.append(f'"{who.replace(chr(34), chr(34) * 2)}",{stamp},{name}')
    return "\n".join(lines) + "\n"


class Project:
    """A config, its log and its lake; runs verbs on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lake = folder, folder / "la'ke `x"
        (folder / "log").mkdir()
        bad = f"{WHO},soon,look\nu1,later,look\n{WHO}\n"
        (folder / "log" / "a.csv").write_text("who,when,what\n" + rows(0, 90) + bad)
        conf = {
            "name": "t",
            "lake": str(self.lake),
            "source": {
                "path": str(folder / "log"),
                "columns": {"entity": "who", "time": "when", "event": "what"},
            },
            "sessions": {"gap": "10 minutes"},
            "model": {"detector": "ngram2"},
            "score": {"alert_budget": 0.05},
        }
        (folder / "c.yaml").write_text(yaml.safe_dump(conf))

    def __call__(self, verb: str, *args: str) -> int:
        config = ["--config", str(self.folder / "c.yaml"), "--run-date", "2026-02-01"]
        return cli.main([verb, *config, *args])


@pytest.fixture(scope="module")
def made(spark, tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("made"))
    for verb in ("ingest", "sessionize", "train", "score"):
        assert project(verb) == 0
    return project


def said(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def rows_of(project, table):
    return deltalake.DeltaTable(str(project.lake / table)).to_pyarrow_table().to_pylist()


def naming(lake: Path) -> list[str]:
    """Files under the lake in whose bytes, or in whose values, the entity is named."""
    found = []
    for file in sorted(path for path in lake.rglob("*") if path.is_file()):
        text = file.read_bytes()
        if file.suffix == ".parquet":  # pages are compressed: what a reader would see counts too
            text += repr(pq.ParquetFile(file).read().to_pylist()).encode()
        if WHO.encode() in text:
            found.append(str(file.relative_to(lake)))
    return found


def test_status_tells_the_health_of_a_lake(made, capsys):
    assert made("status", "--json") == 0
    shown = capsys.readouterr().out
    facts = json.loads(shown.splitlines()[-1])
    tables = {table["name"]: table for table in facts["tables"]}
    assert tables["events"]["rows"] == 450
    assert tables["sessions"]["rows"] == 90
    assert tables["sessions"]["files"] >= 1
    assert tables["sessions"]["size_bytes"] > 0
    assert facts["quarantine"] == {"rows": 3, "rows_in": 453, "share": 0.006623, "last_batch_share": 0.006623}
    assert facts["lag"]["newest_event"] == "2026-01-02T05:44:00+00:00"
    assert facts["lag"]["sessions_unscored"] == 0
    assert facts["anomalies"]["sessions"] == 90
    assert {run["step"]: run["outcome"] for run in facts["runs"]} == dict.fromkeys(
        ("ingest", "sessionize", "train", "score"), "done"
    )
    assert facts["model"]["champion"].startswith("ngram2")
    assert set(facts["drift"]["measures"]) == {"unknown_share", "event_mix", "length", "score"}
    assert facts["running"] == []
    assert "offbeat status t in" in shown
    assert re.search(r"sessions +90 +[\d.]+ KB", shown)
    assert len(shown.splitlines()) < 45


def test_status_of_a_lake_that_is_not_there_is_empty_broken_or_foreign(made, tmp_path, capsys):
    assert made("status", "--lake", str(tmp_path / "none")) == 2
    assert "nothing is there; run `offbeat run` first" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert made("status", "--lake", str(tmp_path / "empty"), "--json") == 0
    assert said(capsys)["tables"] == []
    (tmp_path / "foreign" / "events").mkdir(parents=True)
    (tmp_path / "foreign" / "events" / "x.txt").write_text("x")
    assert made("status", "--lake", str(tmp_path / "foreign")) == 2
    assert "events holds files that are not a Delta table" in capsys.readouterr().err
    half = shutil.copytree(made.lake, tmp_path / "half")
    next((half / "sessions").glob("*.parquet")).unlink()
    assert made("status", "--lake", str(half)) == 2
    assert "table sessions lacks 1 of its" in capsys.readouterr().err
    shutil.rmtree(half / "sessions")
    next((half / "events" / "_delta_log").glob("*00.json")).write_text("{")
    assert made("status", "--lake", str(half)) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("offbeat: ")]
    assert len(lines) == 1
    assert "table events can't be read" in lines[0]


def test_events_that_are_old_are_told(made):
    with webhook() as (url, posted):
        assert made("ingest", "--set", "alerts.limits.lag=1 hour", "--set", f"alerts.webhook={url}") == 0
    [alert] = posted[0]["alerts"]
    assert (alert["measure"], alert["limit"]) == ("lag", 3600)
    # From 2 January, 05:44, to the end of 1 February.
    assert alert["value"] == pytest.approx((30 * 24 + 18) * 3600 + 16 * 60)


def test_a_name_is_a_name_whatever_is_in_it(made, capsys):
    assert made("forget", "--entity", ODD, "--dry-run", "--json") == 0
    found = said(capsys)["rows_of"]
    assert (found["events"], found["sessions"], found["session_scores"]) == (75, 15, 15)


@pytest.mark.slow
def test_an_entity_is_forgotten_and_stays_forgotten(made, tmp_path, capsys, monkeypatch):
    assert naming(made.lake)
    pages = made.lake / "pages" / "t"
    pages.mkdir(parents=True)
    (pages / "a.html").write_text(f"<td>{WHO}</td>")
    (pages / "b.html").write_text(f"<td>{WHO}2</td>".replace(WHO, "u1"))
    others = {
        table: [row for row in rows_of(made, table) if row.get("entity") != WHO]
        for table in ("events", "sessions", "anomalies")
    }
    assert made("forget", "--entity", WHO, "--dry-run", "--json") == 0
    planned = said(capsys)["rows_of"]
    assert {name: planned[name] for name in ("events", "quarantine", "sessions", "session_scores")} == {
        "events": 75,
        "quarantine": 2,
        "sessions": 15,
        "session_scores": 15,
    }
    assert planned["anomalies"] > 0
    assert planned["event_scores"] > 0
    assert made("forget", "--entity", WHO, "--json") == 0
    told = said(capsys)
    assert told["rows_of"] == {name: n for name, n in planned.items() if n}
    assert told["pages_removed"] == 1
    assert naming(made.lake) == []
    for table, rest in others.items():
        now = rows_of(made, table)
        assert sorted(map(repr, now)) == sorted(map(repr, rest)), table
    assert [row["raw"] for row in rows_of(made, "quarantine")] == ["u1,later,look"]
    assert made("forget", "--entity", WHO, "--json") == 0
    assert said(capsys)["forgotten_before"] is True
    # The source still has it, and comes again with more rows under the same name.
    log = made.folder / "log" / "a.csv"
    log.write_text("who,when,what\n" + rows(0, 102) + f"{WHO},soon,look\n")
    for verb in ("ingest", "sessionize", "score"):
        assert made(verb, "--json") == 0
        told = said(capsys)
        assert told.get("model_version") is None or told["sessions"] == 10
    assert naming(made.lake) == []
    assert len(rows_of(made, "sessions")) == len(rows_of(made, "session_scores")) == 75 + 10
    assert made("forget", "--entity", "nobody") == 2
    assert "no table of lake" in capsys.readouterr().err
    assert "nobody" not in json.dumps(rows_of(made, "runs"), default=str)
