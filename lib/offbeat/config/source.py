"""Heads of a config about what comes in: sources, catalogues, and rows that don't meet the contract."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from offbeat.config.base import Duration, Names, Section, Share


class Columns(Section):
    """Which columns of a source are what."""

    entity: Names = Field(
        ("entity",), min_length=1, description="columns that name whose events these are; joined by |"
    )
    time: str | None = Field(
        "event_time", description="column of the event's time; null where `order` is given"
    )
    event: Names = Field(("event",), min_length=1, description="columns that name the event; joined by |")
    event_id: str | None = Field(
        None, description="column that identifies an event; else a hash of the columns"
    )
    label: str | None = Field(
        None, description="column with 0 or 1; only evaluate and classifiers' training read it"
    )
    covariates: Names = Field((), description="columns kept with the event")
    order: Literal["position", "line"] | None = Field(
        None,
        description="for a log without time: `line` orders by line of the one file, `position` by a column",
    )
    position: str | None = Field(
        None, description="column that orders events of a log without time, or breaks ties"
    )

    @model_validator(mode="before")
    @classmethod
    def _order_stands_for_time(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("order") and "time" not in data:
            return {**data, "time": None}
        return data


class Labels(Section):
    """A file that says which entities are faulty, for a log that doesn't say so itself."""

    path: str = Field(description="csv with a header; variables as ${NAME}")
    entity: str = Field(
        "entity", description="its column that names the entity, as source.columns.entity gives it"
    )
    label: str = Field("label", description="its column with 0 or 1")


class Source(Section):
    """Where events come from."""

    format: Literal["csv", "json", "parquet", "delta", "text", "xes", "jdbc", "kafka", "sequences"] = Field(
        "csv", description="what the source is; sequences: a line is a session, kafka: `stream` alone"
    )
    path: str | None = Field(None, description="file, folder, glob or URL; variables as ${NAME}")
    columns: Columns = Field(default_factory=Columns)
    time_format: str = Field("auto", description="auto (ISO 8601, epoch s to ns) or a pattern")
    time_zone: str = Field("UTC", description="zone of times that carry none")
    pattern: str | None = Field(None, description="format text: a regular expression with named groups")
    new_columns: Literal["ignore", "keep"] = Field(
        "ignore", description="keep: columns that are named nowhere here become covariates"
    )
    incremental: bool = Field(
        False,
        description="format jdbc: leave out rows whose time is `lateness` before the newest that is known",
    )
    role: Literal["train", "score", "both"] = Field(
        "both", description="what its events are for; both: model.split parts them"
    )
    label: Literal[0, 1] | None = Field(None, description="where a whole source is of one kind")
    labels: Labels | None = Field(None, description="where a file of its own has the labels, by entity")
    pseudonyms: Names = Field(
        (), description="columns whose values are replaced by a keyed hash (OFFBEAT_PSEUDONYM_KEY) at ingest"
    )
    options: dict[str, str] = Field(
        default_factory=dict, description="options of the reader (delimiter, url, dbtable)"
    )


class Catalogue(Section):
    """A list of things that events are about, such as titles; packs join it."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", description="what tables call it")
    path: str = Field(description="file, folder, glob or URL; variables as ${NAME}")
    format: Literal["csv", "json", "parquet"] = Field("csv", description="of the file")
    columns: dict[str, Names] = Field(
        description="field of the pack's table -> column of the file, or several"
    )
    kind: Literal["film", "tv"] | None = Field(None, description="where all of it is of one kind")
    main: bool = Field(False, description="positives and negatives come from this one; exactly one is main")
    options: dict[str, str] = Field(default_factory=dict, description="options of the reader (delimiter …)")


class Quarantine(Section):
    """What happens to rows that don't meet the contract."""

    limit: Share = Field(0.05, description="share of quarantined rows above which a run is refused")
    future_skew: Duration = Field(600.0, description="how far after the run date a time may lie")
