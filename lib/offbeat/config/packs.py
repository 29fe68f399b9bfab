"""Heads of a config that packs add: models of a yes or no per row, templates of lines, generated logs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from offbeat.config.base import Names, Section


class Cost(Section):
    """What mistakes cost, in any one unit: where the threshold of a confusion matrix lies."""

    miss: float = Field(100.0, gt=0, description="a yes that was not called")
    alarm: float = Field(1.0, gt=0, description="a no that was called")


class Tabular(Section):
    """The models of a pack that predicts a yes or no per row (who installs, what reaches the top ten)."""

    models: Names = Field(
        (), description="models that are fitted and compared; none given: the pack's choice"
    )
    champion: str = Field("auto", description="which of them scores; auto: the best on validation")
    features: Names = Field((), description="columns of the source taken as features, besides the pack's own")
    calibration: Literal["auto", "platt", "isotonic"] = Field(
        "auto",
        description="how scores become probabilities; auto: isotonic where validation has enough of both kinds",
    )
    max_rows: int = Field(400_000, ge=1000, description="about how many rows the driver trains on")
    networks: Names = Field((), description="lstm, gru, lstm_supervised: trained on sequences and set beside")
    settings: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="a model's own knobs, by its name"
    )
    cost: Cost = Field(default_factory=Cost)


class Mask(Section):
    """What varies in a line, besides addresses, paths, ids and numbers, which are known."""

    name: str = Field(pattern=r"^[a-z_]+$", description="stands in the template as <name>")
    pattern: str = Field(description="regular expression of what varies")


class Templates(Section):
    """How pack machine_logs makes events of raw lines: by templates, mined on the training part and frozen."""

    mine: bool = Field(True, description="false: the column `event` holds event names already")
    similarity: Annotated[float, Field(gt=0, le=1)] = Field(
        0.4, description="share of words that must agree for a line to join a template"
    )
    depth: int = Field(4, ge=3, le=20, description="of Drain's tree")
    masks: tuple[Mask, ...] = Field((), description="own masks, before the usual ones")
    max_lines: int = Field(200_000, ge=1, description="distinct masked lines mined, the most frequent first")


class Generate(Section):
    """What `offbeat generate` makes."""

    path: str | None = Field(None, description="folder of the log; `run` makes it where a source reads it")
    rows: int = Field(1_000_000, ge=1, description="about how many events")
    seed: int = Field(0, ge=0, description="same request and seed: same rows")
    plant: bool = Field(True, description="put known faults in, and write the truth")
    settings: dict[str, Any] = Field(default_factory=dict, description="the pack's own (fault rates, days …)")
