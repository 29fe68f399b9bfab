"""Reads a config file: YAML, `--set` overrides, variables of the environment, and what must not be said aloud."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from offbeat.errors import UsageError
from offbeat.redaction import hide, hide_secrets_of, is_secret, redact_by_form

log = logging.getLogger(__name__)

DEFAULT_DATA = "../shared/data"  # what ${OFFBEAT_DATA} stands for where it is not set
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def read_data(path: Path, *, overrides: Sequence[str] = (), lake: str | None = None) -> dict[str, Any]:
    """A file's keys and values, with overrides and variables, not yet checked; its secrets are not said from now on.

    Raises:
        UsageError: the file can't be read, an override is none, or a variable is not set.
    """
    data = _read_yaml(path)
    if isinstance(data.get("source"), dict):
        data["source"] = [data["source"]]
    for override in overrides:
        _apply_override(data, override)
    if lake is not None:
        data["lake"] = lake
    for name in _secrets_in_words(data):
        log.warning("config: %s holds a secret in plain words; write ${NAME} and set that variable", name)
    data = _expand(data)
    _hide_secrets(data)
    return dict(data)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"config {path}: {error.strerror or error}; give an existing YAML file with --config"
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"config {path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"config {path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise UsageError(
            f"config {path}: expected keys and values, got {type(data).__name__}; see conf/ for examples"
        )
    return data


def _apply_override(data: dict[str, Any], override: str) -> None:
    """Set one `path.to.key=value` in the raw config, making the heads on its way."""
    path, equals, text = override.partition("=")
    *heads, last = path.strip().split(".")
    if not equals or not last or not all(heads):
        raise UsageError(f"--set {override}: expected path.to.key=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    at: Any = data
    for step in heads:
        at = _reach(at, step, override)
    if isinstance(at, list) and len(at) == 1 and not last.isdigit():
        at = at[0]  # `source.path` reaches into a list of one
    if isinstance(at, list):
        at[_index(at, last, override)] = value
    else:
        at[last] = value


def _reach(at: Any, step: str, override: str) -> Any:
    """The head or list that `step` names in `at`; a head that is not there is made."""
    if isinstance(at, list) and len(at) == 1 and not step.isdigit():
        at = at[0]
    if isinstance(at, list):
        inner = at[_index(at, step, override)]
    else:
        if at.get(step) is None:
            at[step] = {}
        inner = at[step]
    if not isinstance(inner, dict | list):
        raise UsageError(f"--set {override}: {step} is a value, not a head")
    return inner


def _index(items: list[Any], step: str, override: str) -> int:
    if not step.isdigit() or int(step) >= len(items):
        raise UsageError(f"--set {override}: expected a number below {len(items)} in place of {step}")
    return int(step)


def _expand(value: Any) -> Any:
    """Put variables of the environment in, everywhere in the config."""
    if isinstance(value, dict):
        return {key: _expand(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_expand(inner) for inner in value]
    return _VARIABLE.sub(_variable, value) if isinstance(value, str) else value


def _hide_secrets(value: Any) -> None:
    """Let nothing that is said from now on repeat a secret of the config, wherever in it it stands."""
    if isinstance(value, dict):
        hide_secrets_of({str(key): inner for key, inner in value.items() if isinstance(inner, str)})
        for inner in value.values():
            _hide_secrets(inner)
    elif isinstance(value, list):
        for inner in value:
            _hide_secrets(inner)


def _secrets_in_words(value: Any, at: str = "", *, is_option: bool = False) -> Iterator[str]:
    """Options of readers that hold a secret as it is, not as a variable of the environment."""
    if isinstance(value, dict):
        for key, inner in value.items():
            inside = is_option or key == "options"
            yield from _secrets_in_words(inner, f"{at}.{key}" if at else str(key), is_option=inside)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _secrets_in_words(inner, f"{at}.{number}", is_option=is_option)
    elif is_option and isinstance(value, str) and value and not _VARIABLE.search(value):
        is_plain = is_secret(at.rpartition("options.")[2]) or redact_by_form(value) != value
        yield from [at] if is_plain else []


def _variable(match: re.Match[str]) -> str:
    name, default = match.groups()
    if name == "OFFBEAT_DATA" and default is None:
        default = DEFAULT_DATA
    found = os.environ.get(name, default)
    if found is None:
        raise UsageError(
            f"config: variable ${{{name}}} is not set; export {name} or write ${{{name}:-default}}"
        )
    if is_secret(name):
        hide([found])
    return found
