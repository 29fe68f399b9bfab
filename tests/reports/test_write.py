from __future__ import annotations

from types import SimpleNamespace

import pytest

from offbeat import steps
from offbeat.errors import UsageError
from offbeat.reports.write import write_page


def test_writes_utf8_into_a_folder_that_was_not_there(tmp_path):
    path = write_page(tmp_path / "a" / "b.html", "é\n")
    assert path.read_bytes() == b"\xc3\xa9\n"
    assert [p.name for p in path.parent.iterdir()] == ["b.html"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_old_page_stays_where_the_new_one_fails(tmp_path):
    path = write_page(tmp_path / "b.html", "old")
    with pytest.raises(UnicodeEncodeError):
        write_page(path, "\ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["b.html"]


def test_too_large_a_page_is_written_with_a_warning(tmp_path, caplog):
    path = write_page(tmp_path / "b.html", "x" * 2_000_000)
    assert path.stat().st_size == 2_000_000
    assert "has 2,000,000 bytes; it should have fewer" in caplog.text


def test_a_page_that_cannot_be_made_takes_nothing_from_an_evaluation(monkeypatch, caplog):
    def refuse(*_, **__):
        raise UsageError("reports: the package vl-convert-python is not installed")

    monkeypatch.setattr("offbeat.reports.run.write_evaluation_page", refuse)
    assert steps._evaluation_page(SimpleNamespace(lake=None, conf=None), "run-1") == {}
    assert "no page of the evaluation: reports: the package vl-convert-python" in caplog.text


def test_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_page(tmp_path / "b.html", "x")
    assert list(tmp_path.iterdir()) == []
