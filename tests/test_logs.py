"""What log lines and errors say: in one line, as JSON where asked, and never a secret."""

from __future__ import annotations

import json
import logging

import pytest

from offbeat import cli, logs, redaction
from offbeat.config import Config


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Handlers of their own for each test, and no secrets of others."""
    logger = logging.getLogger("offbeat")
    before = logger.handlers
    monkeypatch.setattr(redaction, "_known", set())
    logger.handlers = []
    yield
    logger.handlers = before


@pytest.mark.parametrize(
    "text, left",
    [
        ("jdbc:postgresql://bob:hunter2@db/x", "jdbc:postgresql://***@db/x"),
        ("jdbc:postgresql://db/x?user=a&password=hunter2&ssl=true", "jdbc:postgresql://db/x?user=a&password=***&ssl=true"),
        ("jdbc:sqlserver://h;user=x;password=hunter2;database=d", "jdbc:sqlserver://h;user=x;password=***;database=d"),
        ("{'token': 'hunter2', 'n': 1}", "{'token': ***, 'n': 1}"),
        ("Authorization: Bearer hunter2hunter2", "Authorization: Bearer ***"),
        ("https://a.blob/x?sv=1&sig=hunter2%3D&se=2", "https://a.blob/x?sv=1&sig=***&se=2"),
        ("fs.s3a.secret.key=hunter2", "fs.s3a.secret.key=***"),
        ('sasl.jaas.config=x required password="hunter2 x";', "sasl.jaas.config=x required password=***;"),
        ("event token_refresh came; design=3; max_tokens=4", "event token_refresh came; design=3; max_tokens=4"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_hidden_and_nothing_else(text, left):
    assert redaction.redact(text) == left


def test_a_config_s_secrets_are_hidden_wherever_they_turn_up(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MY_TOKEN", "tok-hunter3")
    options = "{url: 'jdbc:postgresql://db/x', dbtable: t, password: hunter2, x: '${MY_TOKEN}'}"
    (tmp_path / "c.yaml").write_text(
        f"name: t\nlake: ./lake\nsource: {{format: jdbc, path: x, options: {options}}}\n"
    )
    conf = Config.load(tmp_path / "c.yaml")
    assert conf.source[0].options["password"] == "hunter2"  # noqa: S105 - it still works
    assert logs.one_line("no role hunter2, nor tok-hunter3; hunter22 is another") == (
        "no role ***, nor ***; hunter22 is another"
    )
    logs.configure()
    logging.getLogger("offbeat.x").error("failed with %s", "hunter2")
    assert capsys.readouterr().err.rstrip().endswith("failed with ***")


def test_lines_are_json_with_the_run_where_asked(capsys, monkeypatch):
    monkeypatch.setenv("OFFBEAT_LOG_FORMAT", "json")
    logs.configure()
    log = logging.getLogger("offbeat.x")
    log.info("before")
    with logs.of_run("score-1", "score"):
        log.error("scored %d\nsessions", 3, exc_info=ValueError("password=hunter2\nline two"))
    logs.tell("config c.yaml: wrong")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["message"], line.get("run_id"), line.get("step")) for line in lines] == [
        ("INFO", "before", None, None),
        ("ERROR", "scored 3\nsessions", "score-1", "score"),
        ("ERROR", "config c.yaml: wrong", None, None),
    ]
    assert "password=***" in lines[1]["exception"]
    assert lines[0]["time"].endswith("+00:00")


def test_a_form_that_there_is_not_is_a_usage_error(capsys, monkeypatch):
    monkeypatch.setenv("OFFBEAT_LOG_FORMAT", "xml")
    assert cli.main(["status", "--config", "none.yaml"]) == 2
    assert "OFFBEAT_LOG_FORMAT: expected text or json, got xml" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch {file}']",
        "name: !!python/object/apply:os.system ['touch {file}']",
        "name: t\nlake: x\nsource: {{path: !!python/name:os.system x}}",
    ],
)
def test_a_config_runs_no_code(tmp_path, capsys, text):
    (tmp_path / "c.yaml").write_text(text.format(file=tmp_path / "ran"))
    assert cli.main(["status", "--config", str(tmp_path / "c.yaml")]) == 2
    assert "not YAML" in capsys.readouterr().err
    override = f"name=!!python/object/apply:os.system ['touch {tmp_path / 'ran'}']"
    (tmp_path / "c.yaml").write_text("name: t\nlake: ./x\nsource: {path: x}\n")
    assert cli.main(["status", "--config", str(tmp_path / "c.yaml"), "--set", override]) == 2
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "a`b", "a'b", 'a"b', "a;DROP TABLE x", "", "a b", ".x"])
def test_a_config_s_name_is_a_plain_word(tmp_path, capsys, name):
    (tmp_path / "c.yaml").write_text(f"name: {json.dumps(name)}\nlake: ./x\nsource: {{path: x}}\n")
    assert cli.main(["status", "--config", str(tmp_path / "c.yaml")]) == 2
    assert "name: string should match pattern" in capsys.readouterr().err
