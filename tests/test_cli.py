"""What the command line makes of its arguments, without a step."""

from __future__ import annotations

import json

import pytest

from offbeat import cli


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Runs `offbeat generate … --dry-run` in a folder with conf/tvm.yaml; gives the config that it would use."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "tvm.yaml").write_text(
        "name: t\npack: tvm\nlake: ./lake\nsource: {path: log/events}\ngenerate: {path: log, settings: {days: 3}}\n"
    )
    monkeypatch.chdir(tmp_path)
    used = []
    monkeypatch.setattr("offbeat.screen.show_plan", lambda verb, conf: used.append(conf) or {"verb": verb})
    return lambda *args: (cli.main(["generate", *args, "--dry-run", "--json"]), used)


def test_a_run_date_without_a_time_stands_for_the_end_of_its_day():
    parser = cli.build_parser("ingest")

    def run_date(text):
        return parser.parse_args(["--config", "c.yaml", "--run-date", text]).run_date.isoformat()

    assert run_date("2026-07-31") == "2026-07-31T23:59:59.999999+00:00"
    assert run_date("2026-07-31T12:00:00") == "2026-07-31T12:00:00+00:00"
    assert run_date("2026-07-31T00:00:00+02:00") == "2026-07-30T22:00:00+00:00"


def test_generate_takes_a_packs_name_and_fault_rates(plan, capsys):
    status, used = plan("tvm", "--fault-rate", "swap=0.02, drop=0.03", "--set", "generate.rows=10")
    assert status == 0
    assert used[0].generate.settings == {"days": 3, "fault_rates": {"swap": 0.02, "drop": 0.03}}
    assert used[0].generate.rows == 10
    assert json.loads(capsys.readouterr().out.splitlines()[-1])
    assert plan("--config", "conf/tvm.yaml")[0] == 0


@pytest.mark.parametrize(
    "args, said",
    [
        ([], "offbeat generate tvm"),
        (["tvm", "--fault-rate", "swap"], "expected KIND=SHARE"),
        (["tvm", "--fault-rate", "swap=0.1,,drop=0.1"], "expected KIND=SHARE"),
        (["tvn"], "conf/tvn.yaml: No such file"),
    ],
)
def test_what_generate_does_not_understand_is_a_usage_error(plan, capsys, args, said):
    status, _ = plan(*args)
    assert status == 2
    assert said in capsys.readouterr().err


def test_label_takes_a_session_a_word_and_a_note(plan, monkeypatch):
    seen = []
    monkeypatch.setattr("offbeat.steps.label", lambda context: seen.append(context.options) or {})
    monkeypatch.setattr("offbeat.screen.show_summary", lambda *_args: None)
    monkeypatch.setattr("offbeat.steps.Context.lake", None)
    config = ["--config", "conf/tvm.yaml"]
    assert cli.main(["label", *config, "s1", "false_alarm", "--note", "a test device"]) == 0
    assert {name: seen[0][name] for name in ("session", "word", "note")} == {
        "session": "s1",
        "word": "false_alarm",
        "note": "a test device",
    }
    with pytest.raises(SystemExit, match="2"):
        cli.main(["label", *config, "s1", "perhaps"])
