"""The settings under `model.settings` of a config with the pack top10, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from offbeat.errors import UsageError
from offbeat.packs.knobs import refuse_unknown
from offbeat.tabular import MODELS

DEFAULT_MODELS = ("logistic", "forest", "boosting", "network")


@dataclass(frozen=True)
class Options:
    """How the pack trains.

    Attributes:
        models: models that are fitted; the best on titles it has not seen answers.
        trials: settings of the network that Optuna tries; 0 takes the presets.
        folds: parts of the training titles that are predicted in turn.
        extra_features: further number fields to use; the guard stops those that leak.
        fill: number field -> value put where it is missing, as the earlier study did; the guard stops what leaks.
        preset: catalogue on which the earlier study's figures are made again; null: none.
        runs: whether the network of weekly runs is trained.
        epochs: of that network.
    """

    models: tuple[str, ...] = DEFAULT_MODELS
    trials: int = 8
    folds: int = 4
    extra_features: tuple[str, ...] = ()
    fill: Mapping[str, float] = field(default_factory=dict)
    preset: str | None = None
    runs: bool = True
    epochs: int = 20

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """The options of a config.

        Raises:
            UsageError: a key is unknown or a value can't be meant.
        """
        refuse_unknown("model.settings", given, (each.name for each in fields(cls)))
        values = dict(given)
        for name in ("models", "extra_features"):
            if name in values:
                values[name] = _names(name, values[name])
        fill = values.get("fill", {})
        if not isinstance(fill, Mapping) or not all(isinstance(v, int | float) for v in fill.values()):
            raise UsageError(f"config model.settings.fill: expected field: number, got {fill!r}")
        made = cls(**values)
        made._check()
        return made

    def _check(self) -> None:
        for name in self.models:
            if name not in MODELS:
                raise UsageError(
                    f"config model.settings.models: unknown {name}; known here: {', '.join(MODELS)}"
                )
        if not self.models:
            raise UsageError(f"config model.settings.models: none given; known here: {', '.join(MODELS)}")
        for name, low, high in (("trials", 0, 1000), ("folds", 2, 20), ("epochs", 1, 1000)):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise UsageError(
                    f"config model.settings.{name}: expected a whole number from {low} to {high}, got {value!r}"
                )


def _names(key: str, value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"config model.settings.{key}: expected a list of names, got {value!r}")
    return tuple(names)
