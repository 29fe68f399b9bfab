"""What the benchmark makes of its figures."""

import json

import pyarrow.parquet as pq
import pytest

from benchmarks.figures import derive, is_worse, show
from benchmarks.machine_log import write_machine_log
from benchmarks.page import write_page
from benchmarks.peers import duckdb_sessions, polars_sessions, session_facts, windows_of


@pytest.mark.parametrize(
    "name, value, stored, worse",
    [
        ("score_vs_bare", 0.47, 0.6, True),
        ("score_vs_bare", 0.49, 0.6, False),
        ("sessionize_vs_duckdb", 3.2, 2.5, True),
        ("sessionize_vs_duckdb", 3.1, 2.5, False),
        ("score_vs_bare", 0.1, None, False),
        ("score_wall_s", 100.0, 1.0, False),
    ],
)
def test_a_ratio_a_fifth_worse_than_the_stored_one_is_told(name, value, stored, worse, capsys):
    assert is_worse(name, value, stored) == worse
    show("1m", {name: value}, {}, {} if stored is None else {name: stored})
    assert ("\033[31m" in capsys.readouterr().out) == worse


def test_ratios_that_need_more_than_one_part_or_size():
    latest = {
        "machine": {"cores": 2},
        "1m": {"score_events_per_s_core": 200_000, "windows_events_per_s": 40_000, "deeplog_loop_events_per_s": 1_000},
        "10m": {"score_events_per_s_core": 400_000, "score_worker_peak_mib": 300, "skewed_worker_peak_mib": 350},
    }  # fmt: skip
    derive(latest, "1m")
    derive(latest, "10m")
    assert latest["1m"]["score_vs_windows"] == 10.0
    assert latest["10m"]["score_vs_windows"] == 20.0
    assert latest["1m"]["score_vs_deeplog_loop"] == 200.0  # one core's loop against one core's share
    assert (latest["1m"]["cost_per_event_vs_10m"], latest["10m"]["cost_per_event_vs_10m"]) == (2.0, 1.0)
    assert latest["10m"]["worker_peak_mib"] == 350


def test_the_page_keeps_what_was_written_by_hand(tmp_path):
    page = tmp_path / "scale.md"
    write_page({"machine": {"cores": 2}, "1m": {"score_vs_bare": 0.5, "commit": "abc"}}, page)
    page.write_text(page.read_text() + "\nBy hand.\n")
    write_page({"machine": {"cores": 2}, "10m": {"events": 10_000_000}}, page)
    text = page.read_text()
    assert "| `events` | 10,000,000 |" in text
    assert "score_vs_bare" not in text
    assert text.endswith("\nBy hand.\n")
    assert json.dumps(text).count("figures: begin") == 1


def test_the_machine_log_and_the_peers_agree_on_its_sessions(tmp_path):
    n = write_machine_log(tmp_path / "log", rows=3_000)
    files = [str(path) for path in (tmp_path / "log").glob("*.parquet")]
    assert n == sum(pq.read_metadata(file).num_rows for file in files)
    assert abs(n - 3_000) < 300
    for name, peer in (("duckdb", duckdb_sessions), ("polars", polars_sessions)):
        assert peer(files, tmp_path / name) > 0
    facts = session_facts([str(tmp_path / "duckdb")])
    assert facts == session_facts([str(tmp_path / "polars")])
    assert facts[1] == n


def test_windows_stay_inside_their_session():
    import numpy as np

    windows, targets = windows_of(np.array([5, 6, 7, 8]), np.array([0, 3, 4]), 4)
    assert targets.tolist() == [5, 6, 7, 8]
    assert windows[:, -3:].tolist() == [[0, 0, 0], [0, 0, 5], [0, 5, 6], [0, 0, 0]]
    assert windows.shape == (4, 10)
