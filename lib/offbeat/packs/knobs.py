"""What packs check of the knobs in a config, and say of those that can't be."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from offbeat.errors import UsageError

log = logging.getLogger(__name__)


def unknown(key: Any, known: Iterable[str]) -> str:
    """That a key is unknown, with the nearest right one, or else all of them."""
    names = list(known)
    near = difflib.get_close_matches(str(key), names, n=1, cutoff=0.5)
    return f"unknown key {key}; " + (
        f"did you mean {near[0]}?" if near else f"known here: {', '.join(names)}"
    )


def refuse_unknown(where: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Check that all keys are known.

    Raises:
        UsageError: some are not; all are named.
    """
    names = list(known)
    refuse(where, [unknown(key, names) for key in given if key not in names])


def refuse(where: str, problems: list[str]) -> None:
    """Say all problems at once, where there are some.

    Args:
        where: head of the config that holds them, as `generate.settings`.

    Raises:
        UsageError: there are some.
    """
    if problems:
        raise UsageError(f"config {where}: {'; '.join(problems)}")


def is_number(value: Any) -> bool:
    """Whether it is a number; yes and no are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def out_of_bounds(knobs: Any, bounds: Mapping[str, tuple[float, float]]) -> list[str]:
    """What is no number from low to high, bounds included.

    Args:
        knobs: has an attribute of each name.
    """
    return [
        f"{name}: expected a number from {low} to {high}, got {getattr(knobs, name)!r}"
        for name, (low, high) in bounds.items()
        if not is_number(getattr(knobs, name)) or not low <= getattr(knobs, name) <= high
    ]


def not_whole(knobs: Any, names: Iterable[str]) -> list[str]:
    """What has a fraction and may not."""
    return [
        f"{name}: expected a whole number, got {getattr(knobs, name)!r}"
        for name in names
        if isinstance(getattr(knobs, name), float)
    ]


def log_progress(what: str, done: int, total: int) -> None:
    """How far a generator is."""
    log.info("%s: %d of %d parts", what, done, total)
