"""Heads of a config about what runs beside the steps: stream, upkeep, alerts, MLflow, the web form."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from offbeat.config.base import Duration, Names, Section, Share


class Stream(Section):
    """How `offbeat stream` goes on."""

    every: Duration = Field(10.0, description="how often the sources are looked at for what is new")


class Maintain(Section):
    """What `offbeat maintain` keeps."""

    retention: Duration = Field(
        7 * 86_400.0, description="how long files out of use are kept: longer than any reader runs"
    )


class Limits(Section):
    """What an alert is sent for; null: never."""

    anomaly_share: Share | None = Field(None, description="flagged sessions of those that a run has scored")
    quarantine_share: Share | None = Field(None, description="refused rows of those that a run has read")
    lag: Duration | None = Field(None, description="age of the newest event at the run date, after ingest")
    drift: Share | None = Field(
        None, description="largest distance of a run's sessions from what the model was trained on"
    )


class Email(Section):
    """A mail server; its password comes from the environment (OFFBEAT_SMTP_PASSWORD), never from here."""

    host: str = Field(description="name or address of the mail server")
    port: int = Field(25, ge=1, le=65535, description="25 between servers; mostly 587 with starttls")
    sender: str = Field(description="address that alerts come from")
    to: Names = Field(min_length=1, description="addresses that they go to")
    starttls: bool = Field(False, description="whether the connection is encrypted before anything is said")
    user: str | None = Field(None, description="where the server asks who sends")


class Alerts(Section):
    """Who hears of a run that went wrong, or of figures beyond a limit; none of it changes a result."""

    webhook: str | None = Field(
        None,
        pattern=r"^(https?://.+)?$",
        description="URL that gets a JSON object; by default OFFBEAT_ALERT_WEBHOOK of the environment, where a URL "
        "that holds a secret belongs",
    )
    email: Email | None = Field(None, description="mail server that alerts go through; null: no mail")
    limits: Limits = Field(default_factory=Limits)
    failures: bool = Field(True, description="also for a step that failed")
    timeout: Annotated[Duration, Field(gt=0)] = Field(10.0, description="of one attempt to send")


class Mlflow(Section):
    """Where MLflow hears of each training; the model's folder stays what counts."""

    experiment: str | None = Field(None, description="its name; null: MLflow hears nothing")
    uri: str | None = Field(None, description="of the tracking server; null: as MLFLOW_TRACKING_URI says")
    register_as: str | None = Field(
        None, description="name under which each model is registered: catalog.schema.model, or a plain one"
    )


class Serve(Section):
    """Where the web form listens."""

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0: all")
    port: int = Field(8432, ge=0, le=65535, description="0: any that is free")
