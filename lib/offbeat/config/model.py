"""Heads of a config about sessions, the model, and what it says of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from offbeat.config.base import Duration, Names, Section, Share


class Sessions(Section):
    """Where a session ends."""

    gap: Duration | None = Field(
        1800.0, description="longest silence inside a session; null: an entity is one session"
    )
    order_by: Names = Field(("event_time", "position"), description="what breaks ties, before event_id does")
    dedupe: Literal["id", "exact", "none"] = Field(
        "id", description="which events are one: of the same id; equal in all columns; none: copies count"
    )
    ignore: Names = Field((), description="heartbeat events that neither open nor close a session")
    max_events: Annotated[int, Field(ge=1)] | None = Field(
        100_000, description="events after which a session is cut; null: never"
    )
    max_duration: Duration | None = Field(
        86_400.0, description="time after which a session is cut; null: never"
    )
    late: Literal["rekey", "quarantine"] = Field(
        "rekey",
        description="an event later than `lateness`: its sessions are made again, or it goes to quarantine",
    )
    lateness: Duration = Field(7 * 86_400.0, description="how late an event may be before `late` speaks")


class Sample(Section):
    """What the driver trains on."""

    max_sessions: int = Field(200_000, ge=1, description="about how many sessions the driver trains on")
    by: Names = Field(("day",), description="strata of the sample")


class Split(Section):
    """How sessions are parted into training and held-out ones."""

    by: Literal["time", "entity"] = Field(
        "time", description="time: the last part is held out; entity: some entities are, with all they did"
    )
    holdout: Annotated[float, Field(gt=0, lt=1)] = Field(0.2, description="share that is held out")


class Tune(Section):
    """What `train --tune N` may take."""

    limit: Annotated[Duration, Field(gt=0)] = Field(
        600.0, description="time after which no trial goes on; the best one so far is taken"
    )
    effort: Annotated[float, Field(gt=0, le=1)] = Field(
        0.25, description="share of the full training's events that a trial is fed"
    )


class Model(Section):
    """What is trained, on what, and how it is parted."""

    detector: str = Field("lstm", description="lstm, gru, … or ensemble; see detectors")
    sample: Sample = Field(default_factory=Sample)
    split: Split = Field(default_factory=Split)
    seed: int = Field(0, ge=0, description="same data and seed: same model")
    device: Literal["cpu", "gpu"] = Field(
        "cpu", description="gpu: networks train and score on the GPU that TensorFlow sees"
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="the detector's own (units, layers, epochs …)"
    )
    rivals: Names = Field(
        (), description="detectors trained after it on the same sample; the better one becomes champion"
    )
    tune: Tune = Field(default_factory=Tune)


class Score(Section):
    """How sessions are judged."""

    alert_budget: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.01, description="share of normal sessions that may be flagged"
    )
    top_k: int = Field(5, ge=1, le=100, description="how many expected events are listed")
    min_events: int = Field(2, ge=0, description="shorter sessions get the verdict `short`")
    unknown_limit: Share = Field(
        0.5, description="share of unknown events above which the verdict is `unknown_event`"
    )
    segments: Names = Field(
        (), description="covariates whose values get thresholds of their own (platform, app_version)"
    )
    event_detail: Literal["flagged", "all"] = Field(
        "flagged", description="whose events get rows in event_scores"
    )


class Drift(Section):
    """When drift stops a run."""

    limit: Share | None = Field(
        None,
        description="distance from what the model was trained on (event mix, lengths, scores, rise of unknown "
        "events; 0 to 1) beyond which nothing is scored and the exit status is 4; null: warn only",
    )
