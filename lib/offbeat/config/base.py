"""What all heads of a config are made of: names, shares, durations, and no unknown key."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from offbeat.durations import parse_duration_s


def as_list(value: Any) -> Any:
    """A text stands for a list of it."""
    return [value] if isinstance(value, str) else value


# Seconds, written as people do: `30 minutes`.
Duration = Annotated[float, BeforeValidator(parse_duration_s), Field(ge=0), PlainSerializer(float)]
Share = Annotated[float, Field(ge=0, le=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(as_list)]


class Section(BaseModel):
    """A head of the config: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)
