"""Alerts: a webhook and a mail where a step failed or a figure of it passes a limit.

A receiver that does not answer is logged, and changes neither the run nor its exit status.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import smtplib
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from typing import Any

from pyspark.sql import functions as F

from offbeat import __version__
from offbeat.config import Alerts, Config, Email
from offbeat.logs import error_line, one_line
from offbeat.redaction import hide
from offbeat.tables.contract import EVENTS
from offbeat.tables.lake import Lake

log = logging.getLogger(__name__)

WEBHOOK, PASSWORD = "OFFBEAT_ALERT_WEBHOOK", "OFFBEAT_SMTP_PASSWORD"  # variables of the environment
Summary = dict[str, Any]
Deliver = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Alert:
    """A figure beyond its limit, or a step that failed (then without figures)."""

    measure: str
    text: str
    value: float | None = None
    limit: float | None = None


class Alerting:
    """Sends what a run's steps give reason for; of a stream's rounds each reason once, until it is over.

    Args:
        run_date: what the age of the newest event is counted from.
    """

    def __init__(self, conf: Config, lake: Callable[[], Lake], run_date: dt.datetime) -> None:
        self._conf, self._lake, self._run_date = conf, lake, run_date
        self._told: set[str] = set()

    @contextmanager
    def watching(self, step: str) -> Iterator[list[Summary]]:
        """Watch one step: it puts its summary into the list; where it fails, that is what is told."""
        summaries: list[Summary] = []
        try:
            yield summaries
        except Exception as error:
            if self._conf.alerts.failures:
                failure = Alert("failure", f"{step} failed: {error_line(error)}")
                send(self._conf, step, [failure], run_id=None)
            raise
        for summary in summaries:
            send(self._conf, step, self._found(step, summary), run_id=summary.get("run_id"))

    def round(self, summary: Summary) -> None:
        """Tell what a round of a stream gives reason for, where the round before gave none."""
        found = self._found("ingest", summary)
        send(self._conf, "stream", [each for each in found if each.measure not in self._told], run_id=None)
        self._told = {each.measure for each in found}

    def reasons(self, step: str, summary: Summary) -> list[Alert]:
        """What of a step's summary lies beyond its limit."""
        limits = self._conf.alerts.limits
        newest_s = self._lag_s() if limits.lag is not None and step == "ingest" else None
        anomalies, refused = _share(summary, "flagged", "sessions"), _share(summary, "quarantined", "rows_in")
        figures = (
            ("anomaly_share", anomalies, limits.anomaly_share, "of the sessions are flagged"),
            ("quarantine_share", refused, limits.quarantine_share, "of the rows were refused"),
            ("lag", newest_s, limits.lag, "seconds is the newest event old"),
            (
                "drift",
                summary.get("drift"),
                limits.drift,
                "lie the sessions from what the model was trained on",
            ),
        )
        return [
            Alert(name, f"{_figure(name, value)} {text}, more than {_figure(name, limit)}", value, limit)
            for name, value, limit, text in figures
            if value is not None and limit is not None and value > limit
        ]

    def _found(self, step: str, summary: Summary) -> list[Alert]:
        """The reasons; where they can't be told, the run has done its work all the same."""
        try:
            return self.reasons(step, summary)
        except Exception as error:  # noqa: BLE001
            log.warning("alert: %s: no figures to judge: %s", step, error_line(error))
            return []

    def _lag_s(self) -> float | None:
        """Age of the newest event at the run date; None where no event has a time."""
        lake = self._lake()
        if not lake.exists(EVENTS):
            return None
        newest = lake.read(EVENTS).agg(F.unix_micros(F.max("event_time")).alias("us")).collect()[0]["us"]
        return None if newest is None else self._run_date.timestamp() - newest / 1e6


def send(conf: Config, step: str, alerts: list[Alert], *, run_id: str | None) -> int:
    """Send alerts to whom the config names; how many receivers took them."""
    if not alerts:
        return 0
    for alert in alerts:
        log.warning("alert: %s: %s", step, alert.text)
    message = {
        "text": one_line(f"offbeat {conf.name}: {step}: {'; '.join(alert.text for alert in alerts)}"),
        "config": conf.name,
        "lake": one_line(conf.lake),
        "step": step,
        "run_id": run_id,
        "at": dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
        "offbeat": __version__,
        "alerts": [asdict(alert) for alert in alerts],
    }
    return sum(_delivered(name, deliver, message) for name, deliver in _receivers(conf.alerts))


def _delivered(name: str, deliver: Deliver, message: dict[str, Any]) -> bool:
    try:
        deliver(message)
    except Exception as error:  # noqa: BLE001 - whatever a receiver does, the run has done its work
        log.warning("alert: %s took nothing: %s", name, error_line(error))
        return False
    return True


def _receivers(conf: Alerts) -> Iterator[tuple[str, Deliver]]:
    url = conf.webhook or os.environ.get(WEBHOOK)
    if url:
        hide([url])  # whoever knows it can post to it
        yield "webhook", lambda message: _post(url, message, conf.timeout)
    if conf.email is not None:
        email = conf.email
        yield f"mail server {email.host}", lambda message: _mail(email, message, conf.timeout)


def _post(url: str, message: dict[str, Any], timeout_s: float) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{WEBHOOK}: expected a URL that begins with https:// or http://")
    body = json.dumps(message, ensure_ascii=False).encode()
    head = {"Content-Type": "application/json; charset=utf-8", "User-Agent": f"offbeat/{__version__}"}
    request = urllib.request.Request(url, data=body, headers=head, method="POST")  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=timeout_s):  # noqa: S310
        pass


def _mail(conf: Email, message: dict[str, Any], timeout_s: float) -> None:
    mail = EmailMessage()
    mail["Subject"] = one_line(message["text"], limit=150)
    mail["From"], mail["To"] = conf.sender, ", ".join(conf.to)
    lines = [alert["text"] for alert in message["alerts"]]
    facts = [f"{name}: {message[name]}" for name in ("config", "lake", "step", "run_id", "at", "offbeat")]
    mail.set_content("\n".join([*lines, "", *facts]) + "\n")
    with smtplib.SMTP(conf.host, conf.port, timeout=timeout_s) as server:
        if conf.starttls:
            server.starttls(context=ssl.create_default_context())
        if conf.user is not None:
            server.login(conf.user, os.environ.get(PASSWORD, ""))
        server.send_message(mail)


def _share(summary: Summary, part: str, whole: str) -> float | None:
    return summary[part] / summary[whole] if summary.get(whole) and part in summary else None


def _figure(name: str, value: float) -> str:
    return (
        f"{value:.2%}" if name.endswith("_share") else f"{value:,.3g}" if name == "drift" else f"{value:,.0f}"
    )
