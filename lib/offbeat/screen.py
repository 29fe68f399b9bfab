"""What a person sees on the terminal: plans, previews, and results."""

from __future__ import annotations

from typing import Any

from offbeat.config import Config
from offbeat.evaluation.judged import HONEST, ORACLE
from offbeat.evaluation.synthetic import SPLIT
from offbeat.ingest import sources
from offbeat.logs import one_line
from offbeat.packs import story_of
from offbeat.scoring.feedback import not_muted
from offbeat.tables import Lake
from offbeat.tables.contract import ANOMALIES, EVALUATIONS, MINUTES_VIEWED

_SHOWN = 10
_TARGETS = {
    "generate": "the generated log, truth",
    "ingest": "events, quarantine, ingested",
    "sessionize": "sessions",
    "train": "models",
    "score": "session_scores, event_scores, anomalies, predictions, drift",
    "label": "feedback, anomalies",
    "evaluate": "evaluations",
    "report": "the HTML page",
    "bench": "benchmarks/latest.json, docs/scale.md",
    "stream": "events, quarantine, ingested, sessions, session_scores, event_scores, anomalies",
    "maintain": "all tables that are there: files alone, no row changes",
    "status": "nothing",
    "run": "all tables, models and the HTML page",
}


def show_plan(verb: str, conf: Config) -> dict[str, Any]:
    """Say what a step would read and write, for `--dry-run`."""
    plan = {
        "verb": verb,
        "config": conf.name,
        "config_hash": conf.hash,
        "sources": [f"{source.format} {sources.name_of(source)}" for source in conf.source],
        "lake": conf.lake,
        "writes": _TARGETS.get(verb, "models"),
        "detector": conf.model.detector,
    }
    print(f"Would run {verb} of {conf.name}; nothing is written.")
    for key, value in plan.items():
        print(f"  {key}: {', '.join(value) if isinstance(value, list) else value}")
    return plan


def show_preview(conf: Config, rows: list[dict[str, Any]]) -> None:
    """Print the first rows of the sources as they would be taken."""
    print(f"Config {conf.name} is right. The first rows as they would be taken:")
    for row in rows:
        reasons = row.get("reasons") or []
        mark = (
            f"QUARANTINE {', '.join(reasons)}: {one_line(row.get('raw', ''), limit=120)}" if reasons else None
        )
        when = row.get("event_time") or f"position {row.get('position')}"
        print(
            f"  {mark or '  '.join(map(str, (row.get('entity'), when, row.get('event'), row.get('covariates') or '')))}"
        )


def show_summary(verb: str, lake: Lake, conf: Config, summary: dict[str, Any]) -> None:
    """Print what a step did; after `run`, what was found and what it means."""
    if verb != "run":
        for key, value in summary.items():
            print(
                f"{key}: {value:,}"
                if isinstance(value, int) and not isinstance(value, bool)
                else f"{key}: {value}"
            )
        return
    _show_counts(summary)
    version = summary["score"]["model_version"]
    if lake.exists(ANOMALIES):
        _show_anomalies(lake, version)
        _show_figures(lake, version)
    if "earns_its_cost" in summary.get("evaluate", {}):
        print(f"\n{summary['evaluate']['earns_its_cost']}")
    if conf.pack == "tvm":
        _show_minutes(lake)
    for line in story_of(lake, conf):
        print(line)
    print(f"\nTables: {lake.location}/<table>   Model: {version}")
    print(f"Page:   {summary['report']['page']}")


def _show_counts(summary: dict[str, Any]) -> None:
    print()
    for step, counts in summary.items():
        shown = [f"{key.replace('_', ' ')} {value:,}" for key, value in counts.items() if type(value) is int]
        since = counts.get("nothing_new_since")
        told = f"nothing new since {since}" if since else ", ".join(shown) or "nothing new"
        print(f"{step:>10}  {counts['seconds']:>6.1f} s  {told}")


def _show_anomalies(lake: Lake, version: str) -> None:
    """The strangest anomalies, in words."""
    found = lake.read(ANOMALIES)
    found = found.where(found["model_version"] == version)
    anomalies = not_muted(found)
    rows = anomalies.orderBy(anomalies["score"].desc(), "session_id").limit(_SHOWN).collect()
    print(f"\nThe {len(rows)} strangest sessions:" if rows else "\nNo session was flagged.")
    for row in rows:
        print(f"  {_anomaly_line(row)}")
    muted = found.where("muted").count()
    if muted:
        print(
            f"  {muted:,} more muted: like sessions that were labelled false alarms; in table anomalies, muted"
        )


def _anomaly_line(row: Any) -> str:
    when = f"{row['start']:%Y-%m-%d %H:%M:%S} UTC" if row["start"] else "no time"
    head = f"{row['entity']}, {when}, {row['n_events'] if 'n_events' in row else len(row['events'])} events"
    what = row["kind"].replace("_", " ")
    where = row["positions"][0] if row["positions"] else None
    odd = next((event for event in row["actual"] if event["position"] == where), None)
    if odd is None and row["actual"]:
        odd = row["actual"][0]
    told = ""
    if odd is not None:
        likely = odd["expected"][0] if odd["expected"] else None
        told = f": at {odd['position']} came {odd['event']} ({odd['probability']:.2%})"
        told += f", expected {likely['event']} ({likely['probability']:.0%})" if likely else ""
    fix = f"; {row['edits'][0]}" if row["edits"] else ""
    return one_line(f"{head}: {what}{told}{fix}", limit=300)


def _show_figures(lake: Lake, version: str) -> None:
    """One line per detector: honest figures, and beside them what peeking at the test set would have given."""
    if not lake.exists(EVALUATIONS):
        return
    all_rows = lake.read(EVALUATIONS).where("subset = 'all' AND verdict_rule = 'flagged'")
    columns = ("detector", "split", "basis", "metric", "value", "low", "high")
    rows = all_rows.where(all_rows["model_version"] == version).select(*columns).collect()
    # Labels judge where there are both kinds; else synthetic faults do.
    judged = any(
        row["split"] == "test" and row["metric"] == "roc_auc" and row["value"] is not None for row in rows
    )
    rows = [row for row in rows if row["split"] == ("test" if judged else SPLIT)]
    found = {(row["detector"], row["basis"], row["metric"]): row for row in rows}
    scaled = any(metric == "f1_scaled" for _, _, metric in found)
    f1, precision = ("f1_scaled", "precision_scaled") if scaled else ("f1", "precision")
    if not found:
        return
    heads = (
        "precision",
        "recall",
        f"{'scaled ' if scaled else ''}F1",
        "95 % interval",
        "F1, peeking",
        "PR-AUC",
    )
    title = "On sessions it has not seen" if judged else "On faults put in (synthetic)"
    print(f"\n{title:<28}" + "".join(f"{head:>18}" for head in heads))
    main = version.rpartition("-")[0]
    for name in sorted({detector for detector, _, _ in found}, key=lambda name: (name != main, name)):
        cells = [found.get((name, HONEST, metric)) for metric in (precision, "recall", f1)]
        oracle, area = found.get((name, ORACLE, f1)), found.get((name, HONEST, "pr_auc"))
        shown = [_figure(cells[0]), _figure(cells[1]), _figure(cells[2]), _interval(cells[2])]
        print(f"  {name:<26}" + "".join(f"{cell:>18}" for cell in (*shown, _figure(oracle), _figure(area))))


def _figure(row: Any) -> str:
    return "–" if row is None or row["value"] is None else f"{row['value']:.4f}"


def _interval(row: Any) -> str:
    return "" if row is None or row["low"] is None else f"{row['low']:.4f}–{row['high']:.4f}"


def _show_minutes(lake: Lake) -> None:
    """How far the Total Minutes Viewed report is off, and which partners are hit."""
    if not lake.exists(MINUTES_VIEWED):
        return
    from offbeat.packs.tvm.story import minutes_story

    print()
    for line in minutes_story(lake.read(MINUTES_VIEWED)):
        print(line)
