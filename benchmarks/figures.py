"""Ratios that need figures of more than one part or size, and how figures are shown."""

from __future__ import annotations

import sys
from typing import Any

# Ratios that are compared with the stored ones; True where more is better.
RATIOS = {
    "score_vs_bare": True,
    "score_shared_vs_bare": True,
    "machine_vs_bare": True,
    "machine_shared_vs_bare": True,
    "score_vs_windows": True,
    "score_vs_deeplog_loop": True,
    "train_vs_fit": True,
    "sessionize_vs_duckdb": False,
    "sessionize_vs_polars": False,
    "cost_per_event_vs_10m": False,
    "sessionize_cost_per_event_vs_10m": False,
}
TOLERANCE = 0.2
_RED, _PLAIN = "\033[31m", "\033[0m"


def derive(latest: dict[str, Any], size: str) -> None:
    """Put in what follows from parts that were run at different times, or at other sizes."""
    own = latest[size]
    rate = own.get("score_events_per_s_core")
    cores = latest.get("machine", {}).get("cores", 2)
    for draft, name in (("windows", "score_vs_windows"), ("deeplog_loop", "score_vs_deeplog_loop")):
        theirs = own.get(f"{draft}_events_per_s") or _elsewhere(latest, f"{draft}_events_per_s")
        if rate and theirs:
            slots = cores if draft == "deeplog_loop" else 1  # the loop keeps one core busy: as if on each
            own[name] = round(rate * cores / (theirs * slots), 1)
    peaks = [
        value
        for key, value in own.items()
        if key.endswith("_worker_peak_mib") and not key.startswith("windows")
    ]
    if peaks:
        own["worker_peak_mib"] = max(peaks)
    if "score_distinct_prefix_share" in own:
        own["distinct_prefix_share"] = own["score_distinct_prefix_share"]
    for each in (name for name in latest if name != "machine"):
        _derive_cost(latest[each], latest.get("10m", {}))


def _elsewhere(latest: dict[str, Any], name: str) -> Any:
    """A rate that is measured at one size and holds for all."""
    return next((found[name] for size, found in latest.items() if size != "machine" and name in found), None)


def _derive_cost(own: dict[str, Any], base: dict[str, Any]) -> None:
    """Seconds per event over those at 10M, for scoring and sessionizing."""
    rates = {"score_events_per_s_core": "cost_per_event_vs_10m"}
    rates["sessionize_events_per_s_core"] = "sessionize_cost_per_event_vs_10m"
    for rate, name in rates.items():
        if own.get(rate) and base.get(rate):
            own[name] = round(base[rate] / own[rate], 3)


def is_worse(name: str, value: float, stored: float | None) -> bool:
    """Whether a ratio is more than a fifth worse than the stored one."""
    if stored in (None, 0) or name not in RATIOS:
        return False
    change = value / stored if RATIOS[name] else stored / value
    return change < 1 - TOLERANCE


def show(size: str, found: dict[str, Any], own: dict[str, Any], stored: dict[str, Any]) -> None:
    """Print what a part found, and all ratios; what got worse is red."""
    shown = {**found, **{name: own[name] for name in RATIOS if name in own}}
    for name, value in shown.items():
        before = stored.get(name)
        worse = isinstance(value, int | float) and is_worse(name, value, before)
        note = f"   stored {before}" if name in RATIOS and before is not None else ""
        red, plain = (_RED, _PLAIN) if worse else ("", "")
        print(f"{red}{size:>5}  {name:<40} {value}{note}{'   WORSE' if worse else ''}{plain}")
    sys.stdout.flush()
