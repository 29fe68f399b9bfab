"""Networks on click sequences: who they learn from, and that they come back from their arrays the same."""

import numpy as np
import pytest

from offbeat.errors import UsageError
from offbeat.packs.installs.networks import _learnt, fit_networks, judge_networks
from offbeat.packs.installs.table import fit_rows, judged_rows, make_split
from tests.packs.installs.test_training import table_of


class Folder:
    """What `judge_networks` asks a registry for."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, version):
        return self.folder / version


def test_networks_come_back_the_same_and_their_scores_mean_something(tmp_path):
    table = table_of()
    split = make_split(table, 0.2)
    made = fit_networks(table, split, ("gru", "lstm_supervised"), seed=0)
    record = {"seed": 0, "networks": list(made), "beside": {}}
    for name, network in made.items():
        record["beside"][name] = network.save(tmp_path, record)
    said = {one.name: one for one in judge_networks(Folder(tmp_path), record, table, split)}
    again = {one.name: one for one in judge_networks(Folder(tmp_path), record, table, split)}
    for name, one in said.items():
        np.testing.assert_array_equal(one.given, again[name].given)
        assert ((one.given > 0) & (one.given < 1)).all()
        assert "installs of the test have an earlier click" in one.note
        assert len(one.given) == len(judged_rows(table, split))
    # Surprise at four fields of a click: never below nothing, about the entropy of uniform fields here.
    surprise = said["gru"].scores
    assert (surprise > 0).all()
    assert np.log(8 * 6 * 5) - 1 < surprise.mean() < np.log(8 * 6 * 5) + 1.5
    files = {path.suffix for version in record["beside"].values() for path in (tmp_path / version).iterdir()}
    assert files == {".json", ".npz"}


def test_the_first_two_learn_from_visitors_without_an_install_alone():
    table = table_of()
    rows = fit_rows(table, make_split(table, 0.2))
    learnt = _learnt("lstm", table, rows, 0)
    bought = set(table.fields["ip"][rows][table.installed[rows] == 1])
    assert bought
    assert not bought & set(table.fields["ip"][learnt])
    assert set(table.fields["ip"][learnt]) == set(table.fields["ip"][rows]) - bought
    assert len(_learnt("lstm_supervised", table, rows, 0)) == len(rows)


def test_an_unknown_network_is_named():
    table = table_of(n=500)
    with pytest.raises(UsageError, match="no network rnn; known here: lstm, gru, lstm_supervised"):
        fit_networks(table, None, ("rnn",), seed=0)
