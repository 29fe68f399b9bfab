"""The figures in docs/scale.md, between two marks; the text around them is written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_BEGIN, _END = "<!-- figures: begin, made by `make bench` -->", "<!-- figures: end -->"
_SIZES = ("tiny", "1m", "10m", "100m")


def write_page(latest: dict[str, Any], page: Path) -> None:
    """Put the figures between the marks of the page."""
    text = page.read_text(encoding="utf-8") if page.exists() else f"# Speed and scale\n\n{_BEGIN}\n{_END}\n"
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    page.write_text(f"{before}{_BEGIN}\n{_tables(latest)}\n{_END}{after}", encoding="utf-8")


def _tables(latest: dict[str, Any]) -> str:
    sizes = [size for size in _SIZES if size in latest]
    machine = latest.get("machine", {})
    told = ", ".join(f"{name} {value}" for name, value in sorted(machine.items()))
    measured = "; ".join(
        f"{size} {latest[size].get('measured')} at {latest[size].get('commit')}" for size in sizes
    )
    names = sorted({name for size in sizes for name in latest[size]} - {"measured", "commit", "networks"})
    head = f"| figure | {' | '.join(sizes)} |\n|---|{'---:|' * len(sizes)}"
    rows = "\n".join(
        f"| `{name}` | {' | '.join(_cell(latest[size].get(name)) for size in sizes)} |" for name in names
    )
    networks = next((latest[size]["networks"] for size in sizes if "networks" in latest[size]), None)
    table = f"\n\n{_networks(networks)}" if networks else ""
    return f"\nMachine: {told}. Measured: {measured}.\n\n{head}\n{rows}{table}\n"


def _networks(rows: list[dict[str, Any]]) -> str:
    names = list(rows[0])
    head = f"| {' | '.join(name.replace('_', ' ') for name in names)} |\n|{'---|' * len(names)}"
    return head + "\n" + "\n".join(f"| {' | '.join(_cell(row[name]) for name in names)} |" for row in rows)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else str(value)
