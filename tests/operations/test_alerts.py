"""Alerts reach a webhook and a mail server on loopback; a receiver that fails changes nothing."""

from __future__ import annotations

import datetime as dt
import logging

import pytest

from offbeat.config import Config
from offbeat.errors import InputRefused
from offbeat.operations.alerts import Alerting
from tests.operations.receivers import mail_server, webhook

NOW = dt.datetime(2026, 7, 31, tzinfo=dt.timezone.utc)
LIMITS = {"anomaly_share": 0.1, "quarantine_share": 0.02, "drift": 0.3}


@pytest.fixture(autouse=True)
def logged(monkeypatch, caplog):
    """Log lines of alerts, also where an earlier test has sent them elsewhere."""
    monkeypatch.delenv("OFFBEAT_ALERT_WEBHOOK", raising=False)
    monkeypatch.setattr(logging.getLogger("offbeat"), "propagate", True)
    caplog.set_level(logging.INFO)
    return caplog


def alerting(**alerts) -> Alerting:
    conf = {"name": "t", "lake": "./lake", "source": [{"path": "x"}], "alerts": {"limits": LIMITS} | alerts}
    return Alerting(Config.model_validate(conf), lambda: pytest.fail("no table is needed"), NOW)


def watch(alerts: Alerting, step: str, **summary) -> None:
    with alerts.watching(step) as told:
        told.append(summary)


def test_figures_beyond_their_limits_go_to_the_webhook_and_by_mail():
    with webhook() as (url, posted), mail_server() as (port, mails):
        email = {
            "host": "127.0.0.1",
            "port": port,
            "sender": "offbeat@example.org",
            "to": ["a@example.org", "b@example.org"],
        }
        alerts = alerting(webhook=url, email=email)
        watch(alerts, "score", sessions=200, flagged=30, drift=0.45, run_id="score-1")
        watch(alerts, "ingest", rows_in=100, quarantined=2)  # at the limit, not beyond
    assert [(each["step"], each["run_id"]) for each in posted] == [("score", "score-1")]
    assert {a["measure"]: (a["value"], a["limit"]) for a in posted[0]["alerts"]} == {
        "anomaly_share": (0.15, 0.1),
        "drift": (0.45, 0.3),
    }
    assert "15.00% of the sessions are flagged, more than 10.00%" in posted[0]["text"]
    [(sender, to, text)] = mails
    assert (sender, to) == ("offbeat@example.org", ["a@example.org", "b@example.org"])
    assert "Subject: offbeat t: score: 15.00%" in text
    assert "0.45 lie the sessions" in text


def test_a_step_that_fails_is_told_without_secrets_and_fails_as_it_did(monkeypatch):
    with webhook() as (url, posted):
        monkeypatch.setenv("OFFBEAT_ALERT_WEBHOOK", url)
        with pytest.raises(InputRefused, match="hunter2"), alerting().watching("ingest"):
            raise InputRefused("source jdbc:postgresql://bob:hunter2@db/x: no such table")
        with pytest.raises(InputRefused), alerting(failures=False).watching("ingest"):
            raise InputRefused("not told")
    assert [each["text"] for each in posted] == [
        "offbeat t: ingest: ingest failed: source jdbc:postgresql://***@db/x: no such table"
    ]


def test_a_receiver_that_fails_is_logged_without_its_secret_and_changes_nothing(logged):
    with webhook(status=500) as (url, posted):
        email = {"host": "127.0.0.1", "port": 9, "sender": "o@example.org", "to": "a@example.org"}
        watch(alerting(webhook=url, email=email), "score", sessions=10, flagged=9, drift=0.0)
    assert len(posted) == 1
    assert "webhook took nothing: HTTPError: HTTP Error 500" in logged.text
    assert "mail server 127.0.0.1 took nothing" in logged.text
    assert "s3cr3t-path" not in logged.text


def test_a_stream_tells_a_reason_once_until_it_is_over():
    with webhook() as (url, posted):
        alerts = alerting(webhook=url)
        for flagged in (5, 6, 0, 7):
            alerts.round({"sessions": 10, "flagged": flagged})
    assert [each["alerts"][0]["value"] for each in posted] == [0.5, 0.7]


def test_nothing_is_sent_where_all_is_well():
    with webhook() as (url, posted):
        watch(alerting(webhook=url), "score", sessions=200, flagged=2, drift=0.1)
        watch(alerting(webhook=url), "report", page="x")
    assert posted == []
