import logging
from pathlib import Path

import pytest
import yaml

from offbeat.config import Config
from offbeat.durations import parse_duration_s
from offbeat.errors import UsageError

BASE = {"name": "log", "lake": "lake/x", "source": {"format": "csv", "path": "log.csv"}}


@pytest.fixture
def config_file(tmp_path):
    def write(**changes) -> Path:
        path = tmp_path / "c.yaml"
        path.write_text(yaml.safe_dump(BASE | changes), encoding="utf-8")
        return path

    return write


def test_defaults_are_those_of_the_contract(config_file):
    conf = Config.load(config_file())
    assert conf.sessions.gap == 1800
    assert conf.sessions.max_events == 100_000
    assert conf.quarantine.limit == 0.05
    assert conf.quarantine.future_skew == 600
    assert conf.score.alert_budget == 0.01
    assert [source.path for source in conf.source] == ["log.csv"]


def test_a_secret_in_plain_words_is_warned_of_and_not_said(config_file, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("offbeat"), "propagate", True)
    monkeypatch.setenv("PASSWORD", "from-outside")
    options = {"user": "bob", "password": "hunter2", "url": "jdbc:postgresql://bob:hunter2@db/x"}
    source = {"format": "jdbc", "options": options | {"token": "${PASSWORD}", "dbtable": "clicks"}}
    Config.load(config_file(source=source))
    warned = {record.args for record in caplog.records}
    assert warned == {("source.0.options.password",), ("source.0.options.url",)}
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    "change,said",
    [
        ({"sesions": {}}, "unknown key sesions; did you mean sessions?"),
        ({"sessions": {"gpa": 1}}, "unknown key sessions.gpa; did you mean gap?"),
        ({"score": {"alert_budget": 2}}, "score.alert_budget"),
        ({"sessions": {"gap": "soon"}}, "expected a duration like '30 minutes', got 'soon'"),
        ({"source": {"format": "cvs"}}, "source.0.format"),
        ({"lake": None}, "lake"),
    ],
)
def test_a_wrong_key_or_value_is_one_line_that_names_the_right_one(config_file, change, said):
    with pytest.raises(UsageError) as error:
        Config.load(config_file(**change))
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.exit_status == 2


def test_all_problems_are_told_at_once(config_file):
    with pytest.raises(UsageError, match=r"nmae.*top_k|top_k.*nmae"):
        Config.load(config_file(nmae=1, score={"top_k": 0}))


def test_overrides_reach_into_heads_and_lists(config_file):
    conf = Config.load(
        config_file(),
        overrides=[
            "source.0.path=a=b.csv",
            "source.format=json",
            "sessions.gap=null",
            "model.settings.units=8",
        ],
    )
    assert (conf.source[0].path, conf.source[0].format) == ("a=b.csv", "json")
    assert conf.sessions.gap is None
    assert conf.model.settings == {"units": 8}


@pytest.mark.parametrize("override", ["x", "=3", "source.4.path=a", "name.x=1", ".a=1"])
def test_an_override_that_leads_nowhere_is_an_error(config_file, override):
    with pytest.raises(UsageError):
        Config.load(config_file(), overrides=[override])


def test_variables_come_from_the_environment(config_file, monkeypatch):
    monkeypatch.setenv("WHERE", "/data")
    source = {"format": "csv", "path": "${WHERE}/${MISSING:-none}.csv"}
    assert Config.load(config_file(source=source)).source[0].path == "/data/none.csv"
    with pytest.raises(UsageError, match="NOT_SET} is not set"):
        Config.load(config_file(source={"format": "csv", "path": "${NOT_SET}"}))


def test_the_hash_tells_configs_apart(config_file):
    same = [Config.load(config_file()).hash for _ in range(2)]
    assert same[0] == same[1] != Config.load(config_file(), overrides=["score.top_k=7"]).hash


@pytest.mark.parametrize("text", ["- a\n", "a: [", "", "\x00"])
def test_what_is_no_config_is_refused(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError):
        Config.load(path)


@pytest.mark.parametrize("name", ["tvm", "hdfs"])
def test_the_configs_that_we_ship_load(name):
    assert Config.load(Path(__file__).parents[1] / "conf" / f"{name}.yaml").name == name


@pytest.mark.parametrize(
    "text,seconds",
    [("30 minutes", 1800), ("1h 30m", 5400), ("90", None), (90, 90), ("1.5 days", 129600), ("500 ms", 0.5)],
)
def test_durations(text, seconds):
    if seconds is None:
        with pytest.raises(ValueError, match="expected a duration"):
            parse_duration_s(text)
    else:
        assert parse_duration_s(text) == seconds
