"""`offbeat init`: look at a log, and propose a config that says what was seen."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from offbeat.errors import InputRefused
from offbeat.ingest import guess
from offbeat.ingest.guess import Column
from offbeat.ingest.sample import Sample, read_sample

_MOST_COVARIATES = 8
_SAID_ALTERNATIVES = 3


def propose(file: str | Path) -> str:
    """Propose a config for a log.

    Args:
        file: a csv, json or parquet log, or a folder of them.

    Returns:
        YAML text with comments: what was chosen, why, and what else it may be.

    Raises:
        InputRefused: the file is missing, empty or of no known format, or nothing in it can be an entity or event.
    """
    path = Path(file)
    sample = read_sample(path)
    columns = [Column(name, values) for name, values in sample.columns.items() if name]
    times = guess.rank_times(columns)
    label, event_id = guess.find_label(columns), guess.find_id(columns)
    taken = {column.name for column in (*times, label, event_id) if column is not None}
    free = [column for column in columns if column.name not in taken]
    entities, events = guess.rank_entities(free), guess.rank_events(free)
    if not entities or not (rest := [event for event in events if event.name != entities[0].name]):
        raise InputRefused(
            f"init {path}: no columns that repeat as an entity's and an event's do; columns there: "
            f"{', '.join(sample.columns)}; write a config by hand, see conf/ for examples"
        )
    chosen = [entities[0], rest[0]]
    covariates = [c for c in free if c not in chosen and c.texts and c.repetition > 1][:_MOST_COVARIATES]
    lines = [
        *_head(path if times else sample.path, sample, rows=len(columns[0].values)),
        "  columns:",
        *_chosen(
            "entity", f"whose events these are{_doubt(is_named=guess.is_named_entity(entities[0]))}", entities
        ),
        *(_chosen("time", "when", times) if times else _no_time(sample)),
        *_chosen("event", f"what happened{_doubt(is_named=guess.is_named_event(rest[0]))}", rest),
        *(_chosen("event_id", "tells an event from another", [event_id]) if event_id else []),
        *(_chosen("label", "0 or 1; only evaluation reads it", [label]) if label else []),
        f"    covariates: {_listed(covariates)}  # kept with the event",
        *_zone(times),
        *_sessions(entities[0], times),
    ]
    return "\n".join(lines) + "\n"


def _head(path: Path, sample: Sample, *, rows: int) -> list[str]:
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", path.name.split(".", maxsplit=1)[0]).strip("_") or "log"
    name = name if name[0].isalpha() else f"log_{name}"
    options = [f"  options: {json.dumps(sample.options)}"] if sample.options else []
    return [
        f"# Proposed by `offbeat init` from the first {rows:,} rows of {_one_line(path.name)}. Read it, mend it, then",
        "# `offbeat check --config THIS_FILE` shows the first rows as they would be taken.",
        f"name: {name}",
        f"lake: lake/{name}  # where the tables are written",
        "source:",
        f"  format: {sample.format}",
        f"  path: {_quoted(str(path))}  # more files by a glob: logs/*.csv.gz",
        *options,
    ]


def _chosen(key: str, what: str, ranked: Sequence[Column]) -> list[str]:
    others = ranked[1 : 1 + _SAID_ALTERNATIVES]
    lines = [f"    {key}: {_quoted(ranked[0].name)}  # {what}: {_one_line(ranked[0].saw)}"]
    lines += [f"    #   or {_quoted(other.name)}: {_one_line(other.saw)}" for other in others]
    return lines


def _doubt(*, is_named: bool) -> str:
    return "" if is_named else " (a guess from the values, no name says so)"


def _no_time(sample: Sample) -> list[str]:
    return [
        "    time: null  # no column reads as a time; if one is, name it here and set time_format to its pattern",
        f"    order: line  # events are in the order of the {sample.format} file's rows: path must be one file",
    ]


def _zone(times: Sequence[Column]) -> list[str]:
    if not times:
        return []
    bare = any(
        re.search(r"\d:\d", text) and not re.search(r"([Zz]|UTC|GMT|[+-]\d{2}:?\d{2}\]?)$", text)
        for text in times[0].texts
    )
    why = (
        "times carry no zone: say which one they are in, like Europe/Berlin"
        if bare
        else "for times that carry no zone"
    )
    return [
        "  time_format: auto  # ISO 8601, seconds to nanoseconds since 1970; else a pattern",
        f"  time_zone: UTC  # {why}",
    ]


def _sessions(entity: Column, times: Sequence[Column]) -> list[str]:
    whole = not times or bool(re.search(r"session|visit|case|trace|block", entity.name, re.IGNORECASE))
    gap = (
        "null  # an entity is one session" if whole else "30 minutes  # a longer silence opens a new session"
    )
    return ["sessions:", f"  gap: {gap}"]


def _listed(columns: Sequence[Column]) -> str:
    return "[" + ", ".join(_quoted(column.name) for column in columns) + "]"


def _quoted(text: str) -> str:
    """A text as YAML takes it, in quotes where it needs them; JSON's are YAML's."""
    plain = re.fullmatch(r"[A-Za-z_./][\w./-]*", text) and text.lower() not in _YAML_WORDS
    return text if plain and "$" not in text else json.dumps(text, ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


_YAML_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "~"}
