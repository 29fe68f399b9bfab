import json

import pytest

from offbeat.errors import UsageError
from offbeat.training.registry import Registry


@pytest.fixture
def registry(tmp_path):
    made = Registry(lake=None, name="log", folder=str(tmp_path))
    for version in ("a", "b", "c"):
        (made.folder / version).mkdir(parents=True)
        (made.folder / version / "manifest.json").write_text("{}")
    (made.folder / "half-written").mkdir()
    return made


def test_there_is_no_champion_at_first(registry):
    assert registry.champion() is None
    assert sorted(registry.versions()) == ["a", "b", "c"]


def test_models_of_one_run_know_each_other(registry):
    for version, detector, run in (("a", "lstm", "1"), ("b", "gru", "1"), ("c", "lstm", "2")):
        said = {"detector": detector, "record": {"run_id": run}}
        (registry.folder / version / "manifest.json").write_text(json.dumps(said))
    assert list(registry.trained_with("b").items()) == [("b", "gru"), ("a", "lstm")]
    assert registry.trained_with("none") == {}


def test_promote_and_roll_back(registry):
    registry.promote("a", reason="first")
    registry.promote("b", reason="better")
    registry.promote("b", reason="again")
    assert registry.champion() == "b"
    assert registry.rollback() == "a" == registry.champion()
    with pytest.raises(UsageError, match="no earlier champion"):
        registry.rollback()


@pytest.mark.parametrize("version", ["d", "half-written", "../log/a", "", "."])
def test_only_a_whole_version_can_be_champion(registry, version):
    with pytest.raises(UsageError):
        registry.promote(version, reason="wrong")
    assert registry.champion() is None


def test_why_the_champion_is_champion(registry):
    assert registry.why() is None
    a, b = sorted(registry.versions())[:2]
    registry.promote(a, reason="first model")
    assert registry.why() == "first model"
    registry.note("a before b")
    assert (registry.champion(), registry.why()) == (a, "a before b")
    registry.promote(b, reason="by hand")
    assert registry.why() == "by hand"
    assert registry.rollback() == a
