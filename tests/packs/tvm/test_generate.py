"""Writing a log: the same whatever the processes, whole or not at all, never over something else."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from offbeat.errors import UsageError
from offbeat.packs.tvm import generate
from offbeat.packs.tvm.generate import write_log
from offbeat.packs.tvm.settings import Settings
from offbeat.packs.tvm.viewers import Layout

SMALL = Settings(days=3, chunk_sessions=60)


def contents(folder) -> dict[str, object]:
    return {str(path.relative_to(folder)): pq.read_table(path) for path in sorted(folder.rglob("*.parquet"))}


def test_processes_do_not_change_the_log(tmp_path):
    one = write_log(tmp_path / "one", rows=10_000, seed=5, settings=SMALL, jobs=1)
    two = write_log(tmp_path / "two", rows=10_000, seed=5, settings=SMALL, jobs=2)
    assert one == two
    first, second = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert first.keys() == second.keys()
    assert all(first[name].equals(second[name]) for name in first)


def test_log_is_as_long_as_asked_and_spans_its_days(log):
    tables = contents(log)
    events = [name for name in tables if name.startswith("events")]
    assert sum(tables[name].num_rows for name in events) == pytest.approx(60_000, rel=0.05)
    assert {name.split("-")[1] for name in events if "late" not in name} == {
        f"{day:03d}" for day in range(14)
    }
    assert any("late" in name for name in events)


def test_counts_are_those_of_the_files(log):
    counts = json.loads((log / "log.json").read_text())["counts"]
    tables = contents(log)
    truth = [table for name, table in tables.items() if name.startswith("truth")]
    assert counts["events"] == sum(t.num_rows for name, t in tables.items() if name.startswith("events"))
    assert counts["sessions"] == sum(table.num_rows for table in truth)
    assert counts["faulty_sessions"] == sum(counts["faults"].values())
    assert counts["faulty_sessions"] == sum(t.num_rows - t["fault_kind"].null_count for t in truth)
    assert counts["files"] == len(tables)


def test_same_request_is_not_written_again(tmp_path):
    first = write_log(tmp_path / "log", rows=2_000, seed=1, settings=SMALL)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = write_log(tmp_path / "log", rows=2_000, seed=1, settings=SMALL)
    assert (first.pop("written"), again.pop("written")) == (True, False)
    assert first == again
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


@pytest.mark.parametrize("change", [{"seed": 2}, {"rows": 3_000}, {"settings": Settings(days=2)}])
def test_another_request_takes_the_place_of_the_log(tmp_path, change):
    asked = {"rows": 2_000, "seed": 1, "settings": SMALL}
    write_log(tmp_path / "log", **asked)
    assert write_log(tmp_path / "log", **(asked | change))["written"]
    write_log(tmp_path / "fresh", **(asked | change))
    assert contents(tmp_path / "log").keys() == contents(tmp_path / "fresh").keys()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_something_else_is_never_replaced(tmp_path):
    for name, text in {"notes.txt": "mine", "log.json": "{}", "events": None}.items():
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        (folder / name).mkdir() if text is None else (folder / name).write_text(text)
        with pytest.raises(UsageError, match="something else"):
            write_log(folder, rows=1_000, seed=0)
        assert (folder / name).exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="something else"):
        write_log(tmp_path / "file", rows=1_000, seed=0)


def test_a_failure_leaves_nothing_behind_and_the_old_log_in_place(tmp_path, monkeypatch):
    folder = tmp_path / "log"
    write_log(folder, rows=2_000, seed=1, settings=SMALL)
    before = contents(folder)

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(generate.pq, "write_table", full)
    with pytest.raises(OSError, match="No space"):
        write_log(folder, rows=2_000, seed=2, settings=SMALL)
    with pytest.raises(OSError, match="No space"):
        write_log(tmp_path / "new", rows=2_000, seed=2, settings=SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
    assert before.keys() == contents(folder).keys()


def test_progress_is_told(tmp_path):
    told = []
    write_log(tmp_path / "log", rows=500, seed=0, settings=SMALL, progress=lambda *step: told.append(step))
    assert told == [("generate", done, 3) for done in (1, 2, 3)]


def test_a_large_log_is_cut_into_chunks_of_bounded_size():
    layout = Layout.of(100_000_000, 0, Settings())
    sessions = 100_000_000 / 31.3 / layout.chunks
    assert 0.5 * 10_000 < sessions <= 10_000


@pytest.mark.parametrize("rows", [1, 30, 400])
def test_tiny_logs_are_logs(tmp_path, rows):
    counts = write_log(tmp_path / "log", rows=rows, seed=0)
    assert counts["sessions"] >= 0
    assert len(list((tmp_path / "log" / "truth").iterdir())) == 14
