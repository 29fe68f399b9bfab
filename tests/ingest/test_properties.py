"""Searched counterexamples: counts always add up, and how a log is cut into files means nothing."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.spark

few = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
fields = st.sampled_from(["anna", "ben", "a|b", 'say "x"', "two\nlines", "", "  ", "é"])
times = st.sampled_from(
    ["2024-03-01", "1709287200", "1709287200.5", "soon", "", "2030-01-01", "2024-03-01T00:00:00Z"]
)
rows = st.lists(st.tuples(fields, times, fields), min_size=1, max_size=25)


LOG = [
    ("anna", "2024-03-01", "play"),
    ("anna", "1709251200", "play"),  # the same instant, written otherwise
    ("two\nlines", "2024-03-01T00:00:00Z", 'say "x"'),
    ("", "soon", "x"),
    ("anna", "2024-03-01", "play"),
    ("ben", "2030-01-01", "é"),
    ("a|b", "1709287200.5", "play"),
    ("", "soon", "x"),
    ("anna", "2024-03-01T00:00:00Z", "play"),
]


def as_csv(some):
    def quoted(text):
        return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text

    return "u,t,e\n" + "".join(",".join(map(quoted, row)) + "\n" for row in some)


def cut(some, places):
    edges = [0, *sorted(place % (len(some) + 1) for place in places), len(some)]
    return [some[start:end] for start, end in itertools.pairwise(edges)]


def told(found):
    return sorted(
        (row["event_id"], row["entity"], row["event_time"], row["event"])
        for row in found
        if not row["reasons"]
    )


@pytest.mark.slow
@few
@given(some=rows, places=st.lists(st.integers(0, 25), max_size=3))
def test_cutting_a_log_into_files_changes_nothing(read, make_source, tmp_path_factory, some, places):
    assert_files_alike(read, make_source, tmp_path_factory.mktemp("log"), some, places)


def test_a_log_in_three_files(read, make_source, tmp_path):
    assert_files_alike(read, make_source, tmp_path, LOG, [2, 6])


def assert_files_alike(read, make_source, folder, some, places):
    whole = make_source(as_csv(some), path=folder / "whole.csv")
    (folder / "parts").mkdir()
    for place, part in enumerate(cut(some, places)):
        (folder / "parts" / f"{place}.csv").write_text(as_csv(part))
    at_once, in_parts = read(whole), read(make_source(None, path=folder / "parts"))
    assert (
        len(at_once)
        == len(in_parts)
        == len([row for row in some if any(field.strip() for field in row)] or some)
    )
    assert told(at_once) == told(in_parts)
    assert sorted(row["raw"] or "" for row in at_once) == sorted(row["raw"] or "" for row in in_parts)


@pytest.mark.slow
@few
@given(
    some=st.lists(st.sampled_from(["5 5 22", "7", "a,1 2", "b,3"]), min_size=1, max_size=12, unique=False),
    places=st.lists(st.integers(0, 12), max_size=3),
)
def test_cutting_sequences_into_files_changes_nothing(read, make_source, tmp_path_factory, some, places):
    assert_sequences_alike(read, make_source, tmp_path_factory.mktemp("log"), some, places)


def test_sequences_in_four_files(read, make_source, tmp_path):
    lines = ["5 5 22", "7", "a,1 2", "5 5 22", "b,3", "a,1 2", "7", "5 5 22"]
    assert_sequences_alike(read, make_source, tmp_path, lines, [3, 3, 5])


def assert_sequences_alike(read, make_source, folder, some, places):
    whole = make_source("\n".join(some), "sequences", path=folder / "whole")
    (folder / "parts").mkdir()
    for place, part in enumerate(cut(some, places)):
        (folder / "parts" / str(place)).write_text("\n".join(part))
    assert told(read(whole)) == told(read(make_source(None, "sequences", path=folder / "parts")))


@pytest.mark.parametrize("dedupe, events", [("id", 3), pytest.param("none", 6, marks=pytest.mark.slow)])
def test_a_log_in_three_batches(make_source, make_config, ingest, table, tmp_path, dedupe, events):
    makers = make_source, make_config, ingest, table
    assert_cut_alike(makers, tmp_path, dedupe, LOG, [2, 6], events)


@pytest.mark.slow
@pytest.mark.parametrize("dedupe", ["id", "none"])
@few
@given(some=rows, places=st.lists(st.integers(1, 25), min_size=1, max_size=2))
def test_cutting_a_log_into_batches_changes_nothing(
    make_source, make_config, ingest, table, tmp_path_factory, dedupe, some, places
):
    folder = tmp_path_factory.mktemp("log")
    makers = make_source, make_config, ingest, table
    assert_cut_alike(makers, folder, dedupe, some, places)


def assert_cut_alike(makers, folder, dedupe, some, places, events=None):
    make_source, make_config, ingest, table = makers
    options = {"sessions": {"dedupe": dedupe}, "quarantine": {"limit": 1}}
    whole = make_config(
        make_source(as_csv(some), path=folder / "whole.csv"), lake=f"{folder}/whole", **options
    )
    (folder / "parts").mkdir()
    conf = make_config(make_source(None, path=folder / "parts"), lake=f"{folder}/lake", **options)
    once, total = ingest(whole), 0
    for place, part in enumerate(cut(some, places)):
        if part:
            (folder / "parts" / f"{place}.csv").write_text(
                as_csv(part) + "\n" * place
            )  # equal parts are two files
            total += ingest(conf)["events"]
    assert total == once["events"]
    assert events in (None, total)
    ids = [sorted(row["event_id"] for row in table(one, "events")) for one in (whole, conf)]
    assert ids[0] == ids[1]
