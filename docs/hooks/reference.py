"""Reference pages made of the code: the tables' contract, every key of a config, every verb and its arguments."""

from __future__ import annotations

import argparse
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from offbeat import cli
from offbeat.config import Config
from offbeat.durations import parse_duration_s
from offbeat.packs import all_tables
from offbeat.tables import TABLES, Table
from offbeat.tables.table import CONTRACT_VERSION

_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_TABLES_HEAD = """\
# Tables

The contract, version {version}, as `lib/offbeat/tables/contract.py` and the packs declare it; this page is made from
it. Tables lie at `<lake>/<table>`, or are `catalog.schema.table`. Columns carry these comments in the tables, too.

Delta features in use: NOT NULL, CHECK constraints, clustering, and the change data feed where a table says so. Deletion
vectors are off and column mapping is not used, so that Polars, delta-rs and DuckDB (over delta-rs) read the tables as
they are. Columns are only ever added, and may be null in older rows; what is renamed or retyped raises the version.
"""
_CONFIG_HEAD = """\
# Config

Every key of a config file, made from the model that checks it (`lib/offbeat/config/`). An unknown key is an error
that names the nearest right one. Variables of the environment stand as `${NAME}` or `${NAME:-default}`.
`--set path.to.key=value` overrides; a number in the path reaches into a list. A duration is a number of seconds, or a
text like `30 minutes`. The files under `conf/` are examples.
"""
_COMMANDS_HEAD = """\
# Commands

`offbeat VERB …`, or `spark-submit jobs/VERB.py …` with the same arguments. What is a result goes to stdout, log lines
to stderr; with `--json` the last line of stdout is one JSON object.

Exit status: 0 done · 2 usage, config, or a lake that something else wrote · 3 input refused (missing, empty, a column
not there, quarantine above its limit) · 4 a guard failed (leakage, a model and a vocabulary that don't belong together,
drift when asked) · 1 anything else. An error is one line that says what, where and what to do; a traceback comes with
`--verbose` only.
"""


def pages() -> dict[str, str]:
    """Name of each page to its markdown."""
    return {
        "reference/tables.md": tables_page(),
        "reference/config.md": config_page(),
        "reference/commands.md": commands_page(),
    }


def tables_page() -> str:
    """The contract of every table: what a row is, key, columns, constraints, Delta features."""
    packs = [table for name, table in all_tables().items() if name not in TABLES]
    head = _TABLES_HEAD.format(version=CONTRACT_VERSION)
    listed = "\n".join(f"- [{table.name}](#{table.name})" for table in (*TABLES.values(), *packs))
    own = "\n".join(_table(table) for table in TABLES.values())
    of_packs = "\n".join(_table(table) for table in packs)
    return f"{head}\n{listed}\n\n{own}\n# Tables of packs\n\n{of_packs}"


def _table(table: Table) -> str:
    facts = [f"Key: {', '.join(f'`{name}`' for name in table.key)}."]
    if table.cluster_by:
        facts.append(f"Clustered by {', '.join(f'`{name}`' for name in table.cluster_by)}.")
    facts += [f"Constraint `{name}`: `{condition}`." for name, condition in table.checks.items()]
    if table.change_feed:
        facts.append("Change data feed is on.")
    rows = [
        (f"`{column.name}`", f"`{column.type}`", "" if column.null else "never", _cell(column.comment))
        for column in table.columns
    ]
    columns = _markdown_table(("column", "type", "null", "what it is"), rows)
    return f"## {table.name} {{: #{table.name} }}\n\n{table.doc}\n\n{' '.join(facts)}\n\n{columns}\n"


def config_page() -> str:
    """Every key of a config file: its head, kind of value, default and meaning."""
    sections = _sections(Config, "", {})
    return _CONFIG_HEAD + "".join(
        f"\n## {title} {{: #{_anchor(path)} }}\n\n{body}\n" for path, title, body in sections
    )


def _sections(
    model: type[BaseModel], path: str, told: dict[type[BaseModel], str]
) -> Iterator[tuple[str, str, str]]:
    """Path, heading and table of each head, the outer before the inner ones; what was told before is not again."""
    told[model] = path
    rows, inner = [], []
    for name, field in model.model_fields.items():
        key = f"{path}.{name}" if path else name
        section, how = _section_of(field.annotation)
        means = _cell(field.description or "")
        if section is not None:
            known = section in told
            place = told[section] if known else key + how
            means = f"{means or _summary(section)}; see [{place}](#{_anchor(place)})"
            if not known:
                told[section] = place
                inner.append((place, section))
        rows.append((f"`{name}`", _kind(field.annotation, field.metadata), _default(field), means))
    table = _markdown_table(("key", "value", "default", "what it means"), rows)
    yield path, f"`{path}`" if path else "At the top", f"{' '.join((model.__doc__ or '').split())}\n\n{table}"
    for place, section in inner:
        yield from _sections(section, place, told)


def _summary(section: type[BaseModel]) -> str:
    first = " ".join((section.__doc__ or "").split()).rstrip(".")
    return _cell(first[:1].lower() + first[1:])


def _anchor(path: str) -> str:
    return path.replace(".", "-").lower() or "top"


def _section_of(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The head that a value is, and how a path reaches it: `.0` in a list, `.NAME` in a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    how = {tuple: ".0", list: ".0", dict: ".NAME"}.get(get_origin(annotation), "")
    for inner in get_args(annotation):
        found, deeper = _section_of(inner)
        if found is not None:
            return found, how + deeper
    return None, ""


def _kind(annotation: Any, metadata: Any = ()) -> str:
    """What values a key takes, in words."""
    if get_origin(annotation) is typing.Annotated:
        annotation, *own = get_args(annotation)
        return _kind(annotation, [*own, *metadata])
    if any(isinstance(item, BeforeValidator) and item.func is parse_duration_s for item in metadata):
        return "duration"
    return _plain_kind(annotation) + _bounds(metadata)


def _plain_kind(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " \\| ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        kinds = dict.fromkeys(_kind(each) for each in inner if each is not type(None))
        return " or ".join([*kinds, *(["`null`"] if type(None) in inner else [])])
    if origin in (tuple, list):
        return f"list of {_kind(inner[0])}" if _section_of(inner[0])[0] is None else "list of heads"
    if origin is dict:
        return "mapping" if inner[1] is Any else f"name to {_kind(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "head"
    return _PLAIN.get(annotation, "any")


def _bounds(metadata: Any) -> str:
    """Limits of a number, as `, ≥ 0, ≤ 1`."""
    found = []
    for item in metadata:
        inner = item.metadata if isinstance(item, FieldInfo) else [item]
        for limit in inner:
            for name, sign in _SIGNS.items():
                value = (
                    getattr(limit, name, None) if isinstance(limit, annotated_types.BaseMetadata) else None
                )
                if value is not None:
                    found.append(f"{sign} {value:g}")
    return "".join(f", {text}" for text in found)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    if field.default_factory is not None or field.default is PydanticUndefined:
        return ""
    value = field.default
    if value is not None and _kind(field.annotation, field.metadata).startswith("duration"):
        return f"`{_duration(value)}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    if value is None:
        return "`null`"
    return f"`{str(value).lower() if isinstance(value, bool) else _number(value)}`"


def _duration(seconds: float) -> str:
    """Seconds as people write them in a config."""
    units = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
    for name, length in units.items():
        if seconds >= length and seconds % length == 0:
            count = round(seconds / length)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{seconds:g} seconds"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and value < 1e6 else str(value)  # noqa: PLR2004 - written out below


def commands_page() -> str:
    """Every verb, with its arguments, as `offbeat VERB --help` tells them."""
    parts = [_COMMANDS_HEAD]
    for verb, text in cli.VERBS.items():
        parser = cli.build_parser(verb)
        rows = [_argument(action) for action in parser._actions if action.dest != "help"]  # noqa: SLF001 - argparse has no other way
        table = _markdown_table(("argument", "what it does"), rows)
        parts.append(f"## {verb} {{: #{verb} }}\n\n{text[0].upper()}{text[1:]}.\n\n{table}\n")
    return "\n".join(parts)


def _argument(action: argparse.Action) -> tuple[str, str]:
    name = ", ".join(action.option_strings) or action.dest
    if action.choices is not None:
        name += f" {{{','.join(map(str, action.choices))}}}"
    elif action.metavar or (action.option_strings and action.nargs != 0):
        name += f" {action.metavar or action.dest.upper()}"
    required = " (required)" if action.required and action.option_strings else ""
    return f"`{name}`", _cell(action.help or "") + required


def _markdown_table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """A text as a cell of a markdown table takes it."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
