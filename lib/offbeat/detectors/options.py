"""Settings that a config gives a detector, checked."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from offbeat.errors import UsageError

S = TypeVar("S")


def as_names(value: object) -> tuple[str, ...]:
    """Names given as one text or a list of them.

    Raises: ValueError: they are something else, or one is given twice.
    """
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"covariates: expected a list of names, got {value!r}")
    if len(set(names)) < len(names):
        raise ValueError(f"covariates: {value!r} names one twice")
    return tuple(names)


def nearest_name(name: str, known: Iterable[str]) -> str:
    """What to say after an unknown name: the known one most like it, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"


def read_settings(kind: type[S], given: Mapping[str, Any] | None, *, detector: str) -> S:
    """Fill a settings dataclass; a key that it lacks is an error that names the nearest right one.

    Raises: UsageError: unknown key, or a value of the wrong type or out of range.
    """
    known = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    for key in given or {}:
        if key not in known:
            raise UsageError(
                f"model.settings.{key}: {detector} has no such setting; {nearest_name(key, known)}"
            )
    try:
        return kind(**(given or {}))
    except (TypeError, ValueError) as error:
        raise UsageError(f"model.settings: {detector}: {error}") from error
