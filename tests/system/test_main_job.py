"""The main job as a person runs it: one process from nothing to anomalies, then again, then with things broken."""

import json
import shutil
import subprocess

import deltalake
import duckdb
import polars as pl
import pytest

from offbeat import cli
from offbeat.packs import all_tables
from offbeat.tables.contract import ANOMALIES
from tests.system.offbeat_process import ROOT, figures, offbeat
from tests.tables.test_lake import MADE_BY_A_RUN

pytestmark = [pytest.mark.system, pytest.mark.spark]

SETTINGS = (
    "generate.rows=20000",
    "model.settings.epochs=4",
    "evaluate.detectors=[new_event,ngram2]",
    "evaluate.resamples=100",
)


def arguments(folder, *more):
    log = folder / "log"
    sets = [
        f"--set={setting}" for setting in (f"generate.path={log}", f"source.path={log}/events", *SETTINGS)
    ]
    named = ("--config", ROOT / "conf" / "tvm.yaml", "--lake", folder / "lake", "--run-date", "2027-01-01")
    return [str(each) for each in (*named, *sets, *more)]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The main job on a small log; gives its folder and what it said."""
    folder = tmp_path_factory.mktemp("main")
    return folder, offbeat("run", *arguments(folder, "--json"))


@pytest.fixture
def copy(done, tmp_path):
    """A copy of its lake to break."""
    shutil.copytree(done[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def delta(folder, name):
    return deltalake.DeltaTable(str(folder / "lake" / name))


def test_it_says_what_it_did_and_found(done):
    folder, process = done
    found = figures(process)
    assert found["ingest"]["rows_in"] == sum(
        found["ingest"][k] for k in ("events", "duplicates", "quarantined")
    )
    assert found["score"]["sessions"] == found["sessionize"]["sessions_new"] > 300
    assert 0 <= found["evaluate"]["pr_auc"] <= 1
    assert "Total Minutes Viewed" in process.stdout
    assert f"{folder}/lake" in process.stdout
    assert "sessionize: started" in process.stderr
    assert "Traceback" not in process.stderr


def test_every_session_has_a_score_and_flagged_ones_an_anomaly(done):
    folder, _ = done
    sessions = pl.read_delta(str(folder / "lake" / "sessions"))
    scores = pl.read_delta(str(folder / "lake" / "session_scores"))
    anomalies = pl.read_delta(str(folder / "lake" / "anomalies"))
    events = pl.read_delta(str(folder / "lake" / "events"))
    assert sorted(scores["session_id"]) == sorted(sessions["session_id"])
    assert scores["score"].is_finite().all()
    flagged = scores.filter(pl.col("verdict").is_in(["anomalous", "unknown_event"]))
    assert sorted(flagged["session_id"]) == sorted(anomalies["session_id"])
    assert sorted(sessions.explode("event_ids")["event_ids"]) == sorted(events["event_id"])


def test_anomalies_are_read_without_spark_by_three_engines(done):
    folder, _ = done
    by_polars = pl.read_delta(str(folder / "lake" / "anomalies")).sort("session_id")
    arrow = delta(folder, "anomalies").to_pyarrow_dataset()
    by_deltalake = arrow.to_table().sort_by("session_id")
    with duckdb.connect() as con:
        con.register("anomalies", arrow)
        query = "SELECT session_id, score, kind, len(events) FROM anomalies ORDER BY session_id"
        by_duckdb = con.execute(query).fetchall()
    assert by_deltalake.column_names == ANOMALIES.column_names == by_polars.columns
    expected = [
        (row["session_id"], row["score"], row["kind"], len(row["events"])) for row in by_deltalake.to_pylist()
    ]
    assert by_duckdb == expected
    assert [
        (r["session_id"], r["score"], r["kind"], len(r["events"])) for r in by_polars.to_dicts()
    ] == expected


def test_the_tables_that_it_makes_are_those_of_the_contract(done):
    made = {path.parent.name for path in (done[0] / "lake").glob("*/_delta_log")}
    assert made >= MADE_BY_A_RUN
    for name in made:
        columns = [field.name for field in delta(done[0], name).schema().fields]
        assert columns == all_tables()[name].column_names, name


def test_the_pages_are_there_and_small(done):
    folder, process = done
    for page in (folder / "lake" / "pages" / "tvm").glob("*.html"):
        assert 100_000 < page.stat().st_size < 2_000_000
    assert (folder / "lake" / "pages" / "tvm" / "index.html").is_file()
    assert "index.html" in process.stdout


def test_a_second_run_changes_nothing(copy, spark, capsys):
    names = ["events", "quarantine", "sessions", "session_scores", "event_scores", "anomalies"]
    before = {name: delta(copy, name).version() for name in names}
    assert cli.main(["run", *arguments(copy, "--json", "--log-format", "json")]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out.splitlines()[-1])
    lines = [json.loads(line) for line in told.err.splitlines() if line[:1] == "{"]  # others are Java's
    assert lines
    assert {line["step"]: line["run_id"] for line in lines if "step" in line} == {
        step: summary["run_id"] for step, summary in found.items() if "run_id" in summary
    }
    assert found["ingest"]["rows_in"] == 0
    assert "train" not in found
    assert found["score"]["sessions"] == 0
    assert {name: delta(copy, name).version() for name in names} == before


def test_a_damaged_model_is_refused(copy, spark, capsys):
    weights = next((copy / "lake" / "models" / "tvm").glob("*/weights.npz"))
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    assert cli.main(["score", *arguments(copy)]) == 4
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("offbeat: model ")
    assert "weights.npz was changed" in said


@pytest.fixture
def small_disk(tmp_path):
    """A folder that holds half a megabyte; gives it, and a function that makes it larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=500k", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk needs the right to mount one")

    def grow():
        subprocess.run(["mount", "-o", "remount,size=100m", folder], check=True)

    yield folder, grow
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.slow
def test_a_full_disk_is_told_and_leaves_nothing_half_written(tmp_path, small_disk):
    disk, grow = small_disk
    log = tmp_path / "log.csv"
    rows = (f"u{i},2026-01-01T00:{i % 60:02}:{i % 59:02},event-{i * 7919 % 10007}\n" for i in range(60_000))
    log.write_text("who,when,what\n" + "".join(rows))
    columns = {"entity": "who", "time": "when", "event": "what"}
    conf = {"name": "log", "lake": str(disk / "lake"), "source": {"path": str(log), "columns": columns}}
    (tmp_path / "c.yaml").write_text(json.dumps(conf))
    full = offbeat("ingest", "--config", tmp_path / "c.yaml")
    assert full.returncode == 1, full.stderr
    assert full.stderr.splitlines()[-1].startswith("offbeat: the disk is full")
    events = disk / "lake" / "events"
    assert not events.exists() or deltalake.DeltaTable(str(events)).to_pyarrow_table().num_rows == 0
    grow()
    again = figures(offbeat("ingest", "--config", tmp_path / "c.yaml", "--json"))
    assert again["events"] == again["rows_in"] == 60_000
