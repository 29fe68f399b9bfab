"""Names what is wrong with a config, one by one, with the nearest right key."""

from __future__ import annotations

import difflib
import reprlib
from typing import Any

from pydantic import BaseModel, ValidationError


def problems(model: type[BaseModel], error: ValidationError) -> list[str]:
    """A line for each unknown key and bad value."""
    return [_problem(model, tuple(item["loc"]), item) for item in error.errors()]


def _problem(model: type[BaseModel], loc: tuple[int | str, ...], item: Any) -> str:
    where = (
        ".".join(str(step) for step in loc if not str(step).startswith(("function-", "tuple", "list[")))
        or "config"
    )
    if item["type"] == "extra_forbidden":
        known = _keys_at(model, loc[:-1])
        near = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return f"unknown key {where}; {hint}"
    if item["type"] == "missing":
        return f"key {where} is missing"
    text = item["msg"].removeprefix("Value error, ")
    got = "" if "got" in text else f", got {reprlib.repr(item['input'])}"
    return f"{where}: {text[0].lower()}{text[1:]}{got}"


def _keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Names of the keys that the head at `loc` knows."""
    at: Any = model
    for step in loc:
        if isinstance(step, str) and _is_section(at) and step in at.model_fields:
            at = _section_in(at.model_fields[step].annotation)
    return list(at.model_fields) if _is_section(at) else []


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _section_in(annotation: Any) -> Any:
    if _is_section(annotation):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _section_in(inner)
        if found is not None:
            return found
    return None
