"""The head `evaluate` of a config: what the evaluation compares, scales to and guards against."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from offbeat.config.base import Names, Section, as_list

STRESSES = ("label_noise", "class_ratio", "train_faults", "vocabulary_growth", "drift")
Stress = Literal["label_noise", "class_ratio", "train_faults", "vocabulary_growth", "drift"]


def _stresses(value: Any) -> Any:
    return {True: STRESSES, False: ()}.get(value, value) if isinstance(value, bool) else as_list(value)


class Published(Section):
    """A figure that others have published on the same data: it stands beside ours, with its source."""

    name: str = Field(description="method")
    metric: str = Field("f1", description="as in the table evaluations: f1, f1_scaled, accuracy …")
    value: float = Field(description="the figure, as published")
    source: str = Field(description="where it was published")


class Evaluate(Section):
    """What the evaluation compares, scales to and guards against."""

    detectors: Names = Field(
        ("new_event", "length", "counts", "ngram2", "edit", "interarrival"),
        description="detectors set beside the champion; inter-arrival only where the log has times",
    )
    stress: Annotated[tuple[Stress, ...], BeforeValidator(_stresses)] = Field(
        (), description="stress curves, which take minutes: true for all, or some of them"
    )
    published: tuple[Published, ...] = Field((), description="figures of others that stand beside")
    one_side: Names = Field(
        (), description="covariates none of whose values may be on two sides of the split (title, cohort)"
    )
    known_after: dict[str, str] = Field(
        default_factory=dict,
        description="columns that are known only after the outcome, and when: evaluation fails if one is used",
    )
    scale_normals: int | None = Field(
        None, ge=1, description="normal sessions that the false-positive rate is scaled to"
    )
    resamples: int = Field(1000, ge=100, description="bootstrap samples behind each interval")
