"""Which files a path means, and what their content is."""

from __future__ import annotations

import pytest

from offbeat.errors import InputRefused
from offbeat.ingest.files import add_hashes, list_files

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


@pytest.fixture
def folder(tmp_path):
    for name in (
        "a.csv",
        "b.csv",
        "c d+e[1].csv",
        ".hidden",
        "_SUCCESS",
        "sub/day=1/x.csv",
        "_temporary/y.csv",
    ):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("hello")
    return tmp_path


def names(folder, pattern):
    return [file.path.removeprefix(f"{folder}/") for file in list_files(None, pattern)]


def test_a_folder_means_its_files_but_hidden_ones(folder):
    assert names(folder, str(folder)) == ["a.csv", "b.csv", "c d+e[1].csv", "sub/day=1/x.csv"]


def test_globs_and_braces(folder):
    assert names(folder, f"{folder}/?.csv") == ["a.csv", "b.csv"]
    assert names(folder, f"{folder}/{{b,c*}}.csv") == ["b.csv", "c d+e[1].csv"]
    assert names(folder, f"{folder}/**/*.csv")[-1] == "sub/day=1/x.csv"


def test_a_name_with_brackets_is_a_name(folder):
    assert names(folder, f"{folder}/c d+e[1].csv") == ["c d+e[1].csv"]
    assert names(folder, f"file://{folder}/a.csv") == ["a.csv"]


def test_nothing_there_is_refused_with_the_path(folder):
    with pytest.raises(InputRefused, match=r"none-\*\.csv: no file there"):
        list_files(None, f"{folder}/none-*.csv")


def test_the_hash_is_of_the_bytes(folder):
    hashed = add_hashes(list_files(None, f"{folder}/?.csv"))
    assert [(file.content_hash, file.size_bytes) for file in hashed] == [(HELLO, 5), (HELLO, 5)]
