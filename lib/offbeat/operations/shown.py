"""The health of a lake on one screen, for people."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

from rich import box
from rich.columns import Columns
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from offbeat.logs import one_line

_WIDTH_OF_A_FILE = 120  # where stdout is no terminal
_STYLES = {"done": "green", "running": "cyan", "failed": "red", "killed": "red"}
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def show_status(facts: dict[str, Any], *, console: Console | None = None) -> None:
    """Print what `status.gather` found."""
    if console is None:
        width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
        console = Console(width=width, highlight=False)
    head = Text.assemble(
        ("offbeat status ", "bold"), f"{facts['config']} in {facts['lake']}, {facts['at']:%Y-%m-%d %H:%M:%S} UTC"
    )  # fmt: skip
    told = [
        *_health(facts),
        *(Text(f"! {one_line(text, limit=300)}", style="yellow") for text in facts["warnings"]),
    ]
    if not facts["warnings"]:
        told.append(
            Text("all is well" if facts["tables"] else "the lake is empty; run `offbeat run`", style="green")
        )
    parts = [_runs(facts["running"] + facts["runs"]), _tables(facts["tables"])]
    console.print(Group(head, *told, Columns([part for part in parts if part.row_count])))


def _health(facts: dict[str, Any]) -> list[Text]:
    lag, quarantine, flagged = facts["lag"], facts["quarantine"], facts["anomalies"]
    ages = [
        f"newest event {_ago(lag['newest_event_age_s'])}",
        f"last ingest {_ago(lag['last_ingest_age_s'])}",
    ]
    rows = f"{quarantine['rows']:,} of {quarantine['rows_in']:,} rows"
    last = _percent(quarantine["last_batch_share"])
    sessions = f"{flagged['flagged']:,} of {flagged['sessions']:,} sessions"
    lines = {
        "lag": f"{', '.join(ages)}, sessions not scored {_number(lag['sessions_unscored'])}",
        "quarantine": f"{_percent(quarantine['share'])} ({rows}), last batch {last}",
        "flagged": f"{_percent(flagged['share'])} ({sessions})",
        "drift": _drift(facts["drift"]),
        "champion": _model(facts["model"]),
        "versions": _pairs(facts["versions"]),
    }
    return [Text.assemble((f"{name:<11}", "bold"), one_line(text, limit=400)) for name, text in lines.items()]


def _drift(drift: dict[str, Any] | None) -> str:
    if drift is None:
        return "not measured yet"
    measures = {name.replace("_", " "): f"{value:.3f}" for name, value in drift["measures"].items()}
    return f"{drift['distance']:.3f} ({_pairs(measures)})"


def _model(model: dict[str, Any]) -> str:
    if model["champion"] is None:
        return "none"
    return f"{model['champion']}, of {model['versions']} versions; {model['why']}"


def _pairs(values: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _runs(runs: list[dict[str, Any]]) -> Table:
    table = Table("last runs", "outcome", "when", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("seconds", justify="right")
    for run in runs:
        outcome, seconds = run["outcome"], run.get("seconds")
        table.add_row(
            Text(run["step"]),
            Text(outcome, style=_STYLES.get(outcome, "")),
            _ago(run["age_s"]),
            "" if seconds is None else f"{seconds:,.1f}",
        )
    return table


def _tables(tables: list[dict[str, Any]]) -> Table:
    shown = Table("table", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("rows", "size", "files", "version"):
        shown.add_column(name, justify="right")
    for table in tables:
        size = _size(table["size_bytes"])
        shown.add_row(table["name"], f"{table['rows']:,}", size, f"{table['files']:,}", str(table["version"]))
    return shown


def _ago(seconds: float | None) -> str:
    """An age in its largest two units; a time that lies ahead says so."""
    if seconds is None:
        return "never"
    left, parts = round(abs(seconds)), []
    for unit, length in _UNITS:
        if left >= length:
            parts.append(f"{left // length} {unit}")
            left %= length
    text = " ".join(parts[:2]) or "0 s"
    return f"{text} ago" if seconds >= 0 else f"{text} ahead"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"


def _number(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"


def _size(n_bytes: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if n_bytes < 1000:  # noqa: PLR2004 - of a unit
            return f"{n_bytes:,.0f} {unit}" if unit == "B" else f"{n_bytes:,.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.1f} TB"


def plain(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts as JSON knows them: instants as ISO 8601."""
    return {name: _plain(value) for name, value in facts.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return plain(value)
    return [_plain(each) for each in value] if isinstance(value, list) else value
